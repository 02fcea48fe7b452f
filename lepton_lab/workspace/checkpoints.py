"""An index of the checkpoints that lie beside the store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lepton_lab.errors import CheckpointError

if TYPE_CHECKING:
    from lepton_lab.training.history import History
    from lepton_lab.workspace.database import Database

__all__ = ["CheckpointEntry", "index_checkpoints", "list_checkpoints", "scan_checkpoints", "usable_checkpoints"]

_LITTLE_S = 10.0  # training that may be repeated rather than leave a gap in the history


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


def usable_checkpoints(folder: Path, history: History) -> bool:
    """Whether a run can go on from a checkpoint in its folder; where not, it begins again.

    A killed process may have written a checkpoint whose last rows of history never reached the store. Then an older
    checkpoint serves, and where there is none and little time is lost, the beginning: the history stays without gaps.

    Side effects: removes checkpoints that are ahead of the history where an older one serves.
    """
    last = history.steps.last()
    reached = 0 if last is None else int(last["step"])
    paths = sorted((folder / "checkpoints").glob("step-*.json"))
    ahead = [path for path in paths if int(path.stem.removeprefix("step-")) > reached]
    if not ahead:
        return bool(paths)
    if any(_is_whole(path) for path in paths if path not in ahead):
        for path in ahead:
            path.unlink(missing_ok=True)
            path.with_suffix(".safetensors").unlink(missing_ok=True)
        return True
    try:
        elapsed = float(json.loads(ahead[0].read_text(encoding="utf-8"))["elapsed"])
    except (OSError, ValueError, KeyError):
        return True  # going on from it says what is wrong with it
    return elapsed > _LITTLE_S


def _is_whole(path: Path) -> bool:
    from lepton_lab.training.checkpoint import load_checkpoint

    try:
        load_checkpoint(path)
    except CheckpointError:
        return False
    return True


def list_checkpoints(database: Database, run_id: str) -> list[CheckpointEntry]:
    """What the index says of a run, oldest first."""
    query = "SELECT path, kind, epoch, step, size, created FROM checkpoints WHERE run = ? ORDER BY created"
    return [CheckpointEntry(*row) for row in database.rows(query, (run_id,))]
