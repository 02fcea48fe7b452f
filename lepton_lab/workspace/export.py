"""A run's record in the formats of other tools."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lepton_lab.errors import MissingExtraError, StoreError

if TYPE_CHECKING:
    from lepton_lab.workspace.stored import StoredRun

__all__ = ["to_csv", "to_tensorboard"]


def to_csv(run: StoredRun, folder: str | os.PathLike[str]) -> list[Path]:
    """Writes `steps.csv`, `epochs.csv`, `events.csv` and `run.json` into `folder`; returns their paths.

    Raises:
        StoreError: The folder cannot be written.
    """
    import pandas as pd

    target = _folder(folder)
    history = run.history
    about = {
        "id": run.id, "name": run.name, "project": run.project, "status": run.status.to_json(), "network": run.network,
        "settings": run.settings, "data": run.data, "versions": run.versions, "tags": run.tags, "note": run.note,
    }  # fmt: skip
    frames = {
        "steps": history.steps.to_frame(),
        "epochs": history.to_frame(),
        "events": pd.DataFrame(history.events, columns=None if history.events else ["kind", "message", "at"]),
    }
    try:
        for name, frame in frames.items():
            frame.to_csv(target / f"{name}.csv", index=False)
        (target / "run.json").write_text(json.dumps(about, indent=2, default=str), encoding="utf-8")
    except OSError as error:
        raise _cannot_write(target, error) from error
    return [*(target / f"{name}.csv" for name in frames), target / "run.json"]


def to_tensorboard(run: StoredRun, folder: str | os.PathLike[str]) -> Path:
    """Writes TensorBoard event files into `folder/<run's name>`; returns that folder.

    Step columns become `step/<name>` at their step, epoch columns `epoch/<name>` at their epoch. The wall time is
    the real one.

    Raises:
        MissingExtraError: tensorboard is not installed.
        StoreError: The folder cannot be written.
    """
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError as error:
        raise MissingExtraError("tensorboard", "tensorboard", "exporting to TensorBoard") from error
    target = _folder(folder) / "".join(c if c.isalnum() or c in "-_." else "_" for c in run.name)
    history, began = run.history, run.started or run.created
    try:
        writer = SummaryWriter(str(target))
    except OSError as error:
        raise _cannot_write(target, error) from error
    with writer:
        for prefix, table, axis in (("step", history.steps, "step"), ("epoch", history.epochs, "epoch")):
            _, columns = table.since(0)
            times = began + np.nan_to_num(columns.get("time", np.zeros(len(columns[axis]))))
            for name, values in columns.items():
                if name in ("step", "epoch", "time"):
                    continue
                for at, value, when in zip(columns[axis], values, times, strict=True):
                    if not np.isnan(value):
                        writer.add_scalar(f"{prefix}/{name}", float(value), int(at), walltime=float(when))
        writer.add_text("settings", f"```json\n{json.dumps(run.settings, indent=2, default=str)}\n```")
    return target


def _folder(folder: str | os.PathLike[str]) -> Path:
    target = Path(folder).expanduser()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(target, error) from error
    return target


def _cannot_write(target: Path, error: OSError) -> StoreError:
    return StoreError(f"the folder cannot be written: {error}", where=str(target), do="Choose another folder")
