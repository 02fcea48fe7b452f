"""One image file, or an image in memory, as pixels of a fixed size: the same way for training and for prediction.

Pillow decodes everything. `torchvision.io.decode_jpeg` is 2 to 3 times as fast on CIFAR-10's tiny JPEGs (and gives
the same pixels), but is deprecated, reads fewer formats and fills up truncated files silently. The decoded cache
makes the difference count only once.
"""

from __future__ import annotations

import functools
import io
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from lepton_lab.errors import DataError, UnsafeDataError

__all__ = ["MAX_PIXELS", "ImageFormat", "Pixels", "decode", "header", "pixels_of"]

Pixels = npt.NDArray[np.uint8]

MAX_PIXELS = 89_478_485
"""Pixels of the largest image that is decoded, Pillow's own bound. A file's header is enough to refuse a larger one."""

_MODES: dict[int, str] = {1: "L", 3: "RGB", 4: "RGBA"}
_GREY = ("1", "L", "LA", "La", "I", "F")
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000")  # none runs programs
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class ImageFormat:
    """What every image is brought to.

    Attributes:
        height: Rows.
        width: Columns.
        channels: 1 (grey), 3 (RGB) or 4 (RGB and alpha).
        fit: How another shape is brought to it: "stretch" scales both axes, "crop" scales until it is covered and
            cuts off what is over, "pad" scales until all of it fits and fills up with black.
        max_pixels: Larger images are refused by their header.
    """

    height: int
    width: int
    channels: int = 3
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        if self.channels not in _MODES:
            raise DataError("no such number of channels", expected="1, 3 or 4", received=repr(self.channels))
        if self.fit not in ("stretch", "crop", "pad"):
            raise DataError("no such way to fit images", expected="stretch, crop or pad", received=repr(self.fit))
        if min(self.height, self.width) < 1 or self.height * self.width > self.max_pixels:
            raise DataError(
                "images cannot be brought to this size",
                expected=f"at least 1 × 1 and at most {self.max_pixels:,} pixels",
                received=f"{self.height} × {self.width}",
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""
        return self.channels, self.height, self.width

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON."""
        return asdict(self)


def header(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int, bool]:
    """Height and width as seen (after the EXIF turn) and whether it is grey, without decoding.

    Raises:
        DataError: It is no image.
        UnsafeDataError: It has more than `max_pixels`.
    """
    with _opened(data, max_pixels) as image:
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        return height, width, image.mode in _GREY or image.mode.startswith("I;16")


def decode(data: bytes, wanted: ImageFormat) -> Pixels:
    """The file's first image as uint8 (C, H, W).

    Raises:
        DataError: It is no image, is truncated or damaged.
        UnsafeDataError: It has more pixels than `wanted.max_pixels`.
    """
    with _opened(data, wanted.max_pixels) as image:
        if image.format == "JPEG":  # decodes at 1/2, 1/4 or 1/8 of its size where twice the wanted size remains
            side = 2 * max(wanted.height, wanted.width)
            image.draft(None, (side, side))
        return pixels_of(image, wanted)


def pixels_of(image: Image.Image, wanted: ImageFormat) -> Pixels:
    """An open image as uint8 (C, H, W): turned by its EXIF, over white where it is transparent.

    Raises:
        DataError: It is truncated or damaged.
        UnsafeDataError: It has more pixels than `wanted.max_pixels`.
    """
    _refuse_large(image, wanted.max_pixels)
    try:
        image.load()
        if _orientation(image) != 1:
            image = ImageOps.exif_transpose(image)
        image = _in_mode(image, _MODES[wanted.channels])
        size = (wanted.width, wanted.height)
        if image.size != size:
            if wanted.fit == "stretch":
                image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
            else:
                fit = ImageOps.fit if wanted.fit == "crop" else ImageOps.pad
                image = fit(image, size, method=Image.Resampling.BILINEAR)
        pixels: Pixels = np.asarray(image, dtype=np.uint8)
    except Exception as error:  # Pillow's readers raise whatever a damaged file makes them stumble over
        raise DataError("the image is truncated or damaged", received=str(error) or type(error).__name__) from error
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


@functools.cache
def _formats() -> tuple[str, ...]:
    """Those of `_FORMATS` that this build of Pillow reads."""
    Image.init()
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def _opened(data: bytes, max_pixels: int) -> Image.Image:
    if not data:
        raise DataError("the file is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=_formats())
    except Image.DecompressionBombError as error:
        raise UnsafeDataError("the image has too many pixels", received=str(error)) from error
    except UnidentifiedImageError as error:
        raise DataError("the file is not an image that can be read", received=_looks_like(data)) from error
    except Exception as error:
        raise DataError("the image's header is damaged", received=str(error) or type(error).__name__) from error
    _refuse_large(image, max_pixels)
    return image


def _orientation(image: Image.Image) -> int:
    """1 to 8, as EXIF numbers the turns; 1, upright, where the EXIF is damaged: the pixels are none the worse."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Pillow's EXIF reader raises whatever damaged tags make it stumble over
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _refuse_large(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise UnsafeDataError(
            "the image has too many pixels",
            expected=f"at most {max_pixels:,}",
            received=f"{height:,} × {width:,}",
        )


def _looks_like(data: bytes) -> str:
    known = {
        b"%PDF": "a PDF",
        b"PK\x03\x04": "a zip",
        b"<svg": "an SVG drawing",
        b"<!DO": "a web page",
        b"<htm": "a web page",
    }
    return known.get(data[:4].lower() if data[:1] == b"<" else data[:4], f"bytes that begin with {data[:8]!r}")


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == mode and (mode == "RGBA" or not image.has_transparency_data):
        return image
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    elif image.mode == "I":
        values = np.asarray(image).clip(0)
        image = Image.fromarray((values >> (8 if values.max() < 1 << 16 else 23)).astype(np.uint8))
    elif image.mode == "F":
        values = np.nan_to_num(np.asarray(image))
        image = Image.fromarray((values * (255 if values.max() <= 1 else 1)).clip(0, 255).astype(np.uint8))
    elif image.has_transparency_data and mode != "RGBA":
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == mode else image.convert(mode)
