"""A file of rows, each with what the network says of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from lepton_lab.data import DataBundle
from lepton_lab.data.table_reading import read_table
from lepton_lab.data.text import TextPreprocessing
from lepton_lab.errors import DataError, UnsafeDataError
from lepton_lab.widgets.feature_map_viewer_pins import MAX_UPLOAD

__all__ = ["SHOWN", "Answered", "answer_rows"]

SHOWN = 50
"""Rows that are shown; all of them are in the file to take away."""

_ENDINGS = (".csv", ".tsv", ".txt", ".parquet", ".pq")
_COLUMNS = 12


@dataclass(frozen=True, eq=False)
class Answered:
    """A table with its answers.

    Attributes:
        frame: The file's columns, and one or more for what the network says.
        added: Names of the columns that the network filled in.
        right: How many answers agree with the target; None where the file has no such column.
    """

    frame: pd.DataFrame
    added: list[str]
    right: int | None

    def csv(self) -> bytes:
        """The whole table as CSV."""
        return bytes(self.frame.to_csv(index=False).encode())

    def to_json(self) -> dict[str, Any]:
        """The first rows, as texts."""
        own = [c for c in self.frame.columns if c not in self.added]
        columns = [*self.added[:2], *own][:_COLUMNS]
        head = self.frame.head(SHOWN)[columns]
        return {
            "columns": columns, "added": min(2, len(self.added)), "count": len(self.frame), "right": self.right,
            "left_out": len(own) + 2 - _COLUMNS if len(own) + 2 > _COLUMNS else 0,
            "rows": [[_text(v) for v in row] for row in head.itertuples(index=False)],
        }  # fmt: skip


def answer_rows(data: DataBundle, name: str, content: bytes, ask: Callable[[Tensor], Tensor]) -> Answered:
    """Reads a table and has every row answered.

    Args:
        data: The data that the network learnt from.
        name: The file's name; its ending says what it is.
        content: The file.
        ask: Probabilities or values for a batch of prepared samples.

    Raises:
        DataError: It is no table, or a column is missing.
        UnsafeDataError: It is too large.
    """
    if len(content) > MAX_UPLOAD:
        raise UnsafeDataError(
            "the file is too large to be sent from the browser",
            expected=f"at most {MAX_UPLOAD >> 20} MiB",
            received=f"{len(content) / 2**20:.1f} MiB",
            do="Split it into parts",
        )
    ending = Path(name.lower()).suffix
    if ending not in _ENDINGS:
        raise DataError("this is no table", expected="a file .csv, .tsv or .parquet", received=name[-40:])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{ending}"
        path.write_bytes(content)
        try:
            frame = pd.DataFrame(read_table(path).columns)
        except DataError as error:  # its place is of no use to who sent it
            raise type(error)(error.what, expected=error.expected, received=error.received, do=error.do) from error
    found = ask(data.preprocessing(_samples(data, frame)))
    return _joined(data, frame, found)


def _samples(data: DataBundle, frame: pd.DataFrame) -> Any:
    if isinstance(data.preprocessing, TextPreprocessing):
        words = frame.select_dtypes(exclude="number").astype(str)
        words = words.drop(columns=[c for c in data.target_names if c in words], errors="ignore")
        if words.empty:
            raise DataError("no column of the file holds texts")
        return words[max(words.columns, key=lambda c: float(words[c].str.len().mean()))].tolist()
    if data.preprocessing.kind != "table":
        names = [c for c in frame.columns if c not in data.target_names]
        frame = frame[names].apply(pd.to_numeric, errors="coerce")
        if frame.shape[1] != data.sample_shape[0] or frame.isna().any().any():
            raise DataError(
                "the rows do not fit", expected=f"{data.sample_shape[0]} columns of numbers",
                received=f"{frame.shape[1]} columns{', some of them no numbers' if frame.isna().any().any() else ''}",
            )  # fmt: skip
        return frame.to_numpy("float32")
    return frame


def _joined(data: DataBundle, frame: pd.DataFrame, found: Tensor) -> Answered:
    own = set(map(str, frame.columns))

    def free(name: str) -> str:
        return f"{name} (network)" if name in own else name

    columns: dict[str, Any] = {}
    right = None
    target = data.target_names[0] if data.target_names else ""
    if data.task.value == "regression":
        names = data.target_names if len(data.target_names) == found.shape[-1] else ()
        for i, column in enumerate(found.reshape(len(found), -1).unbind(1)):
            name = names[i] if names else f"value {i + 1}"
            columns[free(f"predicted {name}")] = column.numpy().round(6)
    elif data.task.value == "multilabel":
        for name, column in zip(data.classes, found.unbind(1), strict=True):
            columns[free(f"predicted {name}")] = (column >= 0.5).numpy()
    else:
        best = found.argmax(1)
        said = [data.classes[int(i)] for i in best]
        columns[free("predicted")] = said
        columns[free("probability")] = found.gather(1, best[:, None])[:, 0].numpy().round(4)
        if target in frame.columns:
            truth = [_text(v) for v in frame[target]]
            right = sum(a == b for a, b in zip(truth, said, strict=True))
        for i, name in enumerate(data.classes[:100]):
            columns[free(f"probability of {name}")] = found[:, i].numpy().round(4)
    return Answered(pd.concat([frame, pd.DataFrame(columns, index=frame.index)], axis=1), list(columns), right)


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value) or value is pd.NaT:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.5g}"
    return str(value)
