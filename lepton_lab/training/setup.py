"""Gets everything ready for a run before its clock starts: device, module, loss, data, optimizer."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lepton_lab.data.bundle import DataBundle
from lepton_lab.errors import LeptonError, ShapeError, TrainingError
from lepton_lab.training.losses import bind_loss, default_loss, final_activation
from lepton_lab.training.metrics import Outputs
from lepton_lab.training.settings import TrainSettings

__all__ = [
    "Head",
    "autocast_type",
    "class_weights_of",
    "describe_data",
    "evaluating",
    "is_out_of_memory",
    "make_head",
    "probe",
    "resolve_device",
    "usable_cpus",
    "wants_channels_last",
]

_PROBE = 2  # samples that a module is tried with


def resolve_device(name: str) -> torch.device:
    """The device that a setting names; "auto" takes a GPU where there is one.

    Raises:
        TrainingError: This machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise TrainingError(
            f"this machine cannot train on {name!r}", received=str(error).splitlines()[0], do='Use device="cpu"'
        ) from error
    return torch.empty(0, device=device).device


def autocast_type(precision: str, device: torch.device) -> torch.dtype | None:
    """The type of mixed precision; "auto" takes bf16 where the hardware multiplies it faster."""
    if precision == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
        return torch.bfloat16 if device.type == "cpu" and _cpu_has_bf16() else None
    return {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)


def _cpu_has_bf16() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def wants_channels_last(setting: bool | str, module: nn.Module, x: Tensor) -> tuple[bool, bool]:
    """Whether weights, and whether samples, are laid out with their channels last: quicker for convolutions.

    Samples that come with their channels last already (N, H, W, C) lie right once their axes are permuted.
    """
    convolutions = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    if x.dim() != 4 or not (convolutions if setting == "auto" else setting):
        return False, False
    return True, not convolutions or convolutions[0].in_channels == x.shape[1]


def usable_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_data(data: DataBundle) -> dict[str, Any]:
    """What a record keeps of the data, as plain JSON data; the fingerprint is left to `Run.fingerprint`."""
    return {
        "name": data.name,
        "source": data.source,
        "task": str(data.task),
        "classes": list(data.classes),
        "sample_shape": list(data.sample_shape),
        "sample_dtype": data.sample_dtype,
        "target_size": data.target_size,
        "samples": {name: len(split) for name, split in data.splits.items()},
    }


@dataclass(frozen=True)
class Head:
    """How a module's outputs become a loss and predictions.

    Attributes:
        forward: The module, or the module without the softmax or sigmoid at its end; shares its weights.
        loss: The loss of a batch.
        loss_name: Its name.
        about: What metrics need to know of the outputs of `forward`.
        output_numel: Numbers that one sample puts out.
    """

    forward: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    loss_name: str
    about: Outputs
    output_numel: int


def make_head(
    module: nn.Module,
    data: DataBundle,
    settings: TrainSettings,
    users_loss: Callable[..., Any] | None,
    device: torch.device,
) -> Head:
    """Tries the module with a few samples, and binds the loss to what it puts out.

    Raises:
        ShapeError: The data does not fit the module, or its output the targets; names the layer.
    """
    x, y = next(data.train.batches(_PROBE, device=device))
    forward, activation = final_activation(module)
    output, last = probe(module, x)
    name = settings.loss if settings.loss != "auto" else default_loss(str(data.task), output)
    if users_loss is not None:
        users = users_loss.to(device) if isinstance(users_loss, nn.Module) else users_loss
        about = _outputs(data, output, _looks_like_probabilities(output, last), device)
        _try_loss(users, output, y, last)
        return Head(module, users, type(users_loss).__name__, about, output[0].numel())
    cut = activation is not None and _undone_by(name, activation, output)
    if cut:
        output, _ = probe(forward, x)
    else:
        forward = module
    probabilities = not cut and _looks_like_probabilities(output, last)
    loss = bind_loss(
        name,
        output,
        y,
        probabilities=probabilities,
        options=settings.loss_args,
        label_smoothing=settings.label_smoothing,
        class_weights=class_weights_of(settings, data),
        where=last,
    )
    _check_all_labels(data, output, last)
    return Head(forward, loss, name, _outputs(data, output, probabilities, device), output[0].numel())


def probe(module: nn.Module, x: Tensor) -> tuple[Tensor, str]:
    """Runs a few samples through a module in evaluation mode; returns its output and its last layer's path.

    Raises:
        ShapeError: A layer cannot take what it is given; names it.
    """
    last: list[tuple[str, nn.Module, Any]] = []
    handles = [
        m.register_forward_pre_hook(lambda m, inputs, name=name: last.append((name, m, inputs)))
        for name, m in module.named_modules()
        if name and not any(True for _ in m.children())
    ]
    try:
        with evaluating(module), torch.no_grad():
            output = module(x)
    except LeptonError:
        raise
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        if is_out_of_memory(error):
            raise
        raise _layer_error(error, last, x) from error
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(output, Tensor):
        raise TrainingError(
            "the module does not return a tensor", expected="one tensor", received=type(output).__name__,
            do="Return the outputs that the loss takes from forward()",
        )  # fmt: skip
    return output, last[-1][0] if last else ""


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Puts a module into evaluation mode, and every part of it back into its own mode afterwards."""
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for m, mode in modes:
            m.training = mode


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    said = r"out of memory|can't allocate memory|STATUS_ALLOC_FAILED"
    return isinstance(error, RuntimeError) and bool(re.search(said, str(error)))


def _layer_error(error: Exception, seen: list[tuple[str, nn.Module, Any]], x: Tensor) -> ShapeError:
    given = f"samples of shape (N{''.join(f', {n}' for n in x.shape[1:])})"
    if not seen:
        return ShapeError(f"the module cannot take the data: {error}", received=given)
    name, module, inputs = seen[-1]
    shapes = ", ".join("(N" + "".join(f", {n}" for n in t.shape[1:]) + ")" for t in inputs if isinstance(t, Tensor))
    expected = None
    if isinstance(module, nn.Linear):
        expected = f"its input's last axis to be {module.in_features}"
    elif hasattr(module, "in_channels"):
        expected = f"{module.in_channels} input channels"
    return ShapeError(
        f"layer {name!r} ({type(module).__name__}) cannot take its input: {str(error).splitlines()[0]}",
        path=name,
        expected=expected,
        received=f"{shapes or 'no tensor'}, from {given}",
        do="Change this layer's input size, or the data's shape",
    )


def _undone_by(loss: str, activation: nn.Module, output: Tensor) -> bool:
    """Whether a loss works on what an activation at the end was computed from."""
    from lepton_lab.training.losses import LOSSES

    takes = LOSSES[loss].takes
    if takes == "logits":
        dim = getattr(activation, "dim", None)
        return isinstance(activation, nn.Softmax) and dim in (None, 1, 1 - output.dim())
    return takes == "binary" and isinstance(activation, nn.Sigmoid)


def _looks_like_probabilities(output: Tensor, last: str) -> bool:
    if output.dim() < 2 or output.shape[1] < 2 or not output.is_floating_point():
        return False
    rows = output.float().sum(1)
    return bool((output >= 0).all()) and bool(torch.allclose(rows, torch.ones_like(rows), atol=1e-3))


def _outputs(data: DataBundle, output: Tensor, probabilities: bool, device: torch.device) -> Outputs:
    classes = output.shape[1] if output.dim() > 1 else 1
    return Outputs(str(data.task), classes, probabilities, device)


def class_weights_of(settings: TrainSettings, data: DataBundle) -> Tensor | None:
    """One weight a class, where the settings ask for weights."""
    if settings.class_weights == "balanced":
        return data.class_weights()
    return torch.tensor(settings.class_weights) if settings.class_weights is not None else None


def _check_all_labels(data: DataBundle, output: Tensor, where: str) -> None:
    if str(data.task) not in ("binary", "multiclass") or output.dim() != 2 or output.shape[1] < 2:
        return
    if data.target_size > output.shape[1]:
        raise ShapeError(
            f"the data has {data.target_size} classes, but the network has {output.shape[1]} outputs",
            path=where,
            where=f"layer {where!r}" if where else None,
            expected=f"at least {data.target_size} outputs",
            received=f"{output.shape[1]}",
            do=f"Give the last layer {data.target_size} outputs",
        )


def _try_loss(loss: Callable[..., Any], output: Tensor, y: Tensor, where: str) -> None:
    try:
        value = loss(output, y)
    except Exception as error:
        raise TrainingError(
            f"the loss {getattr(loss, '__name__', type(loss).__name__)} cannot take outputs and targets",
            where=where or None,
            received=f"outputs {tuple(output.shape)}, targets {tuple(y.shape)}: {error}",
        ) from error
    if not isinstance(value, Tensor) or value.numel() != 1:
        raise TrainingError("the loss is no single number", expected="a tensor with one element", received=repr(value))
