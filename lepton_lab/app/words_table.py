"""What the table door says. Plain words first, the field's term in brackets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lepton_lab.errors import LeptonError

__all__ = ["Action", "Said"]


@dataclass(frozen=True)
class Action:
    """A button: what it says, and the change that it makes (`table_draft.changed`)."""

    label: str
    do: str
    column: str = ""
    value: Any = None


@dataclass(frozen=True)
class Said:
    """What is wrong or worth knowing, why, and what can be done."""

    title: str
    detail: str = ""
    fix: str = ""
    actions: tuple[Action, ...] = ()
    reading: bool = False  # whether it helps to say by hand how the file is read


# Files that are no tables

EXPORT: Final = "Open it in the program it comes from, save the table as CSV (UTF-8), and bring that file."
UNTITLED: Final = "My table"
GONE: Final = Said(
    "This upload is not there any more",
    "It was deleted, or the address is of another workspace.",
    "Bring the file again.",
)
_KINDS: Final = {
    "pdf": ("a PDF", "A PDF is made for printing: its cells cannot be read back surely.", EXPORT),
    "excel": (
        "an Excel file",
        "Excel files hold formulas and several sheets.",
        "In Excel choose File, Save as, CSV UTF-8, and bring the file that this makes.",
    ),
    "old_office": (
        "an old Excel file (.xls)",
        "Excel files hold formulas and several sheets.",
        "In Excel choose File, Save as, CSV UTF-8, and bring the file that this makes.",
    ),
    "open_document": (
        "a LibreOffice file",
        "It holds formulas and several sheets.",
        "In LibreOffice choose File, Save as, Text CSV, and bring the file that this makes.",
    ),
    "zip": ("a packed file (zip)", "It is damaged, so nothing can be taken out of it.", "Download or pack it again."),
    "gzip": ("a packed file (.gz)", "", "Unpack it first, and bring the file inside."),
    "picture": ("a picture", "A picture of a table has no cells.", "To learn from pictures choose “My images”."),
    "database": ("a database", "", "Save the table that you want as CSV, and bring that file."),
    "web_page": (
        "a web page",
        "This happens when a download needed a login, or a link led to a page instead of the file.",
        "Download the file again and look inside before you bring it.",
    ),
    "json": ("JSON", "JSON has no columns.", EXPORT),
}


def other_kind(kind: str, name: str) -> Said:
    """A file of another kind under the name of a table."""
    what, why, fix = _KINDS[kind]
    return Said(f"“{name}” is {what}, whatever its name says", why, fix)


def nothing_in(name: str) -> Said:
    """A file of 0 bytes."""
    return Said(
        f"“{name}” is empty",
        "The file has 0 bytes: there is nothing in it.",
        "Save or download it again, and look at its size before you bring it.",
    )


def too_large(name: str, size: int, limit: int) -> Said:
    """A file above the limit."""
    return Said(
        f"“{name}” is too large",
        f"It has {size / 1e6:,.0f} MB; a table may have {limit / 1e6:,.0f} MB.",
        "Bring a part of its rows, or save it as Parquet, which is several times smaller.",
    )


def damaged_parquet(name: str) -> Said:
    """A file called Parquet that is none."""
    return Said(
        f"“{name}” is damaged",
        "It is called a Parquet file but does not begin like one.",
        "Download or save it again.",
    )


def no_table_in_zip(name: str) -> Said:
    """A zip without a table."""
    return Said(
        f"There is no table in “{name}”",
        "None of the files in it is called .csv, .tsv, .txt or .parquet.",
        "Unpack it and bring the table itself. Pictures belong to “My images”.",
    )


def zero_bytes(name: str, count: int) -> Said:
    """A text with zero bytes."""
    many = "a byte that stands for no character" if count == 1 else f"{count:,} bytes that stand for no character"
    return Said(
        f"“{name}” is damaged in places",
        f"Between its characters there {'is' if count == 1 else 'are'} {many} (zero bytes).",
        "The rest can be read without them.",
        (Action("Read it without them", "without_zeros"),),
    )


_ERRORS: Final[dict[str, Said]] = {
    "the file is empty": Said(
        "This file has nothing but blank lines", "", "Save it again with a row of names and rows below it."
    ),
    "the file is not text": Said("This file is no table", "Its bytes are no text in any character set.", EXPORT),
    "the file is not a table of text": Said(
        "This file is no table", "One of its cells is longer than 100,000 characters.", EXPORT
    ),
    "the file has only one column": Said(
        "This table has only one column",
        "A network needs at least two: some to learn from and one to predict.",
        "If another mark separates the columns, choose it below. Else bring a table with more columns.",
        reading=True,
    ),
    "the table has only one column": Said(
        "This table has only one column",
        "A network needs at least two: some to learn from and one to predict.",
        "If another mark separates the columns, choose it below. Else bring a table with more columns.",
        reading=True,
    ),
    "the table has no rows": Said(
        "This table has names but no rows", "There is a first row, and nothing below it.", "Bring a file with rows."
    ),
    "no row has as many values as the first one": Said(
        "The first row does not fit the others",
        "No row has as many values as the first one has names, so it is not clear which name belongs to which column.",
        "Add the missing names to the first row, often one for the row numbers, and bring the file again.",
        reading=True,
    ),
    "the table has an absurd number of columns": Said(
        "This table has too many columns",
        "More than 20,000 are not read: most likely rows and columns are swapped.",
        "Turn the table, so that each row is one example.",
    ),
    "the Parquet file cannot be read": Said(
        "This Parquet file is damaged", "Part of it is missing or was changed.", "Download or save it again."
    ),
    "the file has another encoding": Said(
        "This file cannot be read with that character set",
        "Some of its bytes are no letters in it (encoding).",
        "Choose another one below.",
        reading=True,
    ),
    "there is no such encoding": Said("There is no such character set (encoding)", "", "Choose another one below."),
    "the table cannot be read": Said(
        "The cells of this table cannot be told apart",
        "Somewhere a quotation mark is opened and never closed.",
        "Read quotation marks as ordinary signs, or mend the file.",
        (Action("Read them as ordinary signs", "quotes", value=False),),
        reading=True,
    ),
    "the file cannot be read as a zip": Said(
        "This zip file is damaged", "Part of it is missing.", "Download or pack it again."
    ),
}


def unreadable(error: LeptonError, name: str) -> Said:
    """What a reader says, for somebody who knows nothing of readers."""
    known = _ERRORS.get(error.what)
    if known is not None:
        return Said(
            known.title.replace("This file", f"“{name}”").replace("This table", f"“{name}”"),
            known.detail,
            known.fix,
            known.actions,
            known.reading,
        )
    return Said(
        f"“{name}” cannot be read",
        f"{error.what[:1].upper()}{error.what[1:]}.",
        "Save it again as CSV (UTF-8), and bring that file.",
    )


# What to predict

NO_TARGET: Final = "Choose the column to predict: click its name."
NO_FEATURES: Final = "No column is left to learn from. Switch at least one on."
TOO_FEW: Final = "There are too few rows: 10 are the least, and some hundreds are better."
REASONS: Final = {
    "chosen": "You chose this column.",
    "name": "Picked because it is called like an answer. Click another column’s name to change it.",
    "last": "Picked because answers usually stand in the last column. Click another column’s name to change it.",
    "kinds": "Picked because it has few different values. Click another column’s name to change it.",
    "none": "None of the columns can be predicted.",
}


def cannot_predict(code: str, name: str, different: int) -> str:
    """Why a column cannot be the target."""
    return {
        "empty": f"{name} cannot be predicted: it is empty.",
        "one": f"{name} cannot be predicted: it has the same value in every row, so there is nothing to tell apart.",
        "date": f"{name} cannot be predicted: it holds dates.",
        "words": f"{name} cannot be predicted: it has {different:,} different words, one for almost every row.",
    }[code]


def task(kind: str, target: str, kinds: Sequence[str], low: str, high: str) -> tuple[str, str]:
    """What is learnt, in a sentence, and the field's term."""
    if kind == "regression":
        return f"Predict a number: {target}, from {low} to {high}", "regression"
    if len(kinds) == 2:
        return f"Predict one of 2 kinds: {kinds[0]} or {kinds[1]}", "classification"
    return f"Predict one of {len(kinds)} kinds of {target}", "classification"


# What is worth knowing or deciding. Each gives title, detail and what one click can do.

Say = Callable[..., Said]


def few_rows(count: int) -> Said:
    """Hardly anything to learn from."""
    return Said(
        f"Only {count:,} rows",
        "A network learns little from so few; its score will depend on chance.",
        "Bring more rows if you can.",
    )


def part_only(used: int, rows: int, exact: bool, size: int) -> Said:
    """A large file of which a part is used."""
    about = "" if exact else "about "
    return Said(
        f"{used:,} rows are used",
        f"The file has {about}{rows:,} rows ({size / 1e6:,.0f} MB). "
        "Evenly spread ones were picked, so that training answers at once.",
    )


def rows_skipped(count: int, lines: Sequence[int], width: int) -> Said:
    """Rows of another width."""
    where = [line for line in lines if line > 0]
    shown = ", ".join(f"{line:,}" for line in where[:8]) + (", …" if len(where) > 8 else "")
    rows = "1 row has" if count == 1 else f"{count:,} rows have"
    return Said(
        f"{rows} more or fewer values than there are columns",
        f"{'It was' if count == 1 else 'They were'} left out, because it is not clear which value belongs where "
        f"(the table has {width} columns)." + (f" In line {shown}." if shown else ""),
    )


def open_quotes() -> Said:
    """A quotation mark that is never closed."""
    return Said(
        "A quotation mark is opened and never closed",
        "It would swallow the rows after it, so quotation marks are read as ordinary signs.",
        "",
        (Action("Read them as marks around cells", "quotes", value=True),),
    )


def no_header(names: Sequence[str]) -> Said:
    """The first row holds data."""
    return Said(
        "The columns have no names",
        f"The first row looks like data, so the columns were named {names[0]}, {names[1]} and so on.",
        "",
        (Action("The first row holds names", "header", value=True),),
    )


def same_names(names: Sequence[str]) -> Said:
    """Columns with one name."""
    shown = ", ".join(f"“{name}”" for name in names[:5])
    return Said(f"Several columns are called {shown}", "A number was added to tell them apart.")


def same_columns(column: str, other: str) -> Said:
    """Two columns with the same values."""
    return Said(
        f"{column} holds the same as {other}",
        "One of the two is enough.",
        "",
        (Action("Leave out", "leave_out", column),),
    )


def other_alphabet(encoding: str) -> Said:
    """An encoding that was guessed."""
    return Said(
        f"Read with the character set {encoding} (encoding)",
        "The file does not say which it is. If letters look wrong, choose another one under “How it is read”.",
    )


def duplicates(count: int) -> Said:
    """Equal rows."""
    rows = "1 row is a copy" if count == 1 else f"{count:,} rows are copies"
    return Said(
        f"{rows} of an earlier one",
        "A copy in the test would make the network look better than it is.",
        "",
        (Action("Keep one of each", "drop_duplicates"),),
    )


def no_answer(count: int, target: str) -> Said:
    """Rows without a target."""
    rows = "1 row has" if count == 1 else f"{count:,} rows have"
    return Said(f"{rows} no value in {target}", "Nothing can be learnt from a row without its answer: left out.")


def one_kind(target: str) -> Said:
    """A target with one value."""
    return Said(
        f"{target} is the same in every row",
        "There is nothing to tell apart, so there is nothing to learn.",
        "Pick another column to predict: click its name.",
    )


def rare_kinds(kinds: Sequence[tuple[str, int]], least: int) -> Said:
    """Kinds with hardly any rows."""
    shown = ", ".join(f"{name} ({count})" for name, count in kinds[:4]) + (", …" if len(kinds) > 4 else "")
    title = "1 kind has" if len(kinds) == 1 else f"{len(kinds):,} kinds have"
    return Said(
        f"{title} fewer than {least} rows",
        f"{shown}: too few to learn from and to test on.",
        "",
        (Action("Leave these rows out", "drop_rare", value=least),),
    )


def uneven(most: str, share: float, fewest: str, low: float) -> Said:
    """Kinds of very different size."""
    return Said(
        f"Most rows are “{most}” ({share:.0%})".replace("%", " %"),
        f"“{fewest}” has {low:.1%}".replace("%", " %") + ". A network can look good by always answering the first.",
        "",
        (Action("Give rare kinds more weight", "balance"),),
    )


def many_kinds(count: int, target: str) -> Said:
    """A target with very many classes."""
    return Said(
        f"{target} has {count:,} different values",
        "That many kinds need very many rows each to be told apart.",
        "Pick a column with fewer kinds if there is one.",
    )


def gaps(name: str, missing: int, share: float, stands_in: str) -> Said:
    """Missing values."""
    instead = f"{stands_in} stands in for them (the median)" if stands_in else "“missing” counts as a value of its own"
    return Said(
        f"{name} lacks {missing:,} values ({share:.1%})".replace("%", " %"),
        f"{instead[:1].upper()}{instead[1:]}.",
        "",
        (Action("Fill and mark where", "mark", name), Action("Leave out", "leave_out", name)),
    )


def gives_away(name: str, target: str) -> Said:
    """A column that alone tells the target."""
    return Said(
        f"{name} gives the answer away",
        f"It alone tells {target} almost always (leakage). "
        "If it is known only afterwards, the network learns nothing else.",
        "",
        (Action("Leave out", "leave_out", name),),
    )


def spelt(name: str, some: Sequence[str]) -> Said:
    """One word in several spellings."""
    shown = " and ".join(f"“{word}”" for word in some)
    return Said(
        f"{name} is spelt in several ways", f"{shown} look like one value.", "", (Action("Join them", "join", name),)
    )


def mixed(name: str, as_numbers: bool, words: Sequence[str], share: float) -> Said:
    """Numbers and words in one column."""
    shown = ", ".join(f"“{word}”" for word in words[:3])
    if as_numbers:
        return Said(
            f"{name} mixes numbers and words",
            f"It is read as numbers; words such as {shown} count as missing.",
            "",
            (Action("Read as words", "words", name),),
        )
    return Said(
        f"{name} mixes numbers and words",
        f"{share:.0%} of its values are numbers, others are words such as {shown}: read as words.".replace("%", " %"),
        "",
        (Action("Read as numbers", "numbers", name),),
    )


def many_words(name: str, count: int) -> Said:
    """A column of very many words."""
    return Said(
        f"{name} has {count:,} different words",
        "The 50 most frequent are learnt, all others count as one.",
        "",
        (Action("Leave out", "leave_out", name),),
    )


def infinite(name: str, count: int) -> Said:
    """Values without end."""
    return Said(f"{name} has {count:,} infinite values", "They count as missing.")


def dates(name: str) -> Said:
    """A column of dates."""
    return Said(
        f"{name} holds dates",
        "They are read as days before the newest one.",
        "",
        (Action("Leave out", "leave_out", name),),
    )


LEFT_OUT: Final = {
    "id_column": (
        "looks like a number or name of the row (identifier)",
        "Nearly every row has its own: there is nothing to learn from it.",
    ),
    "constant_column": ("is the same in every row", "It tells nothing."),
    "empty_column": ("is empty", "It tells nothing."),
    "free_text": ("holds free text", "Whole sentences cannot be learnt from here."),
}


def left_out(code: str, name: str) -> Said:
    """A column that is of no use and was switched off."""
    what, why = LEFT_OUT[code]
    actions = () if code == "empty_column" else (Action("Use anyway", "use", name),)
    return Said(f"{name} {what}: left out", why, "", actions)


def used_though(code: str, name: str) -> Said:
    """A column of no use that somebody switched on."""
    what, why = LEFT_OUT[code]
    return Said(f"{name} {what}", why, "", (Action("Leave out", "leave_out", name),))


def without_action(said: Said) -> Said:
    """The same where a click cannot help."""
    return Said(said.title, said.detail, said.fix)


# What was done


def done(do: str, column: str, value: Any = None) -> str:
    """A cleaning that was carried out, in a few words."""
    return {
        "off": f"{column} left out",
        "on": f"{column} used",
        "join": f"Spellings of {column} joined",
        "mark": f"Marked where {column} was missing",
        "words": f"{column} read as words",
        "numbers": f"{column} read as numbers",
        "drop_duplicates": "Copies of rows left out",
        "min_class_rows": f"Kinds with fewer than {value} rows left out",
        "balance": "Rare kinds weigh more",
        "header": "First row read as names" if value else "First row read as data",
        "quotes": "Quotation marks enclose cells" if value else "Quotation marks read as ordinary signs",
        "without_zeros": "Zero bytes taken out",
    }[do]


def cannot_use(error: LeptonError) -> Said:
    """Why a table that looked fine cannot be used after all."""
    return Said(
        "This table cannot be used like this",
        f"{error.what[:1].upper()}{error.what[1:]}.",
        "Change what to predict or the columns, and try again.",
    )
