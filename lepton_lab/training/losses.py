"""Losses by name, bound to what a network puts out and what the data's targets look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lepton_lab.errors import DataError, ShapeError, TrainingError
from lepton_lab.plugins import load_plugins
from lepton_lab.registry import BUILT_IN, Registry

__all__ = ["LOSSES", "LossEntry", "bind_loss", "default_loss", "final_activation"]

LossFunction = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LossEntry:
    """A loss.

    Attributes:
        function: `function(output, target, **options)`.
        takes: "logits" of classes, "log_probabilities" of classes, "binary" logits, or "values".
    """

    function: Callable[..., Tensor]
    takes: str


LOSSES: Registry[LossEntry] = Registry("loss", load_plugins)
"""Every loss by name, torch's and Keras's names among them."""

_CROSS_ENTROPY = LossEntry(F.cross_entropy, "logits")
_BINARY = LossEntry(F.binary_cross_entropy_with_logits, "binary")
_MSE, _L1 = LossEntry(F.mse_loss, "values"), LossEntry(F.l1_loss, "values")
_HUBER, _NLL = LossEntry(F.huber_loss, "values"), LossEntry(F.nll_loss, "log_probabilities")
for _entry, _names in (
    (_CROSS_ENTROPY, "cross_entropy CrossEntropyLoss categorical_crossentropy sparse_categorical_crossentropy"),
    (_BINARY, "bce BCELoss BCEWithLogitsLoss binary_cross_entropy binary_crossentropy"),
    (_MSE, "mse MSELoss mean_squared_error mse_loss"),
    (_L1, "l1 L1Loss mae mean_absolute_error l1_loss"),
    (_HUBER, "huber HuberLoss huber_loss"),
    (LossEntry(F.smooth_l1_loss, "values"), "smooth_l1 SmoothL1Loss"),
    (_NLL, "nll NLLLoss nll_loss"),
):
    for _name in _names.split():
        LOSSES.add(_name, _entry, provider=BUILT_IN)


def default_loss(task: str, output: Tensor) -> str:
    """The usual loss for a task; for two classes by the number of outputs."""
    if task == "regression":
        return "mse"
    if task == "multilabel" or (task == "binary" and output.shape[1:].numel() == 1):
        return "bce"
    return "cross_entropy"


def bind_loss(
    name: str,
    output: Tensor,
    target: Tensor,
    *,
    probabilities: bool = False,
    options: Mapping[str, Any] | None = None,
    label_smoothing: float = 0.0,
    class_weights: Tensor | None = None,
    where: str = "",
) -> LossFunction:
    """A function of output and target that returns the mean loss of a batch.

    Args:
        name: The loss.
        output: What the network puts out for a few samples.
        target: Their targets.
        probabilities: Whether the output went through a softmax or sigmoid that could not be taken off.
        options: Keyword arguments of the loss.
        label_smoothing: Share of the target that is spread over all classes.
        class_weights: One weight a class (C,); for binary losses the weight of the positives.
        where: Path of the last layer, for messages.

    Raises:
        UnknownNameError: There is no such loss.
        ShapeError: Output and target do not fit each other.
        DataError: A label is outside the outputs.
        TrainingError: The loss cannot take an option.
    """
    entry = LOSSES[name]
    keywords = dict(options or {})
    if entry.takes == "logits":
        _check_classes(output, target, where)
        if label_smoothing:
            keywords["label_smoothing"] = label_smoothing
        if class_weights is not None:
            keywords["weight"] = _weights_for(class_weights, output.shape[1], output.device)
        function = entry.function
        if probabilities:
            return _with(lambda out, y, **kw: function(out.clamp_min(1e-12).log(), y, **kw), keywords)
        return _with(function, keywords) if keywords else function
    if entry.takes == "log_probabilities":
        _check_classes(output, target, where)
        if class_weights is not None:
            keywords["weight"] = _weights_for(class_weights, output.shape[1], output.device)
        function = entry.function
        if probabilities:
            return _with(lambda out, y, **kw: function(out.clamp_min(1e-12).log(), y, **kw), keywords)
        return _with(function, keywords)
    if label_smoothing and entry.takes == "values":
        raise TrainingError(f"the loss {name!r} has no label smoothing", do="Drop label_smoothing=")
    return _bind_values(entry, output, target, probabilities, keywords, label_smoothing, class_weights, where)


def _bind_values(
    entry: LossEntry,
    output: Tensor,
    target: Tensor,
    probabilities: bool,
    keywords: dict[str, Any],
    label_smoothing: float,
    class_weights: Tensor | None,
    where: str,
) -> LossFunction:
    binary = entry.takes == "binary"
    one_of_two = binary and target.dim() == 1 and not target.is_floating_point() and output.shape[1:].numel() == 1
    expand = binary and target.dim() == 1 and not target.is_floating_point() and not one_of_two
    _check_values(output, target, one_of_two or expand, where)
    classes = output.shape[1] if output.dim() > 1 else 1
    if binary and class_weights is not None:
        weights = class_weights.to(output.device, torch.float32)
        keywords["pos_weight"] = (weights[1] / weights[0]).reshape(1) if one_of_two and len(weights) == 2 else weights
    function = entry.function
    if binary and probabilities:
        keywords.pop("pos_weight", None)
        function = F.binary_cross_entropy

    def loss(out: Tensor, y: Tensor) -> Tensor:
        if expand:
            y = F.one_hot(y, classes)
        y = y.to(out.dtype)
        if label_smoothing:
            y = y * (1 - label_smoothing) + 0.5 * label_smoothing
        return function(out.reshape(y.shape), y, **keywords)

    return loss


def _with(function: Callable[..., Tensor], keywords: Mapping[str, Any]) -> LossFunction:
    def loss(output: Tensor, target: Tensor) -> Tensor:
        return function(output, target, **keywords)

    return loss


def _check_classes(output: Tensor, target: Tensor, where: str) -> None:
    if output.dim() < 2:
        raise ShapeError(
            "the network puts out one number a sample, which is no choice between classes",
            path=where, where=where or None, expected="(N, C): one output a class", received=str(tuple(output.shape)),
            do="End the network with as many outputs as there are classes",
        )  # fmt: skip
    classes = output.shape[1]
    if target.is_floating_point():
        if target.shape != output.shape:
            raise _mismatch(output, target, where)
        return
    if target.shape != output.shape[:1] + output.shape[2:]:
        raise _mismatch(output, target, where)
    if target.numel() and (int(target.max()) >= classes or int(target.min()) < 0):
        raise DataError(
            "a label is outside the network's outputs",
            where=where or None,
            expected=f"labels from 0 to {classes - 1}, for the {classes} outputs",
            received=f"labels from {int(target.min())} to {int(target.max())}",
            do=f"End the network with {int(target.max()) + 1} outputs, or correct the labels",
        )


def _check_values(output: Tensor, target: Tensor, classes_given: bool, where: str) -> None:
    if classes_given:
        return
    if output.numel() != target.numel() or output.shape[0] != target.shape[0]:
        raise _mismatch(output, target, where)


def _mismatch(output: Tensor, target: Tensor, where: str) -> ShapeError:
    return ShapeError(
        "the network's output does not fit the data's targets",
        path=where,
        where=where or None,
        expected=f"outputs for targets of shape {tuple(target.shape)} ({str(target.dtype).removeprefix('torch.')})",
        received=f"outputs of shape {tuple(output.shape)}",
        do="Change the number of outputs of the last layer, or choose another loss",
    )


def _weights_for(weights: Tensor, classes: int, device: torch.device) -> Tensor:
    if weights.numel() != classes:
        raise TrainingError(
            "the class weights do not fit the network", expected=f"{classes} weights", received=f"{weights.numel()}"
        )
    return weights.to(device, torch.float32)


def final_activation(module: nn.Module) -> tuple[nn.Module, nn.Module | None]:
    """The module without a softmax or sigmoid at its end, and that activation.

    Only a chain (`nn.Sequential`) can be cut; its modules are shared, not copied. Any other module comes back whole.
    """
    if not isinstance(module, nn.Sequential) or len(module) == 0 or type(module).forward is not nn.Sequential.forward:
        return module, None
    *names, last = module._modules
    end = module._modules[last]
    if isinstance(end, nn.Softmax | nn.Sigmoid):
        return _chain(module, names), end
    if isinstance(end, nn.Sequential):
        body, activation = final_activation(end)
        if activation is not None:
            chain = _chain(module, names)
            chain.add_module(last, body)
            return chain, activation
    return module, None


def _chain(module: nn.Sequential, names: list[str]) -> nn.Sequential:
    chain = nn.Sequential()
    for name in names:
        chain.add_module(name, module._modules[name])
    chain.training = module.training
    return chain
