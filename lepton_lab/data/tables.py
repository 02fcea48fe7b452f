"""`load_table`: a CSV, TSV or Parquet file or a frame as a `DataBundle`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from lepton_lab.data.assemble import assemble
from lepton_lab.data.bundle import DataBundle, Task, TensorSplit
from lepton_lab.data.report import DataFinding
from lepton_lab.data.splits import DEFAULT_SHARE, split_indices
from lepton_lab.data.table_cleaning import (
    add_marks,
    copied_rows,
    join_words,
    left_out,
    rare_rows,
    rows_without_target,
    with_cleaning,
    without_rows,
)
from lepton_lab.data.table_columns import TARGET_NAMES, choose_features, column_info, guess_target
from lepton_lab.data.table_preprocessing import FittedColumn, TablePreprocessing, as_words, fit_column
from lepton_lab.data.table_reading import MAX_BYTES, RawTable, read_table
from lepton_lab.data.targets import Encoding, as_task, fit_encoding
from lepton_lab.errors import DataError, UnknownNameError, UnsafeDataError

__all__ = ["encode_target", "load_table"]

_MAX_OUTPUT_BYTES = 16 << 30
_MAX_CATEGORIES = {"onehot": 50, "indices": 100_000}
_USUAL = {"stratified": True, "drop_duplicates": False, "min_class_rows": 1}  # not written into a source
_FEW_NUMBERS = 20  # different whole numbers up to which a target of numbers is taken for classes
Source = str | os.PathLike[str] | pd.DataFrame


def load_table(
    source: Source,
    *,
    target: str | None = None,
    task: str | Task | None = None,
    classes: Sequence[Any] | None = None,
    features: Sequence[str] | None = None,
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    encode: str = "onehot",
    max_categories: int | None = None,
    test_table: Source | None = None,
    valid: float | int | None = None,
    test: float | int | None = None,
    seed: int = 0,
    stratified: bool = True,
    join: Mapping[str, Mapping[str, str]] | None = None,
    mark_missing: Sequence[str] = (),
    drop_duplicates: bool = False,
    min_class_rows: int = 1,
    name: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    quotes: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> DataBundle:
    """Loads a table.

    Args:
        source: Path of a CSV, TSV or Parquet file, or a frame.
        target: The column to predict; guessed where None: one called "target", "label", "class", …, else the last.
        task: "binary", "multiclass", "regression", or "classification"; guessed from the target where None.
        classes: Names of all classes in order; found where None.
        features: The columns to learn from; where None, all but the target, ids, constants and free text.
        categorical: Columns of numbers that are names of things, such as a post code.
        numeric: Columns of words that are to be read as numbers; words that are none count as missing.
        encode: "onehot", or "indices" for an Embedding; see `TablePreprocessing`.
        max_categories: Categories of a column with an output of their own, the rest shares one; where None, 50 for
            "onehot" and 100,000 for "indices".
        test_table: A table with the same columns for the test.
        valid: Share or number of rows for validation; 0.15 where None.
        test: The same for the test; by default 0.15, and 0 beside `test_table`.
        seed: Of the split.
        stratified: Whether the splits of a classification get the same shares of the classes.
        join: Words of a column that are one and the same: `{"country": {"de": "DE"}}` reads "de" as "DE".
        mark_missing: Columns that get a second one, 1 where a value was missing and 0 elsewhere.
        drop_duplicates: Whether a row that is equal to an earlier one is left out, before the split.
        min_class_rows: Classes with fewer rows are left out with their rows.
        name: What to call the data; the file's name where None.
        delimiter: What separates columns; found where None.
        encoding: Name of the encoding; found where None.
        header: Whether the first row holds names; found where None.
        quotes: Whether quotation marks enclose cells; found where None.
        max_bytes: A larger file is refused; 4 GiB.

    Raises:
        DataError: No table, no such column, a target with one value only, …
        UnsafeDataError: A file or a result of absurd size.
    """
    if encode not in ("onehot", "indices"):
        raise UnknownNameError("encoding of categories", encode, ("onehot", "indices"))
    options: dict[str, Any] = {
        "target": target, "task": task, "classes": classes, "features": features, "categorical": categorical,
        "numeric": numeric, "drop_duplicates": drop_duplicates, "min_class_rows": min_class_rows, "quotes": quotes,
        "encode": encode, "max_categories": max_categories, "valid": valid, "test": test, "seed": seed, "name": name,
        "stratified": stratified, "join": join, "mark_missing": mark_missing,
        "delimiter": delimiter, "encoding": encoding, "header": header, "max_bytes": max_bytes,
    }  # fmt: skip
    reading: dict[str, Any] = {
        "delimiter": delimiter, "encoding": encoding, "header": header, "quotes": quotes, "words": categorical,
        "numbers": numeric, "max_bytes": max_bytes,
    }  # fmt: skip
    name = name or ("table" if isinstance(source, pd.DataFrame) else Path(source).name)
    tables = {"train": read_table(source, **reading)}
    if test_table is not None:
        tables["test"] = read_table(test_table, **reading)
    for part in tables.values():
        join_words(part.columns, join or {}, name)
    table = tables["train"]
    findings = list(table.findings)
    target = _target(table, target, name, findings)
    for part in tables.values():
        if drop_duplicates:
            _leave_out(part, copied_rows(part.columns), "duplicate_rows", "are equal to an earlier one", findings)
        _drop_rows_without_target(part, target, name, findings)
    encoder = encode_target([part.columns[target] for part in tables.values()], task, classes, target)
    if min_class_rows > 1:
        if not encoder.task.is_classification:
            raise DataError(
                "a quantity has no classes to leave out",
                where=target,
                expected="min_class_rows=1 for a regression",
                received=f"min_class_rows={min_class_rows}",
            )
        _drop_rare_classes(tables, target, min_class_rows, findings)
        encoder = encode_target([part.columns[target] for part in tables.values()], task, classes, target)
    findings += encoder.findings
    y = {part: _encoded_target(encoder, raw.columns[target]) for part, raw in tables.items()}
    chosen, columns = choose_features(
        table, target, features, categorical, findings, max_categories or _MAX_CATEGORIES[encode]
    )
    _check_test_columns(tables, chosen, name)
    infos = [
        column_info(n, v, "target" if n == target else "feature" if n in chosen else "left out", columns.get(n))
        for n, v in table.columns.items()
    ]
    rows = _rows(
        tables,
        valid,
        test,
        y["train"].numpy() if encoder.task.is_classification and stratified else None,
        seed,
        findings,
    )
    chosen = add_marks([part.columns for part in tables.values()], chosen, columns, mark_missing, name)
    limit = max_categories or _MAX_CATEGORIES[encode]
    preprocessing, x = _prepare(tables, rows, chosen, columns, encode, limit, join or {})
    splits = {
        part: TensorSplit(x[part], y[whence][torch.from_numpy(index)], preprocessing)
        for part, (whence, index) in rows.items()
    }
    bundle = assemble(
        name,
        train=splits["train"],
        valid=splits.get("valid"),
        test=splits.get("test"),
        task=encoder.task,
        classes=encoder.classes,
        target_names=(target,),
        preprocessing=preprocessing,
        source=_source(source, test_table, options),
        findings=findings,
        columns=infos,
    )
    return replace(bundle, recipe=partial(load_table, source, test_table=test_table, **options))


def _source(source: Source, test_table: Source | None, options: dict[str, Any]) -> dict[str, Any] | None:
    if isinstance(source, pd.DataFrame) or isinstance(test_table, pd.DataFrame):
        return None
    args: dict[str, Any] = {"source": str(Path(source).expanduser().resolve())}
    if test_table is not None:
        args["test_table"] = str(Path(test_table).expanduser().resolve())
    for key, value in options.items():
        if value is not None and value != () and value != _USUAL.get(key, ...):
            args[key] = list(value) if isinstance(value, (list, tuple)) else value
    return {"loader": "load_table", "args": args}


def _target(table: RawTable, target: str | None, name: str, findings: list[DataFinding]) -> str:
    if target is not None:
        if target not in table.columns:
            raise UnknownNameError("column", target, table.columns, where=name)
        return target
    guess = guess_target(list(table.columns))
    why = "by its name" if guess.strip().lower() in TARGET_NAMES else "because it is the last"
    findings.append(
        DataFinding(
            "info",
            "target_guessed",
            f"Column {guess} was taken for the target, {why}.",
            {"target": guess},
            f'To predict another column pass target="…": {", ".join(list(table.columns)[:10])}.',
        )
    )
    return guess


def _drop_rows_without_target(table: RawTable, target: str, name: str, findings: list[DataFinding]) -> None:
    if target not in table.columns:
        raise DataError(
            f"the test table has no column {target!r}",
            where=name,
            expected=target,
            received=", ".join(list(table.columns)[:20]),
        )
    gone = rows_without_target(table.columns[target])
    count = int(gone.sum())
    if not count:
        return
    if count == len(gone):
        raise DataError(
            f"column {target!r} has no values",
            where=name,
            expected="targets",
            received="only missing ones",
            do="Choose another target",
        )
    findings.append(
        DataFinding(
            "warning",
            "rows_without_target",
            f"{count:,} of {len(gone):,} rows have no value in {target} and were left out.",
            {"rows": np.flatnonzero(gone)[:100].tolist()},
        )
    )
    without_rows(table.columns, gone)


def _leave_out(table: RawTable, gone: Any, code: str, why: str, findings: list[DataFinding]) -> None:
    if gone.any():
        findings.append(left_out(code, gone, why))
        without_rows(table.columns, gone)


def _drop_rare_classes(tables: dict[str, RawTable], target: str, least: int, findings: list[DataFinding]) -> None:
    """Leaves out classes that are rare in training, in every table."""
    values = tables["train"].columns[target]
    rare = set(values[rare_rows(values, least)])
    for table in tables.values():
        gone = table.columns[target].isin(rare).to_numpy()
        if len(gone) == int(gone.sum()):
            raise DataError(
                f"every class of {target!r} has fewer than {least} rows", where=target, do="Ask for fewer rows a class"
            )
        _leave_out(
            table, gone, "rare_classes", f"belong to one of {len(rare)} classes with fewer than {least}", findings
        )


def encode_target(
    parts: Sequence[pd.Series[Any]], task: str | Task | None, classes: Sequence[Any] | None, target: str
) -> Encoding:
    """How a column becomes what is predicted; `parts` are its values in every table, none of them missing.

    Raises:
        DataError: No task fits it.
    """
    wanted = as_task(task)
    if wanted is Task.MULTILABEL:
        raise DataError(
            "a table has one target column",
            expected="binary, multiclass or regression",
            received="multilabel",
            do="Pass arrays to lepton_lab.from_arrays",
        )
    if task is None and classes is None:
        numbers = [p for p in parts if pd.api.types.is_numeric_dtype(p.dtype)]
        if numbers:
            different = np.unique(np.concatenate([p.to_numpy(np.float64) for p in numbers]))
            whole = bool((different == np.round(different)).all())
            task = "classification" if whole and len(different) <= _FEW_NUMBERS else Task.REGRESSION
        elif any(pd.api.types.is_datetime64_any_dtype(p.dtype) for p in parts):
            raise DataError(
                f"the target {target!r} is a date",
                expected="a number or a category",
                do="Choose another target with target=…",
            )
        else:
            task = "classification"
            words = np.unique(np.concatenate([_different(p) for p in parts]))
            if len(words) > 1000 and len(words) > 0.5 * sum(map(len, parts)):
                raise DataError(
                    f"the target {target!r} has {len(words):,} different words",
                    where=target,
                    expected="a category or a number",
                    received=repr(words[0]),
                    do="Choose another target with target=…",
                )
    encoded = fit_encoding([_different(p) for p in parts], task=task, classes=classes)
    if encoded.task is Task.REGRESSION and not all(pd.api.types.is_numeric_dtype(p.dtype) for p in parts):
        raise DataError(
            f"the target {target!r} is not a number",
            expected="numbers for a regression",
            received=repr(str(parts[0].iloc[0])),
            do='Pass task="classification"',
        )
    return encoded


def _different(values: pd.Series[Any]) -> np.ndarray[Any, Any]:
    """The target's numbers, or its different words."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy()
    words = as_words(values)
    return np.asarray(words.cat.categories[np.unique(words.cat.codes)].astype("str"), dtype=object)


def _encoded_target(encoder: Encoding, values: pd.Series[Any]) -> torch.Tensor:
    if pd.api.types.is_numeric_dtype(values.dtype):
        return encoder.encode(values.to_numpy(), where=str(values.name))
    words = as_words(values)
    used, place = np.unique(words.cat.codes.to_numpy(), return_inverse=True)
    names = np.asarray(words.cat.categories[used].astype("str"), dtype=object)
    return encoder.encode(names, where=str(values.name))[torch.from_numpy(place)]


def _check_test_columns(tables: dict[str, RawTable], chosen: Sequence[str], name: str) -> None:
    if "test" in tables:
        missing = [column for column in chosen if column not in tables["test"].columns]
        if missing:
            raise DataError(
                "the test table lacks columns",
                where=name,
                expected=", ".join(chosen[:20]),
                received=f"no {', '.join(missing[:10])}",
            )


def _rows(
    tables: dict[str, RawTable],
    valid: float | int | None,
    test: float | int | None,
    labels: Any,
    seed: int,
    findings: list[DataFinding],
) -> dict[str, tuple[str, np.ndarray[Any, np.dtype[np.int64]]]]:
    """For each split the table and the rows that it takes."""
    given = "test" in tables
    if given and test:
        raise DataError("the test is given twice", expected="either test_table or test", received=f"test={test!r}")
    share = 0 if given else DEFAULT_SHARE if test is None else test
    indices = split_indices(
        len(tables["train"]), valid=DEFAULT_SHARE if valid is None else valid, test=share, labels=labels, seed=seed
    )
    findings += indices.findings
    rows = {"train": ("train", indices.train), "valid": ("train", indices.valid), "test": ("train", indices.test)}
    if given:
        rows["test"] = "test", np.arange(len(tables["test"]), dtype=np.int64)
    return {part: pair for part, pair in rows.items() if len(pair[1])}


def _prepare(
    tables: dict[str, RawTable],
    rows: dict[str, tuple[str, np.ndarray[Any, np.dtype[np.int64]]]],
    chosen: Sequence[str],
    kinds: dict[str, Any],
    encode: str,
    max_categories: int,
    join: Mapping[str, Mapping[str, str]],
) -> tuple[TablePreprocessing, dict[str, torch.Tensor]]:
    """Fits on the training rows and encodes all, giving each column's memory back once it is done."""
    fitted: list[FittedColumn] = []
    encoded: dict[str, list[np.ndarray[Any, Any]]] = {part: [] for part in rows}
    for name in chosen:
        series = {whence: table.columns.pop(name) for whence, table in tables.items()}
        parts = {part: series[whence].iloc[index] for part, (whence, index) in rows.items()}
        column = fit_column(name, parts["train"], kinds[name], max_categories=max_categories, encode=encode)
        column = with_cleaning(column, join)
        fitted.append(column)
        for part, values in parts.items():
            encoded[part].append(column.codes(values) if encode == "indices" else column.encoded(values))
    preprocessing = TablePreprocessing(fitted, encode)
    width, count = len(preprocessing.feature_names), sum(len(index) for _, index in rows.values())
    size = (8 if encode == "indices" else 4) * width * count
    if size > _MAX_OUTPUT_BYTES:
        raise UnsafeDataError(
            "the prepared table would not fit in memory",
            expected=f"at most {_MAX_OUTPUT_BYTES >> 30} GiB",
            received=f"{size / 2**30:.1f} GiB: {count:,} rows of {width:,} numbers",
            do='Lower max_categories, choose fewer features, or pass encode="indices"',
        )
    beside = preprocessing.join_indices if encode == "indices" else preprocessing.interleave
    return preprocessing, {part: beside(columns) for part, columns in encoded.items()}
