"""The probes of one run at work: what is due, hooks on the steps that are measured, one transfer, the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lepton_lab.probes.activations import add_sums
from lepton_lab.probes.base import Moment, Probe, Sums
from lepton_lab.probes.budget import Keeper
from lepton_lab.probes.layers import Layer, Layers, first_tensor, units_axis
from lepton_lab.probes.log import Column, Layout, Measurement, ProbeLog
from lepton_lab.probes.schedules import NEVER, Place

__all__ = ["Session", "Watch"]

_LATE = frozenset({"update", "after"})


class Watch:
    """Hooks that look at every watched layer's outputs while it is open, and are gone afterwards.

    Args:
        session: Whose probes look.
        sums: Whether sums over the outputs are wanted.
        observers: Probes that look themselves.

    Attributes:
        sums: The sums by number of layer, once closed.
        seconds: Time that the hooks took.
    """

    def __init__(self, session: Session, sums: bool, observers: list[Probe]) -> None:
        self.session, self.wants_sums, self.observers = session, sums, observers
        self.sums: dict[int, Sums] = {}
        self.seconds = 0.0
        self._called: list[str] = []
        self._by_path: dict[str, Sums] = {}
        self._axis = 1
        self._handles: list[Any] = []

    def __enter__(self) -> Watch:
        layers = self.session.layers
        try:
            if not layers.ordered:
                for path, part in [(w.path, w.module) for w in layers.watched] + layers.owner_modules():
                    if path.startswith(layers.closed):
                        continue
                    self._hook(part, lambda *_, path=path: self._called.append(path))
            if self.wants_sums or self.observers:
                for layer in layers.watched:
                    self._hook(layer.module, self._look(layer))
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes all hooks away; a second call does nothing."""
        if not self._handles:
            return
        self._remove()
        layers = self.session.layers
        layers.order_by(self._called)
        found = {layer.index: self._by_path[layer.path] for layer in layers.watched if layer.path in self._by_path}
        self.sums = dict(sorted(found.items()))

    def _hook(self, part: nn.Module, look: Callable[..., None]) -> None:
        self._handles.append(part.register_forward_hook(look))

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _look(self, layer: Layer) -> Callable[..., None]:
        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            start = time.perf_counter()
            y = first_tensor(output)
            if y is not None:
                with torch.no_grad():
                    self._take(layer, y.detach())
            self.seconds += time.perf_counter() - start

        return look

    def _take(self, layer: Layer, y: Tensor) -> None:
        if self.wants_sums:
            self._axis = units_axis(layer.module, y, self._axis)
            try:
                known = self._by_path.get(layer.path)
                self._by_path[layer.path] = add_sums(known, y, max(0, self._axis), layer.never_negative)
            except Exception as error:  # out of memory: the training goes on without this
                self.session.drop(None, error)
        for probe in list(self.observers):
            try:
                probe.observe(layer, y)
            except Exception as error:
                self.observers.remove(probe)
                self.session.drop(probe, error)


class Session:
    """Decides when to measure, measures, and keeps the record.

    Threads: used by the thread that trains alone; what it appends to `log` may be read from any.

    Args:
        probes: The probes.
        layers: The module's layers.
        log: Where readings go.
        budget: Share of the time that measuring may take; None for no limit.
        step_seconds: What a step takes.
        problem: Told, in one sentence, what a probe could not do.

    Attributes:
        due: The next step to be measured.
    """

    def __init__(
        self,
        probes: Iterable[Probe],
        layers: Layers,
        log: ProbeLog,
        budget: float | None,
        step_seconds: float,
        problem: Callable[[str], object],
    ) -> None:
        self.probes, self.layers, self.log = list(probes), layers, log
        self.keeper = Keeper(budget, step_seconds)
        self.due = 0
        self._problem = problem
        self._last: dict[str, int] = {}
        self._wish: dict[str, int] = {}
        self._found: list[tuple[Probe, Tensor]] = []
        self._waiting: list[tuple[Transfer, int, float, Layout]] = []
        self._layouts: dict[tuple[Any, ...], Layout] = {}
        for probe in self.probes:
            probe.begin(layers)
            if hasattr(probe, "frames"):  # a run that goes on keeps what it has
                probe.frames = [frame for _, frame in sorted(log.kept_frames().items())]
        log.set_cost(budget=budget)

    def plan(self, step: int, place: Place) -> None:
        """Finds the next step to measure.

        Args:
            step: Number of the step to be trained next, from 1.
            place: Where in its epoch that is.
        """
        # what was due before the budget allows it is made up for then: else a probe on rare steps would starve
        # beside one that takes every step that can be afforded
        first = self.keeper.earliest(step)
        self._wish = {p.name: max(first, p.schedule.next(step, place, self._last.get(p.name, 0))) for p in self.probes}
        self.due = min(self._wish.values(), default=NEVER)

    def chosen(self, step: int) -> list[Probe]:
        """The probes that measure at `step`."""
        return [p for p in self.probes if self._wish.get(p.name, NEVER) <= step]

    def wants(self, step: int) -> set[str]:
        """What has to be there for the probes that measure at `step`."""
        return set().union(*(p.needs for p in self.chosen(step)))

    def watch(self, step: int) -> Watch:
        """Hooks for the probes that measure at `step`; use it in a `with` statement around the forward pass."""
        chosen = self.chosen(step)
        observers = [p for p in chosen if type(p).observe is not Probe.observe]
        return Watch(self, any("sums" in p.needs for p in chosen), observers)

    def compute(self, moment: Moment, *, late: bool) -> None:
        """Lets the probes compute on the device: those that need the finished step `late`, the others before.

        Gradients may be clipped in place between the two.
        """
        for probe in self.chosen(moment.step):
            if (not probe.needs.isdisjoint(_LATE)) is not late:
                continue
            try:
                with torch.no_grad():
                    found = probe.compute(moment)
            except Exception as error:  # a stranger's probe, or no memory: the training goes on without it
                self.drop(probe, error)
                continue
            if found is not None:
                self._found.append((probe, found.detach().float()))

    def finish(self, step: int, epoch: float) -> None:
        """Sends everything that was computed off in one transfer."""
        found, self._found = self._found, []
        for probe in self.chosen(step):
            self._last[probe.name] = step
        good = []
        for probe, values in found:
            if values.dim() < 1 or len(values) != len(probe.labels(self.layers)):
                shape = f"{tuple(values.shape)} for {len(probe.labels(self.layers))} labels"
                self.drop(probe, ValueError(f"it computed values of shape {shape}"))
            elif len(values):
                good.append((probe, values))
        if good:
            layout = self._layout([(probe, tuple(values.shape)) for probe, values in good])
            flat = torch.cat([values.reshape(-1) for _, values in good])
            self._waiting.append((Transfer(flat), step, epoch, layout))
        for probe in self.probes:
            frames = getattr(probe, "frames", None)
            if frames is not None and self._last.get(probe.name) == step:
                self.log.set_frames(frames)

    def forget(self) -> None:
        """Drops what was computed of a step that did not come to its end."""
        self._found.clear()

    def collect(self, *, wait: bool = False) -> None:
        """Takes what has arrived into the record."""
        while self._waiting and (wait or self._waiting[0][0].ready()):
            transfer, step, epoch, layout = self._waiting.pop(0)
            self.log.append(Measurement(step, epoch, layout, transfer.array()))

    def tell_cost(self) -> None:
        """Writes the present cost into the record."""
        keeper = self.keeper
        self.log.set_cost(share=keeper.share, seconds=keeper.spent, measured=keeper.measured, spacing=keeper.spacing)

    def drop(self, probe: Probe | None, error: Exception) -> None:
        """Goes on without a probe that failed; without a probe's name the sums over outputs failed."""
        lost = [p for p in self.probes if p is probe or (probe is None and "sums" in p.needs)]
        if lost:
            names = ", ".join(repr(p.name) for p in lost)
            self.probes = [p for p in self.probes if p not in lost]
            first = str(error).split("\n")[0]
            self._problem(f"the probe {names} was switched off: {type(error).__name__}: {first}")

    def _layout(self, columns: list[tuple[Probe, tuple[int, ...]]]) -> Layout:
        key = tuple((p.name, shape) for p, shape in columns)
        if key not in self._layouts:
            self._layouts[key] = tuple(
                Column(p.name, p.labels(self.layers), p.unit, shape, p.edges) for p, shape in columns
            )
        return self._layouts[key]


class Transfer:
    """Numbers on their way from the device; on a GPU nobody waits for them.

    Args:
        values: The numbers, one after the other.
    """

    def __init__(self, values: Tensor) -> None:
        self._event: Any = None
        if values.device.type == "cuda":
            self._host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
            self._host.copy_(values, non_blocking=True)
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record()
        else:
            self._host = values.cpu()

    def ready(self) -> bool:
        """Whether they are there."""
        return self._event is None or bool(self._event.query())

    def array(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The numbers; waits for them."""
        if self._event is not None:
            self._event.synchronize()
        return self._host.numpy().copy() if self._event is not None else self._host.numpy()
