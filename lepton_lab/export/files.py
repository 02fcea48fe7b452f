"""Files that belong together, written as a folder or as one zip, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lepton_lab.errors import DataError, LeptonError

__all__ = ["Cancelled", "Export", "Files", "Progress", "safe_name", "size_of", "write"]

Files = dict[str, bytes | Path]
"""Contents by relative path; a `Path` is a file or folder that is copied."""

Progress = Callable[[float], bool | None]
"""Called with the share that is done, 0 to 1; False gives up."""

_RESERVED = {"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10))}
_STORED = (".zip", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".gz", ".parquet", ".onnx", ".safetensors")
_BLOCK = 1 << 20


class Cancelled(LeptonError):  # noqa: N818 - it is a wish, not a mistake
    """Whoever waited for an export no longer wants it."""


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        path: The file or folder.
        files: What is in it, by relative path.
        notes: What its reader should know, in plain words.
        difference: The largest difference between the exported network and torch's on real samples; None where the
            export holds the very weights.
    """

    path: Path
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()
    difference: float | None = field(default=None)

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return size_of(self.path)


def safe_name(title: str, ending: str = "", most: int = 60) -> str:
    """A file name that every system takes, made of a title: no slashes, no control signs, no emoji, not hidden.

    Args:
        title: What people call it, in any script.
        ending: Such as ".zip".
        most: Longest name without the ending, in characters.
    """
    plain = unicodedata.normalize("NFKC", title)
    kept = "".join(c if c.isalnum() or c in "-_." or unicodedata.category(c) in ("Mn", "Mc") else "-" for c in plain)
    stem = re.sub(r"-{2,}", "-", kept)[:most].strip("-._")
    while len(stem.encode()) > 200:  # file systems count bytes
        stem = stem[:-1]
    if not stem or stem.lower().split(".")[0] in _RESERVED:
        stem = f"project-{stem}".strip("-")
    return stem + ending


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; 0 where there is nothing."""
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size if path.exists() else 0


def write(files: Mapping[str, bytes | Path], target: str | os.PathLike[str], progress: Progress | None = None) -> Path:
    """Writes files as a folder, or as a zip where `target` ends so; nothing half-written is left behind.

    Args:
        files: What to write.
        target: Where.
        progress: See `Progress`.

    Raises:
        Cancelled: `progress` said so.
        DataError: A folder with other things in it is in the way, or there is no room.
    """
    target = Path(target).expanduser()
    all_files = list(_each(files))
    whole = max(1, sum(len(c) if isinstance(c, bytes) else c.stat().st_size for _, c in all_files))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix.lower() == ".zip":
            return _zip(all_files, target, whole, progress)
        return _folder(all_files, target, whole, progress)
    except OSError as error:
        raise DataError("the files could not be written", where=str(target), received=str(error)) from error


def _each(files: Mapping[str, bytes | Path]) -> Iterator[tuple[str, bytes | Path]]:
    for name, content in files.items():
        if isinstance(content, Path) and content.is_dir():
            for path in sorted(content.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    yield f"{name}/{path.relative_to(content).as_posix()}", path
        else:
            yield name, content


def _zip(files: list[tuple[str, bytes | Path]], target: Path, whole: int, progress: Progress | None) -> Path:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            done = 0
            for path, content in files:
                kind = zipfile.ZIP_STORED if path.lower().endswith(_STORED) else zipfile.ZIP_DEFLATED
                info = zipfile.ZipInfo(path, date_time=(2020, 1, 1, 0, 0, 0))
                info.compress_type, info.external_attr = kind, 0o644 << 16
                with archive.open(info, "w", force_zip64=True) as member:
                    for block in _blocks(content):
                        member.write(block)
                        done += len(block)
                        _tell(progress, done / whole)
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _folder(files: list[tuple[str, bytes | Path]], target: Path, whole: int, progress: Progress | None) -> Path:
    if target.exists() and not target.is_dir():
        raise DataError("a file is in the way", where=str(target), do="Choose another name")
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".", suffix=".part"))
    try:
        done = 0
        for path, content in files:
            place = temporary / path
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as out:
                for block in _blocks(content):
                    out.write(block)
                    done += len(block)
                    _tell(progress, done / whole)
        target.mkdir(exist_ok=True)
        for place in sorted(temporary.rglob("*")):
            if place.is_file():
                goal = target / place.relative_to(temporary)
                goal.parent.mkdir(parents=True, exist_ok=True)
                place.replace(goal)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _blocks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _tell(progress: Progress | None, share: float) -> None:
    if progress is not None and progress(min(1.0, share)) is False:
        raise Cancelled("the export was cancelled")
