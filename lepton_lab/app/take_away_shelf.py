"""The files that were made for a project: where they lie, what they are called, and what they were made of."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

from lepton_lab.export import safe_name
from lepton_lab.training.checkpoint import write_whole
from lepton_lab.workspace import Workspace

__all__ = ["ENDINGS", "Shelf"]

ENDINGS = {
    "model": "-model.zip",
    "python": "-python.zip",
    "notebook": "-notebook.zip",
    "onnx": "-onnx.zip",
    "report": "-report.html",
    "everything": "-everything.zip",
}
"""How the name of each kind's file ends."""

_RECORD = ".made.json"
_STALE_S = 3600.0  # half-written files of a process that is gone


class Shelf:
    """The exports of one project, in `<workspace>/exports/<project id>`.

    Args:
        workspace: Where it is.
        project_id: Whose they are.
    """

    def __init__(self, workspace: Workspace, project_id: str) -> None:
        self.folder = Path(workspace.folder) / "exports" / project_id

    def place(self, kind: str, title: str) -> Path:
        """Where a kind's file goes, by the project's title."""
        return self.folder / safe_name(title, ENDINGS[kind])

    def made(self) -> dict[str, dict[str, Any]]:
        """What was made and is still there, by kind: name, size, at (Unix time, s), run, step, notes, …"""
        try:
            record = json.loads((self.folder / _RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        found: dict[str, dict[str, Any]] = {}
        for kind, about in record.items() if isinstance(record, dict) else ():
            if kind in ENDINGS and isinstance(about, dict):
                path = self.folder / Path(str(about.get("name", ""))).name
                if path.is_file():
                    found[kind] = {**about, "name": path.name, "size": path.stat().st_size}
        return found

    def note(self, kind: str, path: Path, **about: Any) -> None:
        """Keeps what a file was made of; one of the same kind with another name goes."""
        record = self.made()
        old = record.get(kind)
        if old is not None and old["name"] != path.name:
            (self.folder / old["name"]).unlink(missing_ok=True)
        record[kind] = {"name": path.name, "at": time.time(), **about}
        write_whole(self.folder / _RECORD, json.dumps(record, ensure_ascii=False).encode())

    def tidy(self) -> None:
        """Takes away what was left half-written long ago."""
        for path in self.folder.glob(".*.part"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_S and path.is_file():
                    path.unlink()
