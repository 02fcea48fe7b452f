"""The pictures of the three parts, as split.csv lists them; add lines to train on more."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
from preprocessing import stored
from torch import Tensor

HERE = Path(__file__).parent

# --- learnt from the training data ---
DATA = "data/pictures"  # a folder or a zip
# --- end ---


def load(part: str, classes: Sequence[str], data: Path | None = None) -> tuple[Tensor, Tensor]:
    """Pictures (N, C, H, W) and class numbers (N,) of "train", "valid" or "test"; unreadable ones are left out."""
    place = data or HERE / DATA
    with (HERE / "split.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == part and row["class"] in classes]
    archive = zipfile.ZipFile(place) if place.is_file() else None
    pictures, labels = [], []
    for row in rows:
        try:
            raw = archive.read(row["file"]) if archive is not None else (place / row["file"]).read_bytes()
            pictures.append(stored([raw]))
            labels.append(classes.index(row["class"]))
        except (OSError, KeyError, ValueError) as error:
            print(f"left out: {row['file']} ({error})")
    return torch.cat(pictures), torch.tensor(labels)
