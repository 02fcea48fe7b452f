"""Samples that a person has pinned: taken from the data, drawn, uploaded, or kept by the run itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lepton_lab.data import DataBundle
from lepton_lab.data.bundle import Split
from lepton_lab.data.images_decode import ImageFormat, decode
from lepton_lab.errors import DataError, UnknownNameError, UnsafeDataError

__all__ = ["MAX_UPLOAD", "Pin", "drawn", "exciting_pool", "first_pins", "from_data", "picture_of", "uploaded"]

MAX_UPLOAD = 8 << 20
"""Bytes of the largest file that is taken from the browser."""

MAX_PIXELS = 25_000_000
_POOL = 2000
_PICTURE = 64

_numbers = itertools.count(1)

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Pin:
    """One pinned sample.

    Attributes:
        id: Says it apart from the others.
        origin: "data", "drawn", "uploaded", "given" or "kept".
        label: What it is, for people.
        sample: The sample, prepared, without the batch axis; None for one that only the run's record knows.
        picture: (C, H, W) with one or three channels; None for what is no picture.
        frame: Its number among the samples whose maps the run keeps; -1 for others.
    """

    id: str
    origin: str
    label: str
    sample: Tensor | None
    picture: Bytes | None = None
    frame: int = -1

    def to_json(self) -> dict[str, Any]:
        """What the front end knows of it; the picture travels beside it."""
        shape = [] if self.picture is None else list(self.picture.shape)
        return {"id": self.id, "origin": self.origin, "label": self.label, "picture": shape}


def new_pin(origin: str, label: str, sample: Tensor | None, picture: Bytes | None = None, frame: int = -1) -> Pin:
    """A pin with an id of its own."""
    return Pin(f"p{next(_numbers)}", origin, label, sample, picture, frame)


def from_data(data: DataBundle, split: str, label: str = "", index: int = -1, taken: Sequence[str] = ()) -> Pin:
    """A sample of a split: by its number, or the first of a class that is not pinned yet.

    Args:
        data: The data.
        split: "train" or "valid"; the test set is not for looking at.
        label: Name of a class; empty for any.
        index: Number in the split; negative to search by class.
        taken: Labels of the samples that are pinned already.

    Raises:
        UnknownNameError: There is no such split or class.
        DataError: No sample is left, or the number is too large.
    """
    splits = {name: found for name, found in data.splits.items() if name != "test"}
    if split not in splits:
        raise UnknownNameError("split", split, splits)
    source = splits[split]
    if index >= len(source):
        raise DataError(f"there is no sample {index:,} in {split!r}", expected=f"0 to {len(source) - 1:,}")
    if index < 0:
        index = _search(data, source, split, label, set(taken))
    sample, target = source.sample(index)
    return new_pin("data", _name(data, target, split, index), sample, picture_of(source, index, sample))


def first_pins(data: DataBundle, count: int = 4) -> list[Pin]:
    """One sample each of the first classes, of the validation split where there is one."""
    split = "valid" if data.valid is not None else "train"
    found: list[Pin] = []
    names: Sequence[str] = data.classes if data.task.is_classification else ("",) * count
    for name in names[:count]:
        try:
            found.append(from_data(data, split, name, -1, [pin.label for pin in found]))
        except DataError:  # a class without samples here
            continue
    return found


def drawn(data: DataBundle, pixels: Bytes) -> Pin:
    """What a person drew, white on black.

    Args:
        data: The data whose samples it is to be like.
        pixels: (H, W), of the samples' size.

    Raises:
        DataError: The data's samples are no images, or of another size.
    """
    channels, height, width = image_shape(data)
    if pixels.size != height * width:
        raise DataError("the drawing has another size", expected=f"{height} × {width}", received=f"{pixels.size}")
    image = np.repeat(pixels.reshape(1, height, width), channels, axis=0)
    return new_pin("drawn", "drawn", _prepared(data, image), image[: 1 if channels != 3 else 3])


def uploaded(data: DataBundle, name: str, content: bytes, invert: bool = False) -> Pin:
    """An image file from the browser.

    Args:
        data: The data whose samples it is to be like.
        name: The file's name, for people.
        content: The file.
        invert: Whether dark and light change places, as dark ink on white paper needs for digits on black.

    Raises:
        UnsafeDataError: The file or the image is too large.
        DataError: It is no image, or the data's samples are none.
    """
    channels, height, width = image_shape(data)
    if len(content) > MAX_UPLOAD:
        raise UnsafeDataError(
            "the file is too large", expected=f"at most {MAX_UPLOAD >> 20} MiB", received=f"{len(content) / 2**20:.1f}"
        )
    image = decode(content, ImageFormat(height, width, channels, fit="pad", max_pixels=MAX_PIXELS))
    image = np.ascontiguousarray(255 - image if invert else image)
    short = name.replace("\\", "/").rpartition("/")[2][:40]
    return new_pin("uploaded", short or "uploaded", _prepared(data, image), image[: 1 if channels != 3 else 3])


def image_shape(data: DataBundle) -> tuple[int, int, int]:
    """(C, H, W) of the data's samples.

    Raises:
        DataError: They are no images.
    """
    shape = data.sample_shape
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        return shape[0], shape[1], shape[2]
    raise DataError("the samples of this data are no images", received=str(shape), do="Pin samples from the data")


def exciting_pool(data: DataBundle) -> tuple[Tensor, list[int], Split]:
    """Prepared training samples among which a unit's favourites are looked for, their numbers, and their split."""
    split = data.train
    count = min(_POOL if split.tensors() is not None else _POOL // 10, len(split))
    rows = sorted(torch.randperm(len(split), generator=torch.Generator().manual_seed(0))[:count].tolist())
    stored = split.tensors()
    if stored is not None:
        return data.prepare(stored[0][torch.tensor(rows)]), rows, split
    return torch.stack([split.sample(i)[0] for i in rows]), rows, split


def picture_of(split: Split | None, index: int, sample: Tensor) -> Bytes | None:
    """A sample as bytes (C, H, W) of at most 64 pixels a side; None for what is no picture."""
    stored = split.tensors() if split is not None else None
    raw = stored[0][index] if stored is not None and stored[0].dtype == torch.uint8 else None
    image = raw if raw is not None else sample
    if image.dim() == 2:
        image = image[None]
    if image.dim() != 3 or image.shape[0] not in (1, 3, 4) or min(image.shape[1:]) < 4:
        return None
    image = image[: 1 if image.shape[0] == 1 else 3]
    if raw is None:
        low, high = image.min(), image.max()
        image = (image.float() - low) / (high - low).clamp_min(1e-12) * 255
    longest = max(image.shape[1:])
    if longest > _PICTURE:
        size = (max(1, image.shape[1] * _PICTURE // longest), max(1, image.shape[2] * _PICTURE // longest))
        image = torch.nn.functional.adaptive_avg_pool2d(image.float(), size)
    pixels: Bytes = image.round().clamp(0, 255).to(torch.uint8).numpy()
    return np.ascontiguousarray(pixels)


def _search(data: DataBundle, source: Split, split: str, label: str, taken: set[str]) -> int:
    targets = source.targets()
    rows: Iterable[int] = range(len(source))
    if label:
        if label not in data.classes:
            raise UnknownNameError("class", label, data.classes)
        if targets.dim() == 1:
            rows = torch.nonzero(targets == data.classes.index(label)).flatten().tolist()
    for row in rows:
        if _name(data, targets[row], split, row) not in taken:
            return int(row)
    raise DataError(f"no further sample of {label!r} is in {split!r}" if label else f"{split!r} has no further sample")


def _name(data: DataBundle, target: Tensor, split: str, index: int) -> str:
    if data.task.is_classification and target.dim() == 0 and 0 <= int(target) < len(data.classes):
        return f"{data.classes[int(target)]}, {split} {index}"
    return f"{split} {index}"


def _prepared(data: DataBundle, image: Bytes) -> Tensor:
    """An image of the samples' size, prepared as a stored one or as a raw one."""
    stored = data.train.tensors()
    if stored is not None and stored[0].dtype == torch.uint8 and tuple(stored[0].shape[1:]) == image.shape:
        return data.prepare(torch.from_numpy(image.copy())[None])[0]
    return data.preprocessing(image.transpose(1, 2, 0) if image.shape[0] > 1 else image[0])[0]
