"""What the server does about runs: it ends the worker with itself, and lets the runs go on at the next start."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

import psutil

from lepton_lab.training.status import RunState
from lepton_lab.workspace.launch import ensure_worker
from lepton_lab.workspace.rows import run_row, shown_status, update_run

if TYPE_CHECKING:
    from lepton_lab.workspace import Workspace

__all__ = ["MARK", "end_processes", "go_on"]

MARK = "LEPTON_APP"
"""Environment variable that says which server a kernel or a worker belongs to; a worker of a notebook has none."""

ENDS_S = 15.0
"""How long a worker may take to write down where its runs are, in seconds; after that it is killed."""


def go_on(workspace: Workspace) -> bool:
    """Starts a worker where runs were interrupted; returns whether there are any."""
    rows = workspace.database.rows("SELECT * FROM runs WHERE job IS NOT NULL AND state NOT IN ('finished', 'stopped')")
    states = {shown_status(run_row(row)).state for row in rows}
    if RunState.INTERRUPTED in states or RunState.QUEUED in states:
        ensure_worker(workspace, "--restart-interrupted")
        return True
    return False


async def end_processes(workspace: Workspace, mark: str) -> int:
    """Ends the worker and all helpers that belong to a server; returns how many runs were interrupted by that.

    A worker that is asked to end writes a checkpoint of each run and calls it stopped. Nobody stopped it, so it is put
    down as interrupted instead, and goes on from there at the next start.

    Args:
        workspace: Whose workers.
        mark: What the server wrote into the environment of everything that it started.
    """
    marked = await asyncio.to_thread(_marked, mark)
    found = [process for process in marked if _is_worker(process)]
    others = [process for process in marked if process not in found]
    for process in others:
        with contextlib.suppress(psutil.Error):
            process.kill()
    if not found:
        return 0
    pids = [process.pid for process in found]
    places = ", ".join("?" * len(pids))
    query = f"SELECT * FROM runs WHERE job IS NOT NULL AND pid IN ({places})"  # noqa: S608  question marks alone
    live = [
        row["id"] for row in map(run_row, workspace.database.rows(query, pids)) if not shown_status(row).state.ended
    ]
    for process in found:
        process.terminate()
    _, late = await asyncio.to_thread(psutil.wait_procs, found, ENDS_S)
    for process in late:
        process.kill()
    await asyncio.to_thread(psutil.wait_procs, late, 3.0)
    with workspace.database.write() as connection:
        for run_id in live:
            row = connection.execute("SELECT state FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row is not None and row["state"] == str(RunState.STOPPED):
                update_run(connection, run_id, {"state": str(RunState.RUNNING)})
    return len(live)


def _marked(mark: str) -> list[psutil.Process]:
    """All processes that come from a server, those as well that have left their parents."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # somebody else's, or gone
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "lepton_lab.commands.worker" in process.cmdline()
    except psutil.Error:
        return False
