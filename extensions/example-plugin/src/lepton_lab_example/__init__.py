"""An example plugin for Lepton Lab: the layer `Maxout` and the data set `checkerboard`."""

import numpy as np
import torch
from torch import nn

from lepton_lab.data import register_dataset
from lepton_lab.network import register_layer

__all__ = ["Maxout", "checkerboard"]


@register_layer(group="Dense and shape")
class Maxout(nn.Module):
    """The largest of several linear maps of the input (Goodfellow et al. 2013, arXiv:1302.4389).

    Takes (N, …, in_features) and gives (N, …, out_features).

    Args:
        out_features: Size of the output.
        pieces: Number of linear maps among which each output takes the largest.
        in_features: Size of the input.
    """

    def __init__(self, out_features: int, pieces: int = 2, in_features: int | None = None) -> None:
        super().__init__()
        if in_features is None:
            raise TypeError("in_features is inferred inside a network; give it when you use the module alone")
        self.pieces = pieces
        self.linear = nn.Linear(in_features, out_features * pieces)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The largest of the pieces, element by element."""
        return self.linear(x).unflatten(-1, (-1, self.pieces)).amax(-1)


@register_dataset("checkerboard", title="Checkerboard")
def checkerboard(n: int = 1000, fields: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points drawn evenly from the square [-1, 1]², labelled by the colour of their field.

    Args:
        n: Number of points.
        fields: Number of fields along one side.
        seed: Of the points.

    Returns:
        Points (n, 2) as float32 and labels (n,) as int64.
    """
    points = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    field = np.floor((points + 1) / 2 * fields).astype(np.int64)
    return points.astype(np.float32), field.sum(axis=1) % 2
