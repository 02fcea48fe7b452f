"""Files that visitors bring: `<workspace>/uploads/<upload id>/`, there as a whole or not at all.

A request's body is a row of frames: the length of a header (four bytes, little-endian), the header (JSON: `path` and
`size`, for a part of a large file also `at` and `total`), and `size` bytes. So thousands of small files travel in one
request, and a large one in several. They gather in a hidden folder, which gets its name when the last one is there.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import time
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lepton_lab.errors import DataError

if TYPE_CHECKING:
    from lepton_lab.workspace import Workspace

__all__ = ["BODY_BYTES", "MAX_FILES", "Receiver", "RefusedError", "Uploads", "checked_path", "folder_of"]

BODY_BYTES = 32 << 20
"""The most that one request brings, without its headers, in bytes."""

MAX_FILES = 200_000
KEPT_S = 7 * 86400.0
"""An upload of which no project was made is kept so long, in seconds."""

_HALF_S = 3600.0  # what is younger may come in through another server on the same workspace
_HEADER_BYTES = 1 << 16
_NAME_BYTES, _PATH_BYTES, _DEPTH = 255, 1024, 32
_RESERVE_BYTES = 64 << 20
_COMING = ".coming-"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{7,47}")


class RefusedError(DataError):
    """What a visitor brought is not taken.

    Args:
        what: One sentence that says why.
        status: The HTTP status that goes with it.
        do: What the visitor can do.
    """

    def __init__(self, what: str, *, status: int = 400, do: str | None = None) -> None:
        self.status = status
        super().__init__(what, do=do)


def folder_of(workspace: Workspace, upload_id: str) -> Path:
    """Where the files of a finished upload lie.

    Raises:
        RefusedError: There is no such upload.
    """
    folder = workspace.folder / "uploads" / _checked_id(upload_id)
    if not folder.is_dir():
        raise RefusedError("These files are no longer here.", status=404, do="Choose them once more")
    return folder


def checked_path(path: Any) -> tuple[str, ...]:
    """The parts of a visitor's path, fit for this machine: composed characters (NFC), nothing that leads elsewhere.

    Raises:
        RefusedError: It cannot be used.
    """
    if not isinstance(path, str):
        raise RefusedError("A file came without a name.")
    path = unicodedata.normalize("NFC", path)
    parts = tuple(path.split("/"))
    if any(part in ("", ".", "..") for part in parts) or re.match(r"[A-Za-z]:/", path):
        raise RefusedError(f"The name {path!r} leads outside the folder of the upload.", do="Rename the file")
    if re.search(r"[\x00-\x1f\x7f\\]", path) or (os.name == "nt" and re.search(r'[<>:"|?*]', path)):
        raise RefusedError(f"The name {path!r} has a character that cannot be in a file's name.", do="Rename the file")
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:  # half of a pair of surrogates
        raise RefusedError(f"The name {path!r} cannot be read.", do="Rename the file") from None
    if max(sizes) > _NAME_BYTES or sum(sizes) + len(parts) > _PATH_BYTES or len(parts) > _DEPTH:
        raise RefusedError(
            f"The name {path[:60]!r}… is too long.", do="Shorten the names of the file and of its folders"
        )
    return parts


class Uploads:
    """All uploads of a workspace, those that come in just now included.

    Args:
        folder: The workspace's folder `uploads`; made when the first file comes.
        max_bytes: The most that one upload may bring.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder, self.max_bytes = folder, max_bytes
        self._coming: dict[str, _Coming] = {}

    def receiver(self, upload_id: str, length: int) -> Receiver:
        """What takes the body of one request.

        Args:
            upload_id: The upload that it belongs to; begun where it is new.
            length: How long the body is, in bytes.

        Raises:
            RefusedError: The id or the length cannot be used, the upload is finished, or there is no room.
        """
        upload_id = _checked_id(upload_id)
        if (self.folder / upload_id).exists():
            raise RefusedError("This upload is finished already.", status=409, do="Start a new one")
        if length > BODY_BYTES + (8 << 20):
            raise RefusedError("Too much came at once.", status=413)
        coming = self._coming.get(upload_id)
        if coming is None:
            coming = _Coming(self.folder / f"{_COMING}{upload_id}", self.max_bytes)
        if coming.bytes + length > self.max_bytes + (8 << 20):
            raise _too_much(self.max_bytes)
        self.folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.folder).free < length + _RESERVE_BYTES:
            raise _full()
        coming.folder.mkdir(exist_ok=True)
        self._coming[upload_id] = coming
        return Receiver(coming)

    def finish(self, upload_id: str, files: int, size: int) -> Path:
        """Gives an upload its name; returns its folder.

        Args:
            upload_id: The upload.
            files: How many files it should have brought.
            size: How many bytes.

        Raises:
            RefusedError: Something is missing.
        """
        coming = self._coming.get(_checked_id(upload_id))
        if coming is None:
            raise RefusedError("This upload was broken off.", status=404, do="Choose the files once more")
        if coming.unfinished or (coming.files, coming.bytes) != (files, size) or not files:
            raise RefusedError("Not everything arrived.", status=409, do="Choose the files once more")
        target = self.folder / upload_id
        coming.folder.rename(target)
        del self._coming[upload_id]
        return target

    def cancel(self, upload_id: str) -> Path | None:
        """Forgets an upload that is under way; returns the folder to delete."""
        coming = self._coming.pop(_checked_id(upload_id), None)
        if coming is None:
            return None
        coming.close()
        return coming.folder

    def stale(self, seconds: float = 1800.0) -> list[Path]:
        """Forgets uploads from which nothing has come for so long; returns the folders to delete."""
        now = time.monotonic()
        late = [upload_id for upload_id, coming in self._coming.items() if now - coming.heard > seconds]
        return [folder for upload_id in late if (folder := self.cancel(upload_id)) is not None]

    def tidy(self, named: Iterable[str]) -> list[str]:
        """Deletes what an earlier server left half done, and old uploads of which nothing was made.

        Args:
            named: The texts in which projects and runs name their files.

        Returns:
            The names of what was deleted.
        """
        if not self.folder.is_dir():
            return []
        texts, now, gone = list(named), time.time(), []
        for folder in self.folder.iterdir():
            age = now - folder.stat().st_mtime
            half = folder.name.startswith(_COMING) and age > _HALF_S
            old = _ID.fullmatch(folder.name) is not None and age > KEPT_S
            if half or (old and not any(folder.name in text for text in texts)):
                shutil.rmtree(folder, ignore_errors=True)
                gone.append(folder.name)
        return gone


class Receiver:
    """Writes the frames of one body as they come.

    Args:
        coming: The upload.
    """

    def __init__(self, coming: _Coming) -> None:
        self._coming = coming
        self._held = bytearray()
        self._left = 0
        self._file: IO[bytes] | None = None

    def write(self, chunk: bytes) -> None:
        """Takes the next piece of the body.

        Raises:
            RefusedError: A name cannot be used, there is too much, or no room.
        """
        self._coming.heard = time.monotonic()
        at, end = 0, len(chunk)
        try:
            while at < end:
                if self._left:
                    taken = min(self._left, end - at)
                    assert self._file is not None
                    self._file.write(memoryview(chunk)[at : at + taken])
                    at, self._left = at + taken, self._left - taken
                else:
                    at = self._header(chunk, at)
                if not self._left and self._file is not None:
                    self._close()
        except OSError as error:
            raise _reason(error) from error

    def done(self) -> None:
        """Checks that the body ended with a frame.

        Raises:
            RefusedError: It broke off.
        """
        if self._left or self._held:
            raise RefusedError("The connection broke off.", do="Choose the files once more")

    def close(self) -> None:
        """Lets go of the file that is being written."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _header(self, chunk: bytes, at: int) -> int:
        """Takes what is there of a frame's header; opens the file when it is complete. Returns where it ended."""
        held = self._held
        wanted = 4 if len(held) < 4 else 4 + int.from_bytes(held[:4], "little")
        if wanted > _HEADER_BYTES:
            raise RefusedError("The upload cannot be read.")
        taken = chunk[at : at + wanted - len(held)]
        held += taken
        if len(held) >= 4 and len(held) == 4 + int.from_bytes(held[:4], "little"):
            self._open(_parsed(bytes(held[4:])))
            held.clear()
        return at + len(taken)

    def _open(self, frame: Mapping[str, Any]) -> None:
        self._file = self._coming.open(frame)
        self._left = frame["size"]

    def _close(self) -> None:
        file, self._file = self._file, None
        assert file is not None
        file.close()


class _Coming:
    """An upload that is under way."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder, self.max_bytes = folder, max_bytes
        self.files = self.bytes = 0
        self.heard = time.monotonic()
        self.unfinished: dict[tuple[str, ...], tuple[int, int]] = {}
        self._made: set[tuple[str, ...]] = {()}
        self._open: IO[bytes] | None = None

    def open(self, frame: Mapping[str, Any]) -> IO[bytes]:
        """The file of a frame, to write its bytes to."""
        parts, size = checked_path(frame.get("path")), frame["size"]
        at, total = frame.get("at", 0), frame.get("total", size)
        if self.bytes + size > self.max_bytes:
            raise _too_much(self.max_bytes)
        if at and self.unfinished.get(parts) != (at, total):
            raise RefusedError(f"A part of {parts[-1]!r} is missing.", do="Choose the files once more")
        if not at:
            self.files += 1
            if self.files > MAX_FILES:
                raise RefusedError(
                    f"These are more than {MAX_FILES:,} files.", status=413, do="Choose fewer, or bring them as a zip"
                )
        if parts[:-1] not in self._made:
            self.folder.joinpath(*parts[:-1]).mkdir(parents=True, exist_ok=True)
            self._made.add(parts[:-1])
        try:
            self._open = self.folder.joinpath(*parts).open("ab" if at else "xb", buffering=0)
        except FileExistsError:
            raise RefusedError(
                f"Two files have the name {'/'.join(parts)!r}.", status=409, do="Rename one of them"
            ) from None
        self.bytes += size
        if at + size < total:
            self.unfinished[parts] = (at + size, total)
        else:
            self.unfinished.pop(parts, None)
        return self._open

    def close(self) -> None:
        """Lets go of the file that is being written."""
        if self._open is not None:
            self._open.close()


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        frame = json.loads(text)
        numbers = [frame["size"], frame.get("at", 0), frame.get("total", 0)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RefusedError("The upload cannot be read.") from None
    if any(type(number) is not int or number < 0 for number in numbers):
        raise RefusedError("The upload cannot be read.")
    assert isinstance(frame, dict)
    return frame


def _checked_id(upload_id: str) -> str:
    if not _ID.fullmatch(upload_id):
        raise RefusedError("This upload has no proper name.", status=404)
    return upload_id


def _too_much(limit: int) -> RefusedError:
    words = f"{limit / 2**30:.3g} GiB" if limit >= 1 << 30 else f"{limit / 2**20:.3g} MiB"
    return RefusedError(f"These files are larger than {words}.", status=413, do="Bring fewer or smaller files")


def _full() -> RefusedError:
    return RefusedError(
        "The disk of the machine that runs the app is full.",
        status=507,
        do="Make room there, then choose the files again",
    )


def _reason(error: OSError) -> RefusedError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full()
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ENOTDIR, errno.EISDIR, errno.EEXIST):
        return RefusedError("A file's name cannot be used on the machine that runs the app.", do="Rename the files")
    return RefusedError(f"The files cannot be written: {error.strerror}.", status=500, do="Try again")
