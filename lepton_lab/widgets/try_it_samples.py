"""What a person asks a network: a drawing, a picture, a row, a text, a recording, a sample of the data."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lepton_lab.data import DataBundle
from lepton_lab.data.bundle import Split
from lepton_lab.data.image_preprocessing import ImagePreprocessing
from lepton_lab.data.images_decode import ImageFormat, decode, header
from lepton_lab.data.text import TextPreprocessing
from lepton_lab.errors import DataError, UnknownNameError, UnsafeDataError
from lepton_lab.widgets.feature_map_viewer_pins import MAX_PIXELS, MAX_UPLOAD, picture_of
from lepton_lab.widgets.try_it_drawing import Hand, ink_of_photo, placed
from lepton_lab.widgets.try_it_form import MAX_FIELDS, row_of, sample_of

__all__ = ["Asked", "drawn", "example", "kind_of", "of_file", "of_text", "of_values"]

MAX_TEXT = 20_000
"""Characters of the longest text that is taken."""

_SEEN = 128  # pixels of the longer side of the picture that is shown
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Asked:
    """One sample that was asked for.

    Attributes:
        id: How the front end knows it again.
        x: The sample, prepared, without the batch axis.
        seen: (C, H, W) as the network sees it; None for what is no picture.
        told: What else the front end shows: `truth` of a sample of the data, its `values` or `text`.
    """

    id: str
    x: Tensor
    seen: Bytes | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


def kind_of(data: DataBundle) -> str:
    """How samples of this data can be made: "image", "form", "text", "sound", or "other" for none but its own."""
    kind = data.preprocessing.kind
    if kind in ("text", "spectrogram"):
        return {"text": "text", "spectrogram": "sound"}[kind]
    if kind == "table":
        return "form" if len(data.preprocessing.feature_widths) <= MAX_FIELDS else "rows"
    shape = data.sample_shape
    if len(shape) == 3 and shape[0] in (1, 3, 4) and min(shape[1:]) >= 4:
        return "image"
    if len(shape) == 1 and shape[0] <= MAX_FIELDS and data.sample_dtype == "float32" and kind == "arrays":
        return "form"
    return "other"


def drawn(data: DataBundle, hand: Hand, ink: Bytes, sample: str) -> Asked:
    """A drawing.

    Args:
        data: The data whose samples it is to be like.
        hand: How they show what was drawn.
        ink: How much of each pixel of the sheet is covered, 0 to 255, (h, w).
        sample: Its id.
    """
    _, height, width = data.sample_shape
    stored = data.train.tensors()
    raw = hand.stored(placed(ink, (height, width), hand), stored[0].dtype if stored is not None else torch.uint8)
    return Asked(sample, data.prepare(raw[None])[0], _seen(raw, hand))


def of_file(data: DataBundle, hand: Hand | None, content: bytes, sample: str, *, tidy: bool) -> Asked:
    """A picture or a recording from a file.

    Args:
        data: The data whose samples it is to be like.
        hand: How they show what was drawn; None where they do not.
        content: The file.
        sample: Its id.
        tidy: Whether to take what is drawn in the picture, in place of the picture itself.

    Raises:
        UnsafeDataError: The file or the picture is too large.
        DataError: It is none that can be read.
    """
    if not content:
        raise DataError("the file is empty", do="Choose another one")
    if len(content) > MAX_UPLOAD:
        raise UnsafeDataError(
            "the file is too large", expected=f"at most {MAX_UPLOAD >> 20} MiB", received=f"{len(content) / 2**20:.1f}"
        )
    if kind_of(data) == "sound":
        return Asked(sample, data.preprocessing(content)[0])
    if kind_of(data) != "image":
        raise DataError("the network does not look at pictures")
    if tidy and hand is not None and hand.box:
        return drawn(data, hand, ink_of_photo(content, MAX_PIXELS), sample)
    header(content, MAX_PIXELS)
    if isinstance(data.preprocessing, ImagePreprocessing):
        raw = data.preprocessing.transform_raw(content)[0]
        return Asked(sample, data.prepare(raw[None])[0], _seen(raw, None))
    channels, height, width = data.sample_shape
    pixels = decode(content, ImageFormat(height, width, channels, fit="crop", max_pixels=MAX_PIXELS))
    return Asked(sample, _prepared(data, pixels), np.ascontiguousarray(pixels[: 1 if channels == 1 else 3]))


def of_values(data: DataBundle, values: Mapping[str, Any], sample: str) -> Asked:
    """A filled-in form."""
    return Asked(sample, sample_of(data, values))


def of_text(data: DataBundle, text: str, sample: str) -> Asked:
    """A text, and how many of its words the network knows."""
    if not text.strip():
        raise DataError("there is no text yet", do="Type some words")
    x = data.preprocessing(text[:MAX_TEXT])[0]
    known, words = int((x > 1).sum()), int((x > 0).sum())
    return Asked(sample, x, told={"known": known, "words": words})


def example(data: DataBundle, sample: str, label: str = "") -> Asked:
    """A random sample that the network did not learn from, with what it truly is.

    Args:
        data: The data.
        sample: Its id.
        label: Name of a class; empty for any.

    Raises:
        UnknownNameError: There is no such class.
        DataError: It has no sample.
    """
    split = data.valid if data.valid is not None else data.train
    rows: Sequence[int] = range(len(split))
    targets = split.targets()
    if label:
        if label not in data.classes:
            raise UnknownNameError("class", label, data.classes)
        number = data.classes.index(label)
        mask = targets == number if targets.dim() == 1 else targets[:, number] > 0
        rows = torch.nonzero(mask).flatten().tolist()
        if not rows:
            raise DataError(f"there is no {label!r} among the validation samples", do="Choose another class")
    index = secrets.choice(rows)  # torch's random state belongs to whoever trains
    x, target = split.sample(index)
    told: dict[str, Any] = {"truth": _truth(data, target), "learnt": data.valid is None, "index": index}
    if kind_of(data) == "form" and split.tensors() is not None:
        told["values"] = row_of(data, split, index)
    if isinstance(data.preprocessing, TextPreprocessing):
        told["text"] = data.preprocessing.decode(x)
    return Asked(sample, x, _picture(split, index, x), told)


def base_name(name: str) -> str:
    """A file's name without its folders, short enough to show."""
    return PurePosixPath(name.replace("\\", "/")).name[:60]


def _truth(data: DataBundle, target: Tensor) -> Any:
    if data.task.is_classification:
        return data.classes[int(target)] if int(target) < len(data.classes) else str(int(target))
    if data.task.value == "multilabel":
        return [name for name, on in zip(data.classes, target.tolist(), strict=True) if on]
    return [float(v) if math.isfinite(v) else None for v in target.flatten().tolist()]


def _picture(split: Split, index: int, x: Tensor) -> Bytes | None:
    stored = split.tensors()
    if stored is not None and stored[0].dtype == torch.uint8 and stored[0].dim() == 4:
        return _seen(stored[0][index], None)
    return picture_of(split, index, x)


def _seen(raw: Tensor, hand: Hand | None) -> Bytes:
    """A stored image as bytes."""
    image = raw.float()
    if hand is not None and raw.dtype != torch.uint8:
        low, high = min(hand.ground, hand.ink), max(hand.ground, hand.ink)
        image = (image - low) / (high - low) * 255
    image = image[: 1 if image.shape[0] == 1 else 3]
    longest = max(image.shape[1:])
    if longest > _SEEN:
        size = (max(1, image.shape[1] * _SEEN // longest), max(1, image.shape[2] * _SEEN // longest))
        image = torch.nn.functional.adaptive_avg_pool2d(image, size)
    return np.ascontiguousarray(image.round().clamp(0, 255).to(torch.uint8).numpy())


def _prepared(data: DataBundle, pixels: Bytes) -> Tensor:
    """Pixels (C, H, W) for arrays that are images: bytes where those are stored, else in the range that they have."""
    stored = data.train.tensors()
    raw = torch.from_numpy(pixels.copy())[None]
    if stored is None or stored[0].dtype == torch.uint8:
        return data.prepare(raw)[0]
    part = stored[0][:200].float()
    low, high = float(part.min()), float(part.max())
    return data.prepare((low + raw.float() / 255 * (high - low)).to(stored[0].dtype))[0]
