"""Columns of a table as numbers: fitted on training rows with scikit-learn, saved as JSON and arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from typing_extensions import override

from lepton_lab.data.preprocessing import Preprocessing, register_preprocessing
from lepton_lab.data.table_words import MISSING, parse_numbers
from lepton_lab.errors import DataError

__all__ = ["FittedColumn", "TablePreprocessing", "fit_column"]

_BINS = 16
_CHUNK = 8192  # rows
_MEDIAN_OF = 100_000  # numbers are plenty for a value that stands in for missing ones
Floats = npt.NDArray[np.float32]
Kind = Literal["number", "category", "date", "mark"]


@dataclass(frozen=True)
class FittedColumn:
    """What was learnt about one column.

    Attributes:
        name: Its name.
        kind: "number", "category", "date", or "mark" for 1 where a value of `of` is missing.
        fill: Stands in for missing numbers: the median. Dates are days before the newest in training.
        mean: Mean, after filling.
        scale: Deviation; 1 for a constant column.
        newest: The newest date in training, in seconds since 1970.
        categories: Those with an output of their own; the output after them takes all others and missing ones.
        edges: Borders of the bins where numbers become indices.
        joined: Words that are read as another one, each with that one.
        of: The column that a mark belongs to.
    """

    name: str
    kind: Kind
    fill: float = 0.0
    mean: float = 0.0
    scale: float = 1.0
    newest: float = 0.0
    categories: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    joined: tuple[tuple[str, str], ...] = ()
    of: str = ""

    @property
    def reads(self) -> str:
        """The column of the table that it is made from."""
        return self.of or self.name

    def numbers(self, values: pd.Series[Any]) -> Floats:
        """Scaled numbers, missing ones filled; float32 (N,)."""
        raw = self._raw(values)
        scaled = ((raw - self.mean) / self.scale).astype(np.float32, copy=False)
        scaled[~np.isfinite(raw)] = (self.fill - self.mean) / self.scale
        return scaled

    def encoded(self, values: pd.Series[Any]) -> npt.NDArray[Any]:
        """Numbers of numbers and dates, codes of categories, (N,)."""
        return self.codes(values) if self.kind == "category" else self.numbers(values)

    def codes(self, values: pd.Series[Any]) -> npt.NDArray[np.int64]:
        """Index of each value's category, or of its bin; unknown and missing ones get the last index."""
        if self.kind != "category":
            raw = self._raw(values)
            codes = np.searchsorted(np.asarray(self.edges), raw, side="right").astype(np.int64)
            return np.where(np.isfinite(raw), codes, len(self.edges) + 1)
        words = as_words(values)
        last = len(self.categories)
        place = {word: i for i, word in enumerate(self.categories)}
        for word in [w for w in place if w.lower() in ("true", "false")]:  # a file says true, Python says True
            place = {word.lower(): place[word], word.capitalize(): place[word], **place}
        place |= {word: place.get(meant, last) for word, meant in self.joined}
        by_code = np.array([*(place.get(str(w), last) for w in words.cat.categories), last], dtype=np.int64)
        return by_code[words.cat.codes.to_numpy()]

    @property
    def index_count(self) -> int:
        """How many different `codes` there are."""
        return len(self.categories) + 1 if self.kind == "category" else len(self.edges) + 2

    def _raw(self, values: pd.Series[Any]) -> npt.NDArray[Any]:
        if self.kind == "date":
            dates = (
                values
                if pd.api.types.is_datetime64_any_dtype(values.dtype)
                else pd.to_datetime(values, errors="coerce", format="mixed")
            )
            seconds = dates.to_numpy("datetime64[s]")
            days = (self.newest - seconds.astype(np.int64)) / 86400.0
            return np.where(np.isnat(seconds), np.nan, days)
        if self.kind == "mark":
            return values.isna().to_numpy(np.float64)
        return as_numbers(values, self.name)


@register_preprocessing
class TablePreprocessing(Preprocessing):
    """Fills, scales and encodes a table's columns.

    Args:
        columns: The fitted columns, in the order of the outputs.
        encode: "onehot" gives float32 (N, D); "indices" gives int64 (N, columns), all columns in one vocabulary for
            an Embedding: categories by their number, numbers by the sixteenth of the training values they fall in.
    """

    kind = "table"

    def __init__(self, columns: Sequence[FittedColumn], encode: str = "onehot") -> None:
        self.columns, self.encode = tuple(columns), encode

    @property
    @override
    def feature_names(self) -> tuple[str, ...]:
        names: list[str] = []
        for column in self.columns:
            if column.kind == "category" and self.encode == "onehot":
                names += [f"{column.name} = {category}" for category in (*column.categories, "other")]
            else:
                names.append(column.name)
        return tuple(names)

    @property
    @override
    def feature_widths(self) -> tuple[tuple[str, int], ...]:
        onehot = self.encode == "onehot"
        return tuple((c.name, c.index_count if onehot and c.kind == "category" else 1) for c in self.columns)

    @property
    def index_count(self) -> int:
        """Size of the vocabulary for an Embedding, with encode="indices"."""
        return sum(column.index_count for column in self.columns)

    def encode_columns(self, table: Mapping[str, pd.Series[Any]]) -> Tensor:
        """Columns by name as a stored batch: float32 (N, D), or int64 (N, columns)."""
        if self.encode == "indices":
            return self.join_indices([column.codes(table[column.reads]) for column in self.columns])
        return self.interleave([column.encoded(table[column.reads]) for column in self.columns])

    def join_indices(self, codes: Sequence[npt.NDArray[Any]]) -> Tensor:
        """Codes of the columns side by side, each moved up by those before it, int64 (N, columns)."""
        offsets = np.cumsum([0, *(column.index_count for column in self.columns[:-1])])
        return torch.from_numpy(np.stack(codes, axis=1).astype(np.int64, copy=False) + offsets)

    def interleave(self, encoded: Sequence[npt.NDArray[Any]]) -> Tensor:
        """Encoded columns side by side, float32 (N, D): numbers as they are, indices as one-hot rows."""
        count, width = len(encoded[0]), len(self.feature_names)
        out = torch.empty(count, width)
        for start in range(0, count, _CHUNK):  # a chunk stays in the cache while its columns are written
            block, at = np.zeros((width, min(_CHUNK, count - start)), np.float32), 0
            for column, values in zip(self.columns, encoded, strict=True):
                part = values[start : start + _CHUNK]
                if column.kind == "category":
                    block[at + part, np.arange(len(part))] = 1
                    at += column.index_count
                else:
                    block[at] = part
                    at += 1
            out[start : start + _CHUNK] = torch.from_numpy(block).t()
        return out

    @override
    def transform_raw(self, raw: Any) -> Tensor:
        frame = self._frame(raw)
        missing = [column.reads for column in self.columns if column.reads not in frame.columns]
        if missing:
            raise DataError(
                f"{len(missing)} columns are missing",
                expected=", ".join(column.name for column in self.columns[:20]),
                received=f"no {', '.join(missing[:10])}",
                do="Give every column that training had; a value may be None",
            )
        return self.encode_columns({column.reads: frame[column.reads] for column in self.columns})

    def _frame(self, raw: Any) -> pd.DataFrame:
        names = list(dict.fromkeys(column.reads for column in self.columns))
        if isinstance(raw, pd.DataFrame):
            frame = raw
        elif isinstance(raw, pd.Series):
            frame = raw.to_frame().T
        elif isinstance(raw, Mapping):
            listed = any(isinstance(v, (list, tuple, np.ndarray, pd.Series)) for v in raw.values())
            frame = pd.DataFrame(dict(raw)) if listed else pd.DataFrame([dict(raw)])
        elif isinstance(raw, Sequence) and raw and isinstance(raw[0], Mapping):
            frame = pd.DataFrame(list(raw))
        else:
            values = np.asarray(raw, dtype=object)
            values = values[None] if values.ndim == 1 else values
            if values.ndim != 2 or values.shape[1] != len(names):
                raise DataError(
                    "the rows have another number of columns",
                    expected=f"{len(names)}: {', '.join(names)}",
                    received=str(values.shape[-1] if values.ndim else 1),
                )
            frame = pd.DataFrame(values, columns=names)
        if not len(frame):
            raise DataError("there are no rows", expected="at least one row", received="0")
        return frame.rename(columns=str)

    @override
    def batch(self, x: Tensor, *, training: bool = False) -> Tensor:
        return x

    @override
    def settings(self) -> dict[str, Any]:
        return {"encode": self.encode, "columns": [asdict(column) for column in self.columns]}

    @classmethod
    @override
    def from_settings(cls, settings: Mapping[str, Any], arrays: Mapping[str, Tensor]) -> Self:
        columns = []
        for column in settings["columns"]:
            fields: dict[str, Any] = {k: _tuples(v) for k, v in column.items()}
            columns.append(FittedColumn(**fields))
        return cls(columns, str(settings["encode"]))

    @override
    def describe(self) -> list[str]:
        kinds = [column.kind for column in self.columns]
        lines = []
        if self.encode == "indices":
            return [f"{len(kinds)} columns as indices into one vocabulary of {self.index_count:,}"]
        if "number" in kinds:
            lines.append("fill missing numbers: median of each column")
            lines.append(f"scale numbers: mean 0, deviation 1; {kinds.count('number')} columns")
        if "category" in kinds:
            width = sum(c.index_count for c in self.columns if c.kind == "category")
            lines.append(f"categories as 0/1 (one-hot): {kinds.count('category')} columns to {width}; unknown ones too")
        if "mark" in kinds:
            lines.append(f"1 where a value was missing: {kinds.count('mark')} columns")
        if "date" in kinds:
            lines.append(f"dates as days before the newest: {kinds.count('date')} columns")
        return lines


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def fit_column(
    name: str, values: pd.Series[Any], kind: Kind, *, max_categories: int = 50, encode: str = "onehot"
) -> FittedColumn:
    """Learns from the training rows of one column.

    Args:
        name: Its name.
        values: Its training rows.
        kind: What it is taken for.
        max_categories: The most frequent ones get an output of their own.
        encode: See `TablePreprocessing`.
    """
    if kind == "category":
        counts = as_words(values).value_counts(sort=False)
        counts = counts[counts > 0]
        kept = sorted(counts.index, key=lambda word: (-counts[word], str(word)))[:max_categories]
        return FittedColumn(name, kind, categories=tuple(sorted(map(str, kept))))
    if kind == "mark":
        return FittedColumn(name, kind)
    from sklearn.preprocessing import StandardScaler

    newest = 0.0
    if kind == "date":
        newest = float(values.max().timestamp()) if values.notna().any() else 0.0
    raw = FittedColumn(name, kind, newest=newest)._raw(values)
    finite = raw[np.isfinite(raw)]
    if not len(finite):
        return FittedColumn(name, kind, newest=newest)
    fill = float(np.median(finite[:: 1 + len(finite) // _MEDIAN_OF])) if len(finite) < len(raw) else 0.0
    filled = raw if len(finite) == len(raw) else np.where(np.isfinite(raw), raw, fill)
    scaler = StandardScaler().fit(filled[:, None])
    edges: tuple[float, ...] = ()
    if encode == "indices":
        edges = tuple(np.unique(np.quantile(finite, np.arange(1, _BINS) / _BINS)).tolist())
    return FittedColumn(name, kind, fill, float(scaler.mean_[0]), float(scaler.scale_[0]), newest, edges=edges)


def as_words(values: pd.Series[Any]) -> pd.Series[Any]:
    """Values as categories of words; whole numbers without a decimal point."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values
    if pd.api.types.is_float_dtype(values.dtype):
        words = values.map(lambda v: str(int(v)) if float(v).is_integer() else str(v), na_action="ignore")
        return words.astype("category")
    return values.map(_word, na_action="ignore").astype("category")


def _word(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def as_numbers(values: pd.Series[Any], name: str) -> npt.NDArray[Any]:
    """Values as floats with NaN for missing ones.

    Raises:
        DataError: A word that is no number.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        by_code = np.append(parse_numbers(values.cat.categories), np.nan)
        return by_code[values.cat.codes.to_numpy()]
    if pd.api.types.is_float_dtype(values.dtype) and isinstance(values.dtype, np.dtype):
        return values.to_numpy()
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(np.float64, na_value=np.nan)
    words = values.where(values.notna(), "")
    numbers = parse_numbers([str(v) for v in words])
    bad = [v for v, n in zip(words, numbers, strict=True) if not np.isfinite(n) and str(v).strip() not in _BLANK]
    if bad:
        raise DataError(
            f"column {name!r} is a number in training", expected="a number or nothing", received=repr(bad[0])
        )
    return numbers


_BLANK = frozenset({*MISSING, "<NA>", "NaT"})
