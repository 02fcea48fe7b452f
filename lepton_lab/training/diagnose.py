"""Finds the layer in which NaN or Inf appears first, and whether on the way forward or backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from lepton_lab.errors import NonFiniteError

__all__ = ["NonFinite", "all_finite", "find_non_finite"]


@dataclass(frozen=True)
class NonFinite:
    """Where NaN or Inf appeared first.

    Attributes:
        layer: Path of the layer; "input" or "loss" where it was no layer.
        kind: The layer's class; empty for "input" and "loss".
        direction: "forward" or "backward".
    """

    layer: str
    kind: str
    direction: str

    def error(self, step: int, epoch: int) -> NonFiniteError:
        """The error that ends the run."""
        named = f"layer {self.layer!r} ({self.kind})" if self.kind else f"the {self.layer}"
        advice = {
            ("input", "forward"): "Look for missing values in the data",
            ("loss", "forward"): "Lower the learning rate, or choose a loss that takes these outputs",
        }
        do = advice.get((self.layer, self.direction), "Lower the learning rate, or clip the gradients: clip_norm=1.0")
        error = NonFiniteError(
            f"NaN or Inf appeared first in {named}, {self.direction}, at step {step} of epoch {epoch}",
            expected="finite numbers",
            do=f"{do}. The weights of the step before are kept",
        )
        error.layer, error.direction, error.step = self.layer, self.direction, step  # type: ignore[attr-defined]
        return error


def all_finite(tensors: list[Tensor]) -> bool:
    """Whether all numbers of all tensors are finite; waits for the device."""
    if not tensors:
        return True
    return bool(torch.stack([t.isfinite().all() for t in tensors]).all())


def find_non_finite(
    module: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor
) -> NonFinite | None:
    """Runs one step forward and backward and looks at every layer.

    Returns:
        The place, or None where everything is finite.

    Side effects: fills the gradients. No hook is left behind.
    """
    if x.is_floating_point() and not all_finite([x]):
        return NonFinite("input", "", "forward")
    trace = _Trace()
    handles = [m.register_forward_hook(trace.hook(name, m)) for name, m in module.named_modules() if name]
    try:
        output = module(x)
        value = loss(output, y)
        if trace.first is not None:
            return NonFinite(*trace.first, "forward")
        if not all_finite([value.detach()]):
            return NonFinite("loss", "", "forward")
        torch.autograd.backward(value)
    finally:
        for handle in handles:
            handle.remove()
        trace.close()
    return trace.backward(module)


class _Trace:
    """What hooks see of one step: layers in order, and whether their outputs and gradients are finite."""

    def __init__(self) -> None:
        self.first: tuple[str, str] | None = None
        self.gradients: list[tuple[str, str, bool]] = []
        self._handles: list[Any] = []

    def hook(self, name: str, module: nn.Module) -> Callable[..., None]:
        leaf = not any(True for _ in module.children())
        kind = type(module).__name__

        def look(_: nn.Module, inputs: Any, output: Any) -> None:
            if not isinstance(output, Tensor) or not output.is_floating_point():
                return
            if self.first is None and (leaf or _finite_inputs(inputs)) and not all_finite([output.detach()]):
                self.first = name, kind
            if leaf and output.requires_grad:
                see = lambda g: self.gradients.append((name, kind, all_finite([g.detach()])))  # noqa: E731
                self._handles.append(output.register_hook(see))  # type: ignore[no-untyped-call]

        return look

    def backward(self, module: nn.Module) -> NonFinite | None:
        """The first layer on the way back whose gradients are not finite although what reached it was."""
        before: tuple[str, str] = "loss", ""
        for name, kind, finite in self.gradients:
            if not finite:
                return NonFinite(*before, "backward")
            before = name, kind
            if _bad_parameters(module.get_submodule(name)):
                return NonFinite(name, kind, "backward")
        for name, parameter in module.named_parameters():
            if parameter.grad is not None and not all_finite([parameter.grad]):
                owner = name.rpartition(".")[0]
                return NonFinite(owner or name, type(module.get_submodule(owner)).__name__, "backward")
        return None

    def close(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()


def _finite_inputs(inputs: Any) -> bool:
    return all_finite([t for t in inputs if isinstance(t, Tensor) and t.is_floating_point()])


def _bad_parameters(module: nn.Module) -> bool:
    grads = [p.grad for p in module.parameters(recurse=False) if p.grad is not None]
    return bool(grads) and not all_finite(grads)
