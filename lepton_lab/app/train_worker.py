"""What the train page gives the workspace's worker to do, so that it goes on when the page is closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lepton_lab.doctor.fixes import Fix
from lepton_lab.errors import LeptonError, TrainingError
from lepton_lab.network import NetworkSpec
from lepton_lab.training.settings import TrainSettings
from lepton_lab.training.status import RunState
from lepton_lab.training.trainer import trainer_of
from lepton_lab.workspace.launch import ensure_worker
from lepton_lab.workspace.queue import enqueue
from lepton_lab.workspace.rows import find_run, run_row, shown_status, update_run

if TYPE_CHECKING:
    from lepton_lab.data import DataBundle
    from lepton_lab.workspace import StoredRun
    from lepton_lab.workspace.workspace import Workspace

__all__ = [
    "FIX",
    "can_travel",
    "fork_in_worker",
    "others_before",
    "parent_of_try",
    "resume_in_worker",
    "tried_on",
    "try_in_worker",
]

FIX = "fix"
"""Tag of a run that tries a fix and of which nobody has said yet whether it is kept."""

_OF_PROCESS: Mapping[str, Any] = dict.fromkeys(("pid", "host", "process_started", "heartbeat", "ended", "error"))
_LIVE = "state NOT IN ('finished', 'stopped', 'failed', 'interrupted') AND job IS NOT NULL AND id != ?"


def resume_in_worker(run: StoredRun, **changes: Any) -> None:
    """Queues a run that has ended, to go on from its last good point; does nothing where somebody has done so.

    Args:
        run: The run.
        **changes: Settings that may change on the way, such as `epochs`.
    """
    with run.workspace.database.write() as connection:
        row = run_row(connection.execute("SELECT * FROM runs WHERE id = ?", (run.id,)).fetchone())
        status = shown_status(row)
        if not status.state.ended:
            return
        settings = TrainSettings.from_json(row["settings"]).changed(**changes).to_json()
        job = row["job"] or {"source": (row["data"] or {}).get("source"), "options": {}}
        told = {"state": str(RunState.QUEUED), "epochs": settings["epochs"], "message": "", "eta_s": None}
        values = {
            "state": told["state"], "status": status.to_json() | told, "settings": settings, "place": "worker",
            "job": job | {"network": row["network"], "settings": settings, "resume": True},
        }  # fmt: skip
        update_run(connection, run.id, {**_OF_PROCESS, **values})
    ensure_worker(run.workspace)


def fork_in_worker(run: StoredRun, name: str, changes: Mapping[str, Any], *tags: str) -> StoredRun:
    """Queues a new run that goes on from the last good point of another one, with some settings changed.

    Where that one has no such point yet, the new run starts from the beginning.
    """
    settings = TrainSettings.from_json(run.settings).changed(**changes).to_json()
    at = run.checkpoints
    options = {"fork": {"run": run.id, "at": "last", "changes": dict(changes)}} if at else {}
    return _queue(run, name, run.network or {}, run.data, settings, options, at[-1].step or 0 if at else 0, tags)


def can_travel(fix: Fix, data: DataBundle | None) -> bool:
    """Whether a worker can try a fix: what it changes must be plain data."""
    if fix.init:
        return False
    if not fix.data:
        return True
    return data is not None and fix.data.get("op") == "balance" and data.source is not None


def try_in_worker(run: StoredRun, fix: Fix, data: DataBundle | None) -> StoredRun:
    """Queues a run in which one finding is put right; see `lepton_lab.doctor.try_fix`.

    Raises:
        TrainingError: The fix cannot be tried by another process.
    """
    if run.network is None or not can_travel(fix, data):
        raise TrainingError("this cannot be tried by itself", do="Change the network or the settings by hand")
    settings, name = TrainSettings.from_json(run.settings), f"{run.name}: {fix.label}"
    if not fix.fresh and not fix.edits and not fix.data:
        ended = run.status
        epochs = int(ended.epoch) + max(1, settings.epochs) if ended.state.ended else settings.epochs
        return fork_in_worker(run, name, {"epochs": epochs, **dict(fix.settings)}, FIX)
    spec, settings, changed = fix.apply(NetworkSpec.from_dict(run.network), settings, data)
    assert spec is not None
    spec.infer_shapes()
    about = run.data | ({"source": changed.source} if changed is not None and changed is not data else {})
    trainer = trainer_of(spec.to_dict(), settings.to_json())
    return _queue(run, name, spec.to_dict(), about, trainer.settings.to_json(), {}, 0, (FIX,))


def _queue(
    run: StoredRun,
    name: str,
    network: Mapping[str, Any],
    data: Mapping[str, Any],
    settings: Mapping[str, Any],
    options: Mapping[str, Any],
    step: int,
    tags: tuple[str, ...],
) -> StoredRun:
    new = enqueue(
        run.workspace.database, name=name, network=network, data=data, settings=settings, options=options,
        project=run.project, parent={"run": run.id, "step": step}, tags=tags,
    )  # fmt: skip
    ensure_worker(run.workspace)
    return run.workspace.open_run(new)


def tried_on(workspace: Workspace, run_id: str) -> StoredRun | None:
    """The newest run that tries a fix of this one, where it is not decided yet."""
    query = "SELECT id, parent, tags FROM runs WHERE parent LIKE ? ORDER BY created DESC, rowid DESC"
    for row in workspace.database.rows(query, (f'%"{run_id}"%',)):
        found = run_row(row)
        if found["parent"].get("run") == run_id and FIX in found["tags"]:
            return workspace.open_run(found["id"])
    return None


def parent_of_try(run: StoredRun) -> StoredRun | None:
    """The run whose fix this one tries; None where it tries none, or is kept already, or that one is gone."""
    if FIX not in run.tags or not (run.parent or {}).get("run"):
        return None
    try:
        return run.workspace.open_run(str((run.parent or {})["run"]))
    except LeptonError:
        return None


def others_before(workspace: Workspace, run_id: str) -> int:
    """How many runs train or wait before this one gets a place."""
    created = find_run(workspace.database, run_id)["created"]
    found = 0
    for row in workspace.database.rows(f"SELECT * FROM runs WHERE {_LIVE}", (run_id,)):  # noqa: S608  constant
        other = run_row(row)
        if shown_status(other).state.ended:
            continue
        found += other["pid"] is not None or other["created"] < created
    return found
