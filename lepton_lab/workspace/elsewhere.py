"""`where="worker"`: a training as plain data goes into the queue, and a worker is started where none runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lepton_lab.workspace.launch import ensure_worker
from lepton_lab.workspace.queue import enqueue
from lepton_lab.workspace.workspace import Workspace, current_workspace

if TYPE_CHECKING:
    from lepton_lab.training.trainer import StartRequest
    from lepton_lab.workspace.stored import StoredRun

__all__ = ["start_in_worker"]


def start_in_worker(
    request: StartRequest, workspace: Workspace | None = None, *, project: str = "", owner: str | None = None
) -> StoredRun:
    """Queues a training and returns its handle at once.

    Args:
        request: What to train, on what, and how, as plain data.
        workspace: Where; the current one by default.
        project: The project that it belongs to.
        owner: On whose behalf; workers are fair among owners.

    Raises:
        StoreError: The workspace cannot be written, or no worker can be started.

    Side effects: starts a worker process that outlives this one.
    """
    workspace = workspace or current_workspace()
    run_id = enqueue(
        workspace.database,
        name=request.name,
        network=request.network,
        data={"name": _name(request.data), "source": dict(request.data)},
        settings=request.settings,
        options=request.options,
        project=project,
        owner=owner,
    )
    ensure_worker(workspace)
    return workspace.open_run(run_id)


def _name(source: object) -> str:
    args = source.get("args", {}) if isinstance(source, dict) else {}
    return str(args.get("name") or args.get("path") or "")
