"""Orders to a run of any process: written down, answered, sent again until they are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lepton_lab.errors import StoreError, TrainingError
from lepton_lab.training.commands import Command
from lepton_lab.training.status import RunState
from lepton_lab.workspace.rows import find_run, owner_of, shown_status, to_text, update_run

if TYPE_CHECKING:
    from lepton_lab.workspace.database import Database

__all__ = ["ANSWER_S", "send"]

ANSWER_S = 5.0
"""How long a sender waits for the run's process to take an order, in seconds."""

_AGAIN_S = 0.5


def send(database: Database, run_id: str, command: Command, timeout: float = ANSWER_S) -> None:
    """Writes an order down and waits until the run has taken it up.

    An order to a run that waits for a worker stays for when it starts; "stop" takes such a run out of the queue.

    Args:
        database: The store.
        run_id: The run.
        command: The order; its id makes sending it twice harmless.
        timeout: Seconds to wait.

    Raises:
        StoreError: The run's process did not take the order in time.
        TrainingError: The run has ended, or refused the order.
    """
    row = find_run(database, run_id)
    state = shown_status(row).state
    if state.ended:
        raise TrainingError(
            f"the run {row['name']!r} has ended ({state}) and takes no {command.name!r}", do=_advice(state, command)
        )
    if owner_of(row) is None and command.name == "stop" and _cancel(database, run_id):
        return
    _write(database, run_id, command)
    if owner_of(row) is not None:
        _await(database, run_id, command, timeout)


def _await(database: Database, run_id: str, command: Command, timeout: float) -> None:
    start = time.monotonic()
    again = start + _AGAIN_S
    while True:
        row = database.row("SELECT taken, answered, error FROM commands WHERE id = ?", (command.id,))
        if row is not None and row["error"]:
            raise TrainingError(f"the run refused {command.name!r}: {row['error']}")
        if row is not None and row["answered"] is not None:
            return
        now = time.monotonic()
        if now - start > timeout:
            break
        if now > again:
            again = now + _AGAIN_S
            _write(database, run_id, command)
            if shown_status(find_run(database, run_id)).state.ended:
                return  # a run that ended while the order was under way has nothing left to do
        time.sleep(0.01)
    if row is None or row["taken"] is None:
        raise StoreError(
            f"the process of the run took no {command.name!r} within {timeout:g} s",
            where=f"run {run_id}",
            do="It may be busy or stopped; the order stays written down, and is taken when the process answers again",
        )


def _write(database: Database, run_id: str, command: Command) -> None:
    with database.write() as connection:
        connection.execute(
            "INSERT INTO commands (id, run, name, args, created) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET taken = NULL WHERE answered IS NULL",
            (command.id, run_id, command.name, to_text(dict(command.args)), time.time()),
        )


def _cancel(database: Database, run_id: str) -> bool:
    """Takes a run out of the queue; False where a worker was faster."""
    with database.write() as connection:
        row = connection.execute("SELECT pid FROM runs WHERE id = ?", (run_id,)).fetchone()
        if row is None or row["pid"] is not None:
            return False
        update_run(connection, run_id, {"state": str(RunState.STOPPED), "ended": time.time()})
        return True


def _advice(state: RunState, command: Command) -> str:
    if state is RunState.INTERRUPTED:
        return "Call resume() to go on from its last checkpoint"
    return (
        "There is nothing to stop" if command.name == "stop" else "fork() starts a new run from one of its checkpoints"
    )
