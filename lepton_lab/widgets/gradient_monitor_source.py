"""Which run a view reads: by the object, by name or id, live in this process or from the store."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Union

from lepton_lab.errors import LeptonError, UnknownNameError
from lepton_lab.training.run import Run, active_runs
from lepton_lab.workspace.stored import StoredRun
from lepton_lab.workspace.workspace import current_workspace

if TYPE_CHECKING:
    from torch import nn

__all__ = ["AnyRun", "find_run", "generation_of", "layer_sizes", "remember", "run_choices"]

AnyRun = Union[Run, StoredRun]  # noqa: UP007 - read at run time

_known: weakref.WeakValueDictionary[str, Run] = weakref.WeakValueDictionary()


def remember(run: AnyRun) -> AnyRun:
    """Keeps a run of this process findable by its id while somebody holds it."""
    if isinstance(run, Run):
        _known[run.id] = run
    return run


def find_run(which: AnyRun | str | None) -> AnyRun | None:
    """A run by itself, its id or its name; None for an empty name.

    Runs of this process come as they are, since one can look into their present weights.

    Raises:
        UnknownNameError: There is no such run.
    """
    if which is None or which == "":
        return None
    if isinstance(which, StoredRun):
        return _live(which.id) or which
    if isinstance(which, Run):
        return remember(which)
    if not isinstance(which, str):
        raise LeptonError("this is no run", expected="a run, its id or its name", received=type(which).__name__)
    live = _live(which) or next((run for run in active_runs() if run.name == which), None)
    if live is not None:
        return live
    found = current_workspace().open_run(which)
    return _live(found.id) or found


def _live(run_id: str) -> Run | None:
    return next((run for run in active_runs() if run.id == run_id), None) or _known.get(run_id)


def run_choices(most: int = 40) -> list[dict[str, str]]:
    """The newest runs of the current workspace: id, name and project."""
    query = "SELECT id, name, project FROM runs ORDER BY created DESC, rowid DESC LIMIT ?"
    rows = current_workspace().database.rows(query, (most,))
    return [{"id": str(row["id"]), "name": str(row["name"]), "project": str(row["project"] or "")} for row in rows]


def generation_of(run: AnyRun) -> Any:
    """Something that changes where readings were taken back, as when a run goes on from a checkpoint."""
    if isinstance(run, Run):
        return id(run.history)
    row = run.workspace.database.row("SELECT generation FROM runs WHERE id = ?", (run.id,))
    if row is None:
        raise UnknownNameError("run", run.id, (), do="It was deleted")
    return int(row["generation"])


def layer_sizes(run: AnyRun) -> dict[str, int]:
    """Parameters of each part that has some of its own, by the label that probes give it; empty where unknown."""
    from lepton_lab.network import NetworkSpec

    module: nn.Module
    if run.network is not None:
        try:
            module, separator = NetworkSpec.from_dict(run.network).build(device="meta"), "/"
        except LeptonError:  # a plugin is missing here: norms are shown instead
            return {}
    elif isinstance(run, Run) and run._plan is not None and run._plan.module is not None:
        module, separator = run._plan.module, "."
    else:
        return {}
    sizes: dict[str, int] = {}
    for name, parameter in getattr(module, "_orig_mod", module).named_parameters():
        label = name.rpartition(".")[0].replace(".", separator) or type(module).__name__
        sizes[label] = sizes.get(label, 0) + parameter.numel()
    return sizes
