"""A table's columns as they came: how values are spread, what they tell of the target, what to clean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lepton_lab.data.bundle import DataBundle
from lepton_lab.data.report import DataFinding
from lepton_lab.data.table_cleaning import copied_rows
from lepton_lab.data.table_columns import column_info
from lepton_lab.data.table_preprocessing import TablePreprocessing, as_words
from lepton_lab.data.table_reading import RawTable, read_table
from lepton_lab.errors import DataError

if TYPE_CHECKING:
    from lepton_lab.data.images_reader import Watch

__all__ = [
    "BINS",
    "Cleaning",
    "ColumnProfile",
    "TableProfile",
    "profile_columns",
    "profile_table",
    "raw_table",
    "spellings",
]

BINS = 24
"""Bars of a histogram."""

_LOOKED_AT = 100_000  # rows, spread evenly, in which values are counted
_GROUPS = 16  # bins of a number when it is asked what it tells of the target
_TOP = 8
_LEAK = 0.95
_MOSTLY_MISSING = 0.3
_NOT_FEATURES = {
    "id_column": ("An identifier, left out", "each value occurs once, nothing to learn from it"),
    "constant_column": ("Constant, left out", "it says nothing about the target"),
    "empty_column": ("Empty, left out", "there is no value in it"),
    "free_text": ("Free text, left out", "load_text learns from texts"),
}


@dataclass(frozen=True)
class Cleaning:
    """Something about a column that is worth a decision.

    Attributes:
        severity: "error" spoils the result, "warning" asks for a decision, "info" was decided already.
        title: What it is.
        detail: Why.
        label: The remedy, as a verb; empty where there is none.
        change: What `cleaned` is to do: "leave_out", "use", "join" or "mark", each with the column's name.
        words: For "join": words, each with the one that it is read as.
    """

    severity: str
    title: str
    detail: str
    label: str = ""
    change: str = ""
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnProfile:
    """One column.

    Attributes:
        name: Its name.
        kind: "number", "category", "date", "text" or "id".
        role: "feature", "target" or "left out".
        missing: Share of values that are missing.
        unique: Different values; in a large table those of 100,000 rows.
        histogram: How often values lie in each of 24 equal parts of their range; empty for words.
        low: Smallest value, in words.
        high: Largest value.
        middle: Median.
        top: The most frequent words and their shares.
        tells: Share of what is uncertain about the target that the column settles on its own, 0 to 1; None where it
            is not asked.
        issues: What is worth a decision, worst first.
    """

    name: str
    kind: str
    role: str
    missing: float
    unique: int
    histogram: tuple[int, ...] = ()
    low: str = ""
    high: str = ""
    middle: str = ""
    top: tuple[tuple[str, float], ...] = ()
    tells: float | None = None
    issues: tuple[Cleaning, ...] = ()


@dataclass(frozen=True)
class TableProfile:
    """All columns of a table.

    Attributes:
        columns: In the file's order.
        rows: Rows of the table.
        duplicates: Rows that are equal to an earlier one; of a large table among 100,000.
        notes: How the file was read: encoding, delimiter.
    """

    columns: tuple[ColumnProfile, ...]
    rows: int
    duplicates: int
    notes: Mapping[str, Any]


def raw_table(bundle: DataBundle) -> RawTable:
    """The table that a bundle was made of, read anew.

    Raises:
        DataError: It was made of something else, or the file is gone.
    """
    recipe = bundle.recipe
    if not isinstance(recipe, partial) or not isinstance(bundle.preprocessing, TablePreprocessing):
        raise DataError(f"{bundle.name!r} was not made of a table", expected="data of load_table")
    known = recipe.keywords
    options: dict[str, Any] = {key: known.get(key) for key in ("delimiter", "encoding", "header", "quotes")}
    options |= {"words": known.get("categorical") or (), "numbers": known.get("numeric") or ()}
    return read_table(recipe.args[0], **options, max_bytes=known["max_bytes"])


def profile_table(bundle: DataBundle, watch: Watch | None = None) -> TableProfile:
    """Looks at every column of the table that a bundle was made of.

    Args:
        bundle: Made by `load_table`.
        watch: Told how many columns are done, and asked whether to go on.

    Raises:
        DataError: It was not made of a table.
        LoadingCancelledError: `watch` asked for it.
    """
    keywords: Mapping[str, Any] = getattr(bundle.recipe, "keywords", {})
    return profile_columns(
        raw_table(bundle),
        bundle.target_names[0],
        classification=bundle.task.is_classification,
        roles={column.name: column.role for column in bundle.columns},
        findings=bundle.findings,
        joined=tuple(keywords.get("join") or ()),
        marked=tuple(keywords.get("mark_missing") or ()),
        watch=watch,
    )


def profile_columns(
    table: RawTable,
    target: str,
    *,
    classification: bool,
    roles: Mapping[str, str],
    findings: Sequence[DataFinding] = (),
    joined: Sequence[str] = (),
    marked: Sequence[str] = (),
    watch: Watch | None = None,
) -> TableProfile:
    """Looks at every column of a table that nobody made a bundle of yet.

    Args:
        table: What was read.
        target: The column to predict.
        classification: Whether it is taken for classes.
        roles: "feature", "target" or "left out" by name.
        findings: Of `choose_features`: why columns are left out.
        joined: Columns whose words are joined already.
        marked: Columns whose missing values are marked already.
        watch: Told how many columns are done, and asked whether to go on.

    Raises:
        LoadingCancelledError: `watch` asked for it.
    """
    count = len(table)
    part = np.linspace(0, count - 1, min(count, _LOOKED_AT)).astype(np.int64)
    groups = _target_groups(table.columns[target].iloc[part], classification)
    left_out = {name: f.code for f in findings if f.code in _NOT_FEATURES for name in f.evidence["columns"]}
    columns = []
    for i, (name, values) in enumerate(table.columns.items()):
        if watch is not None:
            watch.report(i, len(table.columns))
        settled = {"join": name in joined, "mark": name in marked}
        columns.append(_profile(name, values, part, groups, roles.get(name, "left out"), left_out.get(name), settled))
    frame = {name: values.iloc[part] for name, values in table.columns.items()}
    return TableProfile(tuple(columns), count, int(copied_rows(frame).sum()), table.notes)


def _profile(
    name: str,
    values: pd.Series[Any],
    part: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    role: str,
    reason: str | None,
    settled: Mapping[str, bool],
) -> ColumnProfile:
    info = column_info(name, values, role, None)
    seen = values.iloc[part]
    missing = info.missing / max(len(values), 1)
    unique = int(seen.nunique())
    words = isinstance(values.dtype, pd.CategoricalDtype)
    kind = "category" if words and unique <= max(len(seen) / 2, 2) else "text" if words else info.kind
    shape = _shape_of_words(seen) if words else _shape_of_numbers(seen, kind == "date")
    tells = None if role == "target" or reason in ("id_column", "empty_column") else _tells(seen, groups, words)
    issues = () if role == "target" else tuple(_issues(seen, role, reason, missing, unique, tells, words, settled))
    return ColumnProfile(name, kind, role, missing, unique, tells=tells, issues=issues, **shape)


def _shape_of_words(values: pd.Series[Any]) -> dict[str, Any]:
    counts = as_words(values).value_counts()
    total = max(int(counts.sum()), 1)
    return {"top": tuple((str(word), int(n) / total) for word, n in counts.head(_TOP).items() if n)}


def _shape_of_numbers(values: pd.Series[Any], dates: bool) -> dict[str, Any]:
    if dates:
        seconds = values.dropna().to_numpy("datetime64[s]").astype(np.int64).astype(np.float64)
    else:
        seconds = values.to_numpy(np.float64, na_value=np.nan)
    found = seconds[np.isfinite(seconds)]
    if not len(found):
        return {}
    histogram, _ = np.histogram(found, bins=BINS) if found.min() < found.max() else (np.array([len(found)]), None)

    def words(x: float) -> str:
        return str(np.datetime64(int(x), "s").astype("datetime64[D]")) if dates else f"{x:,.6g}"

    low, high, middle = float(found.min()), float(found.max()), float(np.median(found))
    return {"histogram": tuple(map(int, histogram)), "low": words(low), "high": words(high), "middle": words(middle)}


def _target_groups(values: pd.Series[Any], classification: bool) -> npt.NDArray[np.int64]:
    if classification:
        return np.asarray(as_words(values).cat.codes.to_numpy(), dtype=np.int64)
    return _binned(values.to_numpy(np.float64, na_value=np.nan))


def _binned(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The sixteenth of the values that each lies in; −1 for missing ones."""
    finite = np.isfinite(numbers)
    if not finite.any():
        return np.full(len(numbers), -1, np.int64)
    edges = np.unique(np.quantile(numbers[finite], np.arange(1, _GROUPS) / _GROUPS))
    return np.where(finite, np.searchsorted(edges, numbers, side="right"), -1).astype(np.int64)


def _tells(values: pd.Series[Any], groups: npt.NDArray[np.int64], words: bool) -> float:
    """The uncertainty coefficient I(X; Y) / H(Y), less what chance gives: (cells) / 2N, after Miller 1955."""
    if words:
        codes = np.asarray(values.cat.codes.to_numpy(), dtype=np.int64)
    elif pd.api.types.is_datetime64_any_dtype(values.dtype):
        seconds = values.to_numpy("datetime64[s]")
        codes = _binned(np.where(np.isnat(seconds), np.nan, seconds.astype(np.int64)))
    else:
        codes = _binned(values.to_numpy(np.float64, na_value=np.nan))
    known = groups >= 0
    _, x = np.unique(codes[known], return_inverse=True)
    _, y = np.unique(groups[known], return_inverse=True)
    if not len(x):
        return 0.0
    width = int(y.max()) + 1
    joint = np.bincount(x * width + y, minlength=(int(x.max()) + 1) * width).reshape(-1, width) / len(x)
    px, py = joint.sum(1), joint.sum(0)
    entropy = -float((py[py > 0] * np.log(py[py > 0])).sum())
    if entropy == 0 or len(px) < 2:
        return 0.0
    cell = joint > 0
    mutual = float((joint[cell] * np.log(joint[cell] / np.outer(px, py)[cell])).sum())
    chance = (len(px) - 1) * (width - 1) / (2 * len(x))
    return float(np.clip((mutual - chance) / entropy, 0.0, 1.0))


def _issues(
    values: pd.Series[Any],
    role: str,
    reason: str | None,
    missing: float,
    unique: int,
    tells: float | None,
    words: bool,
    settled: Mapping[str, bool],
) -> list[Cleaning]:
    if role != "feature":
        title, detail = _NOT_FEATURES.get(reason or "", ("Left out", "as asked for"))
        use = "use" if reason != "empty_column" else ""
        return [Cleaning("info", title, detail, "Use anyway" if use else "", use)]
    found = []
    if tells is not None and tells >= _LEAK:
        detail = "alone it gives the target away; leave it out if it is known only afterwards"
        found.append(Cleaning("error", f"Leaks the target ({tells:.2f})", detail, "Leave out", "leave_out"))
    if unique <= 1 and not missing:
        found.append(Cleaning("warning", "Constant", "it says nothing about the target", "Leave out", "leave_out"))
    several = spellings(values) if words and not settled["join"] else {}
    if several:
        some = list(dict.fromkeys(list(several.values())[:1] + list(several)))[:3]
        shown = " and ".join(f"‘{word}’" for word in some)
        found.append(
            Cleaning("warning", "Spelt in several ways", f"{shown} look like one value", "Join", "join", several)
        )
    if missing > _MOSTLY_MISSING and not settled["mark"]:
        detail = "the middle of the others stands in; a column of its own can say where"
        found.append(Cleaning("warning", f"{missing:.0%} missing".replace("%", " %"), detail, "Fill and mark", "mark"))
    return found


def spellings(values: pd.Series[Any]) -> dict[str, str]:
    """Words that differ from a more frequent one in case, spaces or signs alone."""
    counts = as_words(values).value_counts()
    best: dict[str, str] = {}
    meant: dict[str, str] = {}
    for word in (str(w) for w, n in counts.items() if n):
        plain = "".join(c for c in word.casefold() if c.isalnum())
        if not plain:
            continue
        if plain in best:
            meant[word] = best[plain]
        else:
            best[plain] = word
    return meant
