"""What an upload of images holds: classes by its folders, sizes, what cannot be read, what is there twice."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import basename, dirname, splitext

from lepton_lab.data.archive import is_archive_name, is_hidden
from lepton_lab.data.images_decode import MAX_PIXELS, ImageFormat
from lepton_lab.data.images_layout import IMAGE_SUFFIXES, place_images
from lepton_lab.data.images_reader import Watch, decode_files, inspect_files
from lepton_lab.data.images_source import FolderSource, ImageSource, ZipSource, open_source
from lepton_lab.errors import DataError

__all__ = ["Look", "check_pixels", "classes_by_name", "find_root", "look_at"]

_CHUNK = 1024  # files between two messages, and decoded at once
_CHECKED = ImageFormat(32, 32, 3)
_TOKEN = re.compile(r"[^_\-. (\[]+[_\-. (\[]")
_LETTERS = re.compile(r"[^\W\d_]+")
_MOST_CLASSES = 200


@dataclass
class Look:
    """What was found.

    Attributes:
        path: The folder or the zip, as `load_images` takes it.
        files: Images by their ending, sorted.
        folders: Classes by their folders: name, and the beginnings of its images' paths.
        loose: Images that lie in no class's folder.
        others: Files that are not used: (path, kind), kinds being "other", "archive", "heic", "outside" and "link".
        sizes: Height, width and whether it is grey, of every image whose header can be read.
        unreadable: Why an image cannot be read, by its path.
        twice: Images that are the same file, those after the first of each, by the first one.
        source: Reads the files, from any thread; to be closed by who looks no more.
    """

    path: Path
    source: ImageSource
    files: list[str] = field(default_factory=list)
    folders: dict[str, list[str]] = field(default_factory=dict)
    loose: list[str] = field(default_factory=list)
    others: list[tuple[str, str]] = field(default_factory=list)
    sizes: dict[str, tuple[int, int, bool]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    twice: dict[str, list[str]] = field(default_factory=dict)

    def side(self) -> tuple[int, int]:
        """Height and width in the middle of all."""
        heights = sorted(h for h, _, _ in self.sizes.values()) or [1]
        widths = sorted(w for _, w, _ in self.sizes.values()) or [1]
        return heights[len(heights) // 2], widths[len(widths) // 2]

    @property
    def grey(self) -> bool:
        """Whether no image has colours."""
        return bool(self.sizes) and all(grey for _, _, grey in self.sizes.values())


def find_root(folder: Path) -> Path:
    """What of an upload `load_images` takes: its only zip, its only folder, or all of it.

    Raises:
        DataError: Nothing is there, or only archives that cannot be read.
    """
    entries = sorted(e for e in folder.iterdir() if not is_hidden(e.name)) if folder.is_dir() else []
    if not entries:
        raise DataError("nothing arrived", where=folder.name)
    files = [e for e in entries if e.is_file()]
    archives = [e.name for e in files if is_archive_name(e.name)]
    if len(entries) == 1:
        if files and not archives and files[0].suffix.lower() in IMAGE_SUFFIXES:
            return folder
        if archives and not archives[0].lower().endswith(".zip"):
            raise DataError("the archive is not a zip", received=archives[0])
        if files and not archives:
            raise DataError("the file is not an image", received=files[0].name)
        return entries[0]
    if len(archives) == len(entries):
        raise DataError("there are several archives", received=", ".join(archives))
    return folder


def look_at(folder: Path, watch: Watch) -> Look:
    """Looks at an upload: names, headers and copies; no image is decoded. Its source stays open.

    Args:
        folder: Where the upload lies.
        watch: Told how far it is.

    Raises:
        DataError: It cannot be used at all.
        UnsafeDataError: It is a dangerous zip.
        LoadingCancelledError: The watch said so.
    """
    path = find_root(folder)
    source = open_source(path)
    look = Look(path, source)
    try:
        _names(look, source)
        found, failed = inspect_files(source, look.files, MAX_PIXELS, watch)
        look.sizes = {look.files[i]: size for i, size in sorted(found.items())}
        look.unreadable = {look.files[i]: why for i, why in sorted(failed.items())}
        look.twice = _copies(source, [name for name in look.files if name in look.sizes])
    except BaseException:
        source.close()
        raise
    return look


def check_pixels(look: Look, watch: Watch) -> dict[str, str]:
    """Decodes every image, small: what a header cannot say.

    Returns:
        Why an image is damaged, by its path; "blank" for one that shows nothing but one colour.

    Raises:
        LoadingCancelledError: The watch said so.
    """
    names = list(look.sizes)
    bad: dict[str, str] = {}
    quiet = Watch(None, watch.cancel)
    for start in range(0, len(names), _CHUNK):
        some = names[start : start + _CHUNK]
        pixels, failed = decode_files(look.source, some, _CHECKED, quiet)
        flat = pixels.reshape(len(some), -1)
        blank = flat.min(axis=1) == flat.max(axis=1)
        bad |= {some[i]: "blank" for i in range(len(some)) if blank[i] and look.sizes[some[i]][:2] != (1, 1)}
        bad |= {some[i]: why for i, why in failed.items()}
        watch.report(min(start + _CHUNK, len(names)), len(names))
    return bad


def classes_by_name(names: list[str]) -> dict[str, list[str]]:
    """Classes by how the files are called: `cat_01.jpg`, `cat (2).jpg`, `dog7.png`; empty where names say nothing.

    Returns:
        The class's name, and the beginnings of its images' paths.
    """
    for pattern in (_TOKEN, _LETTERS):
        starts = {name: m.group() for name in names if (m := pattern.match(basename(name)))}
        if len(starts) < len(names):
            continue
        labels = {name: start.rstrip("_-. ([").lower() for name, start in starts.items()}
        counts = Counter(labels.values())
        if 2 <= len(counts) <= min(_MOST_CLASSES, len(names) // 2) and min(counts.values()) >= 2:
            found: dict[str, list[str]] = {}
            for name in names:
                folder = dirname(name)
                beginning = f"{folder}/{starts[name]}" if folder else starts[name]
                beginnings = found.setdefault(labels[name], [])
                if beginning not in beginnings:
                    beginnings.append(beginning)
            return dict(sorted(found.items()))
    return {}


def _names(look: Look, source: ImageSource) -> None:
    for name in source.names:
        if splitext(name)[1].lower() in IMAGE_SUFFIXES:
            look.files.append(name)
        elif splitext(name)[1].lower() in (".heic", ".heif"):
            look.others.append((name, "heic"))
        else:
            look.others.append((name, "archive" if is_archive_name(name) else "other"))
    look.others += [(name, "link") for name, _ in source.notes]
    by_split, outside = place_images(look.files)
    look.others += [(name, "outside") for name, _ in outside]
    left = {name for name, _ in outside}
    look.files = [name for name in look.files if name not in left]
    for files in by_split.values():
        for name, parts in files:
            if len(parts) == 1:
                look.loose.append(name)
                continue
            beginning = name[: len(name) - sum(map(len, parts)) - len(parts) + 1] + parts[0] + "/"
            beginnings = look.folders.setdefault(parts[0], [])
            if beginning not in beginnings:
                beginnings.append(beginning)
    look.folders = dict(sorted(look.folders.items()))
    look.loose.sort()


def _copies(source: ImageSource, names: list[str]) -> dict[str, list[str]]:
    """Files with the same contents; only those of one size are read, and of a zip only the checksums."""
    by_size: dict[str, list[str]] = {}
    for name in names:
        by_size.setdefault(source.stamp(name).partition(":")[0], []).append(name)
    groups: dict[str, list[str]] = {}
    for size, some in by_size.items():
        if len(some) < 2:
            continue
        for name in some:
            mark = source.stamp(name) if isinstance(source, ZipSource) else f"{size}:{_digest(source, name)}"
            groups.setdefault(mark, []).append(name)
    return {group[0]: group[1:] for group in groups.values() if len(group) > 1}


def _digest(source: ImageSource, name: str) -> str:
    assert isinstance(source, FolderSource)
    with (source.path / name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
