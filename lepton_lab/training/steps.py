"""One training step, as a function made once for a run: everything that can be decided before is.

A small network's step takes 300 µs, of which every Python call is a percent. So there is a short function for the
usual case, and a long one for gradient accumulation, clipping, scaling, averaging and callbacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from lepton_lab.training.guard import Guard
from lepton_lab.training.updates import EngineOptimizer, TorchOptimizer

__all__ = ["Average", "FullStep", "Step", "StepOptions", "StepResult", "UnusualStep", "make_step", "plain_step"]

StepResult = tuple[Tensor, Tensor]
"""Loss and outputs of a batch, detached."""

Step = Callable[[Tensor, Tensor], StepResult]


class UnusualStep(Exception):  # noqa: N818 - a signal, not an error
    """A gradient or a loss is not finite; nothing was changed yet."""


class Average:
    """Exponential moving average of parameters and running statistics, with a short memory at first.

    The statistics of a batch normalisation are averaged as well: those of the last weights do not fit the average of
    many.

    Args:
        params: The parameters.
        buffers: The module's buffers; those that are no floating-point numbers are left out.
        decay: What the average keeps of itself at each update; (1 + n) / (10 + n) where that is less.
    """

    def __init__(self, params: list[nn.Parameter], buffers: Iterable[Tensor], decay: float) -> None:
        self.decay, self.updates = decay, 0
        self._detached = [t.detach() for t in (*params, *(b for b in buffers if b.is_floating_point()))]
        self.shadow = [t.clone() for t in self._detached]

    def update(self) -> None:
        """Takes the present values in."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.shadow, self._detached, 1 - decay)

    def swap(self) -> None:
        """Exchanges average and present values; a second call exchanges them back."""
        kept = [p.clone() for p in self._detached]
        torch._foreach_copy_(self._detached, self.shadow)
        torch._foreach_copy_(self.shadow, kept)


@dataclass
class StepOptions:
    """What a step does beyond forward, backward and update.

    Attributes:
        autocast: Type of mixed precision; None for full precision.
        scaler: Scales the loss for fp16; None otherwise.
        clip_norm: Largest norm of the gradients; None for no clipping.
        accumulate: Batches of one update.
        average: Average of the weights; None for none.
        on_grad: Called with the number of the batch once gradients are there, before they are used.
        check: Whether every step is checked for NaN at once, because it cannot be repeated.
        buffers: Tensors that a forward pass changes, put back before a checked step is explained.
        measure: Whether the next update measures the norm of all gradients together, and takes this back; where they
            are clipped every update does.
        grad_norm: The norm that was measured last, before clipping.
    """

    autocast: torch.dtype | None = None
    scaler: Any = None
    clip_norm: float | None = None
    accumulate: int = 1
    average: Average | None = None
    on_grad: Callable[[], None] | None = None
    check: bool = False
    buffers: list[Tensor] = field(default_factory=list)
    measure: bool = False
    grad_norm: Tensor | None = field(default=None, init=False)

    @property
    def usual(self) -> bool:
        """Whether the short function does."""
        return (
            self.scaler is None
            and self.clip_norm is None
            and self.accumulate == 1
            and self.average is None
            and self.on_grad is None
            and not self.check
        )

    def measured(self, params: list[nn.Parameter]) -> None:
        """Keeps the norm of all gradients together: √Σ‖g‖²."""
        self.measure = False
        grads = [p.grad for p in params if p.grad is not None]
        if grads:
            dense = [g if g.layout == torch.strided else g.coalesce().values() for g in grads]
            self.grad_norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(dense))).detach()


def make_step(
    forward: Callable[[Tensor], Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: EngineOptimizer,
    options: StepOptions,
    device: torch.device,
) -> Step:
    """The function that trains on one batch."""
    if options.usual and not optimizer.closure:
        return plain_step(forward, loss, optimizer, options, device)
    return FullStep(forward, loss, optimizer, options, device)


def plain_step(
    forward: Callable[[Tensor], Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: EngineOptimizer,
    options: StepOptions,
    device: torch.device,
) -> Step:
    """Forward, backward, update, and nothing else."""
    update, params, backward, autocast = optimizer.step, optimizer.params, torch.autograd.backward, options.autocast

    def step(x: Tensor, y: Tensor) -> StepResult:
        output = forward(x)
        value = loss(output, y)
        backward(value)
        if options.measure:
            options.measured(params)
        update()
        for p in params:
            p.grad = None
        return value.detach(), output.detach()

    if autocast is None:
        return step

    def mixed_step(x: Tensor, y: Tensor) -> StepResult:
        with torch.autocast(device.type, autocast):
            output = forward(x)
            value = loss(output.float(), y)
        backward(value)
        if options.measure:
            options.measured(params)
        update()
        for p in params:
            p.grad = None
        return value.detach(), output.detach()

    return mixed_step


class FullStep:
    """A step with everything that `StepOptions` can ask for."""

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        loss: Callable[[Tensor, Tensor], Tensor],
        optimizer: EngineOptimizer,
        options: StepOptions,
        device: torch.device,
    ) -> None:
        self.forward, self.loss, self.optimizer, self.options, self.device = forward, loss, optimizer, options, device
        self.gathered = 0
        self.samples = 0
        self.before = Guard(lambda: options.buffers, device) if options.check else None

    def _cast(self) -> AbstractContextManager[Any]:
        if self.options.autocast is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.options.autocast)

    def _evaluate(self, x: Tensor, y: Tensor) -> StepResult:
        with self._cast():
            output = self.forward(x)
            value = self.loss(output.float() if self.options.autocast is not None else output, y)
        return value, output

    def __call__(self, x: Tensor, y: Tensor) -> StepResult:
        """Trains on a batch."""
        if self.before is not None:
            self.before.save(None)
        if self.optimizer.closure:
            return self._closure_step(x, y)
        options = self.options
        value, output = self._evaluate(x, y)
        if options.check and not bool(value.detach().isfinite()):
            raise UnusualStep
        scaled = value * len(y) if options.accumulate > 1 else value
        torch.autograd.backward(options.scaler.scale(scaled) if options.scaler is not None else scaled)
        self.gathered += 1
        self.samples += len(y)
        if self.gathered >= options.accumulate:
            self.update()
        return value.detach(), output.detach()

    def update(self) -> None:
        """Uses the gradients gathered so far."""
        if not self.gathered:
            return
        options, params = self.options, self.optimizer.params
        if options.scaler is not None:
            options.scaler.unscale_(_torch_optimizer(self.optimizer))
        grads = [p.grad for p in params if p.grad is not None]
        if options.accumulate > 1 and grads:
            torch._foreach_div_(grads, float(self.samples))
        self.gathered = self.samples = 0
        if options.on_grad is not None:
            options.on_grad()
        if options.clip_norm is not None:
            options.grad_norm = nn.utils.clip_grad_norm_(params, options.clip_norm).detach()
        elif options.measure:
            options.measured(params)
        if options.check and options.scaler is None and grads and not _finite(grads):
            raise UnusualStep
        if options.scaler is not None:
            options.scaler.step(_torch_optimizer(self.optimizer))
            options.scaler.update()
        else:
            self.optimizer.step()
        self.optimizer.zero_grad()
        if options.average is not None:
            options.average.update()

    def _closure_step(self, x: Tensor, y: Tensor) -> StepResult:
        first: list[StepResult] = []

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            value, output = self._evaluate(x, y)
            if self.options.check and not bool(value.detach().isfinite()):
                raise UnusualStep
            torch.autograd.backward(value)
            first.append((value.detach(), output.detach()))
            if len(first) == 1 and self.options.on_grad is not None:
                self.options.on_grad()
            if self.options.clip_norm is not None:
                norm = nn.utils.clip_grad_norm_(self.optimizer.params, self.options.clip_norm)
                self.options.grad_norm = norm.detach()
            elif self.options.measure:
                self.options.measured(self.optimizer.params)
            return value

        self.optimizer.step(closure)
        self.optimizer.zero_grad()
        if self.options.average is not None:
            self.options.average.update()
        return first[0]


def _finite(grads: list[Tensor]) -> bool:
    return bool(torch.stack(torch._foreach_norm(grads)).isfinite().all())


def _torch_optimizer(optimizer: EngineOptimizer) -> torch.optim.Optimizer:
    assert isinstance(optimizer, TorchOptimizer)
    return optimizer.optimizer
