"""CSV, TSV, Parquet and frames as columns, whatever their encoding, delimiter and decimal mark."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lepton_lab.data.report import DataFinding
from lepton_lab.data.table_text import Head, guess_encoding, is_header, read_head, what_it_is
from lepton_lab.data.table_words import MISSING, recognise_words
from lepton_lab.errors import DataError, UnsafeDataError

__all__ = ["MAX_BYTES", "RawTable", "read_table"]

MAX_BYTES = 4 << 30
"""Size of a file above which `load_table` asks whether it is meant."""

_MAX_COLUMNS = 20_000
_BAD_COLUMN = re.compile(r"CSV column #(\d+)")


@dataclass
class RawTable:
    """Columns as they were read: numbers, dates (datetime64) or words (category).

    Attributes:
        columns: By unique name, in the file's order.
        findings: What was noticed on the way.
        notes: How the file was read: encoding, delimiter, header, quotes.
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
    quotes: bool | None = None,
    words: Sequence[str] = (),
    numbers: Sequence[str] = (),
    max_bytes: int = MAX_BYTES,
) -> RawTable:
    """Reads a table.

    Args:
        source: Path of a CSV, TSV or Parquet file, or a frame.
        delimiter: What separates columns; found where None.
        encoding: Name of the encoding; found where None.
        header: Whether the first row holds names; found where None (a row of nothing but numbers does not).
        quotes: Whether quotation marks enclose cells; found where None.
        words: Columns whose words stay words, though most of them are numbers or dates.
        numbers: Columns whose words are read as numbers; those that are none count as missing.
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
        if path.suffix.lower() in (".parquet", ".pq") or what_it_is(path) == "parquet":
            table = _read_parquet(path)
        else:
            table = _read_csv(path, delimiter, encoding, header, quotes)
    table.findings += recognise_words(table.columns, words, numbers)
    return table


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


def _read_csv(
    path: Path, delimiter: str | None, encoding: str | None, header: bool | None, quotes: bool | None
) -> RawTable:
    from pyarrow import lib

    head, given = read_head(path, delimiter, encoding, quotes), encoding
    encoding, rows = head.encoding, head.rows
    if header is None:
        header = is_header(rows)
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
            table = _arrow_csv(path, head, names, encoding, head.blank + header, words, wrong_width)
            break
        except lib.ArrowInvalid as error:
            bad = _BAD_COLUMN.search(str(error))
            if bad and names[int(bad[1])] not in words:
                words.add(names[int(bad[1])])
            elif "UTF8" in str(error).upper() and encoding == "utf-8" and given is None:
                encoding = guess_encoding(path.read_bytes())
            elif "UTF8" in str(error).upper():
                raise DataError("the file has another encoding", where=str(path), expected=encoding) from error
            else:
                raise DataError("the table cannot be read", where=str(path), received=str(error)) from error
        except (UnicodeError, LookupError) as error:
            raise DataError(
                "the file has another encoding", where=str(path), expected=encoding, received=str(error)
            ) from error
    if not table.num_rows:
        raise DataError(
            "no row has as many values as the first one",
            where=str(path),
            expected=f"{width} values in each row",
            received=f"{len(rows[-1])} in row {len(rows)}",
            do="Correct the first row, or the mark that separates columns",
        )
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
    notes = {"encoding": encoding, "delimiter": head.delimiter, "header": header, "quotes": head.quotes}
    return RawTable(columns, findings, notes)


def _arrow_csv(
    path: Path, head: Head, names: list[str], encoding: str, skip: int, words: set[str], wrong_width: list[int]
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
            delimiter=head.delimiter,
            quote_char='"' if head.quotes else False,
            newlines_in_values=head.quotes and _has_quotes(path),
            invalid_row_handler=_Skip(lines),
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
            elif pa.types.is_null(item.type) or pa.types.is_binary(item.type):  # binary: no text in this encoding
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
        return b'"' in file.read(1 << 20)


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
