"""What the words in a table mean: numbers however they are written, dates, missing values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lepton_lab.data.report import DataFinding

__all__ = ["MISSING", "parse_numbers", "recognise_words"]

MISSING = ["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None", "none", "?", "-", "missing"]
"""Words that stand for a missing value."""

_NUMBER_SHARE = 0.9  # of a column's different words that must be numbers for the others to count as missing


def parse_numbers(words: pd.Index[Any] | Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Words as numbers, NaN where they are none; reads 1,234.5 and 1.234,5 and 3,5, signs of currency and per cent."""
    text = pd.Series(list(words), dtype="str").str.strip().str.replace(r"[\s'€$£%\u00a0]", "", regex=True)
    plain = pd.to_numeric(text, errors="coerce").to_numpy(np.float64)
    comma = text.str.fullmatch(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+").fillna(False).to_numpy(bool)
    groups = text.str.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?").fillna(False).to_numpy(bool)
    only_groups = bool(groups.any()) and not bool((comma & ~groups).any())
    german = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    english = text.str.replace(",", "", regex=False)
    as_comma = pd.to_numeric(german.where(comma & (not only_groups)), errors="coerce").to_numpy(np.float64)
    as_groups = pd.to_numeric(english.where(groups & only_groups), errors="coerce").to_numpy(np.float64)
    return np.where(comma & (not only_groups), as_comma, np.where(groups & only_groups, as_groups, plain))


def recognise_words(
    columns: dict[str, pd.Series[Any]], keep: Sequence[str] = (), numeric: Sequence[str] = ()
) -> list[DataFinding]:
    """Makes columns of words that are numbers or dates, but for a few, what they are; changes `columns`.

    Args:
        columns: By name.
        keep: Columns that stay words.
        numeric: Columns that become numbers however few of their words are some.
    """
    findings: list[DataFinding] = []
    for name, values in columns.items():
        if name in keep or not isinstance(values.dtype, pd.CategoricalDtype):
            continue
        words = values.cat.categories
        if not len(words):
            continue
        numbers = parse_numbers(words)
        share = float(np.isfinite(numbers).mean())
        codes = values.cat.codes.to_numpy()
        if share >= _NUMBER_SHARE or (name in numeric and share > 0):
            by_code = np.append(numbers, np.nan)
            columns[name] = pd.Series(by_code[codes], name=name)
            if share < 1:
                odd = [str(w) for w in words[~np.isfinite(numbers)]]
                count = int(np.isin(codes, np.flatnonzero(~np.isfinite(numbers))).sum())
                findings.append(
                    DataFinding(
                        "warning",
                        "mixed_types",
                        f"Column {name} holds numbers and, in {count:,} rows, words such as {odd[0]!r}; "
                        "the words count as missing.",
                        {"column": name, "words": odd[:20]},
                        "Correct them, or pass the column in categorical=[…].",
                    )
                )
        elif bool(words[:50].str.contains(r"\d[-/.:]\d").all()):
            dates = pd.to_datetime(pd.Series(list(words)), errors="coerce", format="mixed", dayfirst=_day_first(words))
            if float(dates.notna().mean()) >= _NUMBER_SHARE:
                by_code = np.append(dates.to_numpy("datetime64[s]"), np.datetime64("NaT"))
                columns[name] = pd.Series(by_code[codes], name=name)
    return findings


def _day_first(words: pd.Index[Any]) -> bool:
    firsts = pd.Series(list(words[:1000])).str.extract(r"^(\d{1,2})[-/.]\d{1,2}[-/.]\d{4}")[0].dropna().astype(int)
    return bool((firsts > 12).any()) or bool(words[:50].str.fullmatch(r"\d{1,2}\.\d{1,2}\.\d{4}.*").any())
