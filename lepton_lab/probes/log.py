"""What probes have measured: readings that grow, read by cursor or as series."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.errors import UnknownNameError
from lepton_lab.probes.frames import Frame

__all__ = ["Column", "Cost", "Measurement", "ProbeLog", "Reading", "Series"]

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Column:
    """One quantity as all measurements of one layout keep it.

    Attributes:
        quantity: Its name, such as "grad_norm".
        labels: Layers, parameters or classes, in the order of the network.
        unit: Unit of the values.
        shape: Shape of one reading, (L,) or (L, B).
        edges: Edges of the bins of a histogram (B + 1,); empty otherwise.
    """

    quantity: str
    labels: tuple[str, ...]
    unit: str
    shape: tuple[int, ...]
    edges: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """Numbers in one reading."""
        return int(np.prod(self.shape))

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads."""
        return {
            "quantity": self.quantity, "labels": list(self.labels), "unit": self.unit,
            "shape": list(self.shape), "edges": list(self.edges),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Column:
        """Reads what `to_json` wrote."""
        return cls(
            str(data["quantity"]), tuple(map(str, data["labels"])), str(data["unit"]),
            tuple(int(n) for n in data["shape"]), tuple(float(e) for e in data.get("edges", ())),
        )  # fmt: skip


Layout = tuple[Column, ...]


@dataclass(frozen=True)
class Measurement:
    """All that one measured step gave, as it came from the device: one array.

    Attributes:
        step: The step, from 1.
        epoch: Epochs completed, with the share of the present one.
        layout: What lies in `values`, one after the other.
        values: The numbers.
    """

    step: int
    epoch: float
    layout: Layout
    values: FloatArray


@dataclass(frozen=True)
class Reading:
    """One quantity at one step.

    Attributes:
        quantity: Its name.
        step: The step, from 1.
        epoch: Epochs completed, with the share of the present one.
        labels: Layers, parameters or classes.
        unit: Unit of the values.
        values: The numbers, (L,) or (L, B).
        edges: Edges of a histogram's bins; empty otherwise.
    """

    quantity: str
    step: int
    epoch: float
    labels: tuple[str, ...]
    unit: str
    values: FloatArray
    edges: tuple[float, ...] = ()


@dataclass(frozen=True)
class Series:
    """One quantity over the run.

    Attributes:
        steps: The steps that were measured (T,).
        values: (T, L), or (T, L, B) for a histogram; NaN where a layer had nothing to measure.
        labels: Layers, parameters or classes, in the order of the network.
        unit: Unit of the values.
        epochs: Epochs completed at those steps (T,).
        edges: Edges of a histogram's bins (B + 1,); empty otherwise.
    """

    steps: NDArray[np.int64]
    values: FloatArray
    labels: tuple[str, ...]
    unit: str
    epochs: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    edges: tuple[float, ...] = ()

    def __getitem__(self, label: str) -> FloatArray:
        """The values of one layer, parameter or class.

        Raises:
            UnknownNameError: There is none of this name.
        """
        if label not in self.labels:
            raise UnknownNameError("layer", label, self.labels)
        values: FloatArray = self.values[:, self.labels.index(label)]
        return values


@dataclass(frozen=True)
class Cost:
    """What probes cost.

    Attributes:
        share: Share of the training's time that they took.
        budget: Share that they may take; None for no limit.
        seconds: Time that they took.
        measured: Steps that were measured.
        spacing: Steps between two measured ones, as the budget has it now; 0 before the first.
    """

    share: float = 0.0
    budget: float | None = None
    seconds: float = 0.0
    measured: int = 0
    spacing: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> Cost:
        """Reads what `to_json` wrote."""
        return cls(**{k: v for k, v in (data or {}).items() if k in cls.__dataclass_fields__})


class ProbeLog:
    """Everything that the probes of a run have measured.

    Threads: written by the thread that trains, read by any; one lock guards every method.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._measurements: list[Measurement] = []
        self._frames: dict[int, Frame] = {}
        self._cost = Cost()

    def append(self, measurement: Measurement) -> None:
        """Adds a measured step; for the thread that trains."""
        with self._lock:
            self._measurements.append(measurement)

    def set_cost(self, **changes: Any) -> None:
        """Replaces what is known of the cost; for the thread that trains."""
        self._cost = replace(self._cost, **changes)

    def set_frames(self, frames: Iterable[Frame]) -> None:
        """Replaces the feature maps that are kept; for the thread that trains."""
        kept = {frame.step: frame for frame in frames}
        with self._lock:
            self._frames = kept

    def quantities(self) -> list[str]:
        """Names of what was measured so far, sorted; `feature_maps` has `frames` of its own."""
        return sorted({column.quantity for m in self.measurements()[0] for column in m.layout})

    def measurements(self, cursor: int = 0) -> tuple[list[Measurement], int]:
        """Measured steps from number `cursor` on, as they came, and the cursor for the next call."""
        with self._lock:
            found = self._measurements[max(0, cursor) :]
            return found, max(len(self._measurements), cursor)

    def since(self, cursor: int = 0) -> tuple[list[Reading], int]:
        """All readings from the measured step number `cursor` on, and the cursor for the next call."""
        found, after = self.measurements(cursor)
        return [reading for m in found for reading in readings_of(m)], after

    def series(self, quantity: str) -> Series:
        """One quantity over the whole run.

        Raises:
            UnknownNameError: It was not measured.
        """
        found = []
        for m in self.measurements()[0]:
            offset = 0
            for column in m.layout:
                if column.quantity == quantity:
                    found.append((m, column, m.values[offset : offset + column.size].reshape(column.shape)))
                offset += column.size
        if not found:
            raise UnknownNameError("quantity", quantity, self.quantities())
        last = found[-1][1]
        return Series(
            np.array([m.step for m, _, _ in found], dtype=np.int64),
            np.stack([_like(last, column, values) for _, column, values in found]),
            last.labels,
            last.unit,
            np.array([m.epoch for m, _, _ in found], dtype=np.float64),
            last.edges,
        )

    def latest(self, quantity: str) -> Reading:
        """The newest reading of a quantity.

        Raises:
            UnknownNameError: It was not measured yet.
        """
        for m in reversed(self.measurements()[0]):
            for reading in readings_of(m):
                if reading.quantity == quantity:
                    return reading
        raise UnknownNameError("quantity", quantity, self.quantities())

    def kept_frames(self) -> dict[int, Frame]:
        """The feature maps that are kept, by step."""
        with self._lock:
            return dict(self._frames)

    def frames(self) -> list[int]:
        """The steps at which feature maps of the pinned samples were kept, in order."""
        return sorted(self.kept_frames())

    def frame(self, step: int) -> Frame:
        """The feature maps that were kept at a step.

        Raises:
            UnknownNameError: None were kept at this step.
        """
        frames = self.kept_frames()
        if step not in frames:
            raise UnknownNameError("step with feature maps", step, map(str, sorted(frames)))
        return frames[step]

    def cost(self) -> Cost:
        """What the probes cost so far, and how far apart the budget spaces them."""
        return self._cost

    def truncate(self, step: int) -> None:
        """Forgets everything after `step`: what a run that goes on from there begins with."""
        with self._lock:
            self._measurements = [m for m in self._measurements if m.step <= step]
            self._frames = {s: f for s, f in self._frames.items() if s <= step}

    def truncated(self, step: int) -> ProbeLog:
        """A copy that ends with `step`."""
        copy = ProbeLog()
        with self._lock:
            copy._measurements, copy._frames = list(self._measurements), dict(self._frames)
        copy.truncate(step)
        return copy

    def __len__(self) -> int:
        return self.measurements()[1]

    def __repr__(self) -> str:
        return f"<ProbeLog: {len(self)} measured steps of {', '.join(self.quantities()) or 'nothing yet'}>"


def readings_of(measurement: Measurement) -> list[Reading]:
    """A measured step's readings, one a quantity; their arrays share its memory."""
    found, offset = [], 0
    for c in measurement.layout:
        values = measurement.values[offset : offset + c.size].reshape(c.shape)
        found.append(Reading(c.quantity, measurement.step, measurement.epoch, c.labels, c.unit, values, c.edges))
        offset += c.size
    return found


def _like(wanted: Column, column: Column, values: FloatArray) -> FloatArray:
    """Values in the order of another column's labels; NaN for those that are missing."""
    if column.labels == wanted.labels and column.shape == wanted.shape:
        return values
    out = np.full(wanted.shape, np.nan, dtype=np.float32)
    if column.shape[1:] == wanted.shape[1:]:
        at: Sequence[str] = column.labels
        for i, label in enumerate(wanted.labels):
            if label in at:
                out[i] = values[at.index(label)]
    return out
