"""Which files of a folder or zip are images, of which class and in which split.

The layouts that people use are recognised: `class/…`, `train/class/…` with `test/` and `valid/` (or `val/`,
`validation/`) beside it, either of them inside further folders that hold nothing else, and images in folders below
their class's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import splitext

from lepton_lab.errors import DataError

__all__ = ["IMAGE_SUFFIXES", "ImageFile", "Layout", "Placed", "find_images", "place_images"]

IMAGE_SUFFIXES = frozenset(
    [
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".png", ".gif", ".webp", ".avif", ".bmp", ".dib"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
    ]
)
"""Endings of files that are taken for images."""

_SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}
_SHOWN = 5

Placed = dict[str, list[tuple[str, list[str]]]]
"""Images by split: path, and the parts of the path below the split's folder."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One image: its path in the source and the number of its class."""

    name: str
    label: int


@dataclass
class Layout:
    """What was found.

    Attributes:
        classes: Names of the classes, sorted.
        splits: Images of "train", "valid" and "test", sorted by name; only "train" where no folders say more.
        skipped: Files that are passed over: (path, reason).
    """

    classes: tuple[str, ...]
    splits: dict[str, list[ImageFile]]
    skipped: list[tuple[str, str]] = field(default_factory=list)


def find_images(
    names: Sequence[str],
    where: str,
    classes: Mapping[str, Sequence[str]] | None = None,
    leave_out: Collection[str] = (),
) -> Layout:
    """Reads splits and classes from the paths of files.

    Args:
        names: Paths with forward slashes.
        where: The source, for messages.
        classes: The paths, or beginnings of paths, of each class's images; the longest that fits decides. By the
            folders where None.
        leave_out: Paths of images that are passed over.

    Raises:
        DataError: There are no images, or fewer than two classes of them.
    """
    skipped: list[tuple[str, str]] = []
    paths = []
    for name in sorted(names):
        suffix = splitext(name)[1].lower()
        if suffix in IMAGE_SUFFIXES:
            paths.append(name)
        else:
            skipped.append((name, f"not an image file ({suffix or 'no ending'})"))
    if not paths:
        raise _no_images(where, skipped)
    by_split, outside = place_images(paths)
    skipped += outside
    if leave_out:
        gone = frozenset(leave_out)
        by_split = {split: [f for f in files if f[0] not in gone] for split, files in by_split.items()}
    if classes is not None:
        by_split = _by_beginnings(by_split, classes, skipped)
    train = {parts[0] for _, parts in by_split.get("train", []) if len(parts) > 1}
    if len(train) < 2:
        raise _too_few_classes(where, sorted(train))
    number = {name: i for i, name in enumerate(sorted(train))}
    splits: dict[str, list[ImageFile]] = {}
    for split, files in by_split.items():
        for name, parts in files:
            if len(parts) == 1:
                skipped.append((name, "lies in no class's folder"))
            elif parts[0] not in number:
                skipped.append((name, f"its class {parts[0]!r} has no training images"))
            else:
                splits.setdefault(split, []).append(ImageFile(name, number[parts[0]]))
    return Layout(tuple(number), splits, skipped)


def place_images(paths: Sequence[str]) -> tuple[Placed, list[tuple[str, str]]]:
    """Images by split, each with its parts below its split's folder, the class's folder first where it lies in one.

    Returns:
        The images, and those that lie outside of all splits, with the reason.
    """
    return _by_split(paths, _common_root([p.split("/") for p in paths]))


def _by_beginnings(by_split: Placed, classes: Mapping[str, Sequence[str]], skipped: list[tuple[str, str]]) -> Placed:
    """The same files, each below the class whose path it is or begins with."""
    owner = {beginning: name for name, beginnings in classes.items() for beginning in beginnings}
    lengths = sorted({len(beginning) for beginning in owner}, reverse=True)
    found: Placed = {}
    for split, files in by_split.items():
        for path, _ in files:
            label = next((owner[path[:n]] for n in lengths if path[:n] in owner), None)
            if label is None:
                skipped.append((path, "belongs to none of the classes"))
            else:
                found.setdefault(split, []).append((path, [label, path]))
    return found


def _common_root(paths: list[list[str]]) -> int:
    """How many folders hold everything and say nothing: `photos-main/` around all the classes."""
    depth = 0
    while True:
        heads = {p[depth] for p in paths if len(p) > depth + 1}
        deeper = any(len(p) > depth + 2 for p in paths)
        if len(heads) != 1 or not deeper or any(_SPLITS.get(head.lower()) == "train" for head in heads):
            return depth
        depth += 1


def _by_split(paths: Sequence[str], root: int) -> tuple[Placed, list[tuple[str, str]]]:
    """Paths below `root` by split, each with its parts below its split's folder; and those outside of any."""
    parts = [(name, name.split("/")[root:]) for name in paths]
    tops = {p[0].lower() for _, p in parts if len(p) > 2}
    if "train" not in {_SPLITS.get(top) for top in tops}:
        return {"train": parts}, []
    found: Placed = {}
    outside = []
    for name, p in parts:
        split = _SPLITS.get(p[0].lower()) if len(p) > 1 else None
        if split is None:
            outside.append((name, "lies outside of the folders train, valid and test"))
        else:
            found.setdefault(split, []).append((name, p[1:]))
    return found, outside


def _no_images(where: str, skipped: list[tuple[str, str]]) -> DataError:
    seen = ", ".join(name for name, _ in skipped[:_SHOWN])
    return DataError(
        "there are no images",
        where=where,
        expected="files such as .jpg, .png, .bmp, .gif, .webp or .tif in one folder for each class",
        received=f"{len(skipped):,} other files: {seen}" + (", …" if len(skipped) > _SHOWN else "")
        if skipped
        else "nothing",
    )


def _too_few_classes(where: str, found: list[str]) -> DataError:
    return DataError(
        "there are fewer than two classes to tell apart",
        where=where,
        expected="two or more folders, one for each class, named after it",
        received=f"one folder of images, {found[0]!r}" if found else "images that lie in no folder",
        do="Sort the images into folders: cats/1.jpg, dogs/2.jpg",
    )
