"""A process that trains the queued runs of a workspace in background threads and ends when it has nothing to do."""

from __future__ import annotations

import threading
import time
import traceback
from typing import TYPE_CHECKING, TextIO

from lepton_lab.errors import StoreError
from lepton_lab.training.slots import default_slots
from lepton_lab.training.status import RunState
from lepton_lab.workspace.jobs import start_job
from lepton_lab.workspace.launch import Registration
from lepton_lab.workspace.liveness import this_process
from lepton_lab.workspace.queue import claim, claim_interrupted
from lepton_lab.workspace.rows import RunRow, update_run

if TYPE_CHECKING:
    from lepton_lab.training.run import Run
    from lepton_lab.workspace.workspace import Workspace

__all__ = ["IDLE_S", "Worker"]

IDLE_S = 120.0
"""A worker ends after it had nothing to do for so long, in seconds."""

_POLL_S = 0.1
_BEAT_S = 1.0


class Worker:
    """Takes runs from a workspace's queue, one for each free slot.

    Args:
        workspace: Whose queue.
        slots: How many runs train at once; as many as the engine trains in this process by default.
        idle_s: Seconds without work after which it ends; None for never.
        restart_interrupted: Whether to go on with runs whose worker is gone.
        only: Whether to end at once where the workspace has a worker already.
        log: Where it says what it does.

    Threads: `serve` blocks; `stop` may be called from anywhere, a signal handler included.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        slots: int | None = None,
        idle_s: float | None = IDLE_S,
        restart_interrupted: bool = False,
        only: bool = False,
        log: TextIO | None = None,
    ) -> None:
        if slots is not None:
            default_slots.resize(slots)
        self.workspace, self.slots = workspace, default_slots.count
        self.idle_s, self.restart_interrupted, self.only = idle_s, restart_interrupted, only
        self._log = log
        self._me = this_process()
        self._registration = Registration(workspace, self._me, self.slots)
        self._threads: list[threading.Thread] = []
        self._runs: dict[str, Run] = {}
        self._stop = threading.Event()

    def serve(self) -> int:
        """Works until it is stopped or idle; returns how many runs it took."""
        if not self._registration.enter(only=self.only):
            self._say("another worker serves this workspace; nothing to do")
            return 0
        self._say(f"serving {self.workspace.folder} with {self.slots} slots")
        try:
            return self._loop()
        finally:
            self._end()

    def stop(self) -> None:
        """Takes no more runs and ends those under way, their best weights kept."""
        self._stop.set()

    def _loop(self) -> int:
        taken, changes, changed_at = 0, -1, 0.0
        beat = idle_since = time.monotonic()
        while not self._stop.wait(_POLL_S):
            now = time.monotonic()
            try:
                if now - beat > _BEAT_S:
                    beat = now
                    self._registration.beat()
                self._threads = [t for t in self._threads if t.is_alive()]
                current = self.workspace.database.changes()
                look = current != changes or now - changed_at > _BEAT_S
                if look:
                    changes, changed_at = current, now
                while look and len(self._threads) < self.slots and self._take():
                    taken += 1
                if self._threads:
                    idle_since = now
                elif self._idle_for(now - idle_since):
                    break
            except StoreError as error:  # a full disk or a long lock: what trains goes on, and this tries again
                self._say(str(error))
                self._stop.wait(_BEAT_S)
        return taken

    def _idle_for(self, seconds: float) -> bool:
        """Whether that is long enough to end, and no run came in at the last moment."""
        if self.idle_s is None or seconds <= self.idle_s or not self._registration.leave(if_idle=True):
            return False
        self._say("idle; ending")
        return True

    def _take(self) -> bool:
        row = claim(self.workspace.database, self._me)
        again = row is None and self.restart_interrupted
        if again:
            row = claim_interrupted(self.workspace.database, self._me)
        if row is None:
            return False
        thread = threading.Thread(target=self._train, args=(row, again), name=f"lepton-job-{row['id']}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return True

    def _train(self, row: RunRow, again: bool) -> None:
        """Loads, trains and waits; whatever goes wrong belongs to this run only."""
        self._say(f"{'going on with' if again else 'starting'} {row['name']!r} ({row['id']}) for {row['owner']}")
        run = None
        try:
            run = self._runs[row["id"]] = start_job(self.workspace, row, resume=again)
            if self._stop.is_set():
                run.stop()
            run.wait()
        except BaseException as error:
            self._say("".join(traceback.format_exception(error)))
            if run is None:
                self._failed(row, error)
        finally:
            self._runs.pop(row["id"], None)
            self._say(f"{row['name']!r} ({row['id']}) {run.state if run is not None else 'could not start'}")

    def _failed(self, row: RunRow, error: BaseException) -> None:
        message = f"{type(error).__name__}: {error}"
        status = row["status"] | {"state": str(RunState.FAILED), "message": message}
        with self.workspace.database.write() as connection:
            values = {"state": str(RunState.FAILED), "status": status, "error": str(error), "ended": time.time()}
            update_run(connection, row["id"], values)

    def _end(self) -> None:
        for run in list(self._runs.values()):
            run.stop()
        for thread in self._threads:
            thread.join(30.0)
        self._registration.leave()

    def _say(self, text: str) -> None:
        if self._log is not None:
            print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} [{self._me.pid}] {text}", file=self._log, flush=True)
