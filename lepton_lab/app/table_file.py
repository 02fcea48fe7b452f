"""From an uploaded file to columns: what cannot be a table is told apart first, what is too large becomes a part."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lepton_lab.app import words_table as words
from lepton_lab.app.table_draft import BESIDE, Choices
from lepton_lab.data.archive import ArchiveLimits, SafeZip
from lepton_lab.data.table_reading import RawTable, read_table
from lepton_lab.data.table_sample import sample_table
from lepton_lab.data.table_text import what_it_is
from lepton_lab.errors import DataError

__all__ = ["LARGEST", "WHOLE", "NotATable", "TableFile", "open_file", "tables_in"]

LARGEST = 500_000_000
"""Bytes of a file above which it is refused."""

WHOLE = 64 << 20
"""Bytes of a file up to which all of its rows are used."""

_NAMES = (".csv", ".tsv", ".txt", ".tab", ".data", ".dat", ".parquet", ".pq")
_CHUNK = 4 << 20
_FEW_ZEROS = 0.05
_CONTROLS = (*range(1, 9), *range(14, 32))  # bytes that no text has


class NotATable(DataError):  # noqa: N818 -- it is a finding as much as an error
    """A file that cannot be read as a table, in the visitor's words.

    Args:
        said: Title and detail, and what can be done: `words_table.Said`.
    """

    def __init__(self, said: words.Said) -> None:
        super().__init__(said.title, do=said.fix or None)
        self.said = said


@dataclass(frozen=True)
class TableFile:
    """A table that was read.

    Attributes:
        path: The file that was read, from which the same is loaded again.
        raw: Its columns.
        bytes: Size of what was uploaded.
        rows: Rows of the whole table, where only a part of them was read.
        exact: Whether `rows` was counted.
    """

    path: Path
    raw: RawTable
    bytes: int
    rows: int | None = None
    exact: bool = True


def tables_in(folder: Path) -> list[str]:
    """The files of an upload, those that are called like a table first, as paths inside it."""
    found = [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not path.is_symlink()
        and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    ]
    return sorted(found, key=lambda name: not name.lower().endswith(_NAMES))


def open_file(folder: Path, choices: Choices) -> TableFile:
    """Reads the file that was chosen.

    Raises:
        NotATable: It cannot be read as a table; says so in the visitor's words.
    """
    name = choices.file
    if name not in tables_in(folder):
        raise NotATable(words.GONE)
    path = folder / name
    try:
        return _opened(path, folder / BESIDE, choices)
    except NotATable:
        raise
    except DataError as error:
        raise NotATable(words.unreadable(error, path.name)) from error
    except MemoryError as error:
        raise NotATable(words.too_large(path.name, path.stat().st_size, LARGEST)) from error


def _opened(path: Path, beside: Path, choices: Choices) -> TableFile:
    size = path.stat().st_size
    if size == 0:
        raise NotATable(words.nothing_in(path.name))
    if size > LARGEST:
        raise NotATable(words.too_large(path.name, size, LARGEST))
    kind = what_it_is(path)
    if kind == "zip":
        path = _taken_out(path, beside)
        kind = what_it_is(path)
    if kind not in ("text", "parquet"):
        raise NotATable(words.other_kind(kind, path.name))
    if kind == "text" and path.suffix.lower() in (".parquet", ".pq"):
        raise NotATable(words.damaged_parquet(path.name))
    if kind == "text":
        path = _without_zeros(path, beside, choices.without_zeros)
    if path.stat().st_size > WHOLE:
        path, rows, exact = _part(path, beside)
        return TableFile(path, read_table(path, **choices.reading()), size, rows, exact)
    return TableFile(path, read_table(path, **choices.reading()), size)


def _taken_out(path: Path, beside: Path) -> Path:
    """The one table of a zip file."""
    with SafeZip(path, ArchiveLimits(members=10_000, total_bytes=4 * LARGEST, member_bytes=LARGEST)) as archive:
        inside = [m for m in archive if m.name.lower().endswith(_NAMES) and not Path(m.name).name.startswith(".")]
        inside = [m for m in inside if "__MACOSX" not in m.name]
        if not inside:
            raise NotATable(words.no_table_in_zip(path.name))
        member = max(inside, key=lambda m: m.size)
        out = beside / ("inside" + Path(member.name).suffix.lower())
        if not out.is_file() or out.stat().st_size != member.size:
            beside.mkdir(parents=True, exist_ok=True)
            out.write_bytes(archive.read(member.name))
    return out


def _without_zeros(path: Path, beside: Path, wanted: bool) -> Path:
    """The file itself, or, where zero bytes stand between its characters, a copy without them if that is wanted."""
    with path.open("rb") as file:
        start = file.read(1 << 20)
    zeros = start.count(0)
    if not zeros or start.startswith((b"\xff\xfe", b"\xfe\xff")) or zeros > _FEW_ZEROS * len(start):
        return path
    if sum(start.count(byte) for byte in _CONTROLS) >= zeros:
        return path  # no text at all
    if not wanted:
        raise NotATable(words.zero_bytes(path.name, zeros))
    beside.mkdir(parents=True, exist_ok=True)
    out = beside / "without-zeros.csv"
    with path.open("rb") as file, out.open("wb") as copy:
        while chunk := file.read(_CHUNK):
            copy.write(chunk.replace(b"\0", b""))
    return out


def _part(path: Path, beside: Path) -> tuple[Path, int, bool]:
    """An even part of a large file; made once."""
    beside.mkdir(parents=True, exist_ok=True)
    about = beside / "part.json"
    of = [path.name, path.stat().st_size]
    try:
        known: Any = json.loads(about.read_text(encoding="utf-8"))
        made = beside / ("part.parquet" if known["parquet"] else "part.csv")
        if known["of"] == of and made.is_file():
            return made, int(known["rows"]), bool(known["exact"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not made yet
    part = sample_table(path, beside / "part", max_bytes=WHOLE)
    kept = {"of": of, "rows": part.rows, "exact": part.exact, "parquet": part.path.suffix == ".parquet"}
    about.write_text(json.dumps(kept), encoding="utf-8")
    return part.path, part.rows, part.exact
