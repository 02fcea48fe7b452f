"""What a visitor chose about a table, kept beside the uploaded file so that a refresh loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["BESIDE", "Choices", "Draft", "Words", "changed"]

BESIDE = ".table"
"""Folder beside the uploaded files in which the door keeps its own."""

Words = Mapping[str, Mapping[str, str]]
_STEPS = 30  # that can be taken back
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Choices:
    """Everything that can be chosen; None and empty mean that nobody did.

    Attributes:
        file: Which of the uploaded files, as a path inside the upload.
        delimiter: What separates columns.
        encoding: Name of the encoding.
        header: Whether the first row holds names.
        quotes: Whether quotation marks enclose cells.
        without_zeros: Whether bytes that are zero are taken out of the file.
        target: The column to predict.
        task: "classification" or "regression".
        off: Columns that are not learnt from.
        on: Columns that are learnt from though they would be left out.
        words: Columns that are read as words.
        numbers: Columns that are read as numbers.
        join: Words that are read as another one, by column.
        mark: Columns that get one beside them which says where values were missing.
        drop_duplicates: Whether equal rows are kept once.
        min_class_rows: Kinds with fewer rows are left out.
        balance: Whether rare kinds weigh more.
        valid: Share for validation.
        test: Share for the test.
        seed: Of the split.
        stratified: Whether each part gets the same shares of the kinds.
        title: What the project is to be called.
    """

    file: str = ""
    delimiter: str | None = None
    encoding: str | None = None
    header: bool | None = None
    quotes: bool | None = None
    without_zeros: bool = False
    target: str | None = None
    task: str | None = None
    off: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    join: Words = field(default_factory=dict)
    mark: tuple[str, ...] = ()
    drop_duplicates: bool = False
    min_class_rows: int = 1
    balance: bool = False
    valid: float = 0.15
    test: float = 0.15
    seed: int = 0
    stratified: bool = True
    title: str = ""

    @classmethod
    def from_json(cls, data: Any) -> Choices:
        """Reads what `asdict` wrote; what is not of the right kind is left at its default."""
        known = data if isinstance(data, dict) else {}
        usual = cls()
        found = {f.name: _read(known.get(f.name), getattr(usual, f.name), f.name) for f in fields(cls)}
        return cls(**found)

    def reading(self) -> dict[str, Any]:
        """How the file is to be read, as options of `read_table`."""
        return {
            "delimiter": self.delimiter,
            "encoding": self.encoding,
            "header": self.header,
            "quotes": self.quotes,
            "words": self.words,
            "numbers": self.numbers,
        }


_OPTIONAL: dict[str, type] = {
    "delimiter": str,
    "encoding": str,
    "header": bool,
    "quotes": bool,
    "target": str,
    "task": str,
}
_SPLIT = {"valid": (0.0, 0.9), "test": (0.0, 0.9)}


def _read(value: Any, usual: Any, name: str) -> Any:
    if name in _OPTIONAL:
        return value if isinstance(value, _OPTIONAL[name]) else None
    if isinstance(usual, tuple):
        return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else usual
    if isinstance(usual, Mapping):
        pairs = value.items() if isinstance(value, dict) else ()
        return {str(k): {str(a): str(b) for a, b in v.items()} for k, v in pairs if isinstance(v, dict)}
    if isinstance(usual, float) and isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = _SPLIT[name]
        return min(max(float(value), low), high)
    return value if type(value) is type(usual) else usual


class Draft:
    """The choices about one upload, with those before them.

    Args:
        folder: The upload's folder.

    Attributes:
        choices: As they are now.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / BESIDE / "draft.json"
        self._before: list[Choices] = []
        self.choices = Choices()
        try:
            text = self._path.read_bytes()
            kept = json.loads(text) if len(text) <= _LARGEST else {}
        except (OSError, ValueError):  # none yet, or somebody's own file
            kept = {}
        if isinstance(kept, dict):
            self.choices = Choices.from_json(kept.get("choices"))
            before = kept.get("before")
            self._before = [Choices.from_json(c) for c in before[-_STEPS:]] if isinstance(before, list) else []

    @property
    def steps(self) -> int:
        """How many changes can be taken back."""
        return len(self._before)

    def become(self, choices: Choices) -> None:
        """Takes other choices."""
        if choices == self.choices:
            return
        if replace(choices, title="") != replace(self.choices, title="") and self.choices.file:
            self._before = [*self._before[-_STEPS + 1 :], self.choices]
        self.choices = choices
        self._keep()

    def undo(self) -> None:
        """Takes the last change back; a title stays."""
        if self._before:
            self.choices = replace(self._before.pop(), title=self.choices.title)
            self._keep()

    def _keep(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"choices": asdict(self.choices), "before": [asdict(c) for c in self._before]})
        part = self._path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(self._path)


def changed(choices: Choices, do: str, column: str = "", value: Any = None, words: Words | None = None) -> Choices:
    """The choices after one change.

    Args:
        choices: Before.
        do: What to do; one of `_CHANGES`.
        column: Which column, where it is about one.
        value: What it becomes, where it is about a value.
        words: For "join": by column, words and what each is read as.

    Raises:
        UnknownNameError: There is no such change.
        DataError: The value is of no use.
    """
    if do not in _CHANGES:
        raise UnknownNameError("change of a table", do, _CHANGES)
    return _CHANGES[do](choices, column, {**(words or {})} if do == "join" else value)


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return names if name in names else (*names, name)


def _without(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(n for n in names if n != name)


def _target(c: Choices, column: str, _: Any) -> Choices:
    return replace(c, target=column, task=None, min_class_rows=1, balance=False, off=_without(c.off, column))


def _split(c: Choices, _: str, value: Any) -> Choices:
    if not isinstance(value, dict) or not set(value) <= {"valid", "test", "seed", "stratified"}:
        raise DataError(
            "this is no split", expected="shares, a seed, or whether it is stratified", received=repr(value)
        )
    found = Choices.from_json({**asdict(c), **value})
    if found.valid + found.test >= 1:
        raise DataError("nothing would be left to learn from", do="Choose smaller parts for checking and the test")
    return replace(c, valid=found.valid, test=found.test, seed=found.seed, stratified=found.stratified)


def _back(c: Choices, column: str, value: Any) -> Choices:
    """Takes one cleaning back, whatever was chosen after it."""
    usual = Choices()
    if value in ("drop_duplicates", "min_class_rows", "balance", "header", "quotes", "without_zeros"):
        plain: dict[str, Any] = {str(value): getattr(usual, str(value))}
        return replace(c, **plain)
    if value == "join":
        return replace(c, join={k: v for k, v in c.join.items() if k != column})
    if value in ("off", "on", "words", "numbers", "mark"):
        fewer: dict[str, Any] = {str(value): _without(getattr(c, str(value)), column)}
        return replace(c, **fewer)
    raise UnknownNameError("change of a table", value, ("off", "on", "words", "numbers", "mark", "join"))


def _field(name: str, kind: type | tuple[type, ...]) -> Callable[[Choices, str, Any], Choices]:
    def change(c: Choices, _: str, value: Any) -> Choices:
        if not isinstance(value, kind):
            raise DataError(f"this is no {name}", received=repr(value)[:80])
        known: dict[str, Any] = {name: value}
        return replace(c, **known)

    return change


_CHANGES: dict[str, Callable[[Choices, str, Any], Choices]] = {
    "target": _target,
    "task": _field("task", (str, type(None))),
    "leave_out": lambda c, n, _: replace(c, off=_with(c.off, n), on=_without(c.on, n), mark=_without(c.mark, n)),
    "use": lambda c, n, _: replace(c, on=_with(c.on, n), off=_without(c.off, n)),
    "join": lambda c, n, words: replace(c, join={**c.join, n: {**c.join.get(n, {}), **words.get(n, {})}}),
    "mark": lambda c, n, _: replace(c, mark=_with(c.mark, n)),
    "words": lambda c, n, _: replace(c, words=_with(c.words, n), numbers=_without(c.numbers, n)),
    "numbers": lambda c, n, _: replace(c, numbers=_with(c.numbers, n), words=_without(c.words, n)),
    "drop_duplicates": lambda c, _n, _v: replace(c, drop_duplicates=True),
    "drop_rare": lambda c, _n, value: replace(c, min_class_rows=max(2, min(int(value), 10_000))),
    "balance": lambda c, _n, _v: replace(c, balance=True),
    "split": _split,
    "header": _field("header", (bool, type(None))),
    "quotes": _field("quotes", (bool, type(None))),
    "delimiter": _field("delimiter", (str, type(None))),
    "encoding": _field("encoding", (str, type(None))),
    "without_zeros": lambda c, _n, _v: replace(c, without_zeros=True),
    "file": lambda c, _n, value: Choices(file=str(value), title=c.title),
    "title": _field("title", str),
    "back": _back,
}
