"""Layers over time: gradients, updates, weights and activations of a run, and of a second one beside it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets

from lepton_lab.errors import UnknownNameError
from lepton_lab.probes.log import Measurement
from lepton_lab.widgets._base import Reply, Widget, command
from lepton_lab.widgets.gradient_monitor_rows import HISTOGRAMS, histogram_at, rows_of, thinned
from lepton_lab.widgets.gradient_monitor_source import AnyRun, find_run, generation_of, layer_sizes, run_choices
from lepton_lab.widgets.gradient_monitor_still import still_picture

__all__ = ["GradientMonitor"]

_SIDES = ("run", "against")


class GradientMonitor(Widget):
    """Shows what reaches each layer while a run trains, and since when it does not.

    The heat map has a row a layer and time from left to right; histograms and update ratios share its rows. A click or
    Enter on a layer opens its curves. Readings come from the run's probes (`Trainer(..., probes="standard")`).

    Args:
        run: A run, its id or its name; of this process or of another.
        against: A second run to compare with.
        **traits: `show` ("gradients", "weights", "activations"), `layer`.

    Raises:
        UnknownNameError: There is no such run.

    Attributes:
        run_id: Id of the run; assign another one to look at that.
        against_id: Id of the second run; empty for none.
        show: What is drawn.
        layer: The layer whose curves are open; empty for none.
        at: Step whose histograms are shown; -1 for the newest.
    """

    _bundle = "gradient_monitor"

    run_id = traitlets.Unicode().tag(sync=True)
    against_id = traitlets.Unicode().tag(sync=True)
    show = traitlets.Enum(["gradients", "weights", "activations"], "gradients").tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    at = traitlets.Int(-1).tag(sync=True)

    def __init__(self, run: AnyRun | str | None = None, against: AnyRun | str | None = None, **traits: Any) -> None:
        self._readers: dict[str, _Reader | None] = dict.fromkeys(_SIDES)
        self._sent: dict[str, tuple[int, Any]] = {}
        self._lock = threading.Lock()
        super().__init__(**traits)
        self.use(run if run is not None else self.run_id or None, against if against is not None else self.against_id)
        self.observe(self._chosen, ["run_id", "against_id"])

    def use(self, run: AnyRun | str | None, against: AnyRun | str | None = None) -> None:
        """Looks at other runs from now on.

        Args:
            run: A run, its id or its name; None for none.
            against: A second one to compare with; None for none.

        Raises:
            UnknownNameError: There is no such run.
        """
        found = {"run": find_run(run), "against": find_run(against)}
        with self._lock:
            for side, one in found.items():
                self._readers[side] = _Reader(one) if one is not None else None
            self._sent.clear()
        ids = {side: one.id if one is not None else "" for side, one in found.items()}
        self.run_id, self.against_id = ids["run"], ids["against"]
        self.push("reset")
        self.refresh_still()

    @command
    def catch_up(self) -> Reply:
        """Everything so far, thinned to what one message may hold; the streams go on from its cursors."""
        about: dict[str, Any] = {}
        buffers: list[Any] = []
        for side in _SIDES:
            reader = self._reader(side)
            if reader is None:
                about[side] = None
                continue
            found, cursor, generation = reader.all()
            part, arrays = _packed(found, reader, cursor, generation, len(buffers))
            about[side] = {**part, "name": reader.run.name, "sizes": reader.sizes()}
            buffers += arrays
        return Reply(about, buffers)

    @command
    def histogram(self, quantity: str, step: int = -1) -> Reply:
        """Histograms of one step, or of the newest where `step` is negative, of both runs."""
        if quantity not in HISTOGRAMS:
            raise UnknownNameError("histogram", quantity, HISTOGRAMS)
        about: dict[str, Any] = {}
        buffers: list[Any] = []
        for side in _SIDES:
            reader = self._reader(side)
            found = histogram_at(reader.all()[0], quantity, step if step >= 0 else None) if reader else None
            about[side] = _told(found, buffers)
        return Reply(about, buffers)

    @command
    def choices(self) -> list[dict[str, str]]:
        """The newest runs of the workspace, to choose from."""
        return run_choices()

    @command
    def look_at(self, run_id: str, against_id: str = "") -> None:
        """Opens other runs by their ids or names."""
        self.use(run_id or None, against_id or None)

    def pulse(self) -> None:
        """Sends the measured steps that are new, with the newest histograms."""
        for side in _SIDES:
            reader = self._reader(side)
            if reader is None:
                continue
            measurements, count, generation = reader.all()
            known, before = self._sent.get(side, (count, generation))
            if before != generation or count < known:
                self._sent[side] = (count, generation)
                self.push("reset")
                continue
            if side in self._sent and count == known and not reader.changed():
                continue
            self._sent[side] = (count, generation)
            new = measurements[known:count]
            part, buffers = _packed(thinned(new), reader, count, generation, 0, histograms=bool(new))
            self.push("rows", {**part, "side": side, "from": known}, buffers)
        self.refresh_still()

    def still(self) -> str | None:
        """The heat map as a picture."""
        reader = self._reader("run")
        return still_picture(reader.run.name, thinned(reader.all()[0], 4000), reader.sizes()) if reader else None

    def _reader(self, side: str) -> _Reader | None:
        with self._lock:
            return self._readers[side]

    def _chosen(self, change: Any) -> None:
        readers = {side: self._reader(side) for side in _SIDES}
        now = {side: one.run.id if one else "" for side, one in readers.items()}
        if now == {"run": self.run_id, "against": self.against_id}:
            return
        try:
            self.use(self.run_id or None, self.against_id or None)
        except Exception as error:
            self.show_error(error)


class _Reader:
    """Reads one run's measurements.

    Args:
        run: The run.

    Threads: safe.
    """

    def __init__(self, run: AnyRun) -> None:
        self.run = run
        self._sizes: dict[str, int] | None = None
        self._state: Any = None

    def all(self) -> tuple[list[Measurement], int, Any]:
        """All measured steps, their number, and the generation that they belong to."""
        generation = generation_of(self.run)
        found, count = self.run.probes.measurements()
        return found, count, generation

    def sizes(self) -> dict[str, int]:
        """Parameters of each layer; empty where unknown or not built yet."""
        if not self._sizes:
            self._sizes = layer_sizes(self.run)
        return self._sizes

    def about(self) -> dict[str, Any]:
        """State and cost, as plain data."""
        status = self.run.status
        return {
            "state": str(status.state), "step": status.step, "cost": self.run.probes.cost().to_json(),
            "probes": list(self.run.settings.get("probes") or ()),
        }  # fmt: skip

    def changed(self) -> bool:
        """Whether the run's state is another one than at the last call."""
        before, self._state = self._state, str(self.run.status.state)
        return bool(before != self._state)


def _packed(
    measurements: Sequence[Measurement], reader: _Reader, cursor: int, generation: Any, first: int,
    histograms: bool = True,
) -> tuple[dict[str, Any], list[Any]]:  # fmt: skip
    """Rows and newest histograms as content and buffers; `first` is the number of the first buffer."""
    rows = rows_of(measurements)
    buffers: list[Any] = [*rows.buffers()]
    newest: dict[str, Any] = {}
    if histograms:
        for name in HISTOGRAMS:
            inner: list[Any] = []
            told = _told(histogram_at(measurements, name, None), inner)
            if told is not None:
                newest[name] = {**told, "buffer": first + len(buffers)}
                buffers += inner
    content = {
        **rows.content(), **reader.about(), "until": cursor, "generation": str(generation), "histograms": newest,
        "first": first,
    }  # fmt: skip
    return content, buffers


def _told(found: dict[str, Any] | None, buffers: list[Any]) -> dict[str, Any] | None:
    """Says what a histogram is, and adds its array."""
    if found is None:
        return None
    buffers.append(np.asarray(found["values"], dtype=np.float32))
    edges = [e if np.isfinite(e) else None for e in found["edges"]]
    return {"step": found["step"], "labels": list(found["labels"]), "edges": edges, "buffer": len(buffers) - 1}
