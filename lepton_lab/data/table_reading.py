"""CSV, TSV, Parquet and frames as columns, whatever their encoding, delimiter and decimal mark."""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lepton_lab.data.report import DataFinding
from lepton_lab.data.table_words import MISSING, recognise_words
from lepton_lab.errors import DataError, UnsafeDataError

__all__ = ["MAX_BYTES", "RawTable", "read_head", "read_table"]

MAX_BYTES = 4 << 30
"""Size of a file above which `load_table` asks whether it is meant."""

_MAX_COLUMNS = 20_000
_SAMPLE = 1 << 20
_ENCODINGS = ["cp1252", "cp1250", "cp1251", "cp1253", "cp932", "gb18030", "big5", "euc_kr", "euc_jp", "koi8_r"]
_DELIMITERS = ",;\t|"
_BAD_COLUMN = re.compile(r"CSV column #(\d+)")


@dataclass
class RawTable:
    """Columns as they were read: numbers, dates (datetime64) or words (category).

    Attributes:
        columns: By unique name, in the file's order.
        findings: What was noticed on the way.
        notes: How the file was read: encoding, delimiter.
    """

    columns: dict[str, pd.Series[Any]]
    findings: list[DataFinding] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0


def read_table(
    source: str | os.PathLike[str] | pd.DataFrame,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> RawTable:
    """Reads a table.

    Args:
        source: Path of a CSV, TSV or Parquet file, or a frame.
        delimiter: What separates columns; found where None.
        encoding: Name of the encoding; found where None.
        header: Whether the first row holds names; found where None (a row of nothing but numbers does not).
        max_bytes: A larger file is refused.

    Raises:
        DataError: The file is missing, empty, not a table, or has only one column.
        UnsafeDataError: It is larger than `max_bytes`, or has an absurd number of columns.
    """
    if isinstance(source, pd.DataFrame):
        table = _from_frame(source)
    else:
        path = Path(source).expanduser()
        _check_file(path, max_bytes)
        if path.suffix.lower() in (".parquet", ".pq"):
            table = _read_parquet(path)
        else:
            table = _read_csv(path, delimiter, encoding, header)
    table.findings += recognise_words(table.columns)
    return table


def read_head(
    path: Path, delimiter: str | None = None, encoding: str | None = None
) -> tuple[str, str, int, list[list[str]]]:
    """Encoding, delimiter, number of blank lines at the beginning, and first rows of a text file.

    Raises:
        DataError: The file is empty or not text.
    """
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    if not sample.strip():
        raise DataError("the file is empty", where=str(path), expected="a header and rows")
    encoding = encoding or _encoding(sample, path)
    text = sample.decode(encoding, errors="replace")
    if len(sample) == _SAMPLE:
        text = text[: text.rfind("\n") + 1] or text
    delimiter = delimiter or _delimiter(text, path)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row][:200]
    except csv.Error as error:
        raise DataError("the file is not a table of text", where=str(path), received=str(error)) from error
    blank = len(text) - len(text.lstrip("\r\n"))
    return encoding, delimiter, text[:blank].replace("\r\n", "\n").count("\n"), rows


def _check_file(path: Path, max_bytes: int) -> None:
    if not path.is_file():
        raise DataError(
            "there is no such file",
            where=str(path),
            expected="a CSV, TSV or Parquet file",
            do="Check the path; it is relative to " + str(Path.cwd()),
        )
    size = path.stat().st_size
    if size == 0:
        raise DataError("the file is empty", where=str(path), expected="a header and rows")
    if size > max_bytes:
        raise UnsafeDataError(
            "the file is larger than what is read without asking",
            where=str(path),
            expected=f"at most {max_bytes / 2**30:.3g} GiB",
            received=f"{size / 2**30:.3g} GiB",
            do=f"If it is meant, pass max_bytes={size}; or convert it to Parquet, or take a sample of its rows",
        )


def _encoding(sample: bytes, path: Path) -> str:
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if sample.startswith(mark):
            return name
    if b"\0" in sample:
        kind = {
            b"PK\x03\x04": "a zip or an Excel file",
            b"\x89PNG": "a PNG image",
            b"\xff\xd8\xff\xe0": "a JPEG image",
            b"PAR1": "a Parquet file without its ending",
        }
        raise DataError(
            "the file is not text",
            where=str(path),
            expected="a CSV or TSV file",
            received=kind.get(sample[:4], f"binary data that begins with {sample[:8]!r}"),
            do="Save the table as CSV (Excel: Save as, CSV UTF-8)",
        )
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 4:  # else only the last character is cut
            return _guess_encoding(sample)
    return "utf-8"


def _guess_encoding(sample: bytes) -> str:
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


def _read_csv(path: Path, delimiter: str | None, encoding: str | None, header: bool | None) -> RawTable:
    from pyarrow import lib

    encoding, delimiter, blank, rows = read_head(path, delimiter, encoding)
    if header is None:
        header = not all(_is_number(cell) for cell in rows[0])
    width = len(rows[0])
    _check_width(width, str(path))
    names, findings = _unique_names([c.strip() for c in rows[0]] if header else [""] * width)
    if len(rows) - header < 1:
        raise DataError("the table has no rows", where=str(path), expected="rows below the header", received="0")
    wrong_width: list[int] = []
    words: set[str] = set()
    for _ in range(width + 2):
        wrong_width.clear()
        try:
            table = _arrow_csv(path, names, delimiter, encoding, blank + header, words, wrong_width)
            break
        except lib.ArrowInvalid as error:
            bad = _BAD_COLUMN.search(str(error))
            if bad and names[int(bad[1])] not in words:
                words.add(names[int(bad[1])])
            elif "UTF8" in str(error).upper() and encoding == "utf-8":
                encoding = _guess_encoding(path.read_bytes())
            else:
                raise DataError("the table cannot be read", where=str(path), received=str(error)) from error
        except (UnicodeError, LookupError) as error:
            raise DataError(
                "the file has another encoding", where=str(path), expected=encoding, received=str(error)
            ) from error
    if wrong_width:
        findings.append(
            DataFinding(
                "warning",
                "rows_skipped",
                f"{len(wrong_width):,} rows have another number of columns than the header ({width}) and were skipped.",
                {"lines": wrong_width[:100]},
                "Look at them; a delimiter inside a value needs quotes around the value.",
            )
        )
    arrow = table.columns
    del table
    columns = {name: _series(arrow.pop(0), name) for name in names}  # each gives its memory back once it is done
    return RawTable(columns, findings, {"encoding": encoding, "delimiter": delimiter})


def _arrow_csv(
    path: Path, names: list[str], delimiter: str, encoding: str, skip: int, words: set[str], wrong_width: list[int]
) -> Any:
    """Reads with pyarrow; `words` are columns that must be read as words."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    read = arrow_csv.ReadOptions(
        column_names=names,
        skip_rows=skip,
        encoding="utf-8" if encoding == "utf-8-sig" else encoding,
        block_size=4 << 20,
    )

    def options(types: dict[str, Any], lines: list[int]) -> tuple[Any, Any]:
        parse = arrow_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=_has_quotes(path), invalid_row_handler=_Skip(lines)
        )
        convert = arrow_csv.ConvertOptions(
            column_types=types, null_values=MISSING, strings_can_be_null=True, quoted_strings_can_be_null=True
        )
        return parse, convert

    types: dict[str, Any] = dict.fromkeys(words, pa.string())
    with arrow_csv.open_csv(path, read, *options(types, [])) as stream:  # infers from the first block
        for item in stream.schema:
            if pa.types.is_floating(item.type):
                types[item.name] = pa.float32()  # 4 bytes instead of 8
            elif pa.types.is_null(item.type):
                types[item.name] = pa.string()
            else:
                types[item.name] = item.type
    return arrow_csv.read_csv(path, read, *options(types, wrong_width))


class _Skip:
    """Counts and skips rows of another width."""

    def __init__(self, lines: list[int]) -> None:
        self.lines = lines

    def __call__(self, row: Any) -> str:
        self.lines.append(int(row.number) if row.number is not None else -1)
        return "skip"


def _has_quotes(path: Path) -> bool:
    with path.open("rb") as file:
        return b'"' in file.read(_SAMPLE)


def _read_parquet(path: Path) -> RawTable:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path, use_threads=True)
    except (pa.ArrowException, OSError) as error:
        raise DataError("the Parquet file cannot be read", where=str(path), received=str(error)) from error
    _check_width(table.num_columns, str(path))
    names, findings = _unique_names(list(map(str, table.column_names)))
    columns = {name: _series(table.column(i), name) for i, name in enumerate(names)}
    return RawTable(columns, findings)


def _from_frame(frame: pd.DataFrame) -> RawTable:
    _check_width(frame.shape[1], "frame")
    names, findings = _unique_names([str(c) for c in frame.columns])
    columns = {name: _plain(frame.iloc[:, i].reset_index(drop=True).rename(name)) for i, name in enumerate(names)}
    return RawTable(columns, findings)


def _series(column: Any, name: str) -> pd.Series[Any]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_time(kind) or pa.types.is_binary(kind):
        column = column.cast(pa.string())
    elif pa.types.is_decimal(kind) or pa.types.is_duration(kind):
        column = column.cast(pa.float64() if pa.types.is_decimal(kind) else pa.int64())
    elif pa.types.is_nested(kind):
        column = pa.chunked_array([[str(v) for v in column.to_pylist()]])
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = column.dictionary_encode()
    return _plain(column.to_pandas().rename(name))


def _plain(values: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers, datetime64 or category."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.rename_categories([str(c) for c in values.cat.categories])
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.astype("str").astype("category")
    if pd.api.types.is_numeric_dtype(values.dtype):
        if pd.api.types.is_complex_dtype(values.dtype):
            raise DataError("a column holds complex numbers", where=str(values.name), expected="real numbers")
        return (
            pd.Series(values.to_numpy(np.float64, na_value=np.nan), name=values.name)
            if (pd.api.types.is_extension_array_dtype(values.dtype))
            else values
        )
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values.dt.tz_localize(None) if getattr(values.dt, "tz", None) is not None else values
    words = values.map(str, na_action="ignore").str.strip()
    return words.mask(words.isin(MISSING)).astype("category")


def _unique_names(names: list[str]) -> tuple[list[str], list[DataFinding]]:
    seen: Counter[str] = Counter()
    taken: set[str] = set()
    out: list[str] = []
    repeated: list[str] = []
    for i, name in enumerate(names):
        base = name or f"column_{i + 1}"
        seen[base] += 1
        if seen[base] > 1:
            repeated.append(base)
            base = f"{base}_{seen[base]}"
        while base in taken:
            base += "_"
        taken.add(base)
        out.append(base)
    findings = []
    if repeated:
        findings.append(
            DataFinding(
                "warning",
                "duplicate_headers",
                f"{len(repeated)} columns have a name that another one has; they were renamed: "
                + ", ".join(sorted(set(repeated))[:5])
                + ".",
                {"names": sorted(set(repeated))},
                "Give each column a name of its own.",
            )
        )
    return out, findings


def _check_width(width: int, where: str) -> None:
    if width < 2:
        raise DataError(
            "the table has only one column",
            where=where,
            expected="features and a target",
            received=f"{width} column",
            do="If another character separates columns, pass delimiter='…'",
        )
    if width > _MAX_COLUMNS:
        raise UnsafeDataError(
            "the table has an absurd number of columns",
            where=where,
            expected=f"at most {_MAX_COLUMNS:,}",
            received=f"{width:,}",
            do="Turn it if rows and columns are swapped, or keep numbers as an array (from_arrays)",
        )


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
