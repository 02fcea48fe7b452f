"""What is worth knowing or deciding about a table before anything is trained, worst first, each with its one click."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from lepton_lab.app import words_table as words
from lepton_lab.app.table_look import Look, why_not
from lepton_lab.data.profile import ColumnProfile, spellings
from lepton_lab.data.table_columns import TARGET_NAMES
from lepton_lab.data.table_words import parse_numbers

__all__ = ["Warn", "done", "recommended", "warnings"]

_ORDER = {"error": 0, "warning": 1, "info": 2}
_MANY_GAPS = 0.3
_RARE = 5  # rows of a kind below which it can be neither learnt nor tested
_UNEVEN = 5.0
_MANY_KINDS = 50
_MANY_WORDS = 50
_LEAK = 0.95
_FEW_ROWS = 50
_SOME_NUMBERS = 0.1
_COMPARED = 200  # columns that are compared for being the same


@dataclass(frozen=True)
class Warn:
    """One thing about the table.

    Attributes:
        code: What kind of thing.
        severity: "error" spoils what comes out, "warning" asks for a decision, "info" was decided already.
        column: Which column; empty where it is about the table.
        said: In words, with what one click can do.
        first: Whether its first click is part of "clean up all".
        words: For "join": words, each with the one that it is read as.
    """

    code: str
    severity: str
    column: str
    said: words.Said
    first: bool = False
    words: Mapping[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """For the page."""
        return {"code": self.code, "severity": self.severity, "column": self.column, **asdict(self.said)}


def warnings(seen: Look) -> list[Warn]:
    """All that is worth a word, worst first; within one weight, the table before its columns."""
    found = [*_about_file(seen), *_about_target(seen), *_about_columns(seen)]
    return sorted(found, key=lambda w: _ORDER[w.severity])


def recommended(found: Sequence[Warn]) -> list[tuple[words.Action, Mapping[str, Mapping[str, str]]]]:
    """What "clean up all" does: a column that is to be left out is not mended first."""
    gone = {w.column for w in found if w.first and w.said.actions[0].do == "leave_out"}
    chosen = [w for w in found if w.first and (w.column not in gone or w.said.actions[0].do == "leave_out")]
    return [(w.said.actions[0], {w.column: w.words} if w.words else {}) for w in chosen]


def done(seen: Look) -> list[dict[str, Any]]:
    """The cleanings that were carried out; each can be taken back by itself."""
    c = seen.choices
    columns = [(do, name, None) for do in ("off", "on", "words", "numbers", "mark") for name in getattr(c, do)]
    columns += [("join", name, None) for name in c.join]
    table: list[tuple[str, str, Any]] = [("drop_duplicates", "", None)] if c.drop_duplicates else []
    table += [("min_class_rows", "", c.min_class_rows)] if c.min_class_rows > 1 else []
    table += [("balance", "", None)] if c.balance else []
    table += [(name, "", getattr(c, name)) for name in ("header", "quotes") if getattr(c, name) is not None]
    table += [("without_zeros", "", None)] if c.without_zeros else []
    return [
        {"do": do, "column": column, "label": words.done(do, column, value)}
        for do, column, value in [*table, *columns]
        if column != seen.target or do in ("join", "words", "numbers")
    ]


def _about_file(seen: Look) -> Iterator[Warn]:
    file, notes = seen.file, seen.file.raw.notes
    count = len(seen.rows)
    if count < _FEW_ROWS:
        yield Warn("few_rows", "warning", "", words.few_rows(count))
    if file.rows is not None:
        yield Warn("part", "info", "", words.part_only(len(file.raw), file.rows, file.exact, file.bytes))
    for found in seen.findings:
        if found.code == "rows_skipped":
            lines = found.evidence["lines"]
            skipped = int(found.message.split()[0].replace(",", ""))
            yield Warn("rows_skipped", "warning", "", words.rows_skipped(skipped, lines, len(file.raw.columns)))
        elif found.code == "duplicate_headers":
            yield Warn("same_names", "info", "", words.same_names(found.evidence["names"]))
    if notes.get("quotes") is False and seen.choices.quotes is None:
        yield Warn("open_quotes", "warning", "", words.open_quotes())
    if notes.get("header") is False and seen.choices.header is None:
        yield Warn("no_header", "info", "", words.no_header(list(file.raw.columns)))
    if seen.choices.encoding is None and str(notes.get("encoding", "utf-8")).lower()[:3] != "utf":
        yield Warn("other_alphabet", "info", "", words.other_alphabet(str(notes["encoding"])))
    copies = seen.profile.duplicates
    if copies and not seen.choices.drop_duplicates:
        yield Warn("duplicates", "warning", "", words.duplicates(copies), first=True)


def _about_target(seen: Look) -> Iterator[Warn]:
    target, c = seen.target, seen.choices
    if seen.unusable == "one":
        yield Warn("one_kind", "error", target, words.one_kind(target))
    elif seen.reason not in ("chosen", "name"):
        named = [name for name in seen.columns if name.strip().lower() in TARGET_NAMES and name != target]
        yield from (
            Warn("one_kind", "warning", name, words.one_kind(name))
            for name in named
            if why_not(seen.columns[name]) == "one"
        )
    if seen.without_answer:
        yield Warn("no_answer", "info", target, words.no_answer(seen.without_answer, target))
    if not seen.classification:
        return
    rare = [(name, n) for name, n in seen.kinds if n < _RARE]
    if rare and c.min_class_rows <= 1:
        can = len(seen.kinds) - len(rare) >= 2
        said = words.rare_kinds(rare, _RARE)
        yield Warn("rare_kinds", "warning", target, said if can else words.without_action(said), first=can)
    kept = [(name, n) for name, n in seen.kinds if n >= c.min_class_rows]
    if len(kept) > _MANY_KINDS:
        yield Warn("many_kinds", "warning", target, words.many_kinds(len(kept), target))
    elif len(kept) >= 2 and kept[0][1] >= _UNEVEN * kept[-1][1] and not c.balance:
        total = sum(n for _, n in kept)
        said = words.uneven(kept[0][0], kept[0][1] / total, kept[-1][0], kept[-1][1] / total)
        yield Warn("uneven", "warning", target, said, first=True)


def _about_columns(seen: Look) -> Iterator[Warn]:
    mixed = {f.evidence["column"]: f for f in seen.findings if f.code == "mixed_types"}
    infinite = {f.evidence["column"]: f for f in seen.findings if f.code == "infinite_values"}
    same = _same_columns(seen)
    for column in seen.profile.columns:
        name = column.name
        if name in mixed and name not in seen.choices.numbers:
            yield Warn("mixed", "warning", name, words.mixed(name, True, mixed[name].evidence["words"], 0))
        if name == seen.target:
            yield from _spelling(seen, column)
        elif name not in seen.used:
            if name in seen.out and name not in seen.choices.off:
                yield Warn(seen.out[name], "info", name, words.left_out(seen.out[name], name))
        elif name in seen.out:
            yield Warn(seen.out[name], "info", name, words.used_though(seen.out[name], name))
        else:
            if name in same:
                yield Warn("same_columns", "warning", name, words.same_columns(name, same[name]), first=True)
            if name in infinite:
                yield Warn("infinite", "info", name, words.infinite(name, int(infinite[name].evidence["infinite"])))
            yield from _about_column(seen, column)


def _about_column(seen: Look, column: ColumnProfile) -> Iterator[Warn]:
    name, c = column.name, seen.choices
    values = seen.columns[name]
    if column.tells is not None and column.tells >= _LEAK and seen.encoding is not None:
        yield Warn("gives_away", "error", name, words.gives_away(name, seen.target), first=True)
        return
    if column.missing and name not in c.mark:
        stands_in = column.middle if column.kind in ("number", "date") else ""
        said = words.gaps(name, int(values.isna().sum()), column.missing, stands_in)
        many = column.missing > _MANY_GAPS
        yield Warn("gaps", "warning" if many else "info", name, said, first=many)
    if column.kind == "date":
        yield Warn("dates", "info", name, words.dates(name))
    if column.kind in ("category", "text"):
        yield from _mixed_words(seen, column, values)
        yield from _spelling(seen, column)
        if column.unique > _MANY_WORDS:
            yield Warn("many_words", "warning", name, words.many_words(name, column.unique))


def _spelling(seen: Look, column: ColumnProfile) -> Iterator[Warn]:
    meant = next((issue.words for issue in column.issues if issue.change == "join"), None)
    if (
        meant is None
        and column.name == seen.target
        and isinstance(seen.columns[seen.target].dtype, pd.CategoricalDtype)
    ):
        meant = spellings(seen.columns[seen.target])
    if meant and column.name not in seen.choices.join:
        some = list(dict.fromkeys(list(meant.values())[:1] + list(meant)))[:3]
        yield Warn("spelt", "warning", column.name, words.spelt(column.name, some), first=True, words=meant)


def _mixed_words(seen: Look, column: ColumnProfile, values: pd.Series[Any]) -> Iterator[Warn]:
    """A column of words of which some are numbers."""
    if column.name in seen.choices.words or column.name in seen.choices.join:
        return
    known = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else pd.Index([])
    if not len(known):
        return
    numbers = np.isfinite(parse_numbers(known))
    share = float(numbers[values.cat.codes[values.notna()]].mean()) if values.notna().any() else 0.0
    if _SOME_NUMBERS < share < 1 and numbers.sum() >= 3:
        odd = [str(word) for word in known[~numbers]]
        yield Warn("mixed", "warning", column.name, words.mixed(column.name, False, odd, share))


def _same_columns(seen: Look) -> dict[str, str]:
    """Columns that hold the same as one before them, with that one; the target is not compared."""
    by_content: dict[Any, str] = {}
    same: dict[str, str] = {}
    for name in seen.used[:_COMPARED]:
        values = seen.columns[name]
        key = (str(values.dtype) if not isinstance(values.dtype, pd.CategoricalDtype) else "words",
               int(pd.util.hash_pandas_object(values, index=False).sum()))  # fmt: skip
        other = by_content.setdefault(key, name)
        if other != name:
            same[name] = other
    return same
