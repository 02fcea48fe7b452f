"""Looks at a table's columns: which is the target, which are features, which are of no use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lepton_lab.data.report import ColumnInfo, DataFinding
from lepton_lab.data.table_preprocessing import Kind, as_words
from lepton_lab.data.table_reading import RawTable
from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["TARGET_NAMES", "choose_features", "column_info", "guess_target"]

TARGET_NAMES = (
    "target", "label", "labels", "class", "y", "outcome", "species", "diagnosis", "survived", "churn", "churned",
    "rating", "quality", "price",
)  # fmt: skip
"""Names of columns that are usually what is asked for, the surest first."""

_ID_NAME = re.compile(r"(^|_|\s|-)(id|ids|uuid|guid|index|idx|nr|row)$|^unnamed|^(id|uuid|guid)(_|-|\s|$)", re.I)
_ID_CAMEL = re.compile(r"[a-z](Id|ID)$")
_SAMPLE = 20_000


def guess_target(names: Sequence[str]) -> str:
    """The column that is called like a target, else the last."""
    by_lower = {name.strip().lower(): name for name in reversed(names)}
    return next((by_lower[name] for name in TARGET_NAMES if name in by_lower), names[-1])


def column_info(name: str, values: pd.Series[Any], role: str, kind: str | None) -> ColumnInfo:
    """What the report says of a column; different values are counted in 20,000 rows at most."""
    missing = int(values.isna().sum())
    part = _sample(values)
    unique = int(part.nunique())
    if isinstance(values.dtype, pd.CategoricalDtype) or kind == "category":
        counts = as_words(part).value_counts().head(10)
        top = tuple((str(word), int(count)) for word, count in counts.items())
        return ColumnInfo(
            name, kind or ("category" if unique <= len(part) / 2 else "text"), role, missing, unique, top=top
        )
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        low, high = (str(values.min()), str(values.max())) if missing < len(values) else (None, None)
        return ColumnInfo(name, kind or "date", role, missing, unique, low, high)
    if missing == len(values):
        return ColumnInfo(name, kind or "number", role, missing, 0)
    return ColumnInfo(name, kind or "number", role, missing, unique, float(values.min()), float(values.max()))


def choose_features(
    table: RawTable,
    target: str,
    features: Sequence[str] | None,
    categorical: Sequence[str],
    findings: list[DataFinding],
    max_categories: int,
) -> tuple[list[str], dict[str, Kind]]:
    """Names of the columns to learn from, and what each is taken for.

    Raises:
        UnknownNameError: A name that the table does not have.
        DataError: No column is left.
    """
    for name in (*(features or ()), *categorical):
        if name not in table.columns:
            raise UnknownNameError("column", name, table.columns)
    if features is not None and target in features:
        raise DataError(f"the target {target!r} is among the features", expected="other columns")
    chosen: list[str] = []
    kinds: dict[str, Kind] = {}
    left_out: dict[str, list[str]] = {"id_column": [], "constant_column": [], "empty_column": [], "free_text": []}
    for name, values in table.columns.items():
        if name == target or (features is not None and name not in features):
            continue
        kinds[name] = "category" if name in categorical else _kind(values)
        reason = None if features is not None or name in categorical else _useless(name, values)
        if reason is None:
            chosen.append(name)
            _note_column(name, values, kinds[name], findings, max_categories)
        else:
            left_out[reason].append(name)
    findings += [_left_out(reason, names) for reason, names in left_out.items() if names]
    if not chosen:
        raise DataError(
            "no column is left to learn from",
            expected="at least one feature beside the target",
            received=", ".join(f"{n} ({r.replace('_', ' ')})" for r, ns in left_out.items() for n in ns[:5]),
            do="Name the columns to use: features=[…]",
        )
    return chosen, kinds


def _kind(values: pd.Series[Any]) -> Kind:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "category"
    return "date" if pd.api.types.is_datetime64_any_dtype(values.dtype) else "number"


def _useless(name: str, values: pd.Series[Any]) -> str | None:
    present = int(values.notna().sum())
    if present == 0:
        return "empty_column"
    part = _sample(values)
    unique = int(part.nunique())
    if unique <= 1 and present == len(values) and int(values.nunique()) <= 1:
        return "constant_column"
    if len(values) < 20:
        return None
    share = unique / max(int(part.notna().sum()), 1)
    words = isinstance(values.dtype, pd.CategoricalDtype)
    whole = pd.api.types.is_integer_dtype(values.dtype)
    if share > 0.95 and (words or whole) and (_ID_NAME.search(name) or _ID_CAMEL.search(name)):
        return "id_column"
    if whole and share == 1 and bool((np.diff(part.to_numpy()) == np.diff(part.to_numpy())[0]).all()):
        return "id_column"  # counts the rows
    if words and share > 0.5 and unique > 50:
        mean_words = float(part.dropna().astype("str").head(1000).str.count(" ").mean())
        return "free_text" if mean_words >= 1 else "id_column"
    return None


def _note_column(
    name: str, values: pd.Series[Any], kind: Kind, findings: list[DataFinding], max_categories: int
) -> None:
    missing = int(values.isna().sum())
    if missing:
        share = missing / len(values)
        how = "a column of their own" if kind == "category" else "the median of training"
        findings.append(
            DataFinding(
                "warning" if share > 0.3 else "info",
                "missing_values",
                f"Column {name} lacks {missing:,} of {len(values):,} values ({share:.1%}); they get {how}.",
                {"column": name, "missing": missing, "share": share},
                "Leave the column out if it says little." if share > 0.3 else "",
            )
        )
    if kind == "number" and pd.api.types.is_float_dtype(values.dtype):
        infinite = int(np.isinf(values.to_numpy()).sum())
        if infinite:
            findings.append(
                DataFinding(
                    "warning",
                    "infinite_values",
                    f"Column {name} has {infinite:,} infinite values; they count as missing.",
                    {"column": name, "infinite": infinite},
                )
            )
    if kind == "category":
        count = int(as_words(values).nunique())
        if count > max_categories:
            findings.append(
                DataFinding(
                    "info",
                    "many_categories",
                    f"Column {name} has {count:,} categories; the {max_categories:,} most frequent get an output each.",
                    {"column": name, "categories": count},
                    'Raise max_categories, or learn a vector for each: encode="indices" with an Embedding.',
                )
            )


def _left_out(reason: str, names: list[str]) -> DataFinding:
    words = {
        "id_column": ("looks like an id: a different value in each row", "An id would be learnt by heart"),
        "constant_column": ("has the same value in all rows", "It tells nothing"),
        "empty_column": ("is empty", "It tells nothing"),
        "free_text": ("holds free text", "Use lepton_lab.load_text for it"),
    }[reason]
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    subject = f"Column {shown}" if len(names) == 1 else f"{len(names)} columns ({shown}), each of which"
    return DataFinding(
        "info",
        reason,
        f"{subject} {words[0]}: left out.",
        {"columns": names[:100]},
        f"{words[1]}; to use it all the same name it in features=[…].",
    )


def _sample(values: pd.Series[Any]) -> pd.Series[Any]:
    if len(values) <= _SAMPLE:
        return values
    return values.iloc[np.linspace(0, len(values) - 1, _SAMPLE).astype(np.int64)]
