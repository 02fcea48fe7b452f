"""Optimizers by name: Adam, AdamW and SGD by torch's fused kernels, all others as torch's own classes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from lepton_lab.errors import TrainingError
from lepton_lab.plugins import load_plugins
from lepton_lab.registry import BUILT_IN, Registry
from lepton_lab.training.updates import DECAYS, EngineOptimizer, FusedOptimizer, TorchOptimizer

__all__ = ["OPTIMIZERS", "OptimizerEntry", "make_optimizer"]


@dataclass(frozen=True)
class OptimizerEntry:
    """How an optimizer is made.

    Attributes:
        torch_name: Its class in `torch.optim`, or a function from (parameters, keywords) to an optimizer.
        lr: Learning rate where none is given.
        fused: Torch's kernel that `FusedOptimizer` calls; empty where it has none.
        closure: Whether a step evaluates the loss again and again.
        defaults: Keyword arguments beyond the learning rate, of the fused kernel.
    """

    torch_name: str | Callable[..., Any]
    lr: float
    fused: str = ""
    closure: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


OPTIMIZERS: Registry[OptimizerEntry] = Registry("optimizer", load_plugins)
"""Every optimizer by name."""

_ADAM = {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "maximize": False}
_SGD = {"momentum": 0.0, "weight_decay": 0.0, "dampening": 0.0, "nesterov": False, "maximize": False}
for _name, _entry in {
    "adagrad": OptimizerEntry("Adagrad", 1e-2),
    "adam": OptimizerEntry("Adam", 1e-3, "_fused_adam_", defaults=_ADAM),
    "adamw": OptimizerEntry("AdamW", 1e-3, "_fused_adamw_", defaults={**_ADAM, "weight_decay": 0.01}),
    "lbfgs": OptimizerEntry("LBFGS", 1.0, closure=True),
    "nadam": OptimizerEntry("NAdam", 2e-3),
    "radam": OptimizerEntry("RAdam", 1e-3),
    "rmsprop": OptimizerEntry("RMSprop", 1e-2),
    "sgd": OptimizerEntry("SGD", 1e-2, "_fused_sgd_", defaults=_SGD),
}.items():
    OPTIMIZERS.add(_name, _entry, provider=BUILT_IN)


def make_optimizer(
    choice: Any,
    params: Iterable[nn.Parameter],
    *,
    lr: float | None = None,
    momentum: float | None = None,
    weight_decay: float | None = None,
    options: Mapping[str, Any] | None = None,
    decay_biases: bool = True,
    plain: bool = False,
) -> EngineOptimizer:
    """An optimizer for `params`.

    Args:
        choice: A name, a `torch.optim.Optimizer` that was built already, or a class or function that builds one from
            the parameters.
        params: What it changes; frozen parameters are left out.
        lr: Learning rate; None for the usual one.
        momentum: Momentum, where the optimizer has one.
        weight_decay: Weight decay; None for the optimizer's default.
        options: Further keyword arguments.
        decay_biases: Whether weight decay acts on parameters of fewer than two dimensions as well: biases, and the
            scales of normalisations.
        plain: Whether torch's own class is wanted although there is a fused kernel.

    Raises:
        UnknownNameError: There is no optimizer of this name.
        TrainingError: It cannot take an option, or there is nothing to train.
    """
    params = [p for p in params if p.requires_grad]
    keywords: dict[str, Any] = {"momentum": momentum, "weight_decay": weight_decay}
    keywords = {k: v for k, v in keywords.items() if v is not None}
    keywords.update(options or {})
    if "betas" in keywords:
        keywords["betas"] = tuple(keywords["betas"])
    if not isinstance(choice, str):
        return _users_optimizer(choice, params, lr, keywords, decay_biases)
    if not params:
        raise TrainingError(
            "the module has no parameters to train", expected="at least one parameter with requires_grad=True"
        )
    entry = OPTIMIZERS[choice.lower()]
    rate = entry.lr if lr is None else lr
    if entry.fused and not plain and set(keywords) <= set(entry.defaults) and _alike(params):
        if keywords.get("nesterov") and not keywords.get("momentum"):
            raise TrainingError("nesterov needs a momentum", do="Pass momentum=0.9")
        options = {**entry.defaults, **keywords}
        return FusedOptimizer(choice.lower(), entry.fused, params, rate, options, decay_biases=decay_biases)
    target = getattr(torch.optim, entry.torch_name) if isinstance(entry.torch_name, str) else entry.torch_name
    _check_keywords(target, choice, keywords)
    groups = params if decay_biases or entry.closure else _groups(params)
    return TorchOptimizer(target(groups, lr=rate, **keywords), choice.lower(), entry.closure)


def _groups(params: Sequence[nn.Parameter]) -> list[dict[str, Any]]:
    """Parameter groups for torch: those that weight decay acts on, and biases and scales without it."""
    parts = {decays: [p for p in params if (p.dim() > 1) is decays] for decays in (True, False)}
    found: list[dict[str, Any]] = [
        {"params": parts[True]},
        {"params": parts[False], "weight_decay": 0.0, DECAYS: False},
    ]
    return [group for group in found if group["params"]]


def _users_optimizer(
    choice: Any, params: list[nn.Parameter], lr: float | None, keywords: dict[str, Any], decay_biases: bool
) -> TorchOptimizer:
    import torch.optim

    if not isinstance(choice, torch.optim.Optimizer):
        if not callable(choice):
            raise TrainingError(
                "this is no optimizer",
                expected="a name, a torch.optim.Optimizer, or a class or function that builds one from the parameters",
                received=type(choice).__name__,
            )
        if lr is not None:
            keywords = {"lr": lr, **keywords}
        choice = choice(params if decay_biases else _groups(params), **keywords)
    elif not decay_biases:
        raise TrainingError(
            "decay_biases=False cannot change an optimizer that was built already",
            do="Pass its class, or give its biases a group of their own with weight_decay=0",
        )
    elif lr is not None:
        for group in choice.param_groups:
            group["lr"] = lr
    return TorchOptimizer(choice, type(choice).__name__, isinstance(choice, torch.optim.LBFGS))


def _alike(params: Sequence[nn.Parameter]) -> bool:
    first = params[0]
    return (
        first.device.type in ("cpu", "cuda", "mps")
        and first.dtype in (torch.float32, torch.float64)
        and all(p.dtype == first.dtype and p.device == first.device and p.layout == torch.strided for p in params)
    )


def _check_keywords(target: Any, name: str, keywords: Mapping[str, Any]) -> None:
    known = inspect.signature(target).parameters
    for key in keywords:
        if key not in known:
            raise TrainingError(
                f"the optimizer {name!r} has no option {key!r}",
                expected="one of " + ", ".join(k for k in known if k not in ("params", "lr")),
                do=f"Drop {key}=",
            )
