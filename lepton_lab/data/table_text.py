"""The beginning of a table's file: what it is at all, its encoding, what separates columns, whether it has a header."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lepton_lab.data.archive import SafeZip
from lepton_lab.errors import DataError

__all__ = ["Head", "guess_encoding", "is_header", "is_number", "read_head", "what_it_is"]

_SAMPLE = 1 << 20
_ENCODINGS = ["cp1252", "cp1250", "cp1251", "cp1253", "cp932", "gb18030", "big5", "euc_kr", "euc_jp", "koi8_r"]
_DELIMITERS = ",;\t|"
_KINDS: dict[bytes, str] = {
    b"PAR1": "parquet",
    b"%PDF": "pdf",
    b"PK\x03\x04": "zip",
    b"\xd0\xcf\x11\xe0": "old_office",
    b"\x1f\x8b": "gzip",
    b"\x89PNG": "picture",
    b"\xff\xd8\xff": "picture",
    b"GIF8": "picture",
    b"SQLite f": "database",
}
_NAMES = {
    "pdf": "a PDF",
    "zip": "a zip file",
    "excel": "an Excel file",
    "open_document": "a LibreOffice file",
    "old_office": "an old Excel file (.xls)",
    "gzip": "a compressed file (.gz)",
    "picture": "a picture",
    "database": "a database",
    "web_page": "a web page",
    "json": "JSON",
}


def what_it_is(path: Path) -> str:
    """What a file is by its first bytes, whatever its name says.

    Returns:
        "parquet", "pdf", "excel", "open_document", "old_office", "zip", "gzip", "picture", "database", "web_page",
        "json", or "text" for anything else.
    """
    with path.open("rb") as file:
        start = file.read(512)
    for mark, kind in _KINDS.items():
        if start.startswith(mark):
            return _inside(path) if kind == "zip" else kind
    words = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if words.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "web_page"
    return "json" if words.startswith((b'{"', b"[{", b"{\n")) else "text"


def _inside(path: Path) -> str:
    try:
        with SafeZip(path) as archive:
            names = {member.name for member in archive}
    except DataError:
        return "zip"
    if any(name.startswith("xl/") for name in names):
        return "excel"
    return "open_document" if {"mimetype", "content.xml"} <= names else "zip"


@dataclass(frozen=True)
class Head:
    """How the beginning of a text file reads.

    Attributes:
        encoding: Name of the encoding.
        delimiter: What separates columns.
        quotes: Whether quotation marks enclose cells; they do not where one that is never closed swallows rows.
        blank: Blank lines at the beginning.
        rows: The first rows, 200 at most.
    """

    encoding: str
    delimiter: str
    quotes: bool
    blank: int
    rows: list[list[str]]


def read_head(
    path: Path, delimiter: str | None = None, encoding: str | None = None, quotes: bool | None = None
) -> Head:
    """Looks at the beginning of a text file; what is None is found.

    Raises:
        DataError: The file is empty, not text, or has only one column.
    """
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    if not sample.strip():
        raise DataError("the file is empty", where=str(path), expected="a header and rows")
    encoding = encoding or _encoding(sample, path)
    try:
        text = sample.decode(encoding, errors="replace")
    except LookupError as error:
        raise DataError("there is no such encoding", where=str(path), received=encoding) from error
    if not text.strip("\ufeff \r\n\t"):
        raise DataError("the file is empty", where=str(path), expected="a header and rows")
    if len(sample) == _SAMPLE:
        text = text[: text.rfind("\n") + 1] or text
    delimiter = delimiter or _delimiter(text, path)
    if quotes is None:
        quotes = '"' not in text or _even_rows(text, delimiter, True) >= _even_rows(text, delimiter, False)
    try:
        rows = [row for row in _reader(text, delimiter, quotes) if row][:200]
    except csv.Error as error:
        raise DataError("the file is not a table of text", where=str(path), received=str(error)) from error
    blank = len(text) - len(text.lstrip("\r\n"))
    return Head(encoding, delimiter, quotes, text[:blank].replace("\r\n", "\n").count("\n"), rows)


def _reader(text: str, delimiter: str, quotes: bool) -> Iterator[list[str]]:
    file = io.StringIO(text)
    if quotes:
        return csv.reader(file, delimiter=delimiter)
    return csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)


def _even_rows(text: str, delimiter: str, quotes: bool) -> int:
    """How many rows have as many cells as most have, and more than one."""
    try:
        widths = Counter(len(row) for row in _reader(text, delimiter, quotes) if len(row) > 1)
    except csv.Error:  # a cell of more than 128 KiB
        return 0
    return max(widths.values(), default=0)


def _encoding(sample: bytes, path: Path) -> str:
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if sample.startswith(mark):
            return name
    kind = what_it_is(path)
    if kind not in ("text", "json") or b"\0" in sample:
        wide = _utf16(sample)
        if wide and kind in ("text", "json"):
            return wide
        received = _NAMES.get(kind) or ("a damaged Parquet file" if kind == "parquet" else "")
        raise DataError(
            "the file is not text",
            where=str(path),
            expected="a CSV or TSV file",
            received=received or f"binary data that begins with {sample[:8]!r}",
            do="Save the table as CSV (Excel: Save as, CSV UTF-8)",
        )
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 4:  # else only the last character is cut
            return guess_encoding(sample)
    return "utf-8"


def _utf16(sample: bytes) -> str:
    """UTF-16 without a mark at its beginning: every other byte of most text is zero."""
    half = len(sample) // 2
    low, high = sample[1::2].count(0), sample[0::2].count(0)
    if max(low, high) < 0.4 * half or min(low, high) > 0.25 * max(low, high):
        return ""
    return "utf-16-le" if low > high else "utf-16-be"


def guess_encoding(sample: bytes) -> str:
    """Of the encodings that tables are saved in; Western European where several read alike."""
    from charset_normalizer import from_bytes

    telling = b"\n".join(line for line in sample.splitlines() if not line.isascii())[: 1 << 16]
    matches = from_bytes(telling, cp_isolation=_ENCODINGS)
    best = matches.best()
    if best is None or "cp1252" in best.could_be_from_charset:
        return "cp1252"
    european = next((match for match in matches if "cp1252" in match.could_be_from_charset), None)
    if european is not None and european.chaos <= best.chaos and best.coherence < european.coherence + 0.1:
        return "cp1252"
    return best.encoding


def _delimiter(text: str, path: Path) -> str:
    lines = text[: 1 << 16]
    best, found = 0.0, ""
    for candidate in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(lines), delimiter=candidate) if row][:50]
        except csv.Error:
            continue
        width, often = Counter(widths).most_common(1)[0] if widths else (1, 0)
        score = (often / len(widths)) * (1 + 0.01 * min(width, 50)) if width > 1 else 0.0
        if score > best:
            best, found = score, candidate
    if not found:
        raise DataError(
            "the file has only one column",
            where=str(path),
            expected="features and a target, separated by a comma, semicolon, tab or bar",
            received=repr(lines.split("\n", 1)[0][:60]),
            do="If another character separates them, pass delimiter='…'",
        )
    return found


def is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first of a file's rows holds names.

    It does not where it is all numbers, nor where it has numbers and each of its words stands in a row below too.
    """
    if not rows:
        return False
    cells = [cell.strip() for cell in rows[0]]
    words = [i for i, cell in enumerate(cells) if not is_number(cell)]
    if not words:
        return False
    if len(words) == len(cells):
        return True
    below = [{row[i].strip() for row in rows[1:] if i < len(row)} for i in words]
    return not all(cells[i] in found for i, found in zip(words, below, strict=True))


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, with a point or a comma."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
