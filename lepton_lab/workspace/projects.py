"""A project: a named set of a network, data, settings and runs inside a workspace."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import StoreError
from lepton_lab.workspace.rows import to_text

if TYPE_CHECKING:
    import pandas as pd

    from lepton_lab.workspace.workspace import Workspace

__all__ = ["Project"]


class Project:
    """A named set that several notebooks may open at once; the last writer of a part wins.

    Args:
        workspace: Where it is kept.
        name: Its name.

    Threads: safe; nothing is cached.
    """

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace, self.name = workspace, name

    def __repr__(self) -> str:
        return f"Project({self.name!r})"

    @classmethod
    def get_or_create(cls, workspace: Workspace, name: str) -> Project:
        """The project of this name, made where there is none.

        Raises:
            StoreError: The name is empty.
        """
        name = name.strip()
        if not name:
            raise StoreError("a project needs a name", received="an empty text")
        now = time.time()
        with workspace.database.write() as connection:
            insert = "INSERT OR IGNORE INTO projects (name, created, updated) VALUES (?, ?, ?)"
            connection.execute(insert, (name, now, now))
        return cls(workspace, name)

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
    def runs(self) -> pd.DataFrame:
        """The project's runs, the newest first."""
        return self.workspace.runs(self.name)

    def _read(self, part: str) -> dict[str, Any] | None:
        row = self.workspace.database.row("SELECT * FROM projects WHERE name = ?", (self.name,))
        text = row[part] if row is not None else None
        value: dict[str, Any] | None = json.loads(text) if text is not None else None
        return value

    def _write(self, part: str, value: dict[str, Any] | None) -> None:
        text = None if value is None else to_text(value)
        with self.workspace.database.write() as connection:
            connection.execute(
                f"UPDATE projects SET {part} = ?, updated = ? WHERE name = ?",  # noqa: S608  part is one of three words
                (text, time.time(), self.name),
            )
