"""Drawings and photographs of drawings, brought to where they lie in the data's own images.

After the makers of MNIST: what is drawn is scaled into a box of 20 × 20 with its proportions kept, grey where a pixel
is covered in part, and moved into 28 × 28 so that its centre of mass lies in the middle.
Source: http://yann.lecun.com/exdb/mnist/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lepton_lab.data import DataBundle
from lepton_lab.data.images_decode import ImageFormat, decode, header
from lepton_lab.errors import DataError

__all__ = ["Hand", "hand_of", "ink_of_photo", "placed"]

Cover = NDArray[np.float32]

_SAMPLES = 300
_COVERED = 0.1  # of a pixel, from which on it belongs to what is drawn
_CORNERS = 0.08  # of the corners' pixels that may be covered where something is drawn on empty ground
_PHOTO = 320  # pixels of the longer side in which a photo is looked at
_EVEN = 24  # grey levels by which paper may differ along the border and still be of one grey
_CONTRAST = 40  # grey levels between paper and ink at least


@dataclass(frozen=True)
class Hand:
    """How the images of some data show what was drawn.

    Attributes:
        ground: Stored value of an empty pixel.
        ink: Stored value of a covered pixel.
        box: Pixels of the longer side of what is drawn; 0 where the images are filled to their borders, so that a
            drawing is taken as it lies on its sheet.
    """

    ground: float
    ink: float
    box: int

    def stored(self, cover: Cover, dtype: torch.dtype) -> torch.Tensor:
        """Covers from 0 to 1 (H, W) as a stored image (1, H, W)."""
        values = torch.from_numpy(self.ground + (self.ink - self.ground) * cover)[None]
        return values.to(dtype) if dtype.is_floating_point else values.round().to(dtype)


def hand_of(data: DataBundle) -> Hand | None:
    """What some training images tell; None where they have colours or are no images.

    What is empty is what the borders show; the box is as large as most of what is drawn.
    """
    if len(data.sample_shape) != 3 or data.sample_shape[0] != 1 or min(data.sample_shape[1:]) < 4:
        return None
    stored = data.train.tensors()
    count = min(_SAMPLES, len(data.train))
    if stored is None:  # streamed images are uint8, whatever their preparation makes of them
        return Hand(0.0, 255.0, 0)
    images = stored[0][torch.linspace(0, len(data.train) - 1, count).long(), 0].float().numpy()
    border = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    low, high, ground = float(images.min()), float(images.max()), float(np.median(border))
    ink = high if high - ground >= ground - low else low
    if ink == ground:
        return Hand(ground, ground + 1, 0)
    cover = np.clip((images - ground) / (ink - ground), 0, 1)
    corners = cover[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    if corners.mean() > _CORNERS:  # photographs, textures
        return Hand(ground, ink, 0)
    sides = []
    for image in cover:
        place = _bounds(image)
        if place is not None:
            sides.append(max(place[1] - place[0], place[3] - place[2]))
    return Hand(ground, ink, int(np.median(sides)) if sides else 0)


def placed(ink: NDArray[np.uint8], size: tuple[int, int], hand: Hand) -> Cover:
    """A drawing as the data's images would show it.

    Args:
        ink: How much of each pixel of the sheet is covered, 0 to 255, (h, w).
        size: Height and width of the data's images.
        hand: How they show what was drawn.

    Returns:
        Covers from 0 to 1, of that size.
    """
    height, width = size
    if hand.box == 0:
        return np.asarray(_scaled(ink, height, width), np.float32) / np.float32(255)
    out = np.zeros((height, width), np.float32)
    place = _bounds(ink / 255)
    if place is None:
        return out
    top, bottom, left, right = place
    longest = max(bottom - top, right - left)
    h, w = (max(1, round((b - a) * hand.box / longest)) for a, b in ((top, bottom), (left, right)))
    h, w = min(h, height), min(w, width)
    small = np.asarray(_scaled(ink[top:bottom, left:right], h, w), np.float32)
    small /= max(1.0, float(small.max()))  # a thin pen covers no pixel whole, yet the data's strokes are full
    mass = small.sum()
    y, x = (float((small * np.arange(n).reshape(s)).sum() / mass) for n, s in ((h, (-1, 1)), (w, (1, -1))))
    down = int(np.clip(round(height / 2 - y), 0, height - h))  # MNIST's own digits have it at (14, 14), counted from 0
    over = int(np.clip(round(width / 2 - x), 0, width - w))
    out[down : down + h, over : over + w] = small
    return out


def ink_of_photo(content: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """What is drawn in a photograph or a scan, dark on light or light on dark: 0 for paper, 255 for ink, (h, w).

    Args:
        content: An image file.
        max_pixels: A larger image is refused.

    Raises:
        DataError: It is no image, or nothing stands out in it.
        UnsafeDataError: It is too large.
    """
    height, width, _ = header(content, max_pixels)
    scale = min(1.0, _PHOTO / max(height, width))
    size = ImageFormat(max(1, round(height * scale)), max(1, round(width * scale)), 1, max_pixels=max_pixels)
    grey = decode(content, size)[0].astype(np.float32)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper: Any = np.median(border)
    if np.percentile(border, 90) - np.percentile(border, 10) > _EVEN:  # light falls from one side
        blurred = Image.fromarray(grey.astype(np.uint8)).filter(ImageFilter.BoxBlur(max(grey.shape) // 6))
        paper = np.asarray(blurred, np.float32)
    darker, lighter = paper - grey, grey - paper
    found = max(darker, lighter, key=lambda d: float(np.percentile(d, 99)))
    full = float(np.percentile(found, 99))
    if full < _CONTRAST:
        raise DataError(
            "nothing stands out in this picture",
            expected="one thing drawn in dark ink on light paper, or the other way round",
            do="Use a thicker pen or more light, and let the drawing fill the picture",
        )
    least = 0.35 * full
    ink: NDArray[np.uint8] = np.rint(np.clip((found - least) / (0.75 * full - least), 0, 1) * 255).astype(np.uint8)
    return ink


def _bounds(cover: NDArray[Any]) -> tuple[int, int, int, int] | None:
    """Top, bottom, left, right of what is covered; None where nothing is."""
    rows, columns = (np.flatnonzero((cover > _COVERED).any(axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _scaled(ink: NDArray[np.uint8], height: int, width: int) -> Image.Image:
    """Area means where it gets smaller."""
    smaller = ink.shape[0] >= height and ink.shape[1] >= width
    how = Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR
    return Image.fromarray(np.ascontiguousarray(ink)).resize((width, height), how)
