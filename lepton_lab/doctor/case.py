"""What a rule looks at: a network, its data and settings, and of a run all that was measured."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lepton_lab.data import DataBundle
from lepton_lab.doctor.reading import Reading, take_reading
from lepton_lab.errors import LeptonError
from lepton_lab.network import NetworkSpec
from lepton_lab.probes.quiet import others_train
from lepton_lab.training.run import active_runs
from lepton_lab.training.settings import TrainSettings
from lepton_lab.training.setup import Head, make_head, resolve_device
from lepton_lab.training.status import RunState

__all__ = ["Case", "Measured", "copied", "held", "quietly", "untouched"]

_BATCHES = 4  # of a reading
_LEAST_BATCH, _MOST_BATCH = 32, 128  # samples in each of them
Array = NDArray[np.floating[Any]]
T = TypeVar("T")


@dataclass(frozen=True)
class Measured:
    """One quantity of several layers over time.

    Attributes:
        steps: When it was measured, int64 (T,).
        values: What was measured, float64 (T, L); NaN where a layer has no value.
        labels: The layers, as modules or parameters are called, (L,).
        live: False where it was measured once by the doctor and not by a probe while the run trained.
    """

    steps: NDArray[np.int64]
    values: Array
    labels: tuple[str, ...]
    live: bool = True


def copied(module: nn.Module) -> nn.Module | None:
    """A copy of a module; None where it cannot be copied.

    Tensors that the module keeps with the computation that led to them are copied without it: torch copies no others.
    """
    for _ in range(3):  # one that trains at this moment may change while it is copied
        try:
            memo = {id(t): t.detach().clone() for part in module.modules() for t in held(part) if not t.is_leaf}
            return copy.deepcopy(module, memo)
        except (RuntimeError, TypeError):
            continue
    return None


def held(module: nn.Module) -> list[Tensor]:
    """Tensors that a module holds itself, in attributes, lists and dicts; its parameters and buffers left out."""
    found: list[Tensor] = []
    for name, value in list(vars(module).items()):
        if name not in ("_parameters", "_modules", "_buffers"):
            _collect(value, found, 0)
    return found


def _collect(value: Any, found: list[Tensor], depth: int) -> None:
    if isinstance(value, Tensor):
        found.append(value)
    elif depth < 4 and isinstance(value, dict | list | tuple | set):
        for inner in list(value.values() if isinstance(value, dict) else value):
            _collect(inner, found, depth + 1)


def calmed(module: nn.Module) -> nn.Module:
    """The module with all dropout off, so that it draws no random numbers: torch has one state for all threads."""
    for part in module.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.p = 0.0
        elif isinstance(getattr(part, "dropout", None), float):  # recurrent layers and attention
            part.dropout = 0.0  # type: ignore[assignment]
    return module


@contextmanager
def untouched(module: nn.Module | None) -> Iterator[None]:
    """Puts random states back afterwards, and of a module its modes, weights, gradients and buffers.

    Threads: where another thread trains, random states are left alone, for they are that thread's.
    """
    modes = [(m, m.training, dict(vars(m))) for m in module.modules()] if module is not None else []
    kept = [(t, t.detach().clone()) for t in module.state_dict().values()] if module is not None else []
    grads = [(p, p.grad) for p in module.parameters()] if module is not None else []
    alone = not others_train()
    py, numpy_state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(enabled=alone):
            yield
    finally:
        if alone:
            random.setstate(py)
            np.random.set_state(numpy_state)
        for m, mode, values in modes:
            m.training = mode
            for name in ("p", "dropout"):
                if name in values:
                    setattr(m, name, values[name])
        with torch.no_grad():
            for tensor, value in kept:
                tensor.copy_(value)
        for p, grad in grads:
            p.grad = grad


def quietly(function: Callable[[], T]) -> T:
    """Calls a function that draws random numbers while every training of this process stands between two batches."""
    for run in active_runs():
        if run.state in (RunState.RUNNING, RunState.PAUSED):
            function = partial(run.between_batches, function)
    return function()


class Case:
    """A network with its data and settings, and the run that trains it where there is one.

    Everything that costs time is computed when a rule first asks for it, and kept for the next one.

    Args:
        phase: "before" or "during".
        module: Makes the private copy that is measured; None where there is none.
        spec: The network's specification; None for a module of the user's own.
        data: The data; None where it cannot be had.
        settings: How it trains.
        run: The run.
        loss: A loss function of the user's.
        upto: Step up to which the run is looked at; None for all of it.
        stop: Asked between measurements; True gives up.
    """

    def __init__(
        self,
        phase: str,
        *,
        module: Callable[[], nn.Module | None],
        spec: NetworkSpec | None,
        data: DataBundle | None,
        settings: TrainSettings,
        run: Any = None,
        loss: Callable[..., Any] | None = None,
        upto: int | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.phase, self.spec, self.data, self.settings = phase, spec, data, settings
        self.run, self.users_loss, self.upto, self.stop = run, loss, upto, stop
        self._make = module
        self.problem: LeptonError | None = None

    # --- the network ---------------------------------------------------------------------------------------------

    @cached_property
    def device(self) -> torch.device:
        """Where measurements are made."""
        try:
            return resolve_device(self.settings.device)
        except LeptonError:
            return torch.device("cpu")

    @cached_property
    def module(self) -> nn.Module | None:
        """A private copy of the module with its present weights; None where it cannot be had.

        Why it cannot be had stands in `problem` afterwards.
        """
        try:
            made = self._make()
        except LeptonError as error:
            self.problem = error
            return None
        return calmed(made.to(self.device)) if made is not None else None

    @cached_property
    def head(self) -> Head | None:
        """Loss and outputs of the copy; None where network and data do not fit, which `problem` then says."""
        if self.module is None or self.data is None:
            return None
        try:
            return make_head(self.module, self.data, self.settings, self.users_loss, self.device)
        except (LeptonError, RuntimeError, ValueError, IndexError, TypeError) as error:
            self.problem = error if isinstance(error, LeptonError) else LeptonError(str(error).splitlines()[0])
            return None

    @cached_property
    def reading(self) -> Reading | None:
        """One look at the copy with a few batches of the training data."""
        if self.head is None or self.module is None:
            return None
        self.module.train()
        self.head.forward.train()
        try:
            return take_reading(
                self.module, self.head.forward, self.head.loss, self.batches(), _BATCHES,
                separator="/" if self.spec is not None else ".", classes=self.data.classes if self.data else (),
                stop=self.stop,
            )  # fmt: skip
        except (LeptonError, RuntimeError, ValueError, IndexError, TypeError) as error:
            self.problem = error if isinstance(error, LeptonError) else LeptonError(str(error).splitlines()[0])
            return None

    def fresh_copy(self) -> nn.Module | None:
        """A copy of the copy, for a rule that trains it; None where it cannot be copied."""
        return copied(self.module) if self.module is not None else None

    def batches(self, size: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Training batches in a random order that is always the same, not augmented."""
        assert self.data is not None
        size = size or min(max(self.settings.batch_size, _LEAST_BATCH), _MOST_BATCH)
        size = min(size, len(self.data.train))
        generator = torch.Generator().manual_seed(0)
        for x, y in self.data.train.batches(size, shuffle=True, generator=generator, device=self.device):
            if len(y) > 1 or size == 1:  # batch normalisation cannot take one sample
                yield x, y

    @cached_property
    def some_inputs(self) -> Tensor | None:
        """A few hundred prepared training samples, on the CPU."""
        if self.data is None:
            return None
        parts: list[Tensor] = []
        for x, _ in self.batches(256):
            parts.append(x.cpu())
            if sum(map(len, parts)) >= 512:
                break
        return torch.cat(parts) if parts else None

    def layer(self, label: str) -> str:
        """A module's or parameter's name as the path of its layer in the specification, where there is one."""
        path = label
        if self.module is not None and "." in path:
            owner, _, last = path.rpartition(".")
            if last in _PARAMETERS or last.startswith(("weight", "bias", "in_proj")):
                path = owner
        if self.spec is None:
            return path
        parts = path.replace(".", "/").split("/")
        while parts:
            joined = "/".join(parts)
            if joined in self._paths:
                return joined
            for known in self._longest_first:
                if joined.startswith(known + "_") or joined.startswith(known + "/"):
                    return known
            parts.pop()
        return path

    @cached_property
    def _paths(self) -> frozenset[str]:
        return frozenset(p for p, _ in self.spec.walk()) if self.spec is not None else frozenset()

    @cached_property
    def _longest_first(self) -> list[str]:
        return sorted(self._paths, key=len, reverse=True)

    # --- the run -------------------------------------------------------------------------------------------------

    @cached_property
    def steps(self) -> Mapping[str, Array]:
        """Columns of the logged steps; empty ones before training."""
        if self.run is None:
            return {name: np.empty(0) for name in ("step", "epoch", "time", "loss", "lr", "grad_norm")}
        columns = self.run.history.steps.since(0)[1]
        if self.upto is not None:
            keep = columns["step"] <= self.upto
            columns = {name: values[keep] for name, values in columns.items()}
        return dict(columns)

    @cached_property
    def epochs(self) -> Mapping[str, Array]:
        """Columns of the epochs that ended; empty before training."""
        if self.run is None:
            return {}
        columns = self.run.history.epochs.since(0)[1]
        if self.upto is not None:
            ended = int(np.floor(self.steps["epoch"][-1] + 1e-9)) if len(self.steps["epoch"]) else 0
            columns = {name: values[columns["epoch"] <= ended] for name, values in columns.items()}
        return dict(columns)

    @cached_property
    def steps_per_epoch(self) -> float:
        """Steps of one epoch."""
        size = max(1, self.settings.batch_size)
        return max(1.0, np.ceil(len(self.data.train) / size)) if self.data is not None else self._seen_per_epoch

    @cached_property
    def _seen_per_epoch(self) -> float:
        steps = self.steps
        done = float(steps["epoch"][-1]) if len(steps["epoch"]) else 0.0
        return max(1.0, float(steps["step"][-1]) / done) if done > 0 else 1.0

    @cached_property
    def step(self) -> int:
        """The last step that is looked at."""
        return int(self.steps["step"][-1]) if len(self.steps["step"]) else 0

    def measured(self, quantity: str) -> Measured | None:
        """A quantity over time: what the probes measured, or else one reading of the present weights."""
        probes = getattr(self.run, "probes", None)
        found = None
        if probes is not None:
            try:
                found = probes.series(quantity)
            except (LeptonError, KeyError):
                found = None
        if found is not None and len(found.steps):
            steps = np.asarray(found.steps, dtype=np.int64)
            values = np.asarray(found.values, dtype=np.float64)
            keep = steps <= self.upto if self.upto is not None else np.ones(len(steps), bool)
            if keep.any() and np.isfinite(values[keep][-1]).any():
                return Measured(steps[keep], values[keep], tuple(found.labels))
            if not keep.any():
                return None
        return self._read_once(quantity)

    def _read_once(self, quantity: str) -> Measured | None:
        if self.upto is not None and self.run is not None and self.run.status.step > self.upto:
            return None  # the present weights say nothing about the past
        reading = self.reading
        if reading is None:
            return None
        if quantity not in reading.quantities:
            return None
        labels, values = reading.quantities[quantity]
        return Measured(np.array([self.step], dtype=np.int64), values[None], labels, live=False)


_PARAMETERS = frozenset({"weight", "bias", "gamma", "beta", "scale", "offset"})
