"""Texts as the network takes them: words as numbers, as in training."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

# --- learnt from the training data ---
LENGTH = 20  # words; longer texts are cut off at their end, shorter ones filled up with 0
# --- end ---

WORDS = json.loads((Path(__file__).parent / "vocabulary.json").read_text(encoding="utf-8"))
"""Known words, the most frequent first; their numbers count from 2, 1 is any other word."""

_NUMBER = {word: i + 2 for i, word in enumerate(WORDS)}
_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+|[^\w\s]")


def stored(raw: Sequence[str]) -> Tensor:
    """Texts as word numbers, int64 (N, LENGTH)."""
    out = torch.zeros(len(raw), LENGTH, dtype=torch.int64)
    for i, text in enumerate(raw):
        tokens = _TOKEN.findall(text.lower())[:LENGTH]
        out[i, : len(tokens)] = torch.tensor([_NUMBER.get(token, 1) for token in tokens], dtype=torch.int64)
    return out


def batch(x: Tensor) -> Tensor:
    """Word numbers as the network takes them."""
    return x.long()


def prepare(raw: Sequence[str]) -> Tensor:
    """Texts as the network takes them, int64 (N, LENGTH)."""
    return batch(stored(raw))


def read(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names and samples of what stands on the command line: texts."""
    return [text if len(text) < 40 else text[:39] + "…" for text in arguments], list(arguments)
