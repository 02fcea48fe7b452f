"""`load_images`: a folder or a zip of images as a `DataBundle`."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil

from lepton_lab.data.archive import ArchiveLimits
from lepton_lab.data.assemble import assemble
from lepton_lab.data.bundle import DataBundle, Task
from lepton_lab.data.cache import DecodedCache
from lepton_lab.data.images_decode import MAX_PIXELS, ImageFormat
from lepton_lab.data.images_layout import ImageFile, find_images
from lepton_lab.data.images_notes import layout_findings, no_readable_images, size_findings, unreadable_findings
from lepton_lab.data.images_reader import Progress, Watch, inspect_files
from lepton_lab.data.images_source import ImageSource, open_source
from lepton_lab.data.images_splits import resident_splits, streamed_splits
from lepton_lab.data.report import DataFinding
from lepton_lab.data.splits import split_indices
from lepton_lab.errors import DataError

__all__ = ["load_images"]

_LOOKED_AT = 500  # training images whose headers decide size and channels
_LONGEST_SIDE = 224  # of the default image_size
_SHARE_OF_MEMORY = 0.25  # of what is free, for decoded images

Names = dict[str, list[ImageFile]]


def load_images(
    path: str | os.PathLike[str],
    image_size: int | Sequence[int] | None = None,
    limit: int | None = None,
    valid: float | int = 0.1,
    test: float | int = 0.1,
    seed: int = 0,
    channels: Literal[1, 3, 4] | None = None,
    memory_cap: int | None = None,
    *,
    classes: Mapping[str, Sequence[str]] | None = None,
    leave_out: Sequence[str] = (),
    fit: Literal["stretch", "crop", "pad"] = "stretch",
    stratified: bool = True,
    workers: int | None = None,
    cache: bool = True,
    max_pixels: int = MAX_PIXELS,
    limits: ArchiveLimits | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> DataBundle:
    """Images in a folder for each class, in a folder or a zip, as data to train on.

    Folders `train`, `valid` (`val`, `validation`) and `test` are taken as they are; where one is missing, it is split
    off the training images, stratified. Images of any size and mode are brought to one size, turned by their EXIF,
    put over white where transparent. What cannot be read is left out and listed in the report.

    Args:
        path: A folder, or a zip of one. Nothing is unpacked to disk.
        image_size: Side, or (height, width). By default the median of up to 500 training images, scaled down where
            its longer side is over 224.
        limit: How many training images to take (before validation and test are split off): a subset with the
            classes' shares kept, drawn by `seed`. All where it is None.
        valid: Share of the training images for validation, or their number, where no folder says it; 0 for none.
        test: The same for the test.
        seed: Draws subset and splits.
        channels: 1 (grey), 3 (RGB) or 4 (with alpha). By default 1 where all images looked at are grey, else 3.
        memory_cap: Bytes that the decoded images may take together; beyond that they are decoded again for each
            batch, and a quarter of the cap bounds what is decoded ahead. The list of files comes on top, about
            0.5 KB for each. By default a quarter of the free memory.
        classes: Which images belong to which class, for those that do not lie in a folder each, or to rename, join
            and leave out classes: `{"cat": ["cats/", "kittens/"], "dog": ["photos/dog_"]}`. Each text is a path in the
            folder or zip, or how paths begin; the longest that fits decides.
        leave_out: Paths of images that are not used.
        fit: How other shapes are brought to `image_size`: "stretch", "crop" or "pad".
        stratified: Whether splits that are made get the same shares of the classes.
        workers: Threads that decode while streaming, 0 for none beside the caller's; by default as many as there are
            cores, or one where the images are tiny.
        cache: Whether decoded images are kept in the cache folder for the next time.
        max_pixels: Images with more are refused by their header, and listed.
        limits: What a zip may hold before it is refused.
        progress: Called with (images done, images in all) while loading; return False to cancel.
        cancel: Cancels loading once it is set.

    Raises:
        DataError: There are no readable images, or fewer than two classes.
        UnsafeDataError: The zip is dangerous: paths out of its folder, links, bombs, absurd sizes.
        LoadingCancelledError: `progress` or `cancel` asked for it.

    Side effects: writes to the cache folder.
    """
    path = Path(path).expanduser()
    source = open_source(path, limits)
    watch = Watch(progress, cancel)
    layout = find_images(source.names, str(path), classes, leave_out)
    findings = layout_findings(layout, source.notes)
    files = _limited(layout.splits, limit, seed, findings)
    files = _with_missing_splits(files, valid, test, seed, stratified, findings)
    looked = _look(source, files["train"], max_pixels)
    findings += size_findings(looked.sizes)
    height, width = _size(image_size) or looked.median()
    wanted = ImageFormat(height, width, channels or (1 if looked.all_grey else 3), fit, max_pixels)
    cap = int(psutil.virtual_memory().available * _SHARE_OF_MEMORY) if memory_cap is None else memory_cap
    count = sum(map(len, files.values()))
    if count * int(np.prod(wanted.shape)) <= cap:
        store = DecodedCache() if cache else None
        loaded = resident_splits(source, files, layout.classes, wanted, store, watch)
        source.close()
    else:
        loaded = streamed_splits(source, files, layout.classes, wanted, cap, workers, watch)
    findings += unreadable_findings(loaded.failed, count, loaded.lost_classes)
    return assemble(
        path.stem if path.is_file() else path.resolve().name,
        train=loaded.splits["train"],
        valid=loaded.splits.get("valid"),
        test=loaded.splits.get("test"),
        task=Task.BINARY if len(loaded.classes) == 2 else Task.MULTICLASS,
        preprocessing=loaded.preprocessing,
        classes=loaded.classes,
        source={
            "loader": "load_images",
            "args": {
                "path": str(path.resolve()),
                "image_size": [height, width],
                "limit": limit,
                "valid": valid,
                "test": test,
                "seed": seed,
                "channels": wanted.channels,
                "memory_cap": memory_cap,
                **({"classes": {name: list(paths) for name, paths in classes.items()}} if classes is not None else {}),
                **({"leave_out": list(leave_out)} if leave_out else {}),
                "fit": fit,
                "stratified": stratified,
                "max_pixels": max_pixels,
            },
        },
        findings=findings,
    )


def _limited(files: Names, limit: int | None, seed: int, findings: list[DataFinding]) -> Names:
    """The files with a stratified subset of the training images."""
    train = files["train"]
    if limit is None:
        return files
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 2:
        raise DataError("limit is no number of images", expected="a whole number from 2, or None", received=repr(limit))
    if limit >= len(train):
        return files
    chosen = split_indices(len(train), valid=len(train) - limit, labels=[f.label for f in train], seed=seed).train
    findings.append(
        DataFinding("info", "limited", f"{limit:,} of {len(train):,} training images are used, as asked for by limit.")
    )
    return {**files, "train": [train[i] for i in chosen]}


def _with_missing_splits(
    files: Names, valid: float | int, test: float | int, seed: int, stratified: bool, findings: list[DataFinding]
) -> Names:
    train = files["train"]
    rows = split_indices(
        len(train),
        valid=0 if "valid" in files else valid,
        test=0 if "test" in files else test,
        labels=[f.label for f in train],
        seed=seed,
        stratified=stratified,
    )
    findings += rows.findings
    made = {"train": rows.train, "valid": rows.valid, "test": rows.test}
    return {
        name: files[name] if name != "train" and name in files else [train[i] for i in made[name]]
        for name in made
        if name in files or len(made[name])
    }


@dataclass
class _Looked:
    """Height and width of the images that were looked at, and whether all were grey."""

    sizes: list[tuple[int, int]]
    all_grey: bool

    def median(self) -> tuple[int, int]:
        height, width = np.median(np.array(self.sizes), axis=0)
        scale = min(1.0, _LONGEST_SIDE / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))


def _look(source: ImageSource, train: list[ImageFile], max_pixels: int) -> _Looked:
    """Reads headers of images spread evenly over the training images; of all, where none of those can be read."""
    step = max(1, len(train) // _LOOKED_AT)
    failed: dict[int, str] = {}
    for chosen in (train[::step][:_LOOKED_AT], train):
        found, failed = inspect_files(source, [f.name for f in chosen], max_pixels, Watch())
        if found:
            headers = [found[i] for i in sorted(found)]
            return _Looked([(h, w) for h, w, _ in headers], all(grey for _, _, grey in headers))
    raise no_readable_images(str(source.path), {train[i].name: why for i, why in failed.items()})


def _size(image_size: Any) -> tuple[int, int] | None:
    if image_size is None:
        return None
    sides = [image_size, image_size] if isinstance(image_size, (int, np.integer)) else list(image_size)
    if len(sides) != 2 or any(isinstance(s, bool) or not isinstance(s, (int, np.integer)) or s < 1 for s in sides):
        raise DataError(
            "image_size is no size", expected="a side, such as 64, or (height, width)", received=repr(image_size)
        )
    return int(sides[0]), int(sides[1])
