"""What the start page says of examples and of this machine."""

from __future__ import annotations

from typing import Final

__all__ = ["cpu", "images_in", "memory"]

DIGITS: Final = "Handwritten digits"
DIGITS_PROJECT: Final = "Digits"
DIGITS_DATA: Final = "MNIST"
DIGITS_BUTTON: Final = "Start with digits"
FLOWERS: Final = "Flowers in a table"
FLOWERS_PROJECT: Final = "Flowers"
FLOWERS_DATA: Final = "Iris"
FLOWERS_BUTTON: Final = "Start with flowers"
FLOWERS_DETAIL: Final = "150 rows, 3 species"
SPIRALS: Final = "Two spirals"
SPIRALS_PROJECT: Final = "Spirals"
SPIRALS_DATA: Final = "Spirals"
SPIRALS_BUTTON: Final = "Start with spirals"
SPIRALS_DETAIL: Final = "1,000 points, 2 classes"
NO_EXAMPLE: Final = "There is no such example"

_GIB: Final = float(1 << 30)


def images_in(images: int, classes: int) -> str:
    """Such as "70,000 images, 10 classes"."""
    return f"{images:,} images, {classes} classes"


def memory(device: str, free: float, total: float) -> str:
    """Such as "CPU, 2 cores, 18.2 of 24 GiB free"."""
    return f"{device}, {free / _GIB:.1f} of {total / _GIB:.0f} GiB free"


def cpu(cores: int) -> str:
    """Such as "CPU, 2 cores"."""
    return "CPU, 1 core" if cores == 1 else f"CPU, {cores} cores"
