"""Samples of a split as people can look at them: a picture, a text, a row of a table, or a series of numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lepton_lab.data import DataBundle

__all__ = ["Sample", "read_samples"]

_LONGEST_TEXT = 300  # characters
_MOST_VALUES = 256  # of a series
_MOST_CELLS = 40  # columns of a row
_MOST_PIXELS = 96  # on a side


@dataclass(frozen=True)
class Sample:
    """One sample.

    Attributes:
        kind: What it is.
        pixels: Of a picture, uint8 (H, W) or (H, W, 3); None otherwise.
        text: Of a text.
        cells: Of a row: the columns with their values.
        values: Of a series.
    """

    kind: Literal["picture", "text", "row", "series"]
    pixels: NDArray[np.uint8] | None = None
    text: str = ""
    cells: tuple[tuple[str, str], ...] = ()
    values: tuple[float, ...] = ()


def read_samples(data: DataBundle, split: str, rows: Iterable[int]) -> list[Sample]:
    """The samples with these numbers.

    Args:
        data: The data.
        split: Which part of it.
        rows: Numbers within the split.
    """
    source = data.splits[split]
    stored = source.tensors()
    return [_sample(data, source, stored[0] if stored is not None else None, int(row)) for row in rows]


def _sample(data: DataBundle, split: Any, stored: torch.Tensor | None, row: int) -> Sample:
    decode = getattr(data.preprocessing, "decode", None)
    if decode is not None and stored is not None:
        text = str(decode(stored[row]))
        return Sample("text", text=text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT].rstrip() + " …")
    prepared = split.sample(row)[0]
    if prepared.dim() == 3 and prepared.shape[0] in (1, 3):
        raw = stored[row] if stored is not None and stored[row].shape == prepared.shape else prepared
        return Sample("picture", pixels=_pixels(raw))
    if data.preprocessing.feature_names:
        return Sample("row", cells=_cells(data, prepared))
    if prepared.dim() == 1 and prepared.numel() <= _MOST_CELLS:
        return Sample("row", cells=tuple((f"x{i}", f"{v:.4g}") for i, v in enumerate(prepared.tolist(), 1)))
    line = prepared.reshape(-1)[:: max(1, prepared.numel() // _MOST_VALUES)][:_MOST_VALUES]
    return Sample("series", values=tuple(float(v) for v in line))


def _pixels(x: torch.Tensor) -> NDArray[np.uint8]:
    """(C, H, W) as bytes; what is no byte yet is stretched from its least to its greatest value."""
    shrink = -(-max(x.shape[1:]) // _MOST_PIXELS)
    x = x[:, ::shrink, ::shrink]
    if x.dtype != torch.uint8:
        x = x.float()
        low, high = x.min(), x.max()
        x = ((x - low) / (high - low).clamp(min=1e-12) * 255).round().to(torch.uint8)
    array = x.permute(1, 2, 0).contiguous().numpy()
    return array[:, :, 0] if array.shape[2] == 1 else array


def _cells(data: DataBundle, prepared: torch.Tensor) -> tuple[tuple[str, str], ...]:
    """The columns of a table as they were, read back from what the network saw."""
    columns = {c.name: c for c in getattr(data.preprocessing, "columns", ())}
    numbers, at, found = prepared.reshape(-1).tolist(), 0, []
    for name, width in data.preprocessing.feature_widths[:_MOST_CELLS]:
        part, at = numbers[at : at + width], at + width
        found.append((name, _value(columns.get(name), part)))
    return tuple(found)


def _value(column: Any, part: list[float]) -> str:
    if column is None or not part:
        return ", ".join(f"{v:.4g}" for v in part)
    if column.kind == "category":
        place = int(part[0]) if len(part) == 1 and len(column.categories) > 1 else int(np.argmax(part))
        return column.categories[place] if 0 <= place < len(column.categories) else "other or missing"
    value = part[0] * column.scale + column.mean
    if column.kind == "date":
        return str(np.datetime64(int(column.newest - value * 86400), "s").astype("datetime64[D]"))
    return f"{value:.4g}"
