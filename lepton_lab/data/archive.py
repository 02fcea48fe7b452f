"""The one safe way in which zip files from outside are read.

Nothing is unpacked to disk. The list of members is checked before a byte of them is read, and what a member
declares about itself is held against what it gives. Members are read by their position in the file, so that any
number of threads may read at once from one handle: opening `zipfile.ZipFile` once per thread costs 0.7 s for
CIFAR-10's 60,000 images, and sharing one makes the threads wait for its lock.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lepton_lab.errors import DataError, UnsafeDataError

__all__ = ["ArchiveLimits", "Member", "SafeZip", "is_archive_name", "is_hidden"]

_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".gz", ".bz2", ".xz", ".zst")
_RATIO_FROM = 32 << 20  # bytes; what unpacks to less is no danger, and a black bitmap packs well
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may hold before it is refused.

    Attributes:
        members: Files in it.
        total_bytes: Their size together, unpacked.
        member_bytes: The size of one of them, unpacked.
        ratio: Unpacked over packed size, of one member and of all together.
    """

    members: int = 2_000_000
    total_bytes: int = 64 << 30
    member_bytes: int = 4 << 30
    ratio: float = 200.0


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        name: Its path inside, with forward slashes.
        size: Bytes, unpacked.
        packed: Bytes, as stored.
        offset: Where its header lies in the archive.
        method: How it is packed, as `zipfile` numbers it.
        crc: Checksum of the unpacked bytes.
    """

    name: str
    size: int
    packed: int
    offset: int
    method: int
    crc: int


class SafeZip:
    """A zip file whose list of members was found harmless.

    Use it as a context manager, or call `close`.

    Args:
        path: The zip file.
        limits: What is still accepted.

    Raises:
        UnsafeDataError: A path leaves the archive's folder, a member is a link or encrypted, or a limit is exceeded.
        DataError: The file is missing, damaged, or no zip file.

    Threads: `read` may be called from any number of threads.
    """

    def __init__(self, path: str | os.PathLike[str], limits: ArchiveLimits | None = None) -> None:
        self.path = Path(path)
        self.limits = limits or ArchiveLimits()
        try:
            self._size = self.path.stat().st_size
            with zipfile.ZipFile(self.path) as archive:
                infos = archive.infolist()
        except FileNotFoundError as error:
            raise DataError("there is no such file", where=str(self.path)) from error
        except (zipfile.BadZipFile, NotImplementedError, OSError, struct.error, UnicodeDecodeError) as error:
            raise DataError(
                "the file cannot be read as a zip",
                where=str(self.path),
                received=str(error) or type(error).__name__,
                do="Check that the download or copy is complete",
            ) from error
        self._by_name = self._checked(infos)
        self._lock = threading.Lock()
        self._file = self.path.open("rb", buffering=0)

    def __enter__(self) -> SafeZip:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._by_name.values())

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Member:
        if name not in self._by_name:
            raise DataError(f"the zip has no member {name!r}", where=str(self.path))
        return self._by_name[name]

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "limits": self.limits}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"], state["limits"])  # type: ignore[misc]

    def names(self) -> list[str]:
        """The names of all files, sorted; folders have none."""
        return sorted(self._by_name)

    def close(self) -> None:
        """Gives back the file handle."""
        self._file.close()

    def refuse_nested(self) -> None:
        """Raises where the zip holds nothing but other archives.

        Raises:
            UnsafeDataError: So it is; archives inside archives are never opened.
        """
        shown = [m for m in self if not is_hidden(m.name)]
        if shown and all(is_archive_name(m.name) for m in shown):
            raise UnsafeDataError(
                "the zip holds other archives, and those are not opened",
                where=str(self.path),
                expected="the files themselves",
                received=", ".join(m.name for m in shown[:3]) + (", …" if len(shown) > 3 else ""),
                do="Unpack it once and give the inner archive or its folder",
            )

    def read(self, member: Member | str) -> bytes:
        """The unpacked bytes of a member.

        Raises:
            UnsafeDataError: It unpacks to more than it declares.
            DataError: It is damaged, or packed in a way that is not supported.
        """
        if isinstance(member, str):
            member = self[member]
        header = self._at(member.offset, _LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise self._damaged(member, "its header is not where the list says")
        name_length, extra_length = _LOCAL_HEADER.unpack(header)[-2:]
        packed = self._at(member.offset + _LOCAL_HEADER.size + name_length + extra_length, member.packed)
        if len(packed) < member.packed:
            raise self._damaged(member, "the archive ends before it does")
        data = self._unpacked(member, packed)
        if len(data) != member.size or zlib.crc32(data) != member.crc:
            raise self._damaged(member, "its checksum is wrong")
        return data

    def _unpacked(self, member: Member, packed: bytes) -> bytes:
        if member.method == zipfile.ZIP_STORED:
            return packed
        if member.method != zipfile.ZIP_DEFLATED:
            raise DataError(
                f"the member {member.name!r} is packed by a method that is not supported",
                where=str(self.path),
                expected="stored or deflated",
                received=f"method {member.method}",
                do="Pack the folder again as an ordinary zip",
            )
        unpack = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = unpack.decompress(packed, member.size + 1)
        except zlib.error as error:
            raise self._damaged(member, str(error)) from error
        if len(data) > member.size:
            raise UnsafeDataError(
                f"the member {member.name!r} unpacks to more than it declares",
                where=str(self.path),
                expected=f"{member.size:,} bytes",
            )
        return data

    def _at(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)

    def _damaged(self, member: Member, why: str) -> DataError:
        return DataError(f"the member {member.name!r} is damaged: {why}", where=str(self.path))

    def _checked(self, infos: list[zipfile.ZipInfo]) -> dict[str, Member]:
        if len(infos) > self.limits.members:
            raise self._too_much("files", f"{self.limits.members:,}", f"{len(infos):,}", "members")
        members: dict[str, Member] = {}
        total = packed = 0
        for info in infos:
            name = _name(info)
            _refuse_path(name, self.path)
            _refuse_kind(info, name, self.path)
            if name.endswith("/"):
                continue
            if info.file_size > self.limits.member_bytes:
                limit = f"{self.limits.member_bytes:,} bytes"
                raise self._too_much(f"bytes in {name!r}", limit, f"{info.file_size:,} bytes", "member_bytes")
            self._refuse_ratio(f"member {name!r}", info.file_size, info.compress_size)
            total += info.file_size
            packed += info.compress_size
            members[name] = Member(
                name, info.file_size, info.compress_size, info.header_offset, info.compress_type, info.CRC
            )
        if total > self.limits.total_bytes:
            limit = f"{self.limits.total_bytes:,} bytes"
            raise self._too_much("bytes when unpacked", limit, f"{total:,} bytes", "total_bytes")
        if packed > self._size:
            raise UnsafeDataError(
                "the zip's members overlap, as in a decompression bomb",
                where=str(self.path),
                expected=f"at most {self._size:,} packed bytes",
                received=f"{packed:,}",
            )
        self._refuse_ratio("archive", total, packed)
        return members

    def _refuse_ratio(self, what: str, size: int, packed: int) -> None:
        if size > _RATIO_FROM and size > self.limits.ratio * max(packed, 1):
            raise UnsafeDataError(
                f"the {what} unpacks to {size / max(packed, 1):,.0f} times its size, as a decompression bomb does",
                where=str(self.path),
                expected=f"at most {self.limits.ratio:g} times",
                do="If you trust the file, raise ArchiveLimits(ratio=…)",
            )

    def _too_much(self, what: str, limit: str, received: str, field: str) -> UnsafeDataError:
        return UnsafeDataError(
            f"the zip holds too many {what}",
            where=str(self.path),
            expected=f"at most {limit}",
            received=received,
            do=f"If you trust the file, raise ArchiveLimits({field}=…)",
        )


def is_archive_name(name: str) -> bool:
    """Whether `name` ends like an archive's."""
    return name.lower().endswith(_ARCHIVES)


def is_hidden(name: str) -> bool:
    """Whether a path holds a part that file managers and archivers leave behind: `.DS_Store`, `__MACOSX`."""
    return any(part.startswith(".") or part in ("__MACOSX", "Thumbs.db", "desktop.ini") for part in name.split("/"))


def _name(info: zipfile.ZipInfo) -> str:
    """The member's name; UTF-8 that lacks its flag, as some packers write it, is read as what it is."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8_NAME:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _refuse_path(name: str, archive: Path) -> None:
    leaves = name.startswith("/") or name[1:2] == ":" or ".." in name.split("/") or "\0" in name
    if leaves or not name.strip("./"):
        raise UnsafeDataError(
            f"the zip holds a member whose path leaves its folder: {name!r}",
            where=str(archive),
            expected="relative paths without '..'",
            do="Do not use this file, or pack it again from a folder that you trust",
        )


def _refuse_kind(info: zipfile.ZipInfo, name: str, archive: Path) -> None:
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "a special file"
        raise UnsafeDataError(
            f"the zip's member {name!r} is {what}",
            where=str(archive),
            expected="ordinary files and folders",
            do="Pack the folder again with links resolved",
        )
    if info.flag_bits & _ENCRYPTED:
        raise UnsafeDataError(
            f"the zip's member {name!r} is encrypted",
            where=str(archive),
            expected="a zip without a password",
            do="Unpack it with its password and give the folder",
        )
