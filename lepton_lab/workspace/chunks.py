"""Metric columns on disk: many rows to a database row, small chunks merged into larger ones over time.

A chunk is a JSON list that names and describes its columns and one blob of little-endian numbers. A column
takes as few bytes as hold its values exactly: none where they rise by equal steps or stay the same, four where
all are single-precision numbers (a loss that came from torch), eight otherwise.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.errors import StoreError

__all__ = [
    "FINAL_ROWS",
    "Columns",
    "Piece",
    "append",
    "decode",
    "encode",
    "join",
    "pieces",
    "read",
    "row_count",
    "truncate",
]

Columns = dict[str, NDArray[np.float64]]
"""Columns of equal length by name."""

Piece = dict[str, NDArray[Any]]
"""Columns of equal length as they are stored: in single precision where that is exact, and perhaps read-only."""

FINAL_ROWS = 65_536
"""Chunks with this many rows are merged no further."""

_FANOUT = 16
_FINAL_LEVEL = 99


def encode(columns: Mapping[str, NDArray[Any]]) -> tuple[str, bytes]:
    """The JSON description and the blob of equally long columns."""
    head: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for name, values in columns.items():
        exact = np.ascontiguousarray(values, dtype="<f8")
        line = _as_line(exact)
        if line is not None:
            head.append({"name": name, "type": "line", "start": line[0], "step": line[1]})
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            single = exact.astype("<f4")
        fits = _same_bits(single.astype("<f8"), exact)
        head.append({"name": name, "type": "f4" if fits else "f8"})
        parts.append((single if fits else exact).tobytes())
    return json.dumps(head, separators=(",", ":")), b"".join(parts)


def decode(head: str, data: bytes, rows: int) -> Columns:
    """What `encode` was given.

    Raises:
        StoreError: The blob is shorter or longer than its description.
    """
    return {name: values.astype(np.float64) for name, values in _views(head, data, rows, 0, rows).items()}


def _views(head: str, data: bytes, rows: int, first: int, last: int) -> Piece:
    """The rows from `first` to before `last` of a chunk, without a copy."""
    columns: Piece = {}
    offset = 0
    for column in json.loads(head):
        if column["type"] == "line":
            columns[column["name"]] = _line(column["start"], column["step"], first, last)
            continue
        kind = np.dtype("<" + column["type"])
        end = offset + rows * kind.itemsize
        if end > len(data):
            break
        columns[column["name"]] = np.frombuffer(data, kind, last - first, offset + first * kind.itemsize)
        offset = end
    else:
        if offset == len(data):
            return columns
    raise StoreError("a chunk of a run's history is damaged", expected=f"{rows} rows", received=f"{len(data)} bytes")


def join(parts: Sequence[Piece], lengths: Sequence[int]) -> Columns:
    """Puts chunks end to end; a column that one of them lacks is NaN there."""
    pairs = list(zip(parts, lengths, strict=True))
    names = dict.fromkeys(name for part in parts for name in part)
    found: Columns = {}
    for name in names:
        columns = [p[name] if name in p else np.full(n, np.nan) for p, n in pairs]
        found[name] = np.concatenate(columns, dtype=np.float64)
    return found


def append(
    connection: sqlite3.Connection, run: str, kind: str, first: int, columns: Mapping[str, NDArray[Any]]
) -> None:
    """Writes rows `first`, `first + 1`, … of a run's table and merges small chunks where there are many."""
    rows = len(next(iter(columns.values()))) if columns else 0
    if rows:
        _insert(connection, run, kind, first, rows, 0, encode(columns))
        _merge(connection, run, kind)


def row_count(connection: sqlite3.Connection, run: str, kind: str) -> int:
    """How many rows of a run's table are stored."""
    found = connection.execute(
        "SELECT first + rows FROM chunks WHERE run = ? AND kind = ? ORDER BY first DESC LIMIT 1", (run, kind)
    ).fetchone()
    return int(found[0]) if found else 0


def read(connection: sqlite3.Connection, run: str, kind: str, since: int = 0) -> tuple[int, Columns]:
    """The rows from number `since` on, and the number to ask for next time."""
    after, parts, lengths = pieces(connection, run, kind, since)
    return after, join(parts, lengths)


def pieces(connection: sqlite3.Connection, run: str, kind: str, since: int = 0) -> tuple[int, list[Piece], list[int]]:
    """The same, as pieces of at most `FINAL_ROWS` rows and their lengths: for who does not need them end to end."""
    parts: list[Piece] = []
    lengths: list[int] = []
    after = since
    query = "SELECT first, rows, columns, data FROM chunks WHERE run = ? AND kind = ? AND first + rows > ?"
    for first, rows, head, data in connection.execute(query + " ORDER BY first", (run, kind, since)):
        for start in range(max(0, since - first), rows, FINAL_ROWS):
            end = min(rows, start + FINAL_ROWS)
            parts.append(_views(head, data, rows, start, end))
            lengths.append(end - start)
        after = first + rows
    return after, parts, lengths


def truncate(connection: sqlite3.Connection, run: str, kind: str, rows: int) -> None:
    """Forgets every row from number `rows` on."""
    crossing = connection.execute(
        "SELECT first, rows, columns, data FROM chunks WHERE run = ? AND kind = ? AND first < ? AND first + rows > ?",
        (run, kind, rows, rows),
    ).fetchone()
    connection.execute("DELETE FROM chunks WHERE run = ? AND kind = ? AND first + rows > ?", (run, kind, rows))
    if crossing is not None:
        first, stored, head, data = crossing
        kept = {name: values[: rows - first] for name, values in decode(head, data, stored).items()}
        _insert(connection, run, kind, first, rows - first, 0, encode(kept))


def _insert(
    connection: sqlite3.Connection, run: str, kind: str, first: int, rows: int, level: int, content: tuple[str, bytes]
) -> None:
    connection.execute(
        "INSERT INTO chunks (run, kind, first, rows, level, columns, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (run, kind, first, rows, level, *content),
    )


def _merge(connection: sqlite3.Connection, run: str, kind: str) -> None:
    """Joins sixteen neighbours of one level into one of the next, and all open ones once they fill a final chunk."""
    query = "SELECT first, rows, level FROM chunks WHERE run = ? AND kind = ? AND level < ? ORDER BY first"
    while True:
        open_chunks = connection.execute(query, (run, kind, _FINAL_LEVEL)).fetchall()
        if sum(rows for _, rows, _ in open_chunks) >= FINAL_ROWS:
            _replace(connection, run, kind, int(open_chunks[0][0]), _FINAL_LEVEL)
            return
        last = open_chunks[-1][2] if open_chunks else 0
        equal = [first for first, _, level in open_chunks if level == last]
        if len(equal) < _FANOUT:
            return
        _replace(connection, run, kind, int(equal[0]), last + 1)


def _replace(connection: sqlite3.Connection, run: str, kind: str, first: int, level: int) -> None:
    after, columns = read(connection, run, kind, first)
    connection.execute("DELETE FROM chunks WHERE run = ? AND kind = ? AND first >= ?", (run, kind, first))
    _insert(connection, run, kind, first, after - first, level, encode(columns))


def _line(start: float | None, step: float, first: int, last: int) -> NDArray[np.float64]:
    if start is None:
        return np.full(last - first, np.nan)
    if not step:
        return np.full(last - first, start, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        return start + step * np.arange(first, last, dtype=np.float64)


def _as_line(values: NDArray[np.float64]) -> tuple[float | None, float] | None:
    if np.isnan(values[0]):
        return (None, 0.0) if np.isnan(values).all() else None
    if not np.isfinite(values[[0, -1]]).all():
        return None
    step = float(values[1] - values[0]) if len(values) > 1 else 0.0
    if not np.isfinite(step) or not _same_bits(_line(float(values[0]), step, 0, len(values)), values):
        return None
    return float(values[0]), step


def _same_bits(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool(np.array_equal(a.view(np.int64), b.view(np.int64)))
