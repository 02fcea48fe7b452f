"""A look at a table as plain JSON for its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lepton_lab.app import words_table as words
from lepton_lab.app.table_look import Look, why_not
from lepton_lab.app.table_warnings import done, recommended, warnings
from lepton_lab.data.profile import ColumnProfile
from lepton_lab.data.splits import split_indices
from lepton_lab.data.table_cleaning import mark_name
from lepton_lab.errors import DataError

__all__ = ["ROWS", "preview", "view"]

ROWS = 12
"""Rows of the preview."""

_MOST_ROWS = 50
_LONGEST = 80  # characters of a cell
_SHOWN_COLUMNS = 200
_SHOWN_KINDS = 12


def view(seen: Look, do: str = "", column: str = "") -> dict[str, Any]:
    """All that the page shows of a table.

    Args:
        seen: The look.
        do: The last change: the preview begins where it can be seen.
        column: The column that it was about.
    """
    found = warnings(seen)
    choices = seen.choices
    by_name = {column.name: column for column in seen.profile.columns}
    shown = _shown(seen)
    return {
        "rows": len(seen.rows),
        "width": len(seen.columns),
        "bytes": seen.file.bytes,
        "columns": [_column(seen, name, by_name.get(name)) for name in shown],
        "hidden": len(seen.columns) - len(shown),
        "preview": preview(seen, _where(seen, do, column), ROWS),
        "target": seen.target,
        "reason": words.REASONS[seen.reason],
        "task": _task(seen, by_name.get(seen.target)),
        "warnings": [warn.to_json() for warn in found],
        "recommended": len(recommended(found)),
        "done": done(seen),
        "reading": {
            "text": bool(seen.file.raw.notes),
            **{name: seen.file.raw.notes.get(name) for name in ("encoding", "delimiter", "header", "quotes")},
            "chosen": [n for n in ("encoding", "delimiter", "header", "quotes") if getattr(choices, n) is not None],
        },
        "split": {
            "valid": choices.valid,
            "test": choices.test,
            "seed": choices.seed,
            "stratified": choices.stratified,
            "counts": _counts(seen),
        },
        "waiting": seen.waiting,
    }


def preview(seen: Look, first: int, count: int) -> dict[str, Any]:
    """Some rows as they will be used: None for what is missing, and which cells a cleaning changed."""
    total = len(seen.rows)
    first = max(0, min(first, max(total - 1, 0)))
    rows = seen.rows[first : first + max(1, min(count, _MOST_ROWS))]
    part = slice(first, first + len(rows))
    cells: list[list[str | None]] = []
    changed: list[list[int]] = []
    for at, name in enumerate(_shown(seen)):
        now = [_cell(value) for value in seen.columns[name].iloc[part]]
        if name in seen.choices.join:
            before = seen.file.raw.columns[name].iloc[rows]
            changed += [[i, at] for i, (a, b) in enumerate(zip(before, now, strict=True)) if _cell(a) != b]
        cells.append(now)
    marks = {
        name: [int(cell is None) for cell in cells[at]] for at, name in enumerate(_shown(seen)) if _marked(seen, name)
    }
    return {
        "first": first,
        "total": total,
        "numbers": [int(row) + 1 for row in rows],
        "cells": [list(row) for row in zip(*cells, strict=True)] if cells else [],
        "changed": changed,
        "marks": marks,
    }


def _where(seen: Look, do: str, column: str) -> int:
    """The row at which the preview begins, so that a change is in sight: the first, where it shows there."""
    if do == "drop_duplicates" or do == "drop_rare":
        touched = np.flatnonzero(np.diff(seen.rows) > 1)
    elif do == "join" and column in seen.choices.join:
        words_now = list(seen.choices.join[column])
        touched = np.flatnonzero(seen.file.raw.columns[column].iloc[seen.rows].isin(words_now).to_numpy())
    elif do == "mark" and column in seen.columns:
        touched = np.flatnonzero(seen.columns[column].isna().to_numpy())
    else:
        return 0
    return 0 if not len(touched) or touched[0] < ROWS else max(0, int(touched[0]) - 3)


def _shown(seen: Look) -> list[str]:
    """The columns that are drawn: of a very wide table the first ones, and the target always."""
    names = list(seen.columns)
    if len(names) <= _SHOWN_COLUMNS:
        return names
    return [*(n for n in names[: _SHOWN_COLUMNS - 1] if n != seen.target), *([seen.target] if seen.target else [])]


def _marked(seen: Look, name: str) -> bool:
    return name in seen.choices.mark and name in seen.used


def _column(seen: Look, name: str, profile: ColumnProfile | None) -> dict[str, Any]:
    values = seen.columns[name]
    known = profile or ColumnProfile(name, "text", "feature", 0.0, 0)
    fills = known.middle if known.kind in ("number", "date") else ""
    code = why_not(values)
    return {
        "name": name,
        "kind": "id" if seen.out.get(name) == "id_column" else known.kind,
        "role": "target" if name == seen.target else "feature" if name in seen.used else "off",
        "missing": int(values.isna().sum()),
        "share": known.missing,
        "unique": known.unique,
        "histogram": list(known.histogram),
        "low": known.low,
        "high": known.high,
        "middle": known.middle,
        "top": [list(pair) for pair in known.top[:4]],
        "fills": fills if known.missing else "",
        "cannot": words.cannot_predict(code, name, known.unique) if code else "",
        "mark": mark_name(name) if _marked(seen, name) else "",
    }


def _task(seen: Look, profile: ColumnProfile | None) -> dict[str, Any]:
    if seen.encoding is None:
        return {"title": seen.waiting, "term": "", "kind": "", "kinds": [], "other": ""}
    kind = "classification" if seen.classification else "regression"
    kinds = [(name, n) for name, n in seen.kinds if n >= seen.choices.min_class_rows] if seen.classification else []
    classes = sorted(_name(name) for name, _ in kinds)
    low, high = (profile.low, profile.high) if profile is not None else ("", "")
    title, term = words.task(kind, seen.target, classes, low, high)
    total = max(len(seen.rows), 1)
    return {
        "title": title,
        "term": term,
        "kind": kind,
        "kinds": [{"name": _name(name), "count": n, "share": n / total} for name, n in kinds[:_SHOWN_KINDS]],
        "more": max(0, len(kinds) - _SHOWN_KINDS),
        "other": _other_task(seen, kind),
    }


def _other_task(seen: Look, kind: str) -> str:
    """What else a target of numbers could be taken for; empty where there is no choice."""
    values = seen.columns[seen.target]
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return ""
    if kind == "classification":
        return "regression"
    different = values.dropna().unique()
    whole = len(different) <= 100 and bool(np.equal(np.mod(different, 1), 0).all())
    return "classification" if whole and len(different) >= 2 else ""


def _name(word: str) -> str:
    """Whole numbers that were read as 1.0, without the zero."""
    return word.removesuffix(".0") if word.removesuffix(".0").lstrip("-").isdigit() else word


def _counts(seen: Look) -> Mapping[str, int]:
    try:
        parts = split_indices(len(seen.rows), valid=seen.choices.valid, test=seen.choices.test, seed=0)
    except DataError:  # too few rows; it is said elsewhere
        return {"train": len(seen.rows), "valid": 0, "test": 0}
    return {"train": len(parts.train), "valid": len(parts.valid), "test": len(parts.test)}


def _cell(value: Any) -> str | None:
    if value is None or value is pd.NaT or (isinstance(value, (float, np.floating)) and not np.isfinite(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return str(value.date()) if value == value.normalize() else str(value)[:16]
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return f"{number:.6g}" if abs(number) < 1e15 else f"{number:.3e}"
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
