"""Some training steps as one function without side effects, written back at its end; what is made of it.

On a CPU the function is compiled ahead of its use in a process of its own (`compile_process`) and loaded from a
library. On a GPU it is captured as a CUDA graph.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lepton_lab.training.captures import TURNS
from lepton_lab.training.updates import FusedOptimizer

__all__ = ["GraphSteps", "LoadedSteps", "flat_arguments", "live_tensors", "several_steps"]

Update = Callable[[list[Tensor], list[Tensor], list[list[Tensor]], Tensor, Tensor], list[Tensor]]


class LoadedSteps:
    """Several training steps in one call of a library that `compile_process` has written.

    Args:
        library: The file.

    Raises:
        RuntimeError: It cannot be loaded.
    """

    def __init__(self, library: Path) -> None:
        self._runner = torch._C._aoti.AOTIModelContainerRunnerCpu(str(library), 1)
        self._live: list[Tensor] = []
        self._known: object = None

    def __call__(self, optimizer: FusedOptimizer, x: Tensor, y: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        """Trains on x (steps, N, …) and y (steps, N, …); returns losses (steps,) and all outputs.

        Side effects: changes the optimizer's parameters and state in place.
        """
        known = optimizer, optimizer.bound, [p.data_ptr() for p in optimizer.params]
        if known != self._known:  # finding the tensors takes longer than to see that they are the same
            self._live, self._known = live_tensors(optimizer), known
        losses, outputs = self._runner.run([*self._live, x, y, rates])
        return losses, outputs


class GraphSteps:
    """Several training steps as one CUDA graph: the GPU repeats them without waiting for Python.

    A graph is bound to the tensors that it was captured with, so it belongs to one training. It holds the very kernels
    of eager steps. What the trial steps change is put back, also where they fail.

    Args:
        forward: The forward pass.
        loss: The loss of a batch.
        optimizer: Whose parameters and state the graph changes.
        x: Samples of the right shape, (steps, N, …).
        y: Their targets.
        capture: Makes a graph of a function; for tests on machines without a GPU.
        buffers: What else a forward pass changes, such as running averages.

    Raises:
        RuntimeError: An operation cannot be captured, or memory ran out.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        loss: Callable[[Tensor, Tensor], Tensor],
        optimizer: FusedOptimizer,
        x: Tensor,
        y: Tensor,
        capture: Callable[[Callable[[], None], torch.device], Callable[[], None]] | None = None,
        buffers: Sequence[Tensor] = (),
    ) -> None:
        self._x, self._y = x.clone(), y.clone()
        self._rates = torch.zeros(len(x), device=x.device)
        self._result: tuple[Tensor, Tensor] | None = None
        live = [*live_tensors(optimizer), *buffers]
        kept = [t.clone() for t in live]

        def body() -> None:
            losses, outputs = [], []
            for x_i, y_i, rate in zip(self._x.unbind(), self._y.unbind(), self._rates.unbind(), strict=True):
                output = forward(x_i)
                value = loss(output, y_i)
                optimizer.apply(torch.autograd.grad(value, optimizer.params), rate)
                losses.append(value.detach())
                outputs.append(output.detach())
            self._result = torch.stack(losses), torch.cat(outputs)

        try:
            self._replay = (capture or _capture)(body, x.device)
        finally:
            for tensor, copy_of in zip(live, kept, strict=True):
                tensor.copy_(copy_of)

    def __call__(self, optimizer: FusedOptimizer, x: Tensor, y: Tensor, rates: Tensor) -> tuple[Tensor, Tensor]:
        """Trains on x and y; see `LoadedSteps`."""
        self._x.copy_(x)
        self._y.copy_(y)
        self._rates.copy_(rates)
        self._replay()
        assert self._result is not None
        losses, outputs = self._result
        return losses.clone(), outputs.clone()


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    """The one stream on which graphs are recorded: cuBLAS keeps working memory for every stream that it has seen."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def _capture(body: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """Records `body` as a CUDA graph, after a call on the same stream (torch's notes on CUDA graphs).

    Other threads go on meanwhile, those apart that `TURNS` holds back.
    """
    present = torch.cuda.current_stream(device)
    side, graph = _stream(device), torch.cuda.CUDAGraph()
    with TURNS.alone(), torch.cuda.device(device), torch.cuda.stream(present):  # the present one again, if this fails
        side.wait_stream(present)
        with torch.cuda.stream(side):
            body()
        present.wait_stream(side)
        with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
            body()
    return graph.replay


def several_steps(
    module: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], name: str, options: dict[str, Any], steps: int
) -> Callable[..., tuple[Tensor, Tensor]]:
    """A function of (parameters, states, count, x, y, rates) that trains and writes back what has changed.

    Args:
        module: Gives the forward pass; the function takes the weights as arguments, in the module's order.
        loss: The loss of a batch.
        name: "adam", "adamw" or "sgd".
        options: The optimizer's.
        steps: How many.
    """
    from torch.func import functional_call, grad_and_value  # imports torch's compiler, so not before it is used

    skeleton = copy.deepcopy(module).to("meta")  # no weights are kept alive
    names = [path for path, _ in module.named_parameters()]
    update = _adam(options, decoupled=name == "adamw") if name in ("adam", "adamw") else _sgd(options)

    def run(
        params: list[Tensor], states: list[list[Tensor]], count: Tensor, x: Tensor, y: Tensor, rates: Tensor
    ) -> tuple[Tensor, Tensor]:
        live_params, live_states, steps_done = params, states, count
        losses, outputs = [], []
        for i in range(steps):
            x_i, y_i = x[i], y[i]

            def objective(weights: list[Tensor], x_i: Tensor = x_i, y_i: Tensor = y_i) -> tuple[Tensor, Tensor]:
                output = functional_call(skeleton, dict(zip(names, weights, strict=True)), (x_i,))
                return loss(output, y_i), output

            grads, (value, output) = grad_and_value(objective, has_aux=True)(params)
            count = count + 1
            states = [list(values) for values in states]
            params = update(params, list(grads), states, count, rates[i])
            losses.append(value)
            outputs.append(output)
        for old, new in zip(live_params, params, strict=True):
            old.copy_(new)
        for olds, news in zip(live_states, states, strict=True):
            for old, new in zip(olds, news, strict=True):
                old.copy_(new)
        steps_done.copy_(count)
        return torch.stack(losses), torch.cat(outputs)

    return run


def _adam(o: dict[str, Any], *, decoupled: bool) -> Update:
    (beta1, beta2), eps, decay = o["betas"], o["eps"], o["weight_decay"]

    def update(
        params: list[Tensor], grads: list[Tensor], states: list[list[Tensor]], count: Tensor, lr: Tensor
    ) -> list[Tensor]:
        first, second = 1 - beta1**count, (1 - beta2**count).sqrt()
        averages, squares = states
        rate, floor = lr * second / first, eps * second  # one division an element, not two
        new = []
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            if decay and decoupled:
                p = p * (1 - lr * decay)
            elif decay:
                g = g + decay * p
            averages[i] = averages[i] + (g - averages[i]) * (1 - beta1)
            squares[i] = squares[i] * beta2 + g * g * (1 - beta2)
            new.append(p - rate * (averages[i] / (squares[i].sqrt() + floor)))
        return new

    return update


def _sgd(o: dict[str, Any]) -> Update:
    momentum, decay = o["momentum"], o["weight_decay"]

    def update(
        params: list[Tensor], grads: list[Tensor], states: list[list[Tensor]], count: Tensor, lr: Tensor
    ) -> list[Tensor]:
        new = []
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            if decay:
                g = g + decay * p
            if momentum:
                g = states[0][i] = states[0][i] * momentum + g
            new.append(p - lr * g)
        return new

    return update


def live_tensors(optimizer: FusedOptimizer) -> list[Tensor]:
    """The live tensors of parameters and state, and the count of steps, in the order of `several_steps`' function."""
    params, state = [p.detach() for p in optimizer.params], optimizer.state
    if optimizer.name == "sgd":
        return [*params, *state.get("momentum_buffer", []), torch.zeros((), device=params[0].device)]
    return [*params, *state["exp_avg"], *state["exp_avg_sq"], state["step"][0]]


def flat_arguments(optimizer: FusedOptimizer, x: Tensor, y: Tensor, rates: Tensor) -> list[Tensor]:
    """The arguments of `several_steps`' function in one list, as a library takes them."""
    return [*live_tensors(optimizer), x, y, rates]
