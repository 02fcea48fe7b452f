"""The current workspace at hand: `ll.runs()`, `ll.open_run(name)`, `ll.compare(first, second)`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lepton_lab.workspace.workspace import current_workspace

if TYPE_CHECKING:
    import pandas as pd

    from lepton_lab.workspace.comparison import Comparison
    from lepton_lab.workspace.stored import StoredRun

__all__ = ["compare", "open_run", "runs"]


def runs(project: str | None = None) -> pd.DataFrame:
    """The runs of the current workspace, one row each, the newest first.

    Args:
        project: Only the runs of this project.

    Raises:
        StoreError: The workspace cannot be used.
    """
    return current_workspace().runs(project)


def open_run(name: str) -> StoredRun:
    """A run of the current workspace, live or ended, of this process or of another.

    Args:
        name: Its id, the beginning of its id, or its name (the newest of that name).

    Raises:
        UnknownNameError: There is no such run.
    """
    return current_workspace().open_run(name)


def compare(*which: str | StoredRun | Iterable[str | StoredRun]) -> Comparison:
    """Runs side by side: their curves, their results, and the settings in which they differ.

    Args:
        *which: Runs, their names, or a list of them.

    Raises:
        UnknownNameError: There is no such run.
    """
    chosen: list[str | StoredRun] = []
    for item in which:
        if isinstance(item, Iterable) and not isinstance(item, str):
            chosen.extend(item)
        else:
            chosen.append(item)
    return current_workspace().compare(*chosen)
