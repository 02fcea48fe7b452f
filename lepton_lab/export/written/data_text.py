"""The texts of the three parts; split.json says which row is in which part."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from preprocessing import stored
from torch import Tensor

HERE = Path(__file__).parent

# --- learnt from the training data ---
DATA = {"train": "data/texts.csv"}  # the table of texts; one of its own for a part where there is one
TEXT, LABEL = 0, 1  # positions of the columns
ENCODING, DELIMITER = "utf-8", ","
QUOTES = True  # whether quotation marks enclose cells
SKIP = 1  # lines before the first row
WIDTH = 2  # columns
MISSING = ["", "NA"]
CLASS_VALUES: list[str] = []  # how each class is written
# --- end ---


def rows_of(path: Path) -> list[tuple[str, str]]:
    """Texts with their labels; rows that lack one are left out."""
    with path.open(encoding=ENCODING, newline="") as file:
        for _ in range(SKIP):
            next(file)
        reader = csv.reader(file, delimiter=DELIMITER, quotechar='"' if QUOTES else None)
        rows = [row for row in reader if len(row) == WIDTH]
    pairs = [(row[TEXT].strip(), row[LABEL].strip()) for row in rows]
    return [(text, label) for text, label in pairs if text not in MISSING and label not in MISSING]


def load(part: str, classes: Sequence[str], data: Path | None = None) -> tuple[Tensor, Tensor]:
    """Texts as word numbers and class numbers of "train", "valid" or "test"."""
    places = DATA if data is None else {"train": str(data)}
    own = places.get(part) if part != "train" else None
    pairs = rows_of(HERE / (own or places["train"]))
    rows = json.loads((HERE / "split.json").read_text()).get(part) if not own else None
    if rows is not None:
        pairs = [pairs[i] for i in rows if i < len(pairs)]
    place = {value: i for i, value in enumerate(CLASS_VALUES)}
    return stored([text for text, _ in pairs]), torch.tensor([place[label] for _, label in pairs])
