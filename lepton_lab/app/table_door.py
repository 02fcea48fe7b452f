"""The door for tables: a file is looked at like a spreadsheet, put right by single clicks, and becomes a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

import traitlets

from lepton_lab.app import words_table as words
from lepton_lab.app.table_draft import Choices, Draft, changed
from lepton_lab.app.table_file import LARGEST, NotATable, TableFile, open_file, tables_in
from lepton_lab.app.table_look import Look, look
from lepton_lab.app.table_recipe import first_settings
from lepton_lab.app.table_show import ROWS, preview, view
from lepton_lab.app.table_warnings import Warn, recommended, warnings
from lepton_lab.app.uploads import folder_of
from lepton_lab.app.visit import Visit
from lepton_lab.data import load_table
from lepton_lab.errors import DataError, LeptonError
from lepton_lab.widgets._base import Widget, command

__all__ = ["TableDoor"]

_PAGE = "new/table"
_READING = ("delimiter", "encoding", "header", "quotes", "without_zeros", "words", "numbers", "file")


class TableDoor(Widget):
    """The page `#/new/table`. The address names the upload, and the choices lie beside it: a refresh loses nothing.

    Args:
        visit: Whose page it is.

    Attributes:
        version: Moves when another upload is to be shown.
        largest: Bytes of a file above which it is not even sent.

    Threads: everything that reads runs in the widget's one thread, in order.
    """

    _bundle: ClassVar[str] = "app_table"

    version = traitlets.Int(0).tag(sync=True)
    largest = traitlets.Int(LARGEST).tag(sync=True)

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self._upload = ""
        self._folder: Path | None = None
        self._draft: Draft | None = None
        self._file: tuple[Choices, TableFile] | None = None
        self._seen: Look | None = None
        self._for: Choices | None = None
        super().__init__()
        self._end = visit.on_change(self._changed)

    @command(background=True)
    def look(self) -> dict[str, Any] | None:
        """What the page shows; None where no file was brought yet."""
        self._follow()
        return self._show()

    @command(background=True)
    def take(self, upload: str) -> dict[str, Any] | None:
        """Opens what was uploaded."""
        self._open(upload)
        self.visit.go(_PAGE, {"upload": upload})
        return self._show()

    @command(background=True)
    def change(self, do: str, column: str = "", value: Any = None) -> dict[str, Any] | None:
        """Carries one change out."""
        draft = self._known()
        draft.become(changed(draft.choices, do, column, value, self._words(do, column)))
        return self._show(do, column)

    @command(background=True)
    def clean_up(self) -> dict[str, Any] | None:
        """Carries out everything that is suggested, as one step."""
        draft, seen = self._known(), self._looked()
        choices = draft.choices
        for action, meant in recommended(warnings(seen)):
            choices = changed(choices, action.do, action.column, action.value, meant)
        draft.become(choices)
        return self._show()

    @command(background=True)
    def undo(self) -> dict[str, Any] | None:
        """Takes the last change back."""
        self._known().undo()
        return self._show()

    @command(background=True)
    def rows(self, first: int, count: int = ROWS) -> dict[str, Any]:
        """Other rows of the preview."""
        return preview(self._looked(), int(first), int(count))

    @command(background=True)
    def another(self) -> None:
        """Begins with another file; this one and its choices stay in the workspace."""
        self._open("")
        self.visit.go(_PAGE)

    @command(background=True)
    def use(self, title: str = "") -> str:
        """Makes a project of the table and opens it; returns its id."""
        draft, seen = self._known(), self._looked()
        if seen.waiting:
            raise DataError(seen.waiting)
        if title.strip():
            draft.become(replace(draft.choices, title=title.strip()[:120]))
        file = seen.file
        try:
            data = load_table(file.path, name=Path(draft.choices.file).name, **seen.options())
            if seen.classification and seen.choices.balance:
                data = data.balanced("weights")
        except LeptonError as error:
            said = words.cannot_use(error)
            raise DataError(said.title, received=said.detail.rstrip("."), do=said.fix) from error
        about = {"door": "table", "upload": self._upload, "file": draft.choices.file, "choices": asdict(seen.choices)}
        return self.visit.create(
            draft.choices.title or _title(draft.choices.file),
            data,
            settings=first_settings(len(data.train)),
            about=about,
        )

    def released(self) -> None:
        """Lets the table go; the choices are on disk."""
        self._end()
        self._folder = self._draft = self._file = self._seen = None

    def _changed(self, what: str) -> None:
        if what == "page" and self.visit.page == _PAGE:
            left = self.visit.handed.get("upload") or self.visit.query.get("upload", "")
            if left != self._upload:
                self.version += 1

    def _follow(self) -> None:
        """Opens the upload that another page left, or that the address names."""
        if self.visit.page != _PAGE:
            return
        handed = self.visit.handed.pop("upload", None)
        wanted = str(handed or self.visit.query.get("upload", ""))
        if wanted != self._upload:
            self._open(wanted)
        if handed:
            self.visit.go(_PAGE, {"upload": wanted})

    def _open(self, upload: str) -> None:
        self._upload, self._file, self._seen, self._draft, self._folder = upload, None, None, None, None
        if not upload:
            return
        try:
            self._folder = folder_of(self.visit.workspace, upload)
        except DataError:
            return
        self._draft = Draft(self._folder)
        if not self._draft.choices.file:
            files = tables_in(self._folder)
            self._draft.become(Choices(file=files[0] if files else ""))

    def _known(self) -> Draft:
        if self._draft is None:
            raise DataError("there is no table yet", do="Bring a file first")
        return self._draft

    def _looked(self) -> Look:
        """The table with the present choices; reads the file only where how it is read was changed.

        Raises:
            NotATable: It cannot be read.
        """
        draft = self._known()
        assert self._folder is not None
        wanted = draft.choices
        if self._file is None or any(getattr(self._file[0], n) != getattr(wanted, n) for n in _READING):
            self._file = None
            self._file = (wanted, open_file(self._folder, wanted))
        seen = self._seen
        if seen is None or seen.file is not self._file[1] or self._for != wanted:
            self._seen = seen = look(self._file[1], wanted, seen)
            self._for = wanted
        return seen

    def _show(self, do: str = "", column: str = "") -> dict[str, Any] | None:
        if not self._upload:
            return None
        frame: dict[str, Any] = {
            "upload": self._upload,
            "files": [],
            "file": "",
            "undo": 0,
            "title": "",
            "problem": None,
        }
        if self._folder is None or self._draft is None:
            return {**frame, "problem": asdict(words.GONE), "look": None}
        choices = self._draft.choices
        frame |= {
            "files": tables_in(self._folder)[:50],
            "file": choices.file,
            "undo": self._draft.steps,
            "title": choices.title or _title(choices.file),
        }
        try:
            return {**frame, "look": view(self._looked(), do, column)}
        except NotATable as error:
            asked = {name: getattr(choices, name) for name in ("encoding", "delimiter", "header", "quotes")}
            asked_for = error.said.reading or any(value is not None for value in asked.values())
            return {**frame, "problem": asdict(error.said), "look": None, "asked": asked if asked_for else None}

    def _words(self, do: str, column: str) -> Mapping[str, Mapping[str, str]]:
        if do != "join":
            return {}
        found: list[Warn] = warnings(self._looked())
        return {w.column: w.words for w in found if w.words and w.column == column}


def _title(file: str) -> str:
    """What a project of this file is called at first."""
    stem = Path(file).stem.replace("_", " ").replace("-", " ").strip()
    return stem[:1].upper() + stem[1:] if stem else words.UNTITLED
