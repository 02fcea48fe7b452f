"""Recordings as the network takes them: pictures of their frequencies over time, as in training."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

# --- learnt from the training data ---
RATE = 8000  # samples a second
SAMPLES = 8000  # of a recording; longer ones are cut off, shorter ones filled up with silence
WINDOW, HOP = 256, 128
MEAN, STD = 0.0, 1.0
# --- end ---


def stored(raw: Sequence[Any]) -> Tensor:
    """Recordings as they are kept, int16 (N, SAMPLES).

    Args:
        raw: Paths of WAV files with 16 bits a sample, or arrays of int16.
    """
    out = torch.zeros(len(raw), SAMPLES, dtype=torch.int16)
    for i, item in enumerate(raw):
        samples = _wav(Path(item)) if isinstance(item, (str, Path)) else np.asarray(item, np.int16)
        out[i, : min(len(samples), SAMPLES)] = torch.from_numpy(samples[:SAMPLES].copy())
    return out


def _wav(path: Path) -> Any:
    with wave.open(str(path)) as file:
        if file.getframerate() != RATE or file.getsampwidth() != 2:
            raise ValueError(f"{path}: expected 16 bits at {RATE} Hz")
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    return samples.astype(np.int32).mean(1).astype(np.int16) if samples.shape[1] > 1 else samples[:, 0]


def batch(x: Tensor) -> Tensor:
    """Kept recordings as the network takes them, (N, 1, F, T)."""
    window = torch.hann_window(WINDOW, device=x.device)
    parts = torch.stft(x.float() / 32768, WINDOW, HOP, window=window, pad_mode="constant", return_complex=True)
    return (torch.log1p(parts.abs()).unsqueeze(1) - MEAN) / STD


def prepare(raw: Sequence[Any]) -> Tensor:
    """Recordings as the network takes them, (N, 1, F, T)."""
    return batch(stored(raw))


def read(arguments: Sequence[str]) -> tuple[list[str], list[Any]]:
    """Names and samples of what stands on the command line: WAV files."""
    return list(arguments), [Path(argument) for argument in arguments]
