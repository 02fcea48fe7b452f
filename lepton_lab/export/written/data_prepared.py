"""The three parts of the data as they were kept for training: samples and targets in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

HERE = Path(__file__).parent

# --- learnt from the training data ---
DATA = "data/prepared.safetensors"
# --- end ---


def load(part: str, classes: Sequence[str], data: Path | None = None) -> tuple[Tensor, Tensor]:
    """Kept samples and targets of "train", "valid" or "test"."""
    with safe_open(data or HERE / DATA, framework="pt") as file:
        return file.get_tensor(f"{part}/x"), file.get_tensor(f"{part}/y")
