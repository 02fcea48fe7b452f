"""What a table comes to with the choices that were made: its columns, what is predicted, and which rows are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lepton_lab.app import words_table as words
from lepton_lab.app.table_draft import Choices
from lepton_lab.app.table_file import TableFile
from lepton_lab.data.profile import TableProfile, profile_columns
from lepton_lab.data.report import DataFinding
from lepton_lab.data.table_cleaning import copied_rows, join_words, rare_rows, rows_without_target, without_rows
from lepton_lab.data.table_columns import TARGET_NAMES, choose_features
from lepton_lab.data.table_preprocessing import as_words
from lepton_lab.data.table_reading import RawTable
from lepton_lab.data.tables import encode_target
from lepton_lab.data.targets import Encoding
from lepton_lab.errors import DataError

__all__ = ["Look", "look", "pick_target", "why_not"]

_LEAST_ROWS = 10
_FEW_KINDS = 20
_WORDS = 1000  # different words from which a column that has one for nearly every row cannot be predicted
_MAX_CATEGORIES = 50
_KEPT = "_row"


@dataclass(frozen=True)
class Look:
    """A table as it would be used.

    Attributes:
        file: What was read.
        choices: What was chosen, without what does not fit this table.
        columns: All columns, after words were joined and rows left out.
        rows: For each row that is left, its place in the file.
        target: The column to predict; empty where there is none.
        reason: Why it was picked: "chosen", "name", "last", "kinds", or "none".
        encoding: How the target is read; None where it cannot be predicted.
        unusable: Why not: "empty", "one", "date" or "words"; empty where it can.
        used: Columns that are learnt from, in the file's order.
        out: Why columns were left out, by name: "id_column", "constant_column", "empty_column" or "free_text".
        profile: Every column, as if all were learnt from.
        findings: What was noticed while reading.
        without_answer: Rows that have no target.
        kinds: How many rows each kind has before rare ones are left out, most first.
    """

    file: TableFile
    choices: Choices
    columns: dict[str, pd.Series[Any]]
    rows: npt.NDArray[np.int64]
    target: str
    reason: str
    encoding: Encoding | None
    unusable: str
    used: tuple[str, ...]
    out: Mapping[str, str]
    profile: TableProfile
    findings: tuple[DataFinding, ...]
    without_answer: int
    kinds: tuple[tuple[str, int], ...]

    @property
    def waiting(self) -> str:
        """Why it cannot be used yet, in plain words; empty where it can."""
        if not self.target:
            return words.NO_TARGET
        if self.encoding is None:
            return words.cannot_predict(self.unusable, self.target, int(self.columns[self.target].nunique()))
        if not self.used:
            return words.NO_FEATURES
        return words.TOO_FEW if len(self.rows) < _LEAST_ROWS else ""

    @property
    def classification(self) -> bool:
        """Whether kinds are predicted, not a quantity."""
        return self.encoding is not None and self.encoding.task.is_classification

    def options(self) -> dict[str, Any]:
        """For `load_table`, which then loads what is seen here."""
        c, known = self.choices, {*self.used, self.target}
        given: dict[str, Any] = {
            "target": self.target,
            "task": c.task,
            "features": list(self.used),
            "categorical": [n for n in c.words if n in known],
            "numeric": list(c.numbers),
            "join": {n: dict(pairs) for n, pairs in c.join.items() if n in known and _is_words(self.columns[n])},
            "mark_missing": [n for n in c.mark if n in self.used],
            "drop_duplicates": c.drop_duplicates or None,
            "min_class_rows": c.min_class_rows if self.classification and c.min_class_rows > 1 else None,
            "valid": c.valid,
            "test": c.test,
            "seed": c.seed,
            "stratified": c.stratified,
            "delimiter": c.delimiter,
            "encoding": c.encoding,
            "header": c.header,
            "quotes": c.quotes,
        }
        return {name: value for name, value in given.items() if value is not None and value not in ([], {})}


def look(file: TableFile, wanted: Choices, before: Look | None = None) -> Look:
    """Works out what the choices come to.

    Args:
        file: The table.
        wanted: The choices; names of columns that the table does not have are passed over.
        before: An earlier look at the same file: what it counted is used again where nothing about it changed.
    """
    choices = _fitting(wanted, file.raw)
    columns: dict[str, pd.Series[Any]] = dict(file.raw.columns)
    join_words(columns, {n: p for n, p in choices.join.items() if _is_words(columns[n])}, "")
    columns[_KEPT] = pd.Series(np.arange(len(file.raw), dtype=np.int64))
    if choices.drop_duplicates:
        without_rows(columns, copied_rows({n: v for n, v in columns.items() if n != _KEPT}))
    target, reason = (choices.target, "chosen") if choices.target else pick_target(_plain(columns))
    unusable = why_not(columns[target]) if target else ""
    without, encoding = 0, None
    kinds: tuple[tuple[str, int], ...] = ()
    if target and not unusable:
        gone = rows_without_target(columns[target])
        without = int(gone.sum())
        without_rows(columns, gone)
        encoding = _encoding(columns[target], choices.task, target)
        if encoding is not None and encoding.task.is_classification:
            kinds = _kinds(columns[target])
            if choices.min_class_rows > 1:
                without_rows(columns, rare_rows(columns[target], choices.min_class_rows))
                unusable = why_not(columns[target])
                encoding = None if unusable else _encoding(columns[target], choices.task, target)
        elif encoding is None:
            unusable = "words"
    rows = columns.pop(_KEPT).to_numpy(np.int64)
    findings: list[DataFinding] = []
    try:
        usual, _ = choose_features(RawTable(dict(columns)), target, None, (), findings, _MAX_CATEGORIES)
    except DataError:  # none is of use by itself; the findings say why
        usual = []
    out = {name: f.code for f in findings for name in f.evidence.get("columns", ()) if f.code in words.LEFT_OUT}
    used = tuple(
        name
        for name in columns
        if name != target and ((name in usual and name not in choices.off) or name in choices.on)
    )
    key = _what_counts(choices, target)
    if before is not None and before.file is file and _what_counts(before.choices, before.target) == key:
        profile = before.profile
    else:
        profile = _profile(columns, target, encoding)
    noticed = (*file.raw.findings, *(f for f in findings if f.code not in out.values()))
    return Look(
        file, choices, columns, rows, target, reason, encoding, unusable, used, out, profile, noticed, without, kinds
    )


def pick_target(columns: Mapping[str, pd.Series[Any]]) -> tuple[str, str]:
    """The column that is most likely to be predicted, and why: "name", "last" or "kinds"; ("", "none") for none.

    One that is called like a target comes first, then the last one that can be predicted; where the last column
    cannot be, one with few different values is taken before others.
    """
    names = list(columns)
    by_lower = {name.strip().lower(): name for name in reversed(names)}
    for known in TARGET_NAMES:
        if known in by_lower and not why_not(columns[by_lower[known]]):
            return by_lower[known], "name"
    possible = [name for name in names if not why_not(columns[name])]
    if not possible:
        return "", "none"
    if possible[-1] == names[-1] and not _like_an_id(columns[names[-1]]):
        return names[-1], "last"
    few = [name for name in possible if columns[name].nunique() <= _FEW_KINDS]
    return (few[-1], "kinds") if few else (possible[-1], "last")


def why_not(values: pd.Series[Any]) -> str:
    """Why a column cannot be predicted: "empty", "one", "date", "words"; empty where it can."""
    present = int(values.notna().sum())
    if not present:
        return "empty"
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return "date"
    different = int(values.nunique())
    if different < 2:
        return "one"
    if _is_words(values) and different > 20 and (different > 0.9 * present or different > max(_WORDS, 0.5 * present)):
        return "words"
    return ""


def _like_an_id(values: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_integer_dtype(values.dtype)) and len(values) > _FEW_KINDS and bool(values.is_unique)


def _fitting(choices: Choices, raw: RawTable) -> Choices:
    """The choices without columns that the table does not have, as after another first row was chosen."""

    def there(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name in raw.columns)

    return replace(
        choices,
        target=choices.target if choices.target in raw.columns else None,
        off=there(choices.off),
        on=there(choices.on),
        words=there(choices.words),
        numbers=there(choices.numbers),
        mark=there(choices.mark),
        join={name: pairs for name, pairs in choices.join.items() if name in raw.columns},
    )


def _what_counts(choices: Choices, target: str) -> tuple[Any, ...]:
    return target, choices.task, choices.drop_duplicates, choices.min_class_rows, choices.join


def _profile(columns: Mapping[str, pd.Series[Any]], target: str, encoding: Encoding | None) -> TableProfile:
    known = target or next(iter(columns))
    roles = {name: "target" if name == target else "feature" for name in columns}
    numeric = pd.api.types.is_numeric_dtype(columns[known].dtype)
    classes = encoding.task.is_classification if encoding is not None else not numeric
    if not len(columns[known]):
        return TableProfile((), 0, 0, {})
    return profile_columns(RawTable(dict(columns)), known, classification=classes, roles=roles)


def _encoding(values: pd.Series[Any], task: str | None, target: str) -> Encoding | None:
    try:
        return encode_target([values], task, None, target)
    except DataError:
        return encode_target([values], None, None, target) if task is not None else None


def _kinds(values: pd.Series[Any]) -> tuple[tuple[str, int], ...]:
    counts = as_words(values).value_counts()
    return tuple((str(word), int(n)) for word, n in counts.items() if n)


def _is_words(values: pd.Series[Any]) -> bool:
    return isinstance(values.dtype, pd.CategoricalDtype)


def _plain(columns: Mapping[str, pd.Series[Any]]) -> dict[str, pd.Series[Any]]:
    return {name: values for name, values in columns.items() if name != _KEPT}
