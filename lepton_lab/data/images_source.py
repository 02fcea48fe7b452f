"""Where the files of an image data set lie: in a folder or in a zip, read alike."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from lepton_lab.data.archive import ArchiveLimits, SafeZip, is_hidden
from lepton_lab.errors import DataError, UnsafeDataError

__all__ = ["MAX_FILE", "FolderSource", "ImageSource", "ZipSource", "open_source"]


MAX_FILE = 1 << 30
"""Bytes of the largest file that is read as one image."""


class ImageSource(Protocol):
    """Files by name. `read` may be called from any number of threads, and a source can be pickled.

    Attributes:
        path: The folder or the zip.
        names: Every file's path inside, with forward slashes, sorted; hidden ones are left out.
        notes: What was passed over, and why: (path, reason).
    """

    path: Path
    names: list[str]
    notes: list[tuple[str, str]]

    def read(self, name: str) -> bytes:
        """The contents of a file."""
        ...

    def stamp(self, name: str) -> str:
        """What changes when the file does, found without reading it."""
        ...

    def close(self) -> None:
        """Gives back what is open."""
        ...


class FolderSource:
    """The files below a folder. Links to folders are not followed, since they may lead in circles."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[tuple[str, str]] = []
        self._sizes: dict[str, tuple[int, int]] = {}
        for name, entry in self._walk(path, ""):
            try:
                stat = entry.stat()
            except OSError as error:
                self.notes.append((name, f"cannot be opened: {error.strerror}"))
                continue
            self._sizes[name] = (stat.st_size, stat.st_mtime_ns)
        self.names = sorted(self._sizes)

    def _walk(self, folder: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if not prefix:
                raise DataError("the folder cannot be read", where=str(folder), received=str(error)) from error
            self.notes.append((prefix, f"the folder cannot be read: {error.strerror}"))
            return
        for entry in entries:
            if is_hidden(entry.name):
                continue
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(Path(entry.path), name + "/")
            elif entry.is_dir():
                self.notes.append((name, "is a link to a folder, and those are not followed"))
            else:
                yield name, entry

    def read(self, name: str) -> bytes:
        """The contents of a file."""
        _refuse_large(name, self._sizes[name][0])
        return (self.path / name).read_bytes()

    def stamp(self, name: str) -> str:
        """Size and time of the last change."""
        size, mtime = self._sizes[name]
        return f"{size}:{mtime}"

    def close(self) -> None:
        """Does nothing: files are opened one by one."""


class ZipSource:
    """The files in a zip, read in place."""

    def __init__(self, path: Path, limits: ArchiveLimits | None = None) -> None:
        self.path = path
        self.notes: list[tuple[str, str]] = []
        self.zip = SafeZip(path, limits)
        self.zip.refuse_nested()
        self.names = sorted(name for name in self.zip.names() if not is_hidden(name))

    def read(self, name: str) -> bytes:
        """The contents of a file."""
        _refuse_large(name, self.zip[name].size)
        return self.zip.read(name)

    def stamp(self, name: str) -> str:
        """Size and checksum."""
        member = self.zip[name]
        return f"{member.size}:{member.crc}"

    def close(self) -> None:
        """Gives back the file handle."""
        self.zip.close()


def _refuse_large(name: str, size: int) -> None:
    if size > MAX_FILE:
        raise UnsafeDataError(
            "the file is too large for an image", where=name, expected=f"{MAX_FILE:,} bytes", received=f"{size:,}"
        )


def open_source(path: str | os.PathLike[str], limits: ArchiveLimits | None = None) -> ImageSource:
    """The files at `path`, a folder or a zip.

    Raises:
        DataError: Nothing is there, or it is neither.
        UnsafeDataError: The zip is dangerous.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return FolderSource(path)
    if not path.exists():
        raise DataError(
            "there is no such folder or zip",
            where=str(path),
            expected="a folder with one folder of images for each class, or a zip of one",
            do=f"Check the path; it is relative to {Path.cwd()}" if not path.is_absolute() else "Check the path",
        )
    return ZipSource(path, limits)
