"""An index of the checkpoints that lie beside the store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lepton_lab.workspace.database import Database

__all__ = ["CheckpointEntry", "index_checkpoints", "list_checkpoints", "scan_checkpoints"]


@dataclass(frozen=True)
class CheckpointEntry:
    """One checkpoint.

    Attributes:
        path: Its JSON file, relative to the run's folder.
        kind: "best" or "step".
        epoch: Epochs completed when it was taken; None where it does not say.
        step: Steps completed.
        size: Bytes of its tensors.
        created: When it was written, in seconds since 1970.
    """

    path: str
    kind: str
    epoch: float | None
    step: int | None
    size: int
    created: float


def scan_checkpoints(folder: Path | None) -> list[CheckpointEntry]:
    """The checkpoints in a run's folder; those that are being replaced at this moment are left out."""
    if folder is None:
        return []
    found = []
    for path in sorted(folder.rglob("*.json")):
        tensors = path.with_suffix(".safetensors")
        try:
            created, size = path.stat().st_mtime, tensors.stat().st_size
            about = json.loads(path.read_text(encoding="utf-8"))
            epoch, step = about.get("epoch"), about.get("step")
        except (OSError, ValueError, AttributeError):
            continue
        kind = "best" if path.stem == "best" else "step"
        found.append(CheckpointEntry(path.relative_to(folder).as_posix(), kind, epoch, step, size, created))
    return found


def index_checkpoints(connection: sqlite3.Connection, run_id: str, found: Sequence[CheckpointEntry]) -> None:
    """Replaces a run's part of the index."""
    connection.execute("DELETE FROM checkpoints WHERE run = ?", (run_id,))
    connection.executemany(
        "INSERT INTO checkpoints (run, path, kind, epoch, step, size, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(run_id, e.path, e.kind, e.epoch, e.step, e.size, e.created) for e in found],
    )


def list_checkpoints(database: Database, run_id: str) -> list[CheckpointEntry]:
    """What the index says of a run, oldest first."""
    query = "SELECT path, kind, epoch, step, size, created FROM checkpoints WHERE run = ? ORDER BY created"
    return [CheckpointEntry(*row) for row in database.rows(query, (run_id,))]
