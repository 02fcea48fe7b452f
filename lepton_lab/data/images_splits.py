"""Image files as splits: decoded into memory (or taken from the cache), or streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lepton_lab.data.bundle import Split, TensorSplit
from lepton_lab.data.cache import DecodedCache, cache_key
from lepton_lab.data.image_preprocessing import ImagePreprocessing, fit_image_preprocessing
from lepton_lab.data.images_decode import ImageFormat, Pixels
from lepton_lab.data.images_layout import ImageFile
from lepton_lab.data.images_notes import no_readable_images
from lepton_lab.data.images_reader import Watch, decode_files, inspect_files, threads_for
from lepton_lab.data.images_source import ImageSource
from lepton_lab.data.streaming import StreamSplit
from lepton_lab.errors import DataError

__all__ = ["LoadedImages", "resident_splits", "streamed_splits"]

_ROWS = 1024  # images that are copied at once
_FIT_ON = 2000  # training images on which a streamed split's preprocessing is fitted

Files = dict[str, list[ImageFile]]


@dataclass
class LoadedImages:
    """What was made of the files.

    Attributes:
        splits: The splits by name; an empty one is left out.
        preprocessing: Fitted on train.
        classes: Those of which a training image can be read.
        failed: Why files could not be read, by name.
        lost_classes: Those of which none can.
    """

    splits: dict[str, Split]
    preprocessing: ImagePreprocessing
    classes: tuple[str, ...]
    failed: dict[str, str]
    lost_classes: list[str] = field(default_factory=list)


def resident_splits(
    source: ImageSource,
    files: Files,
    classes: tuple[str, ...],
    wanted: ImageFormat,
    cache: DecodedCache | None,
    watch: Watch,
) -> LoadedImages:
    """Decodes everything into one array, of which the splits are parts.

    Raises:
        DataError: No training image can be read, or those of one class only.
    """
    ordered = [f for split in files.values() for f in split]
    key = _key(source, ordered, wanted)
    cached = _from_cache(cache, key, ordered, wanted) if cache is not None else None
    if cached is not None:
        watch.report(len(ordered), len(ordered))
        pixels, failed = cached
    else:
        pixels, failures = decode_files(source, [f.name for f in ordered], wanted, watch)
        pixels = _without(pixels, failures)
        failed = {ordered[i].name: why for i, why in sorted(failures.items())}
        if cache is not None and len(pixels):
            names = [f.name for f in ordered if f.name not in failed]
            order = np.array(sorted(range(len(names)), key=names.__getitem__))
            cache.store(key, pixels.shape, _chunks(pixels, order), {"failed": failed})
    kept, left, lost = _readable(files, classes, failed, str(source.path))
    if lost:  # their images go, and the others' numbers change
        whole = [f.name for split in files.values() for f in split if f.name not in failed]
        place = {name: i for i, name in enumerate(whole)}
        pixels = pixels[[place[f.name] for split in kept.values() for f in split]]
    x = torch.from_numpy(pixels)
    count = len(kept["train"])
    preprocessing = fit_image_preprocessing(wanted, [x[:count]])
    splits: dict[str, Split] = {}
    start = 0
    for name, split in kept.items():
        if split:
            splits[name] = TensorSplit(x[start : start + len(split)], _labels(split), preprocessing)
            start += len(split)
    return LoadedImages(splits, preprocessing, left, failed, lost)


def streamed_splits(
    source: ImageSource,
    files: Files,
    classes: tuple[str, ...],
    wanted: ImageFormat,
    memory_cap: int,
    workers: int | None,
    watch: Watch,
) -> LoadedImages:
    """Looks at all files, decodes a sample of the training images, and leaves the rest to each batch.

    Raises:
        DataError: No training image can be read, or those of one class only.
    """
    ordered = [f for split in files.values() for f in split]
    _, failures = inspect_files(source, [f.name for f in ordered], wanted.max_pixels, watch)
    failed = {ordered[i].name: why for i, why in sorted(failures.items())}
    kept, names, lost = _readable(files, classes, failed, str(source.path))
    ahead = memory_cap // 4
    unfitted = ImagePreprocessing(wanted, torch.zeros(wanted.channels), torch.ones(wanted.channels))
    train = kept["train"]
    if workers is None:
        workers = threads_for(source, [f.name for f in train], wanted)
    stream = StreamSplit(source, [f.name for f in train], _labels(train), unfitted, memory_bytes=ahead, workers=workers)
    rows = torch.linspace(0, len(train) - 1, min(len(train), _FIT_ON)).round().long()
    at_once = int(max(1, min(64, ahead // (8 * int(np.prod(wanted.shape))))))
    preprocessing = fit_image_preprocessing(wanted, (x for x, _ in stream.stored(at_once, rows)))
    splits: dict[str, Split] = {
        name: StreamSplit(
            source, [f.name for f in split], _labels(split), preprocessing, memory_bytes=ahead, workers=workers
        )
        for name, split in kept.items()
        if split
    }
    return LoadedImages(splits, preprocessing, names, {**failed, **stream.unreadable}, lost)


def _readable(
    files: Files, classes: tuple[str, ...], failed: Mapping[str, str], where: str
) -> tuple[Files, tuple[str, ...], list[str]]:
    """The files that can be read, with their classes numbered anew where one has no training image left."""
    kept = {name: [f for f in split if f.name not in failed] for name, split in files.items()}
    present = sorted({f.label for f in kept["train"]})
    if len(present) < 2:
        if not present:
            raise no_readable_images(where, failed)
        raise DataError(
            f"only images of one class, {classes[present[0]]!r}, can be read",
            where=where,
            expected="two or more classes",
            received="; ".join(f"{name}: {why}" for name, why in list(failed.items())[:3]) or "no others",
        )
    if len(present) == len(classes):
        return kept, classes, []
    number = {label: i for i, label in enumerate(present)}
    kept = {
        name: [ImageFile(f.name, number[f.label]) for f in split if f.label in number] for name, split in kept.items()
    }
    lost = [classes[i] for i in range(len(classes)) if i not in number]
    return kept, tuple(classes[i] for i in present), lost


def _labels(files: list[ImageFile]) -> Tensor:
    return torch.tensor([f.label for f in files], dtype=torch.int64)


def _key(source: ImageSource, files: list[ImageFile], wanted: ImageFormat) -> str:
    names = sorted(f.name for f in files)
    return cache_key(
        [str(source.path.resolve()), repr(sorted(wanted.to_json().items()))]
        + [f"{name}\t{source.stamp(name)}" for name in names]
    )


def _from_cache(
    cache: DecodedCache, key: str, files: list[ImageFile], wanted: ImageFormat
) -> tuple[Pixels, dict[str, str]] | None:
    """The readable images in the order of `files`, and why the others were not."""
    entry = cache.load(key)
    if entry is None:
        return None
    failed: dict[str, str] = entry.notes["failed"]
    names = [f.name for f in files if f.name not in failed]
    if entry.array.shape != (len(names), *wanted.shape):
        return None
    row = {name: i for i, name in enumerate(sorted(names))}
    pixels: Pixels = np.empty(entry.array.shape, dtype=np.uint8)
    np.take(entry.array, [row[name] for name in names], axis=0, out=pixels, mode="clip")
    return pixels, failed


def _chunks(pixels: Pixels, order: npt.NDArray[np.int64]) -> Iterator[Pixels]:
    for start in range(0, len(order), _ROWS):
        yield pixels[order[start : start + _ROWS]]


def _without(pixels: Pixels, failures: Mapping[int, str]) -> Pixels:
    """The array without the rows that failed, moved together in place, so that no second array is needed."""
    if not failures:
        return pixels
    place = 0
    for row in range(len(pixels)):
        if row not in failures:
            if place != row:
                pixels[place] = pixels[row]
            place += 1
    return pixels[:place]
