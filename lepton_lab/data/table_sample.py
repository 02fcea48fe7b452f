"""A part of a large table, spread evenly over its file, without reading the rest of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lepton_lab.data.table_text import read_head, what_it_is
from lepton_lab.errors import DataError

__all__ = ["SampledTable", "sample_table"]

_PIECES = 256
_BATCH = 16_384  # rows of Parquet


@dataclass(frozen=True)
class SampledTable:
    """What was taken.

    Attributes:
        path: The file with the part.
        rows: Rows of the whole table; for a text about how many.
        exact: Whether `rows` was counted.
    """

    path: Path
    rows: int
    exact: bool


def sample_table(source: Path, destination: Path, *, max_bytes: int) -> SampledTable:
    """Writes evenly spread pieces of a table to a file of its own.

    A text is cut between lines; a piece in which quotation marks are left open is passed over, for it was cut inside
    a cell. Of Parquet, evenly spread row groups are taken.

    Args:
        source: A CSV, TSV or Parquet file.
        destination: The file to write; without suffix it gets that of the source's kind.
        max_bytes: About how large it may become; of Parquet, unpacked.

    Raises:
        DataError: The file is no table, or is damaged.
    """
    if what_it_is(source) == "parquet":
        return _sample_parquet(source, destination.with_suffix(".parquet"), max_bytes)
    return _sample_text(source, destination.with_suffix(".csv"), max_bytes)


def _sample_text(source: Path, destination: Path, max_bytes: int) -> SampledTable:
    head = read_head(source)
    codec = {"utf-16": "utf-16-le", "utf-8-sig": "utf-8"}.get(head.encoding, head.encoding)
    size = source.stat().st_size
    with source.open("rb") as file, destination.open("wb") as out:
        if file.read(2) == b"\xfe\xff":
            codec = "utf-16-be"
        end, quote = "\n".encode(codec), '"'.encode(codec)
        each = max(max_bytes // _PIECES, 1) // 2 * 2
        lines, written = 0, 0
        for i in range(_PIECES):
            at = i * (size - each) // (_PIECES - 1) // 2 * 2 if size > each else 0
            file.seek(at)
            piece = file.read(each)
            first = 0 if i == 0 else _after(piece, end, 0)
            last = _last(piece, end)
            if last <= first:
                continue  # one line is longer than the piece
            piece = piece[first:last]
            if i and head.quotes and piece.count(quote) % 2:
                continue
            lines, written = lines + piece.count(end), written + len(piece)
            out.write(piece)
    if lines < 2:
        raise DataError("the lines of this file are too long for a table", where=str(source), expected="rows")
    return SampledTable(destination, round(size / written * lines) - 1, False)


def _after(piece: bytes, end: bytes, start: int) -> int:
    """The place after the first end of a line, at a whole character."""
    at = piece.find(end, start)
    while at >= 0 and at % len(end):
        at = piece.find(end, at + 1)
    return len(piece) if at < 0 else at + len(end)


def _last(piece: bytes, end: bytes) -> int:
    at = piece.rfind(end)
    while at >= 0 and at % len(end):
        at = piece.rfind(end, 0, at + len(end) - 1)
    return 0 if at < 0 else at + len(end)


def _sample_parquet(source: Path, destination: Path, max_bytes: int) -> SampledTable:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(source) as file:
            about = file.metadata
            sizes = [about.row_group(i).total_byte_size for i in range(about.num_row_groups)]
            count = max(1, min(len(sizes), int(max_bytes / max(sum(sizes) / max(len(sizes), 1), 1))))
            groups = sorted({round(i * (len(sizes) - 1) / max(count - 1, 1)) for i in range(count)})
            written = 0
            with parquet.ParquetWriter(destination, file.schema_arrow) as out:
                for batch in file.iter_batches(_BATCH, row_groups=groups):
                    out.write_batch(batch)
                    written += batch.nbytes
                    if written >= 2 * max_bytes:  # a group that unpacks to more than it says
                        break
            return SampledTable(destination, about.num_rows, True)
    except (pa.ArrowException, OSError) as error:
        raise DataError("the Parquet file cannot be read", where=str(source), received=str(error)) from error
