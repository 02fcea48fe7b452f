"""The data that travels beside an export, and which row or file is in which part of it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lepton_lab.data import DataBundle
from lepton_lab.data.splits import DEFAULT_SHARE, split_indices
from lepton_lab.errors import DataError, LeptonError
from lepton_lab.export.files import safe_name, size_of

__all__ = ["MOST_BYTES", "SourceFile", "image_split", "prepared", "row_split", "source_files"]

MOST_BYTES = 200 << 20
"""Bytes of data that travel along; larger ones are only named."""

_PATHS = ("path", "source", "test_table", "valid_source", "test_source")


@dataclass(frozen=True)
class SourceFile:
    """A file or folder that the data were loaded from.

    Attributes:
        argument: Which argument of the loader it is.
        path: Where it lies.
        place: Where it lies in the export.
        size: Bytes.
    """

    argument: str
    path: Path
    place: str
    size: int


def source_files(data: DataBundle) -> list[SourceFile]:
    """What the data were loaded from; empty for a data set with a name, and for data from memory."""
    args = (data.source or {}).get("args", {})
    found: list[SourceFile] = []
    for argument in _PATHS:
        value = args.get(argument)
        if isinstance(value, str) and Path(value).exists():
            path = Path(value)
            ending = "".join(path.suffixes[-1:]) if path.is_file() else ""
            name = safe_name(path.stem if path.is_file() else path.name, ending)
            if any(f.place == f"data/{name}" for f in found):
                name = f"{argument}-{name}"
            found.append(SourceFile(argument, path, f"data/{name}", size_of(path)))
    return found


def prepared(data: DataBundle) -> bytes | None:
    """All parts as they are kept for training, as a safetensors file; None where they are too large or stream."""
    from safetensors.torch import save

    tensors: dict[str, torch.Tensor] = {}
    for name, split in data.splits.items():
        pair = split.tensors()
        if pair is None:
            return None
        tensors[f"{name}/x"], tensors[f"{name}/y"] = (t.contiguous() for t in pair)
    if sum(t.nbytes for t in tensors.values()) > MOST_BYTES:
        return None
    return save({name: t.clone() for name, t in tensors.items()})


def image_split(data: DataBundle) -> bytes:
    """Which image is in which part and class, as CSV."""
    from lepton_lab.data.images import _limited, _with_missing_splits
    from lepton_lab.data.images_layout import find_images
    from lepton_lab.data.images_source import open_source

    args = (data.source or {})["args"]
    source = open_source(args["path"])
    try:
        layout = find_images(source.names, str(args["path"]), args.get("classes"), args.get("leave_out", ()))
    finally:
        source.close()
    files = _limited(layout.splits, args.get("limit"), args["seed"], [])
    files = _with_missing_splits(files, args["valid"], args["test"], args["seed"], args["stratified"], [])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["part", "class", "file"])
    for part, listed in files.items():
        writer.writerows([part, layout.classes[f.label], f.name] for f in listed)
    return out.getvalue().encode()


@dataclass(frozen=True)
class RowSplit:
    """How a table was read and divided.

    Attributes:
        rows: Numbers of the rows of each part, among those that have a target.
        names: The columns.
        target: The column to predict.
        text: The column with the texts; empty for other tables.
        values: How each class is written; empty for a regression.
        encoding: Of the file.
        delimiter: Between two columns.
        quotes: Whether quotation marks enclose cells.
        skip: Lines before the first row.
    """

    rows: dict[str, list[int]]
    names: list[str]
    target: str
    text: str
    values: list[str]
    encoding: str
    delimiter: str
    quotes: bool
    skip: int


def row_split(data: DataBundle) -> RowSplit | None:
    """Which row of a table is in which part; None where that cannot be told from the file."""
    try:
        return _row_split(data)
    except (LeptonError, OSError, KeyError, ValueError):
        return None


def _row_split(data: DataBundle) -> RowSplit | None:
    from lepton_lab.data.table_reading import read_table

    source = data.source or {}
    args, texts = source["args"], source["loader"] == "load_text"
    path = Path(args["source"])
    if path.is_dir():
        return None
    reading = {k: args[k] for k in ("delimiter", "encoding", "quotes", "max_bytes") if k in args}
    header = args.get("header")
    if texts and header is None:
        from lepton_lab.data.text import _header

        header = _header(path, args.get("text"), args.get("delimiter"), args.get("encoding"))
    table = read_table(path, header=header, **reading)
    names = list(table.columns)
    target = data.target_names[0]
    text = _text_column(table, args, data.name) if texts else ""
    if args.get("join", {}).get(target):
        return None
    values = table.columns[target]
    kept = ~values.isna().to_numpy()
    if texts:
        kept &= ~table.columns[text].isna().to_numpy()
    labels, written = _labels(values[kept], data)
    own = [k for k in ("valid_source", "test_source", "test_table") if args.get(k)]
    valid = args.get("valid", 0 if "valid_source" in own else DEFAULT_SHARE)
    test = args.get("test", 0 if own else DEFAULT_SHARE)
    stratify = data.task.is_classification and args.get("stratified", True)
    indices = split_indices(
        int(kept.sum()), valid=valid, test=test, labels=labels if stratify else None, seed=args.get("seed", 0)
    )
    rows = {p: getattr(indices, p).tolist() for p in ("train", "valid", "test") if len(getattr(indices, p))}
    for part, numbers in rows.items():
        if not np.allclose(data.splits[part].targets().reshape(-1).numpy(), np.asarray(labels)[numbers], atol=1e-6):
            return None
    skip = _lines_before(path, table)
    encoding, delimiter = str(table.notes.get("encoding", "utf-8")), str(table.notes.get("delimiter", ","))
    return RowSplit(
        rows, names, target, text, written, encoding, delimiter, bool(table.notes.get("quotes", True)), skip
    )


def _text_column(table: Any, args: dict[str, Any], name: str) -> str:
    from lepton_lab.data.text import _longest, _named

    return _named(table, args.get("text"), _longest(table), name)


def _labels(values: Any, data: DataBundle) -> tuple[Any, list[str]]:
    """Class numbers or quantities of the rows, and how each class is written in the table."""
    import pandas as pd

    if not data.task.is_classification:
        return values.to_numpy(np.float64), []
    if pd.api.types.is_numeric_dtype(values.dtype):
        words = [str(int(v)) if float(v).is_integer() else str(v) for v in values]
    else:
        words = [str(v) for v in values]
    place = {name: i for i, name in enumerate(data.classes)}
    if not set(words) <= set(place):  # classes with names of their own: their values count in sorted order
        raise DataError("the classes are not written in the table")
    return np.array([place[w] for w in words]), list(data.classes)


def _lines_before(path: Path, table: Any) -> int:
    from lepton_lab.data.table_text import read_head

    notes = table.notes
    if "delimiter" not in notes:
        return 0
    head = read_head(path, notes["delimiter"], notes["encoding"], notes["quotes"])
    return head.blank + int(notes["header"])
