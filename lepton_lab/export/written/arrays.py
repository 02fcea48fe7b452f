"""Arrays as the network takes them: scaled and normalised as in training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

# --- learnt from the training data ---
SHAPE: tuple[int, ...] = (4,)  # of one sample
INDICES = False  # whether the values are indices (whole numbers) rather than quantities
SCALE = 1.0
# --- end ---

_LEARNT = Path(__file__).parent / "preprocessing.safetensors"  # mean and deviation, where there are any


def _learnt() -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(_LEARNT) if _LEARNT.exists() else {}


NORMALISE = _learnt()


def stored(raw: Any) -> Tensor:
    """Samples as they are kept, (N, …)."""
    x = torch.as_tensor(np.asarray(raw))
    return x.reshape(-1, *SHAPE)


def batch(x: Tensor) -> Tensor:
    """Kept samples as the network takes them."""
    if INDICES:
        return x.long()
    x = x.float() * SCALE
    if "mean" in NORMALISE:
        x = (x - NORMALISE["mean"].to(x.device)) / NORMALISE["std"].to(x.device)
    return x


def prepare(raw: Any) -> Tensor:
    """Samples as the network takes them."""
    return batch(stored(raw))


def read(arguments: Sequence[str]) -> tuple[list[str], Any]:
    """Names and samples of what stands on the command line: .npy files, or pictures where samples are pictures."""
    samples = [stored(_array(Path(argument))) for argument in arguments]
    names = [
        f"{a} {i + 1}" if len(s) > 1 else a for a, s in zip(arguments, samples, strict=True) for i in range(len(s))
    ]
    return names, torch.cat(samples)


def _array(path: Path) -> Any:
    if path.suffix.lower() == ".npy":
        return np.load(path, allow_pickle=False)
    from PIL import Image  # pip install pillow

    image = Image.open(path).convert("L" if SHAPE[0] == 1 else "RGB")
    array = np.array(image.resize((SHAPE[2], SHAPE[1])), dtype=np.uint8)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
