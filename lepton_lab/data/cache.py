"""Decoded images kept on disk, so that a data set is decoded once.

Each entry is a plain `.npy` of uint8 (no pickle) and a JSON beside it with its checksum. An entry's key is a hash of
everything that it was made from, so an entry is never out of date: it is only never asked for again, and goes when
room is needed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lepton_lab.data.folders import cache_dir

__all__ = ["DEFAULT_CACHE_BYTES", "CacheEntry", "DecodedCache", "cache_key"]

DEFAULT_CACHE_BYTES = 10 << 30
"""Bytes that all decoded images may take together; the least recently used go first."""

_SCHEMA = 1
_READ = 8 << 20  # bytes

Array = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class CacheEntry:
    """Decoded images, mapped from disk, and what was noted with them."""

    array: Array
    notes: dict[str, Any]


def cache_key(parts: Iterable[str]) -> str:
    """A hash, in hex, of everything that an entry depends on."""
    sha = hashlib.sha256(f"decoded images {_SCHEMA}\n".encode())
    for part in parts:
        sha.update(part.encode("utf-8", "surrogateescape") + b"\n")
    return sha.hexdigest()


class DecodedCache:
    """A folder of entries.

    A cache that cannot be written or read is as good as an empty one: nothing here raises for it.

    Args:
        folder: Where it lies; `decoded` in the cache folder where it is None.
        cap_bytes: What all entries may take together.

    Threads: may be used by any number of threads and processes; entries appear whole or not at all.
    """

    def __init__(self, folder: Path | None = None, cap_bytes: int = DEFAULT_CACHE_BYTES) -> None:
        self.folder = folder or cache_dir() / "decoded"
        self.cap_bytes = cap_bytes

    def load(self, key: str) -> CacheEntry | None:
        """The entry, or None where there is none; one that was damaged is removed."""
        array_path, notes_path = self._paths(key)
        try:
            notes = json.loads(notes_path.read_text(encoding="utf-8"))
            array = np.load(array_path, mmap_mode="r", allow_pickle=False)
            whole = array.dtype == np.uint8 and notes["checksum"] == _checksum(array_path)
        except FileNotFoundError:
            return None
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            self._remove(key)
            return None
        with contextlib.suppress(OSError):
            os.utime(notes_path)  # the time of its last use
        return CacheEntry(array, notes["notes"])

    def store(self, key: str, shape: tuple[int, ...], chunks: Iterable[Array], notes: dict[str, Any]) -> bool:
        """Keeps an entry; returns whether it did.

        Args:
            key: Its key.
            shape: Shape of the whole array.
            chunks: The array in pieces along its first axis.
            notes: Plain JSON to keep with it.

        Side effects: removes the least recently used entries to make room.
        """
        size = int(np.prod(shape))
        if size > self.cap_bytes:
            return False
        array_path, notes_path = self._paths(key)
        temporary: Path | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(size)
            handle, name = tempfile.mkstemp(dir=self.folder, prefix="new-")
            temporary = Path(name)
            with os.fdopen(handle, "wb") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                for chunk in chunks:
                    file.write(np.ascontiguousarray(chunk).data)
            checksum = _checksum(temporary)
            temporary.replace(array_path)
            temporary = self.folder / f"{temporary.name}.json"
            text = json.dumps({"schema": _SCHEMA, "checksum": checksum, "notes": notes}, ensure_ascii=False)
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(notes_path)
        except OSError:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            return False
        return True

    def size(self) -> int:
        """Bytes that all entries take."""
        return sum(size for _, _, size in self._entries())

    def clear(self) -> None:
        """Removes all entries."""
        for _, key, _ in self._entries():
            self._remove(key)

    def _paths(self, key: str) -> tuple[Path, Path]:
        return self.folder / f"{key}.npy", self.folder / f"{key}.json"

    def _entries(self) -> list[tuple[float, str, int]]:
        """Last use, key and size of each, the least recently used first."""
        found = []
        for path in self.folder.glob("*.npy"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                notes = path.with_suffix(".json")
                used = notes.stat().st_mtime if notes.exists() else stat.st_mtime
                found.append((used, path.stem, stat.st_size))
        return sorted(found)

    def _make_room(self, size: int) -> None:
        entries = self._entries()
        total = sum(entry[2] for entry in entries)
        for _, key, entry_size in entries:
            if total + size <= self.cap_bytes:
                return
            self._remove(key)
            total -= entry_size

    def _remove(self, key: str) -> None:
        for path in self._paths(key):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def _checksum(path: Path) -> str:
    sha = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_READ):
            sha.update(block)
    return sha.hexdigest()
