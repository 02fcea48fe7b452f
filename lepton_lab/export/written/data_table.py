"""The rows of the three parts of the table; split.json says which row is in which part."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from preprocessing import MISSING, is_missing, numbers_of, stored
from torch import Tensor

HERE = Path(__file__).parent

# --- learnt from the training data ---
DATA = {"train": "data/table.csv"}  # the table; a table of its own for a part where there is one
TARGET = "target"
ENCODING, DELIMITER = "utf-8", ","
QUOTES = True  # whether quotation marks enclose cells
SKIP = 1  # lines before the first row
NAMES = ["a", "target"]  # of the columns
CLASS_VALUES: list[str] = []  # how each class is written in the table; empty for a regression
# --- end ---


def table(path: Path) -> pd.DataFrame:
    """The rows that have a target."""
    with path.open("rb") as start:
        parquet = start.read(4) == b"PAR1"
    if parquet:
        frame = pd.read_parquet(path)
        frame.columns = NAMES
    else:
        with path.open(encoding=ENCODING, newline="") as file:
            for _ in range(SKIP):
                next(file)
            reader = csv.reader(file, delimiter=DELIMITER, quotechar='"' if QUOTES else None)
            rows = [row for row in reader if len(row) == len(NAMES)]
        frame = pd.DataFrame(rows, columns=NAMES, dtype=object)
    return frame[[not is_missing(value) for value in frame[TARGET]]].reset_index(drop=True)


def load(part: str, classes: Sequence[str], data: Path | None = None) -> tuple[Tensor, Tensor]:
    """Prepared rows and targets of "train", "valid" or "test"."""
    places = DATA if data is None else {"train": str(data)}
    own = places.get(part) if part != "train" else None
    frame = table(HERE / (own or places["train"]))
    if not own:
        rows = json.loads((HERE / "split.json").read_text())[part]
        frame = frame.iloc[rows] if max(rows, default=0) < len(frame) else frame
    frame = frame.reset_index(drop=True)
    return stored(frame), _targets(frame[TARGET], classes)


def _targets(values: Any, classes: Sequence[str]) -> Tensor:
    words = [str(v).strip() for v in values]
    if not CLASS_VALUES:
        return torch.tensor(numbers_of(words), dtype=torch.float32)[:, None]
    place = {value: i for i, value in enumerate(CLASS_VALUES)}
    return torch.tensor([place[word] if word in place else place[_number(word)] for word in words])


def _number(word: str) -> str:
    """1.0 and 1 are one number, True and true one truth value."""
    if word.lower() in ("true", "false"):
        return word.lower()
    number = float(numbers_of([word])[0])
    return str(int(number)) if number.is_integer() else str(number)


__all__ = ["MISSING", "load", "table"]
