"""Pictures as the network takes them: decoded, turned, resized and normalised as in training."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

# --- learnt from the training data ---
HEIGHT, WIDTH = 28, 28
CHANNELS = 1  # 1 grey, 3 colour, 4 colour with transparency
FIT = "stretch"  # how other shapes are brought to that size: stretch, crop or pad
MEAN = [127.5]  # of each channel, 0 to 255
STD = [64.0]
# --- end ---


def pixels(image: Any) -> Tensor:
    """One picture as bytes (C, H, W).

    Args:
        image: A path, the bytes of a file, a Pillow image, or an array (H, W) or (H, W, C).
    """
    if isinstance(image, (str, Path)):
        image = Path(image).read_bytes()
    if isinstance(image, bytes):
        image = Image.open(io.BytesIO(image))
        if image.format == "JPEG":  # decodes at a part of its size, which is quicker
            image.draft(None, (2 * max(HEIGHT, WIDTH), 2 * max(HEIGHT, WIDTH)))
    elif isinstance(image, (np.ndarray, Tensor)):
        image = Image.fromarray(np.asarray(image, dtype=np.uint8))
    image.load()
    image = _in_mode(ImageOps.exif_transpose(image), {1: "L", 3: "RGB", 4: "RGBA"}[CHANNELS])
    if image.size != (WIDTH, HEIGHT):
        if FIT == "stretch":
            image = image.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, reducing_gap=2.0)
        else:
            fit = ImageOps.fit if FIT == "crop" else ImageOps.pad
            image = fit(image, (WIDTH, HEIGHT), method=Image.Resampling.BILINEAR)
    array = np.array(image, dtype=np.uint8)
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())


def _in_mode(image: Any, mode: str) -> Any:
    if image.mode == mode and (mode == "RGBA" or not image.has_transparency_data):
        return image
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    elif image.mode == "I":
        values = np.asarray(image).clip(0)
        image = Image.fromarray((values >> (8 if values.max() < 1 << 16 else 23)).astype(np.uint8))
    elif image.mode == "F":
        numbers = np.nan_to_num(np.asarray(image))
        image = Image.fromarray((numbers * (255 if numbers.max() <= 1 else 1)).clip(0, 255).astype(np.uint8))
    elif image.has_transparency_data and mode != "RGBA":  # over white
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)


def stored(raw: Sequence[Any]) -> Tensor:
    """Pictures as they are kept, bytes (N, C, H, W)."""
    return torch.stack([pixels(image) for image in raw])


def batch(x: Tensor) -> Tensor:
    """Kept pictures as the network takes them, (N, C, H, W)."""
    mean, std = (torch.tensor(v, device=x.device)[:, None, None] for v in (MEAN, STD))
    return (x - mean) / std


def prepare(raw: Sequence[Any]) -> Tensor:
    """Pictures as the network takes them, (N, C, H, W)."""
    return batch(stored(raw))


def read(arguments: Sequence[str]) -> tuple[list[str], list[Any]]:
    """Names and samples of what stands on the command line: pictures."""
    return list(arguments), [Path(argument) for argument in arguments]
