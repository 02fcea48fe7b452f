"""One thread a process that writes the records of all its runs and brings them orders from elsewhere."""

from __future__ import annotations

import atexit
import threading
import time
from typing import TYPE_CHECKING

from lepton_lab.errors import StoreError
from lepton_lab.workspace.recording import Recording

if TYPE_CHECKING:
    from lepton_lab.training.run import Run

__all__ = ["POLL_S", "WRITE_S", "Pump", "pump"]

POLL_S = 0.05
"""Seconds between two looks for orders; a look that finds nothing costs microseconds."""

WRITE_S = 0.2
"""Seconds between two writes of what is new."""

_ANSWER_S = 0.01  # s between two looks while somebody waits for an answer
_END_S = 2.0


class Pump:
    """Serves recordings while there are any; its thread ends with the last one.

    Threads: `attach` and `detach` from any thread. Nothing here raises in a training thread.
    """

    def __init__(self) -> None:
        self._recordings: list[Recording] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._changes: dict[int, int] = {}
        atexit.register(self.flush)

    def attach(self, recording: Recording) -> None:
        """Starts serving a recording."""
        with self._lock:
            self._recordings.append(recording)
            if self._thread is None or not self._thread.is_alive():
                self._changes.clear()
                self._thread = threading.Thread(target=self._serve, name="lepton-lab-recorder", daemon=True)
                self._thread.start()

    def detach(self, run: Run) -> None:
        """Writes the rest of a run that has ended; where the store refuses, the pump goes on trying."""
        with self._lock:
            ending = [r for r in self._recordings if r.run is run]
        for recording in ending:
            recording.ending = True
            self._wake.set()
            recording.done.wait(_END_S)

    def flush(self) -> None:
        """Writes what waits, at the process's end; leaves running runs as they are."""
        with self._lock:
            recordings = list(self._recordings)
        for recording in recordings:
            recording.write()

    def _serve(self) -> None:
        written = 0.0
        recordings: list[Recording] = []
        while True:
            self._wake.wait(_ANSWER_S if any(r.awaits_answer for r in recordings) else POLL_S)
            self._wake.clear()
            with self._lock:
                recordings = list(self._recordings)
            self._deliver(recordings)
            for recording in recordings:
                recording.sharing.look()
            due = time.monotonic() - written >= WRITE_S
            written = time.monotonic() if due else written
            for recording in recordings:
                if due or recording.ending:
                    self._write(recording)
            with self._lock:
                if not self._recordings:
                    self._thread = None
                    return

    def _write(self, recording: Recording) -> None:
        ending = recording.ending  # read before: what ends during the write is written once more
        if recording.write() and ending:
            with self._lock:
                self._recordings.remove(recording)
            recording.done.set()

    def _deliver(self, recordings: list[Recording]) -> None:
        looked: dict[int, bool] = {}
        for recording in recordings:
            key = id(recording.database)
            try:
                if key not in looked:
                    now = recording.database.changes()
                    looked[key] = self._changes.get(key) != now
                    self._changes[key] = now
                if looked[key] or recording.awaits_answer or recording.fresh:
                    recording.deliver_commands()
            except StoreError:
                self._changes.pop(key, None)  # look again next time


_pump = Pump()


def pump() -> Pump:
    """The pump of this process."""
    return _pump
