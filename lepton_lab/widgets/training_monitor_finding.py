"""The doctor's most important finding, for the strip of a monitor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from lepton_lab.training.run import Run
from lepton_lab.training.status import RunState, RunStatus
from lepton_lab.widgets._beside import Beside
from lepton_lab.workspace import StoredRun

__all__ = ["FindingOf"]

_PAUSE_S, _MOST_SHARE = 4.0, 0.01


class FindingOf:
    """Looks at a run now and then while somebody watches; by what was recorded alone, so that it costs next to nothing.

    Args:
        failed: Called with what went wrong while looking.
    """

    def __init__(self, failed: Callable[[BaseException], Any]) -> None:
        # the doctor is loaded beside, when it is first needed: nobody shall wait for it who opens a run
        load = partial(import_module, "lepton_lab.doctor")
        self._look = Beside(self._diagnose, _PAUSE_S, _MOST_SHARE, failed, prepare=load)
        self._found: tuple[str, dict[str, str] | None] = ("", None)

    def of(self, run: Run | StoredRun, status: RunStatus) -> dict[str, str] | None:
        """The finding that is known, as plain data; begins another look where the run has moved on."""
        if status.state in (RunState.FAILED, RunState.INTERRUPTED):
            return None  # a strip says what happened
        if status.step:
            self._look.due((run.id, status.step), run, at_once=status.state.ended)
        return self._found[1] if self._found[0] == run.id else None

    def _diagnose(self, run: Run | StoredRun) -> None:
        from lepton_lab.doctor import diagnose

        found = [finding for finding in diagnose(run, recorded_only=True) if finding.severity != "info"]
        told = (
            {"title": found[0].title, "detail": found[0].explanation, "severity": found[0].severity} if found else None
        )
        self._found = (run.id, told)
