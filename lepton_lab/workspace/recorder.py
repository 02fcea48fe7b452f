"""Registers runs with the store when they start."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import StoreError
from lepton_lab.workspace.pump import pump
from lepton_lab.workspace.recording import Recording
from lepton_lab.workspace.rows import add_event
from lepton_lab.workspace.workspace import Workspace, current_workspace

if TYPE_CHECKING:
    from lepton_lab.training.run import Run

__all__ = ["StoreRecorder", "default_store_recorder"]

_START_S = 0.5  # a run's start waits no longer for another writer


class StoreRecorder:
    """Records runs in a workspace (a `lepton_lab.training.recording.Recorder`).

    Args:
        workspace: Where to.
        **details: Columns of the run's row that the run itself does not know: `project`, `parent`, `place`.
    """

    def __init__(self, workspace: Workspace, **details: Any) -> None:
        self.workspace, self.details = workspace, details

    def attach(self, run: Run) -> None:
        """Enters the run into the store and gives it its folder.

        A full or locked store does not keep the run from starting: its record waits in memory and is tried again.
        """
        folder = self.workspace.run_folder(run.id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            run.folder = folder
        except OSError as error:
            message = f"{folder} cannot be made ({error}): this run keeps no checkpoints."
            warnings.warn(message, RuntimeWarning, stacklevel=3)
        recording = Recording(self.workspace.database, run, self.details)
        with self.workspace.database.patience(_START_S):
            if recording.write():
                with contextlib.suppress(StoreError):  # the pump looks again
                    recording.deliver_commands()
        pump().attach(recording)

    def detach(self, run: Run) -> None:
        """Writes the rest of the run's record."""
        pump().detach(run)

    def note(self, run: Run, event: Mapping[str, Any]) -> None:
        """Adds an event to the record of a run that has ended; warns where the store cannot be written."""
        try:
            with self.workspace.database.write() as connection:
                add_event(connection, run.id, event)
        except StoreError as error:
            warnings.warn(f"The record of {run.name!r} does not say this: {event['message']}. {error}", stacklevel=2)


def default_store_recorder() -> StoreRecorder | None:
    """The recorder of the current workspace; None, with a warning, where its folder cannot be used.

    Training that nobody asked to record goes on without a record; `Workspace(folder)` itself raises instead.
    """
    try:
        return StoreRecorder(current_workspace())
    except StoreError as error:
        warnings.warn(f"This run is kept in memory only. {error}", RuntimeWarning, stacklevel=3)
        return None
