"""A project: a named set of a network, data, settings and runs inside a workspace."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import StoreError
from lepton_lab.workspace.rows import run_row, shown_status, to_text

if TYPE_CHECKING:
    import pandas as pd

    from lepton_lab.workspace.workspace import Workspace

__all__ = ["Project"]

_UPLOAD = re.compile(r"[\\/]uploads[\\/]+([\w-]+)")


class Project:
    """A named set that several notebooks may open at once; the last writer of a part wins.

    Its id stays when it is renamed; runs are kept under its name, so a rename takes them along.

    Args:
        workspace: Where it is kept.
        project_id: Its id.

    Attributes:
        id: Ten lower-case letters and digits, fit for an address.

    Threads: safe; nothing is cached.
    """

    def __init__(self, workspace: Workspace, project_id: str) -> None:
        self.workspace, self.id = workspace, project_id

    def __repr__(self) -> str:
        row = self.workspace.database.row("SELECT name FROM projects WHERE id = ?", (self.id,))
        return f"Project({row['name']!r}, id={self.id!r})" if row is not None else f"Project(deleted, id={self.id!r})"

    @classmethod
    def get_or_create(cls, workspace: Workspace, name: str) -> Project:
        """The project of this name, made where there is none.

        Raises:
            StoreError: The name is empty.
        """
        name, now = _checked(name), time.time()
        with workspace.database.write() as connection:
            insert = "INSERT OR IGNORE INTO projects (id, name, created, updated) VALUES (?, ?, ?, ?)"
            connection.execute(insert, (_new_id(), name, now, now))
            row = connection.execute("SELECT id FROM projects WHERE name = ?", (name,)).fetchone()
        return cls(workspace, str(row["id"]))

    @property
    def name(self) -> str:
        """What people call it; unique in the workspace.

        Raises:
            StoreError: It was deleted.
        """
        return str(self._row()["name"])

    @property
    def created(self) -> float:
        """When it was made, in seconds since 1970."""
        return float(self._row()["created"])

    @property
    def updated(self) -> float:
        """When a part of it was changed last, in seconds since 1970."""
        return float(self._row()["updated"])

    @property
    def network(self) -> dict[str, Any] | None:
        """The network as JSON data (`NetworkSpec.from_json`); None before one was set."""
        return self._read("network")

    @network.setter
    def network(self, value: dict[str, Any] | None) -> None:
        self._write("network", value)

    @property
    def data(self) -> dict[str, Any] | None:
        """How to load the data (`DataBundle.source`); None before it was set."""
        return self._read("data")

    @data.setter
    def data(self, value: dict[str, Any] | None) -> None:
        self._write("data", value)

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of training, such as the learning rate."""
        return self._read("settings") or {}

    @settings.setter
    def settings(self, value: dict[str, Any]) -> None:
        self._write("settings", value)

    @property
    def about(self) -> dict[str, Any] | None:
        """What else is to be remembered, as JSON data: where it began, the id of its upload, choices; None for none."""
        return self._read("about")

    @about.setter
    def about(self, value: dict[str, Any] | None) -> None:
        self._write("about", value)

    @property
    def runs(self) -> pd.DataFrame:
        """The project's runs, the newest first."""
        return self.workspace.runs(self.name)

    def rename(self, name: str) -> None:
        """Gives the project and the records of its runs another name; its id stays.

        Raises:
            StoreError: The name is empty or taken, or the project was deleted.
        """
        name = _checked(name)
        with self.workspace.database.write() as connection:
            old = self._row(connection)["name"]
            if name == old:
                return
            if _exists(connection, name):
                raise _taken(name)
            change = "UPDATE projects SET name = ?, updated = ? WHERE id = ?"
            connection.execute(change, (name, time.time(), self.id))
            connection.execute("UPDATE runs SET project = ? WHERE project = ?", (name, old))

    def duplicate(self, name: str | None = None) -> Project:
        """Makes a project with the same data, network and settings, without runs.

        Args:
            name: What to call it; "… (copy)" where None.

        Raises:
            StoreError: The name is empty or taken, or the project was deleted.
        """
        copy, now = _new_id(), time.time()
        with self.workspace.database.write() as connection:
            row = self._row(connection)
            if name is None:
                name = _free_name(connection, row["name"])
            elif _exists(connection, name := _checked(name)):
                raise _taken(name)
            connection.execute(
                "INSERT INTO projects (id, name, network, data, settings, about, created, updated)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (copy, name, row["network"], row["data"], row["settings"], row["about"], now, now),
            )
        return Project(self.workspace, copy)

    def own_uploads(self) -> list[str]:
        """Folders of `uploads` that only this project names, and that go when it is deleted."""
        with self.workspace.database.read() as connection:
            row = self._row(connection)
            return sorted(name for name in _uploads(row) if not _used(connection, name, row["id"], row["name"]))

    def delete(self) -> None:
        """Forgets the project with its runs, what was exported of it, and uploads that nobody else uses.

        Raises:
            StoreError: A run of it is still live, or the project is gone already.

        Side effects: deletes the runs' folders, `exports/<id>`, and folders of `uploads` that only this project names.
        """
        folder = self.workspace.folder
        with self.workspace.database.write() as connection:
            row = self._row(connection)
            runs = [run_row(r) for r in connection.execute("SELECT * FROM runs WHERE project = ?", (row["name"],))]
            for run in runs:
                state = shown_status(run).state
                if not state.ended:
                    raise StoreError(
                        f"the project {row['name']!r} cannot be deleted: its run {run['name']!r} is {state}",
                        do="Stop that run first, then delete the project",
                    )
            uploads = [name for name in _uploads(row) if not _used(connection, name, self.id, row["name"])]
            connection.execute("DELETE FROM runs WHERE project = ?", (row["name"],))
            connection.execute("DELETE FROM projects WHERE id = ?", (self.id,))
        gone = [self.workspace.run_folder(run["id"]) for run in runs]
        gone += [folder / "exports" / self.id, *(folder / "uploads" / name for name in uploads)]
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)

    def _row(self, connection: sqlite3.Connection | None = None) -> sqlite3.Row:
        reader = connection if connection is not None else self.workspace.database.connection()
        row: sqlite3.Row | None = reader.execute("SELECT * FROM projects WHERE id = ?", (self.id,)).fetchone()
        if row is None:
            raise StoreError("this project is no longer there", where=f"project {self.id}", do="It was deleted")
        return row

    def _read(self, part: str) -> dict[str, Any] | None:
        row = self.workspace.database.row("SELECT * FROM projects WHERE id = ?", (self.id,))
        text = row[part] if row is not None else None
        value: dict[str, Any] | None = json.loads(text) if text is not None else None
        return value

    def _write(self, part: str, value: dict[str, Any] | None) -> None:
        text = None if value is None else to_text(value)
        with self.workspace.database.write() as connection:
            self._row(connection)
            connection.execute(
                f"UPDATE projects SET {part} = ?, updated = ? WHERE id = ?",  # noqa: S608  part is one of four words
                (text, time.time(), self.id),
            )


def _new_id() -> str:
    return secrets.token_hex(5)


def _checked(name: str) -> str:
    name = name.strip()
    if not name:
        raise StoreError("a project needs a name", received="an empty text")
    return name


def _taken(name: str) -> StoreError:
    return StoreError(f"there is already a project called {name!r}", do="Choose another name")


def _exists(connection: sqlite3.Connection, name: str) -> bool:
    return connection.execute("SELECT 1 FROM projects WHERE name = ?", (name,)).fetchone() is not None


def _free_name(connection: sqlite3.Connection, name: str) -> str:
    base = re.sub(r" \(copy( \d+)?\)$", "", name)
    copy, number = f"{base} (copy)", 2
    while _exists(connection, copy):
        copy, number = f"{base} (copy {number})", number + 1
    return copy


def _uploads(row: sqlite3.Row) -> set[str]:
    """Names of the folders of `uploads` from which a project was made."""
    about = json.loads(row["about"] or "{}")
    named = about.get("upload") if isinstance(about, dict) else None
    found = set(_UPLOAD.findall(row["data"] or ""))
    return {name for name in {*found, named} if isinstance(name, str) and re.fullmatch(r"[\w-]+", name)}


def _used(connection: sqlite3.Connection, upload: str, project_id: str, name: str) -> bool:
    """Whether another project, or a run of none or another one, names an upload; in doubt, it does."""
    projects = "SELECT 1 FROM projects WHERE id != ? AND instr(coalesce(about, '') || coalesce(data, ''), ?) LIMIT 1"
    runs = "SELECT 1 FROM runs WHERE project != ? AND instr(coalesce(data, ''), ?) LIMIT 1"
    asked = ((projects, project_id), (runs, name))
    return any(connection.execute(query, (other, upload)).fetchone() is not None for query, other in asked)
