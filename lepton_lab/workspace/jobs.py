"""Trains what the store describes: queued runs, interrupted ones, and forks, all from plain data."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import CheckpointError, StoreError, TrainingError
from lepton_lab.training.history import History
from lepton_lab.workspace import chunks
from lepton_lab.workspace.checkpoints import usable_checkpoints
from lepton_lab.workspace.liveness import this_process
from lepton_lab.workspace.readings import load_probes
from lepton_lab.workspace.recorder import StoreRecorder
from lepton_lab.workspace.rows import RunRow, find_run, run_row, shown_status, update_run

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from lepton_lab.data import DataBundle
    from lepton_lab.training.checkpoint import Snapshot
    from lepton_lab.training.plan import Plan
    from lepton_lab.training.run import Run
    from lepton_lab.workspace.workspace import Workspace

__all__ = ["find_snapshot", "fork_stored", "resume_stored", "revive", "start_job"]

_OWNERSHIP = ("state", "host", "pid", "process_started", "heartbeat")
_KEPT_DATA = 4


def start_job(workspace: Workspace, row: RunRow, *, resume: bool) -> Run:
    """Starts a run that this process has claimed.

    Args:
        workspace: Where it is kept.
        row: Its row.
        resume: Whether it goes on from its last checkpoint.
    """
    job = row["job"]
    data = _load(job["source"])
    if resume or job.get("resume"):
        return _go_on(workspace, row, data)
    return _from_the_beginning(workspace, row | {"network": job["network"], "settings": job["settings"]}, data)


def resume_stored(workspace: Workspace, run_id: str, data: DataBundle | None = None) -> Run:
    """Goes on with a run that has ended or was interrupted, in this process; see `StoredRun.resume`."""
    row = find_run(workspace.database, run_id)
    with _taking_over(workspace, run_id):
        if data is None:
            data = _load((row["data"] or {}).get("source"))
        return _go_on(workspace, row, data)


def fork_stored(
    workspace: Workspace,
    run_id: str,
    at: str | int,
    name: str,
    changes: Mapping[str, Any],
    data: DataBundle | None,
    new_id: str | None = None,
) -> Run:
    """Starts a new run from a checkpoint of another one; see `StoredRun.fork`."""
    from lepton_lab.training.checkpoint import Snapshot
    from lepton_lab.training.continuing import RESHAPING
    from lepton_lab.training.trainer import trainer_of

    row = find_run(workspace.database, run_id)
    snapshot = find_snapshot(workspace.run_folder(run_id), at)
    trainer = trainer_of(_network(row), row["settings"])
    step = int(snapshot.about["step"])
    parent = {"run": run_id, "step": step}
    history = None
    if "progress" in snapshot.about:  # the best weights alone begin at epoch 0
        history = _history(workspace, row).truncated(step, int(snapshot.about["epoch"]))
    about = {**snapshot.about, "forked": sorted(RESHAPING & set(changes))}
    return trainer.start(
        data if data is not None else _load((row["data"] or {}).get("source")),
        name=name or f"{row['name']} (fork)",
        recorder=StoreRecorder(workspace, project=row["project"]),
        resume_from=Snapshot(snapshot.tensors, about),
        history=history,
        parent=parent,
        run_id=new_id,
        **changes,
    )


def revive(
    workspace: Workspace,
    run_id: str,
    data: DataBundle | None = None,
    weights: Mapping[str, Tensor] | None = None,
    *,
    untrained: bool = False,
) -> Run:
    """A run that does not train, with its weights and data, to evaluate and to predict.

    Args:
        workspace: Where it is kept.
        run_id: Its id.
        data: Its data; loaded again where None.
        weights: What to use in place of a checkpoint's: the best one's where the run was stopped or asked for it, else
            the last one's.
        untrained: Whether the weights that the training begins with will do where there is no checkpoint yet.

    Raises:
        CheckpointError: There are no weights yet.
    """
    from lepton_lab.training.checkpoint import load_model
    from lepton_lab.training.settings import TrainSettings

    row = find_run(workspace.database, run_id)
    folder, settings = workspace.run_folder(run_id), TrainSettings.from_json(row["settings"])
    best = settings.restore_best or shown_status(row).state == "stopped"
    at = "best" if best and (folder / "checkpoints" / "best.json").exists() else "last"
    begun = at == "best" or any((folder / "checkpoints").glob("step-*.json"))
    run = _run(workspace, row)
    run.status = shown_status(row)
    plan = run._plan = _plan(row, data)
    plan.module = plan.build()
    if weights is None and (begun or not untrained):
        weights = find_snapshot(folder, at).part("model")
    if weights is not None:
        load_model(plan.module, weights)
    return run


def find_snapshot(folder: Path, at: str | int) -> Snapshot:
    """The checkpoint "best", "last", or of the end of an epoch (from 1), in a run's folder.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    from lepton_lab.training.checkpoint import load_checkpoint, newest_checkpoint

    folder = folder / "checkpoints"
    if at == "best":
        return load_checkpoint(folder / "best.json")
    if at == "last":
        return newest_checkpoint(folder)[0]
    found = []
    for path in sorted(folder.glob("step-*.json")):
        snapshot = load_checkpoint(path)
        if snapshot.about["position"] == 0:
            found.append(int(snapshot.about["epoch"]))
            if found[-1] == at:
                return snapshot
    raise CheckpointError(
        f"there is no checkpoint of the end of epoch {at}",
        where=str(folder),
        received=f"checkpoints of the ends of epochs {found}",
        do='Take "last" or "best"',
    )


def _go_on(workspace: Workspace, row: RunRow, data: DataBundle) -> Run:
    from lepton_lab.training.continuing import resume_run

    _network(row)
    run = _run(workspace, row)
    if not usable_checkpoints(workspace.run_folder(row["id"]), run.history):
        return _from_the_beginning(workspace, row, data)
    return resume_run(run, recorder=StoreRecorder(workspace), data=data)


def _from_the_beginning(workspace: Workspace, row: RunRow, data: DataBundle) -> Run:
    from lepton_lab.training.trainer import start_spec

    options = dict((row["job"] or {}).get("options") or {})
    if (fork := options.pop("fork", None)) is not None:
        return fork_stored(workspace, fork["run"], fork["at"], row["name"], fork["changes"], data, row["id"])
    return start_spec(
        _network(row),
        data,
        row["settings"],
        name=row["name"],
        run_id=row["id"],
        parent=row["parent"],
        recorder=StoreRecorder(workspace),
        **options,
    )


def _run(workspace: Workspace, row: RunRow) -> Run:
    from lepton_lab.training.run import Run

    return Run(
        settings=row["settings"],
        data=row["data"] or {},
        network=row["network"],
        name=row["name"],
        run_id=row["id"],
        folder=workspace.run_folder(row["id"]),
        parent=row["parent"],
        history=_history(workspace, row),
        probes=load_probes(workspace.database, row["id"]),
    )


def _plan(row: RunRow, data: DataBundle | None) -> Plan:
    from lepton_lab.training.metrics import default_metrics
    from lepton_lab.training.plan import Plan
    from lepton_lab.training.trainer import trainer_of

    trainer = trainer_of(_network(row), row["settings"])
    bundle = data if data is not None else _load((row["data"] or {}).get("source"))
    settings = trainer.settings
    metrics = settings.metrics if settings.metrics != ("auto",) else default_metrics(str(bundle.task))
    return Plan(data=bundle, settings=settings, build=trainer._builder(settings), metrics=metrics)


def _network(row: RunRow) -> dict[str, Any]:
    network: dict[str, Any] | None = row["network"]
    if network is None:
        raise TrainingError(
            f"{row['name']!r} trained a module that has no specification", do="Build the module again in its own code"
        )
    return network


def _history(workspace: Workspace, row: RunRow) -> History:
    with workspace.database.read() as connection:
        steps = chunks.read(connection, row["id"], "steps")[1]
        epochs = chunks.read(connection, row["id"], "epochs")[1]
        query = "SELECT data FROM events WHERE run = ? ORDER BY number"
        events = [json.loads(event["data"]) for event in connection.execute(query, (row["id"],))]
    return History.restore(row["measures"] | {"events": events}, steps, epochs)


@contextmanager
def _taking_over(workspace: Workspace, run_id: str) -> Iterator[None]:
    """Makes this process the owner of a run that nobody trains; gives it back where that goes wrong."""
    me = this_process()
    with workspace.database.write() as connection:
        row = run_row(connection.execute("SELECT * FROM runs WHERE id = ?", (run_id,)).fetchone())
        state = shown_status(row).state
        if not state.ended:
            raise StoreError(
                f"the run {row['name']!r} is {state} and cannot be taken over", do="Use its controls instead"
            )
        owned = ("starting", me.host, me.pid, me.process_started, None)
        update_run(connection, run_id, dict(zip(_OWNERSHIP, owned, strict=True)))
    try:
        yield
    except BaseException:
        with workspace.database.write() as connection:
            update_run(connection, run_id, {name: row[name] for name in _OWNERSHIP})
        raise


_data: OrderedDict[str, DataBundle] = OrderedDict()
_data_lock = threading.Lock()


def _load(source: Mapping[str, Any] | None) -> DataBundle:
    """Loads data once for all runs of this process that use it; the last few stay in memory."""
    from lepton_lab.data import load_source

    key = json.dumps(source, sort_keys=True, default=str)
    with _data_lock:
        if key not in _data:
            _data[key] = load_source(source)
        _data.move_to_end(key)
        while len(_data) > _KEPT_DATA:
            _data.popitem(last=False)
        return _data[key]
