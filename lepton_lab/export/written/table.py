"""Rows of a table as the network takes them: filled, scaled and encoded as in training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

# --- learnt from the training data ---
ENCODE = "onehot"  # or "indices": all columns in one vocabulary, for an Embedding
MISSING = ["", "NA"]  # words that stand for a missing value
# --- end ---

COLUMNS = json.loads((Path(__file__).parent / "columns.json").read_text(encoding="utf-8"))
"""Each column's name and kind, and what was learnt of it: what stands in for missing values, mean, categories."""


def stored(raw: Any) -> Tensor:
    """Rows as they are kept: float32 (N, features), or int64 (N, columns) with ENCODE = "indices".

    Args:
        raw: A DataFrame, or a list of rows as dicts from a column's name to its value; None is missing.
    """
    frame = raw if isinstance(raw, pd.DataFrame) else pd.DataFrame([dict(row) for row in raw])
    parts: list[Tensor] = []
    offset = 0
    for column in COLUMNS:
        values = frame[column["of"] or column["name"]]
        if ENCODE == "indices":
            codes, width = _codes(column, values)
            parts.append(torch.from_numpy(codes + offset)[:, None])
            offset += width
        elif column["kind"] == "category":
            codes, width = _codes(column, values)
            parts.append(torch.nn.functional.one_hot(torch.from_numpy(codes), width).float())
        else:
            numbers = _raw(column, values)
            scaled = (numbers - column["mean"]) / column["scale"]
            scaled[~np.isfinite(numbers)] = (column["fill"] - column["mean"]) / column["scale"]
            parts.append(torch.from_numpy(scaled.astype(np.float32))[:, None])
    return torch.cat(parts, 1)


def _codes(column: Mapping[str, Any], values: Any) -> tuple[Any, int]:
    """The index of each value's category, or of its bin, and how many there are; the last one is for all others."""
    if column["kind"] != "category":
        numbers = _raw(column, values)
        codes = np.searchsorted(np.asarray(column["edges"], np.float64), numbers, side="right").astype(np.int64)
        last = len(column["edges"]) + 1
        return np.where(np.isfinite(numbers), codes, last), last + 1
    last = len(column["categories"])
    place = {word: i for i, word in enumerate(column["categories"])}
    place |= {word: place.get(meant, last) for word, meant in column["joined"]}
    codes = np.array([_place(value, place, last) for value in values], np.int64)
    return codes, last + 1


def _place(value: Any, place: Mapping[str, int], last: int) -> int:
    """Numbers may be written in several ways, 1 or 1.0, and truth values too."""
    if is_missing(value):
        return last
    word = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    if word in place:
        return place[word]
    try:
        number = float(word)
        return place.get(str(int(number)) if number.is_integer() else str(number), last)
    except (ValueError, OverflowError):
        truth = word.lower() in ("true", "false")
        return place.get(word.lower(), place.get(word.capitalize(), last)) if truth else last


def is_missing(value: Any) -> bool:
    """Whether a cell is empty or says so."""
    if isinstance(value, str):
        return value.strip() in MISSING
    return bool(value is None or pd.isna(value))


def _raw(column: Mapping[str, Any], values: Any) -> Any:
    """A column as numbers, float64 with NaN for what is missing; dates as days before the newest of the training."""
    if column["kind"] == "mark":
        return np.array([float(is_missing(value)) for value in values])
    if column["kind"] == "date":
        if not pd.api.types.is_datetime64_any_dtype(values.dtype):
            words = values.map(lambda value: None if is_missing(value) else str(value))
            values = pd.to_datetime(words, errors="coerce", format="mixed", dayfirst=_day_first(words.dropna()))
        seconds = values.to_numpy("datetime64[s]")
        return np.where(np.isnat(seconds), np.nan, (column["newest"] - seconds.astype(np.int64)) / 86400.0)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(np.float64, na_value=np.nan)
    return numbers_of(["" if is_missing(value) else str(value) for value in values])


def _day_first(words: Any) -> bool:
    days = words.str.extract(r"^(\d{1,2})[-/.]\d{1,2}[-/.]\d{4}")[0].dropna().astype(int)
    return bool((days > 12).any()) or bool(len(words) and words.str.fullmatch(r"\d{1,2}\.\d{1,2}\.\d{4}.*").any())


def numbers_of(words: Sequence[str]) -> Any:
    """Words as numbers, NaN where they are none; reads 1,234.5 and 1.234,5 and 3,5, signs of currency and per cent."""
    text = pd.Series(list(words), dtype="str").str.strip().str.replace(r"[\s'€$£%\u00a0]", "", regex=True)
    plain = pd.to_numeric(text, errors="coerce").to_numpy(np.float64)
    comma = text.str.fullmatch(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+").fillna(False).to_numpy(bool)
    groups = text.str.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?").fillna(False).to_numpy(bool)
    if groups.any() and not (comma & ~groups).any():
        english = pd.to_numeric(text.str.replace(",", "", regex=False), errors="coerce").to_numpy(np.float64)
        return np.where(groups, english, plain)
    german = text.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    return np.where(comma, pd.to_numeric(german, errors="coerce").to_numpy(np.float64), plain)


def batch(x: Tensor) -> Tensor:
    """Kept rows as the network takes them."""
    return x


def prepare(raw: Any) -> Tensor:
    """Rows as the network takes them."""
    return batch(stored(raw))


def read(arguments: Sequence[str]) -> tuple[list[str], pd.DataFrame]:
    """Names and samples of what stands on the command line: CSV or Parquet files, or rows as JSON objects."""
    frames = []
    for argument in arguments:
        if argument.lstrip().startswith("{"):
            frames.append(pd.DataFrame([json.loads(argument)]))
        elif argument.lower().endswith((".parquet", ".pq")):
            frames.append(pd.read_parquet(argument))
        else:
            frames.append(pd.read_csv(argument, dtype=str, keep_default_na=False, sep=None, engine="python"))
    frame = pd.concat(frames, ignore_index=True)
    return [f"row {i + 1}" for i in range(len(frame))], frame
