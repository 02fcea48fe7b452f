"""An index of the checkpoints that lie beside the store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

__all__ = ["index_checkpoints"]


def index_checkpoints(connection: sqlite3.Connection, run_id: str, folder: Path | None) -> None:
    """Brings the index up to date with the files in a run's folder."""
    connection.execute("DELETE FROM checkpoints WHERE run = ?", (run_id,))
