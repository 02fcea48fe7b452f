"""`load_text`: texts and their labels from a CSV or TSV file as padded word numbers."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from typing_extensions import override

from lepton_lab.data.assemble import assemble
from lepton_lab.data.bundle import DataBundle, Task, TensorSplit
from lepton_lab.data.preprocessing import Preprocessing, register_preprocessing
from lepton_lab.data.report import DataFinding
from lepton_lab.data.splits import DEFAULT_SHARE, split_indices
from lepton_lab.data.table_preprocessing import as_words
from lepton_lab.data.table_reading import MAX_BYTES, RawTable, read_table
from lepton_lab.data.targets import fit_encoding
from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["TextPreprocessing", "load_text", "tokenise"]

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+|[^\w\s]")
_TEXT_NAMES = ("text", "sentence", "review", "comment", "message", "tweet", "content", "title", "body")
_LABEL_NAMES = ("label", "labels", "target", "class", "category", "sentiment", "y")
_TEST_NAMES = {"train": ("dev", "valid", "val", "validation"), "test": ("test",)}
PAD, UNKNOWN = 0, 1
Source = str | os.PathLike[str] | pd.DataFrame


def tokenise(text: str) -> list[str]:
    """Words (with an inner apostrophe), numbers and single signs, in lower case."""
    return _TOKEN.findall(text.lower())


@register_preprocessing
class TextPreprocessing(Preprocessing):
    """Texts as word numbers: 0 fills up, 1 is an unknown word, words of the vocabulary count from 2.

    Args:
        vocabulary: Known words, the most frequent first.
        length: Word numbers for a text; longer ones are cut off at their end, shorter ones filled up there.
    """

    kind = "text"

    def __init__(self, vocabulary: Sequence[str], length: int) -> None:
        self.vocabulary, self.length = tuple(vocabulary), length
        self._number = {word: i + 2 for i, word in enumerate(self.vocabulary)}

    @property
    def index_count(self) -> int:
        """Size of the vocabulary for an Embedding, filling and unknown words included."""
        return len(self.vocabulary) + 2

    def encode(self, texts: Iterable[str]) -> Tensor:
        """Word numbers, int64 (N, length)."""
        rows = [[self._number.get(t, UNKNOWN) for t in tokenise(text)[: self.length]] for text in texts]
        out = np.full((len(rows), self.length), PAD, np.int64)
        for i, row in enumerate(rows):
            out[i, : len(row)] = row
        return torch.from_numpy(out)

    def decode(self, numbers: Tensor) -> str:
        """The words of one encoded text, unknown ones as "·"."""
        words = {PAD: "", UNKNOWN: "·"}
        text = (words[n] if n in words else self.vocabulary[n - 2] for n in map(int, numbers))
        return " ".join(word for word in text if word)

    @override
    def transform_raw(self, raw: Any) -> Tensor:
        if isinstance(raw, str):
            raw = [raw]
        if isinstance(raw, pd.DataFrame) and raw.shape[1] == 1:
            raw = raw.iloc[:, 0]
        texts = list(raw)
        if not texts or not all(isinstance(text, str) for text in texts):
            raise DataError(
                "these are not texts",
                expected="a string or several",
                received="nothing" if not texts else type(texts[0]).__name__,
            )
        return self.encode(texts)

    @override
    def batch(self, x: Tensor, *, training: bool = False) -> Tensor:
        return x.long()

    @override
    def settings(self) -> dict[str, Any]:
        return {"vocabulary": list(self.vocabulary), "length": self.length}

    @classmethod
    @override
    def from_settings(cls, settings: Mapping[str, Any], arrays: Mapping[str, Tensor]) -> Self:
        return cls([str(word) for word in settings["vocabulary"]], int(settings["length"]))

    @override
    def describe(self) -> list[str]:
        return [
            "lower case, split into words and signs",
            f"numbers of the {len(self.vocabulary):,} most frequent words of training; 1 for all others",
            f"cut off or filled up with 0 to {self.length} words",
        ]


def load_text(
    source: Source,
    *,
    text: str | int | None = None,
    label: str | int | None = None,
    task: str | Task | None = None,
    classes: Sequence[Any] | None = None,
    valid_source: Source | None = None,
    test_source: Source | None = None,
    max_words: int = 20_000,
    length: int | None = None,
    min_count: int = 2,
    valid: float | int | None = None,
    test: float | int | None = None,
    seed: int = 0,
    stratified: bool = True,
    name: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    header: bool | None = None,
    max_bytes: int = MAX_BYTES,
) -> DataBundle:
    """Loads texts with labels.

    Args:
        source: A CSV, TSV or Parquet file, or a frame; or a folder with `train` and maybe `dev` and `test` files.
        text: Name or number of the column with the texts; the one with the longest where None.
        label: Name or number of the column with the labels; one called like it, else another one with few values.
        task: See `load_table`.
        classes: See `load_table`.
        valid_source: Texts for validation, with the same columns.
        test_source: Texts for the test, with the same columns.
        max_words: Size of the vocabulary at most.
        length: Words of a text; where None, what 95 % of the training texts fit into, 512 at most.
        min_count: Words that are rarer in training are unknown ones.
        valid: Share or number for validation; by default 0.15, and 0 beside a source for validation.
        test: The same for the test; by default 0.15, and 0 beside a source for validation or the test.
        seed: Of the split.
        stratified: Whether the splits get the same shares of the classes.
        name: What to call the data.
        delimiter: See `load_table`.
        encoding: See `load_table`.
        header: Whether the first row holds names; found where None.
        max_bytes: A larger file is refused.

    Raises:
        DataError: No texts, no labels, one class only.
    """
    name = name or ("texts" if isinstance(source, pd.DataFrame) else Path(source).name)
    sources: dict[str, Source] = {"train": source}
    if not isinstance(source, pd.DataFrame) and Path(source).is_dir():
        sources = _folder(Path(source))
    sources |= {k: v for k, v in (("valid", valid_source), ("test", test_source)) if v is not None}
    options: dict[str, Any] = {"delimiter": delimiter, "encoding": encoding, "max_bytes": max_bytes}
    tables = {
        part: read_table(s, header=_header(s, text, delimiter, encoding) if header is None else header, **options)
        for part, s in sources.items()
    }
    findings = list(tables["train"].findings)
    columns = list(tables["train"].columns)
    text_name = _named(tables["train"], text, _longest(tables["train"]), name)
    label_name = _named(tables["train"], label, _label(tables["train"], text_name, name), name)
    findings.append(DataFinding("info", "columns_chosen", f"Texts are in {text_name}, labels in {label_name}.",
                                {"columns": columns[:50]}, "To choose others pass text=… and label=…."))  # fmt: skip
    texts: dict[str, list[str]] = {}
    labels: dict[str, Any] = {}
    for part, table in tables.items():
        texts[part], labels[part] = _pairs(table, text_name, label_name, part, findings)
    encoder = fit_encoding(list(labels.values()), task=task, classes=classes)
    y = {part: encoder.encode(values, where=f"{name}, {part}") for part, values in labels.items()}
    _carve(texts, y, valid, test, encoder.task.is_classification and stratified, seed, findings)
    preprocessing = fit_text(texts["train"], max_words, min_count, length)
    splits = {part: TensorSplit(preprocessing.encode(t), y[part], preprocessing) for part, t in texts.items()}
    _note_unknown(splits, findings)
    args = {"text": text, "label": label, "task": task, "classes": classes, "max_words": max_words, "length": length,
            "min_count": min_count, "valid": valid, "test": test, "seed": seed, "stratified": stratified,
            "name": name, "header": header,
            "valid_source": valid_source, "test_source": test_source, **options}  # fmt: skip
    return assemble(
        name,
        train=splits["train"],
        valid=splits.get("valid"),
        test=splits.get("test"),
        task=encoder.task,
        classes=encoder.classes,
        target_names=(label_name,),
        preprocessing=preprocessing,
        source=_source(source, args),
        findings=[*findings, *encoder.findings],
    )


def fit_text(texts: Sequence[str], max_words: int, min_count: int, length: int | None) -> TextPreprocessing:
    """Vocabulary and length of the training texts."""
    counts: Counter[str] = Counter()
    lengths = []
    for one in texts:
        tokens = tokenise(one)
        counts.update(tokens)
        lengths.append(len(tokens))
    known = [(word, count) for word, count in counts.items() if count >= min_count]
    known.sort(key=lambda pair: (-pair[1], pair[0]))
    if length is None:
        length = max(1, min(512, int(np.percentile(lengths, 95))))
    if length < 1:
        raise DataError("a text needs words", expected="length from 1", received=repr(length))
    return TextPreprocessing([word for word, _ in known[:max_words]], length)


def _folder(folder: Path) -> dict[str, Source]:
    files = {
        p.stem.lower(): p for p in sorted(folder.iterdir()) if p.suffix.lower() in (".csv", ".tsv", ".txt", ".parquet")
    }
    if "train" not in files:
        raise DataError(
            "the folder has no training texts",
            where=str(folder),
            expected="train.tsv or train.csv",
            received=", ".join(p.name for p in files.values()) or "no such file",
        )
    found: dict[str, Source] = {"train": files["train"]}
    for stem in ("dev", "valid", "val", "validation"):
        if stem in files:
            found["valid"] = files[stem]
    if "test" in files:
        found["test"] = files["test"]
    return found


def _header(source: Source, text: str | int | None, delimiter: str | None, encoding: str | None) -> bool | None:
    """Whether the first row holds names: none of them is a number and each is a word or two."""
    from lepton_lab.data.table_text import read_head

    if isinstance(source, pd.DataFrame) or Path(source).suffix == ".parquet":
        return None
    if isinstance(text, str):
        return True
    if not Path(source).is_file():
        return None
    first = read_head(Path(source), delimiter, encoding).rows[0]
    return all(cell.strip() and not cell.strip().isdigit() and len(cell.split()) <= 3 for cell in first)


def _named(table: RawTable, chosen: str | int | None, guess: str, where: str) -> str:
    names = list(table.columns)
    if chosen is None:
        return guess
    if isinstance(chosen, int) and -len(names) <= chosen < len(names):
        return names[chosen]
    if chosen not in table.columns:
        raise UnknownNameError("column", chosen, names, where=where)
    return str(chosen)


def _longest(table: RawTable) -> str:
    words = {n: v for n, v in table.columns.items() if isinstance(v.dtype, pd.CategoricalDtype)}
    if not words:
        raise DataError(
            "no column holds texts", expected="a column of words", received=", ".join(list(table.columns)[:10])
        )
    named = [n for n in words if n.strip().lower() in _TEXT_NAMES]
    return max(named or words, key=lambda n: float(words[n].head(1000).astype("str").str.len().mean()))


def _label(table: RawTable, text: str, where: str) -> str:
    others = [n for n in table.columns if n != text]
    if not others:
        raise DataError("there is no column with labels", where=where, expected="a column beside the texts")
    named = [n for n in others if n.strip().lower() in _LABEL_NAMES]
    return named[0] if named else min(others, key=lambda n: int(table.columns[n].nunique()))


def _pairs(
    table: RawTable, text: str, label: str, part: str, findings: list[DataFinding]
) -> tuple[list[str], np.ndarray[Any, Any]]:
    for column in (text, label):
        if column not in table.columns:
            raise DataError(
                f"{part} has no column {column!r}",
                expected=f"{text} and {label}",
                received=", ".join(list(table.columns)[:10]),
            )
    bad = table.columns[text].isna().to_numpy() | table.columns[label].isna().to_numpy()
    if bad.any():
        findings.append(DataFinding("warning", "rows_without_text_or_label",
                                    f"{int(bad.sum()):,} rows of {part} lack a text or a label and were left out.",
                                    {"split": part, "rows": np.flatnonzero(bad)[:100].tolist()}))  # fmt: skip
    if bad.all():
        raise DataError(f"{part} has no text with a label", expected="texts and labels")
    texts = as_words(table.columns[text])[~bad].astype("str").tolist()
    labels = table.columns[label][~bad]
    if isinstance(labels.dtype, pd.CategoricalDtype):
        return texts, np.asarray(labels.astype("str"), dtype=object)
    numbers = labels.to_numpy()
    whole = bool((numbers == np.round(numbers)).all())
    return texts, numbers.astype(np.int64) if whole else numbers


def _carve(
    texts: dict[str, list[str]],
    y: dict[str, Tensor],
    valid: float | int | None,
    test: float | int | None,
    classification: bool,
    seed: int,
    findings: list[DataFinding],
) -> None:
    alone = len(texts) == 1
    shares = {
        "valid": (0 if "valid" in texts else DEFAULT_SHARE) if valid is None else valid,
        "test": (DEFAULT_SHARE if alone else 0) if test is None else test,
    }
    for part, size in shares.items():
        if size and part in texts:
            raise DataError(f"{part} is given twice", expected=f"either {part}={size!r} or texts of its own")
    if not any(shares.values()):
        return
    labels = y["train"].numpy() if classification else None
    indices = split_indices(len(texts["train"]), valid=shares["valid"], test=shares["test"], labels=labels, seed=seed)
    findings += indices.findings
    all_texts, all_y = texts["train"], y["train"]
    for part, rows in (("train", indices.train), ("valid", indices.valid), ("test", indices.test)):
        if len(rows):
            texts[part] = [all_texts[i] for i in rows]
            y[part] = all_y[torch.from_numpy(rows)]


def _note_unknown(splits: Mapping[str, TensorSplit], findings: list[DataFinding]) -> None:
    for part in ("valid", "test"):
        if part in splits:
            x = splits[part].x
            share = float((x == UNKNOWN).sum() / max(int((x != PAD).sum()), 1))
            if share > 0.2:
                findings.append(DataFinding("warning", "many_unknown_words",
                                            f"{share:.0%} of the words of {part} are unknown in training.",
                                            {"split": part, "share": share},
                                            "Collect more training texts, or lower min_count."))  # fmt: skip


def _source(source: Source, args: dict[str, Any]) -> dict[str, Any] | None:
    out: dict[str, Any] = {}
    for key, value in {"source": source, **args}.items():
        if isinstance(value, pd.DataFrame):
            return None
        if key.endswith("source") and value is not None:
            value = str(Path(value).expanduser().resolve())
        if value is not None:
            out[key] = list(value) if isinstance(value, tuple) else value
    return {"loader": "load_text", "args": out}
