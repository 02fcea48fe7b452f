"""Images as a model's input: decoded, turned, resized, normalised; fitted on the training split."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from typing_extensions import override

from lepton_lab.data.images_decode import ImageFormat, Pixels, decode, pixels_of
from lepton_lab.data.images_source import MAX_FILE
from lepton_lab.data.preprocessing import Preprocessing, register_preprocessing
from lepton_lab.errors import DataError, UnsafeDataError

__all__ = ["ImagePreprocessing", "fit_image_preprocessing"]

_CHUNK = 32 << 20  # stored bytes that are measured at once


@register_preprocessing
class ImagePreprocessing(Preprocessing):
    """Brings images to one size and their channels to mean 0 and deviation 1.

    Args:
        wanted: Size, channels and fit of every image.
        mean: Mean of each channel over the training images, 0 to 255, (C,).
        std: Deviation of each channel, (C,).
    """

    kind = "images"

    def __init__(self, wanted: ImageFormat, mean: Tensor, std: Tensor) -> None:
        self.wanted, self.mean, self.std = wanted, mean.float(), std.float()
        self._on: dict[torch.device, tuple[Tensor, Tensor]] = {}

    @override
    def transform_raw(self, raw: Any) -> Tensor:
        """One image or a list of them as uint8 (N, C, H, W).

        Args:
            raw: A path, the bytes of a file, a Pillow image, or an array: (H, W), (H, W, C) or, where the last axis
                is no number of channels, (C, H, W); with a leading N for several. uint8, uint16, or floats from 0 to 1.

        Raises:
            DataError: It is no image, or a damaged one.
            UnsafeDataError: It is too large.
        """
        return torch.from_numpy(np.stack([self._pixels(image) for image in _each(raw)]))

    def _pixels(self, raw: Any) -> Pixels:
        if isinstance(raw, Image.Image):
            return np.ascontiguousarray(pixels_of(raw, self.wanted))
        if isinstance(raw, (bytes, bytearray, memoryview)):
            return np.ascontiguousarray(decode(bytes(raw), self.wanted))
        if isinstance(raw, (str, os.PathLike)):
            return np.ascontiguousarray(self._file(Path(raw)))
        if isinstance(raw, (np.ndarray, Tensor)):
            return np.ascontiguousarray(pixels_of(_image_of(np.asarray(raw)), self.wanted))
        raise DataError(
            "this is no image",
            expected="a path, the bytes of a file, a Pillow image or an array",
            received=type(raw).__name__,
        )

    def _file(self, path: Path) -> Pixels:
        try:
            if path.stat().st_size > MAX_FILE:
                raise UnsafeDataError("the file is too large for an image", where=str(path))
            return decode(path.read_bytes(), self.wanted)
        except OSError as error:
            raise DataError("the image cannot be opened", where=str(path), received=str(error)) from error
        except DataError as error:
            raise type(error)(error.what, where=str(path), expected=error.expected, received=error.received) from error

    @override
    def batch(self, x: Tensor, *, training: bool = False) -> Tensor:
        if x.device not in self._on:
            mean, std = (v.to(x.device)[:, None, None] for v in (self.mean, self.std))
            self._on[x.device] = mean, 1 / std
        mean, scale = self._on[x.device]
        return (x - mean).mul_(scale)  # uint8 becomes float32 in the subtraction, without a copy between

    @override
    def settings(self) -> dict[str, Any]:
        return self.wanted.to_json()

    @override
    def arrays(self) -> dict[str, Tensor]:
        return {"mean": self.mean, "std": self.std}

    @classmethod
    @override
    def from_settings(cls, settings: Mapping[str, Any], arrays: Mapping[str, Tensor]) -> Self:
        return cls(ImageFormat(**settings), arrays["mean"], arrays["std"])

    @override
    def describe(self) -> list[str]:
        w = self.wanted
        colors = {1: "grey", 3: "RGB", 4: "RGB and alpha"}[w.channels]
        mean, std = (", ".join(f"{v:.1f}" for v in values.tolist()) for values in (self.mean, self.std))
        return [f"{colors}, {w.height} × {w.width} ({w.fit})", f"normalise channels: mean {mean}; deviation {std}"]


def fit_image_preprocessing(wanted: ImageFormat, batches: Iterable[Tensor]) -> ImagePreprocessing:
    """Measures mean and deviation of each channel.

    Args:
        wanted: What the images were brought to.
        batches: Training images, uint8 (N, C, H, W).
    """
    count = 0
    total = torch.zeros(wanted.channels, dtype=torch.float64)
    squares = torch.zeros(wanted.channels, dtype=torch.float64)
    for images in batches:
        step = max(1, _CHUNK // max(images[0].numel() * 4, 1))
        for start in range(0, len(images), step):
            part = images[start : start + step].float().sub_(127.5)  # about the middle: float32 sums stay exact enough
            total += part.sum((2, 3)).double().sum(0)
            squares += part.square_().sum((2, 3)).double().sum(0)
            count += part[:, 0].numel()
    mean = total / max(count, 1)
    std = (squares / max(count, 1) - mean.square()).clamp(min=0).sqrt()
    return ImagePreprocessing(wanted, mean + 127.5, torch.where(std > 1e-3, std, torch.ones_like(std)))


def _each(raw: Any) -> Sequence[Any]:
    if isinstance(raw, (np.ndarray, Tensor)):
        several = raw.ndim == 4
        return [raw[i] for i in range(len(raw))] if several else [raw]
    if isinstance(raw, (list, tuple)):
        if not raw:
            raise DataError("there are no images", expected="at least one")
        return raw
    return [raw]


def _image_of(array: np.ndarray[Any, Any]) -> Image.Image:
    if array.ndim == 3 and array.shape[-1] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] not in (1, 3, 4)) or 0 in array.shape:
        raise DataError("this array is no image", expected="(H, W) or (H, W, 1, 3 or 4)", received=str(array.shape))
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise DataError("the image holds NaN or infinite values", expected="numbers from 0 to 1")
        if array.min() < 0 or array.max() > 1:
            raise DataError(
                "the image's values are out of range",
                expected="floats from 0 to 1, or uint8",
                received=f"{array.min():g} to {array.max():g}",
            )
        array = (array * 255).round()
    elif array.dtype == np.uint16:
        array = array >> 8
    elif array.dtype == np.bool_:
        array = array * np.uint8(255)
    elif array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 255:
        raise DataError("the image's values are out of range", expected="0 to 255", received=str(array.dtype))
    return Image.fromarray(np.ascontiguousarray(array.astype(np.uint8)))
