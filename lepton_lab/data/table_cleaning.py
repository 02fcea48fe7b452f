"""What is put right in a table before anything is fitted: words joined, missing values marked, rows left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lepton_lab.data.report import DataFinding
from lepton_lab.data.table_preprocessing import FittedColumn, Kind
from lepton_lab.errors import DataError, UnknownNameError

__all__ = [
    "add_marks",
    "copied_rows",
    "join_words",
    "left_out",
    "mark_name",
    "rare_rows",
    "rows_without_target",
    "with_cleaning",
    "without_rows",
]

Columns = dict[str, "pd.Series[Any]"]
Rows = npt.NDArray[np.bool_]


def mark_name(column: str) -> str:
    """What the column is called that says where another one lacks values."""
    return f"{column} was missing"


def join_words(columns: dict[str, pd.Series[Any]], join: Mapping[str, Mapping[str, str]], where: str) -> None:
    """Reads words as others; changes `columns`.

    Raises:
        UnknownNameError: A column that the table does not have.
        DataError: A column that holds no words.
    """
    for name, words in join.items():
        if name not in columns:
            raise UnknownNameError("column", name, columns, where=where)
        values = columns[name]
        if not isinstance(values.dtype, pd.CategoricalDtype):
            raise DataError(
                f"column {name!r} holds no words to join", where=where, expected="words", received=str(values.dtype)
            )
        meant = [words.get(str(word), str(word)) for word in values.cat.categories]
        kept = list(dict.fromkeys(meant))
        number = {word: i for i, word in enumerate(kept)}
        codes = values.cat.codes.map({-1: -1, **{i: number[word] for i, word in enumerate(meant)}})
        columns[name] = pd.Series(pd.Categorical.from_codes(codes.to_numpy(), pd.Index(kept)), name=name)


def add_marks(
    tables: Sequence[dict[str, pd.Series[Any]]],
    chosen: Sequence[str],
    kinds: dict[str, Kind],
    marked: Sequence[str],
    where: str,
) -> list[str]:
    """The chosen columns with one more for each of `marked`; changes `tables` and `kinds`.

    Raises:
        DataError: A column that is not learnt from.
    """
    names = list(chosen)
    for column in marked:
        if column not in chosen:
            raise DataError(
                f"column {column!r} is not learnt from, so its missing values cannot be marked",
                where=where,
                expected=", ".join(list(chosen)[:20]),
            )
        name = mark_name(column)
        names.insert(names.index(column) + 1, name)
        kinds[name] = "mark"
        for columns in tables:
            columns[name] = columns[column]
    return names


def with_cleaning(column: FittedColumn, join: Mapping[str, Mapping[str, str]]) -> FittedColumn:
    """The fitted column, which then reads rows as they come from outside: with unjoined words and no marks."""
    if column.kind == "mark":
        return replace(column, of=column.name.removesuffix(mark_name("")))
    words = join.get(column.name)
    return replace(column, joined=tuple(words.items())) if words else column


def copied_rows(columns: Mapping[str, pd.Series[Any]]) -> Rows:
    """Which rows are equal to an earlier one, (N,)."""
    return np.asarray(pd.DataFrame(dict(columns)).duplicated().to_numpy(), dtype=np.bool_)


def rare_rows(values: pd.Series[Any], least: int) -> Rows:
    """Which rows belong to a class with fewer than `least` of them, (N,); missing classes are not rare."""
    counts = values.map(values.value_counts(), na_action="ignore")
    return np.asarray(pd.to_numeric(counts, errors="coerce").to_numpy(np.float64) < least, dtype=np.bool_)


def rows_without_target(values: pd.Series[Any]) -> Rows:
    """Which rows have no target that could be learnt, (N,)."""
    gone = np.asarray(values.isna().to_numpy(), dtype=np.bool_)
    if pd.api.types.is_float_dtype(values.dtype):
        gone = gone | ~np.isfinite(values.to_numpy(np.float64))
    return gone


def without_rows(columns: Columns, gone: Rows) -> None:
    """Leaves rows out; changes `columns`."""
    if gone.any():
        for name, values in columns.items():
            columns[name] = values[~gone].reset_index(drop=True)


def left_out(code: str, gone: Rows, why: str, do: str = "") -> DataFinding:
    """What the report says of rows that were left out."""
    message = f"{int(gone.sum()):,} of {len(gone):,} rows {why} and were left out."
    return DataFinding("info", code, message, {"rows": np.flatnonzero(gone)[:100].tolist()}, do)
