"""Readings of probes as columns for a view: few enough rows, one array a quantity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.probes.log import Column, Measurement

__all__ = ["HISTOGRAMS", "QUANTITIES", "Rows", "histogram_at", "rows_of", "thinned"]

QUANTITIES = (
    "grad_norm", "update_ratio", "weight_norm", "act_mean", "act_std", "act_zero", "act_saturated", "dead",
)  # fmt: skip
"""What is drawn over time, a number a layer."""

HISTOGRAMS = ("grad_hist", "weight_hist", "act_hist")
"""What is drawn for one step."""

MAX_NUMBERS = 120_000
"""Numbers of one message: half a mebibyte."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rows:
    """A stretch of readings.

    Attributes:
        steps: The steps (T,).
        values: By quantity (T, L); NaN where a step did not measure it.
        labels: By quantity the names of its L layers.
    """

    steps: NDArray[np.float64]
    values: Mapping[str, Floats]
    labels: Mapping[str, tuple[str, ...]]

    def content(self) -> dict[str, Any]:
        """What a message says of the arrays."""
        return {"columns": [{"quantity": name, "labels": list(self.labels[name])} for name in self.values]}

    def buffers(self) -> list[NDArray[Any]]:
        """The steps as float64, then each quantity as float32, row by row."""
        return [self.steps, *self.values.values()]


def rows_of(measurements: Sequence[Measurement], quantities: Iterable[str] = QUANTITIES) -> Rows:
    """Measured steps as columns; layers in the order of the last step that measured the quantity."""
    found: dict[str, list[tuple[int, Column, Floats]]] = {name: [] for name in quantities}
    for i, measurement in enumerate(measurements):
        offset = 0
        for column in measurement.layout:
            if column.quantity in found and len(column.shape) == 1:
                values = measurement.values[offset : offset + column.size]
                found[column.quantity].append((i, column, values))
            offset += column.size
    by_name: dict[str, Floats] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for name, parts in found.items():
        if not parts:
            continue
        labels[name] = wanted = parts[-1][1].labels
        out = np.full((len(measurements), len(wanted)), np.nan, dtype=np.float32)
        for i, column, numbers in parts:
            if column.labels == wanted:
                out[i] = numbers
            else:
                known = dict(zip(column.labels, numbers, strict=True))
                out[i] = [known.get(label, np.nan) for label in wanted]
        by_name[name] = out
    return Rows(np.array([m.step for m in measurements], dtype=np.float64), by_name, labels)


def thinned(measurements: Sequence[Measurement], most: int = MAX_NUMBERS) -> list[Measurement]:
    """Every n-th measured step and the last one, so that a message holds at most about `most` numbers."""
    if not measurements:
        return []
    wide = sum(c.size for c in measurements[-1].layout if c.quantity in QUANTITIES)
    rows = max(2, most // max(1, wide))
    apart = -(-len(measurements) // rows)
    return list(measurements[::-1][::apart][::-1])  # counted from the end: the newest is always there


def histogram_at(measurements: Sequence[Measurement], quantity: str, step: int | None) -> dict[str, Any] | None:
    """A histogram of the last measured step up to `step`, the newest one where None; None where there is none.

    Returns:
        `step`, `labels`, `edges` and `values` (L, B).
    """
    for measurement in reversed(measurements):
        if step is not None and measurement.step > step:
            continue
        offset = 0
        for column in measurement.layout:
            if column.quantity == quantity:
                values = measurement.values[offset : offset + column.size].reshape(column.shape)
                return {"step": measurement.step, "labels": column.labels, "edges": column.edges, "values": values}
            offset += column.size
    return None
