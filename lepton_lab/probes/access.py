"""Looks at the present weights of a run or module without disturbing it."""

from __future__ import annotations

import copy
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from lepton_lab.data import DataBundle
from lepton_lab.data.bundle import Split
from lepton_lab.errors import DataError, TrainingError
from lepton_lab.probes.layers import Layer, Layers, first_tensor, units_axis
from lepton_lab.probes.quiet import evaluating, others_train, unchanged, uncompiled, undisturbed

__all__ = ["Trains", "examine", "layers_of", "look", "prepare", "split_of"]

T = TypeVar("T")


class Trains(Protocol):
    """What is needed of a run."""

    @property
    def module(self) -> nn.Module:
        """The module that is trained."""

    def between_batches(self, function: Callable[[], T]) -> T:
        """Calls `function` in the thread that trains, between two batches; at once where nothing trains."""


class _Replica:
    """A copy of a module that is brought up to date each time it is asked for."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.module: nn.Module | None = None
        self.possible = True
        self.draws: dict[str, bool] = {}  # by name of a function that was tried whether it draws random numbers


_replicas: weakref.WeakKeyDictionary[nn.Module, _Replica] = weakref.WeakKeyDictionary()
_replicas_lock = threading.Lock()


def examine(thing: nn.Module | Trains, function: Callable[[nn.Module], T]) -> T:
    """Calls `function` with a module that has the present weights.

    Of a run the training thread copies the weights between two batches, so that they are all of one moment, and
    `function` works on the copy while the training goes on. The first time, and always where a module cannot be
    copied or draws random numbers even in evaluation mode, the training waits for `function` instead: torch has one
    random state for all threads. A plain module is used itself. Modes, buffers and random states are put back.

    Args:
        thing: A run, or a module that nobody trains meanwhile.
        function: What to do; it may change modes, and registers hooks at its own risk.

    Raises:
        TrainingError: It is neither, or the run has not built its module.

    Threads: may be called from any.
    """
    if isinstance(thing, nn.Module):
        module = _eager(thing)
        with unchanged(module) if others_train() else undisturbed(module), uncompiled(module):
            return function(module)
    if not hasattr(thing, "between_batches"):
        raise TrainingError("this has no weights to look at", expected="a run or a module", received=repr(type(thing)))
    source = _eager(thing.between_batches(lambda: thing.module))
    with _replicas_lock:
        replica = _replicas.setdefault(source, _Replica())
    with replica.lock:
        if replica.possible:
            try:
                thing.between_batches(lambda: _bring_up_to_date(replica, source))
            except (RuntimeError, TypeError, AttributeError, ValueError):  # it holds a lock, a file, a graph …
                replica.possible, replica.module = False, None
        module = replica.module if replica.module is not None else source
        if replica.module is not None and replica.draws.get(_name(function)) is False:
            with unchanged(module), uncompiled(module):
                return function(module)
        return thing.between_batches(lambda: _between(replica, module, function))


def _between(replica: _Replica, module: nn.Module, function: Callable[[nn.Module], T]) -> T:
    """Calls `function` while nobody trains, and finds out whether it draws random numbers."""
    with undisturbed(module), uncompiled(module):
        before = torch.get_rng_state()
        result = function(module)
        replica.draws[_name(function)] = not torch.equal(before, torch.get_rng_state())
    return result


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', id(function))}"


def layers_of(thing: Any, module: nn.Module) -> Layers:
    """A module's layers, named as in the specification where the run has one."""
    network = getattr(thing, "network", None)
    return Layers.of(module, separator="." if network is None else "/")


def prepare(thing: Any, samples: Any, module: nn.Module) -> Tensor:
    """Samples as the module takes them: tensors as they are, arrays through the run's preprocessing."""
    if not isinstance(samples, Tensor):
        plan = getattr(thing, "_plan", None)
        array = np.asarray(samples)
        samples = plan.data.preprocessing(array) if plan is not None else torch.as_tensor(array)
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    moved: Tensor = samples.to(device)
    return moved.float() if moved.dtype == torch.float64 else moved


def look(module: nn.Module, layers: Layers, x: Tensor, take: Callable[[Layer, Tensor, int], None]) -> Any:
    """Passes samples through a module in evaluation mode and shows every watched layer's output, in order.

    Args:
        module: The module.
        layers: Its layers.
        x: Samples.
        take: Called with layer, output and the axis of its units, while the output is as the layer left it.
    """
    axis = [1]

    def hook(layer: Layer) -> Callable[..., None]:
        def see(part: nn.Module, inputs: Any, output: Any) -> None:
            y = first_tensor(output)
            if y is not None:
                axis[0] = max(0, units_axis(part, y, axis[0]))
                take(layer, y.detach(), axis[0])

        return see

    handles = [layer.module.register_forward_hook(hook(layer)) for layer in layers.watched]
    try:
        with evaluating(module), uncompiled(module):
            return module(x)
    finally:
        for handle in handles:
            handle.remove()


def split_of(thing: Any, data: Any) -> Split | Iterable[tuple[Tensor, Tensor]]:
    """The samples that a name, a bundle, a split or tensors mean.

    Raises:
        DataError: There is no such split.
    """
    if isinstance(data, str):
        plan = getattr(thing, "_plan", None)
        splits = plan.data.splits if plan is not None else {}
        if data not in splits:
            raise DataError(f"there is no split {data!r}", expected="one of " + (", ".join(splits) or "none"))
        if data == "test":
            thing.count_test_look()
        found: Split = splits[data]
        return found
    if isinstance(data, DataBundle):
        return data.train
    if isinstance(data, Split):
        return data
    x, y = data if isinstance(data, tuple | list) else (data, None)
    x = torch.as_tensor(x)
    y = torch.zeros(len(x), dtype=torch.int64) if y is None else torch.as_tensor(y)
    return [(x[i : i + 256], y[i : i + 256]) for i in range(0, len(x), 256)]


def _eager(module: nn.Module) -> nn.Module:
    inner = getattr(module, "_orig_mod", module)
    return inner if isinstance(inner, nn.Module) else module


def _bring_up_to_date(replica: _Replica, source: nn.Module) -> None:
    old = replica.module
    if old is not None:
        pairs = list(zip(_tensors(old), _tensors(source), strict=False))
        same = len(_tensors(old)) == len(_tensors(source))
        if same and all(a.shape == b.shape and a.device == b.device and a.dtype == b.dtype for a, b in pairs):
            with torch.no_grad():
                for ours, theirs in pairs:
                    ours.copy_(theirs)
            return
    replica.module = copy.deepcopy(source)


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
