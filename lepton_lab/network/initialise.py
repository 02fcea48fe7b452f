"""Schemes of the first weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lepton_lab.errors import UnknownNameError

__all__ = ["SCHEMES", "initialise"]

SCHEMES: dict[str, Callable[[Tensor], object] | None] = {
    "default": None,
    "kaiming": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),
    "xavier": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
    "zeros": nn.init.zeros_,
}
"""Schemes by name: torch's own; Kaiming (He et al. 2015, arXiv:1502.01852), for ReLU; Xavier (Glorot and Bengio 2010),
for tanh and sigmoid; orthogonal (Saxe et al. 2013, arXiv:1312.6120), for deep and recurrent networks; and zeros, which
shows why symmetry must be broken: all units of a layer stay equal."""

_SCALES = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def initialise(module: nn.Module, scheme: str) -> None:
    """Sets the weights of linear, convolutional, recurrent and attention layers; biases become 0.

    Normalisations and embeddings keep torch's own start, except with "zeros", which empties embeddings as well.

    Args:
        module: The module, changed in place.
        scheme: One of `SCHEMES`.

    Raises:
        UnknownNameError: No such scheme.
    """
    if scheme not in SCHEMES:
        raise UnknownNameError("initialisation scheme", scheme, SCHEMES)
    draw = SCHEMES[scheme]
    if draw is None:
        return
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, _SCALES) or (isinstance(part, nn.Embedding) and scheme != "zeros"):
                continue
            for name, parameter in part.named_parameters(recurse=False):
                if parameter.dim() >= 2 and "weight" in name:
                    draw(parameter)
                elif "bias" in name:
                    parameter.zero_()
