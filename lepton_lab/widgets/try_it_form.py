"""A row of a table as a form: one field a feature, with the range, the choices and a usual value from the data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lepton_lab.data import DataBundle
from lepton_lab.data.bundle import Split
from lepton_lab.data.table_preprocessing import FittedColumn, TablePreprocessing
from lepton_lab.errors import DataError

__all__ = ["MAX_FIELDS", "fields_of", "row_of", "sample_of"]

MAX_FIELDS = 64
"""Of a form; data with more features is tried with samples of its own, or with a file of rows."""

_ROWS = 5000  # training rows from which ranges and usual values are taken
_DAY_S = 86400.0
_ROUNDING_S = 600.0  # days were kept as float32: midnight must not become the evening before


def fields_of(data: DataBundle) -> list[dict[str, Any]]:
    """The fields, in the order of the features.

    Returns:
        Each with `name`, `kind` ("number", "choice" or "date"), `value` (the median, or the most frequent one), and for
        numbers `low`, `high` and `step` ("any" or 1), for choices `choices`.
    """
    rows = _stored(data.train, _ROWS)
    if isinstance(data.preprocessing, TablePreprocessing):
        known = {c.name: c for c in data.columns}
        found = []
        for column, values in _columns(data.preprocessing, rows):
            info = known.get(column.name)
            if column.kind == "category":
                words = [w for w in values if w]
                usual = max(set(words), key=words.count) if words else ""
                found.append(
                    {"name": column.name, "kind": "choice", "value": usual, "choices": list(column.categories)}
                )
            elif column.kind == "date":
                days = np.asarray(values, np.float64)
                ends = {"low": _date(column, float(days.max())), "high": _date(column, float(days.min()))}
                found.append(
                    {"name": column.name, "kind": "date", "value": _date(column, float(np.median(days))), **ends}
                )
            else:
                low, high = (getattr(info, end, None) for end in ("low", "high"))
                found.append(_number(column.name, np.asarray(values, np.float64), low, high))
        return found
    names = [c.name for c in data.columns if c.role == "feature"]
    numbers = rows.double().numpy()
    if len(names) != numbers.shape[1]:
        names = list(data.preprocessing.feature_names) or [f"x{i + 1}" for i in range(numbers.shape[1])]
    return [_number(name, numbers[:, i], None, None) for i, name in enumerate(names)]


def row_of(data: DataBundle, split: Split, index: int) -> dict[str, Any]:
    """What the form shows for a sample of a split."""
    stored = split.tensors()
    if stored is None:
        raise DataError("the rows of this data are not kept in memory", do="Type one, or give a file of rows")
    row = stored[0][index : index + 1]
    if isinstance(data.preprocessing, TablePreprocessing):
        values: dict[str, Any] = {}
        for column, found in _columns(data.preprocessing, row):
            value = found[0]
            if column.kind == "date":
                value = _date(column, float(value))
            values[column.name] = value if isinstance(value, str) else _short(float(value))
        return values
    names = [field["name"] for field in fields_of(data)]
    return {name: _short(float(v)) for name, v in zip(names, row[0].tolist(), strict=True)}


def sample_of(data: DataBundle, values: Mapping[str, Any]) -> Tensor:
    """A form as a prepared sample, without the batch axis; an empty field counts as a missing value.

    Raises:
        DataError: A field that must be a number is none.
    """
    if isinstance(data.preprocessing, TablePreprocessing):
        row = {c.reads: _given(values.get(c.reads)) for c in data.preprocessing.columns}
        return data.preprocessing(row)[0]
    fields = fields_of(data)
    numbers = []
    for field in fields:
        given = values.get(field["name"], "")
        try:
            number = float(field["value"] if given in ("", None) else given)
        except (TypeError, ValueError):
            number = float("nan")
        if not np.isfinite(number):
            raise DataError(f"{field['name']} is not a number", received=repr(given), do="Type a number")
        numbers.append(number)
    return data.prepare(torch.tensor([numbers]))[0]


def _stored(split: Split, most: int) -> Tensor:
    stored = split.tensors()
    if stored is not None:
        rows = torch.linspace(0, len(split) - 1, min(most, len(split))).long()
        return stored[0][rows]
    return torch.stack([split.sample(i)[0] for i in range(min(200, len(split)))])


def _columns(preprocessing: TablePreprocessing, rows: Tensor) -> list[tuple[FittedColumn, list[Any]]]:
    """The columns that have a field, each with what stored rows had: words, numbers, days before the newest."""
    found: list[tuple[FittedColumn, list[Any]]] = []
    indices = preprocessing.encode == "indices"
    at = 0
    for place, column in enumerate(preprocessing.columns):
        width = column.index_count if indices or column.kind == "category" else 1
        if indices:
            codes = rows[:, place].numpy() - at
        elif column.kind == "category":
            codes = rows[:, at : at + width].argmax(1).numpy()
        else:
            codes = rows[:, at].double().numpy() * column.scale + column.mean
        at += width
        if column.kind == "category":
            words = [*column.categories, ""]
            found.append((column, [words[min(int(c), len(words) - 1)] for c in codes]))
        elif column.kind != "mark":
            values = _middles(column)[np.minimum(codes, len(column.edges))] if indices else codes
            found.append((column, values.tolist()))
    return found


def _middles(column: FittedColumn) -> NDArray[np.float64]:
    """A number for each bin of a column whose numbers became indices."""
    edges = np.asarray(column.edges or (column.mean,), np.float64)
    ends = np.concatenate([[edges[0] - column.scale / 2], edges, [edges[-1] + column.scale / 2]])
    middles: NDArray[np.float64] = (ends[1:] + ends[:-1]) / 2
    return middles


def _number(name: str, values: NDArray[np.float64], low: Any, high: Any) -> dict[str, Any]:
    ends = [e if isinstance(e, int | float) else f() for e, f in ((low, values.min), (high, values.max))]
    whole = bool((np.abs(values - np.rint(values)) <= 1e-4 * np.maximum(1, np.abs(values))).all())
    whole = whole and all(float(e).is_integer() for e in (round(float(e), 3) for e in ends))
    middle = float(np.median(values))
    return {
        "name": name, "kind": "number", "value": round(middle) if whole else _short(middle),
        "low": _short(float(ends[0])), "high": _short(float(ends[1])), "step": 1 if whole else "any",
    }  # fmt: skip


def _date(column: FittedColumn, days: float) -> str:
    seconds = column.newest - days * _DAY_S + _ROUNDING_S
    return datetime.fromtimestamp(seconds, tz=UTC).date().isoformat()


def _given(value: Any) -> Any:
    return None if value is None or (isinstance(value, str) and not value.strip()) else value


def _short(x: float) -> float:
    return float(f"{x:.5g}")
