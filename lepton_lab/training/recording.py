"""Where upper layers plug into runs: who records them, who draws them, where they may execute.

Training imports nothing from the store or the figures; those register themselves here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from lepton_lab.errors import TrainingError, UnknownNameError

if TYPE_CHECKING:
    from lepton_lab.training.run import Run
    from lepton_lab.training.trainer import StartRequest

__all__ = [
    "Recorder",
    "default_recorder",
    "place",
    "places",
    "plot_run",
    "set_default_recorder",
    "set_place",
    "set_plotter",
    "set_viewer",
    "show_run",
]


@runtime_checkable
class Recorder(Protocol):
    """Keeps the record of runs. It polls `run.history` and `run.status` from a thread of its own."""

    def attach(self, run: Run) -> None:
        """Called before the run's thread starts; assigns `run.folder` (and may assign `run.id`). Must be quick."""

    def detach(self, run: Run) -> None:
        """Called from the run's thread after its last status is set and before `wait` returns."""

    def note(self, run: Run, event: Mapping[str, Any]) -> None:
        """Adds an event to the record of a run that was detached: a look at the test set after the training."""


Plotter = Callable[["Run"], Any]
Starter = Callable[["StartRequest"], Any]

_recorder_factory: Callable[[], Recorder | None] | None = None
_plotter: Plotter | None = None
_viewer: Callable[[Any], bool] | None = None
_places: dict[str, Starter] = {}


def set_default_recorder(factory: Callable[[], Recorder | None] | None) -> None:
    """Sets who records runs that name no recorder; None for nobody."""
    global _recorder_factory
    _recorder_factory = factory


def default_recorder() -> Recorder | None:
    """The recorder for a new run; None where nobody records."""
    return _recorder_factory() if _recorder_factory is not None else None


def set_plotter(plotter: Plotter | None) -> None:
    """Sets what `Run.plot` calls."""
    global _plotter
    _plotter = plotter


def plot_run(run: Run) -> Any:
    """A figure of the run's curves.

    Raises:
        TrainingError: Nothing that draws was imported.
    """
    if _plotter is None:
        raise TrainingError("nothing that draws figures is loaded", do="import lepton_lab.figures, then plot again")
    return _plotter(run)


def set_viewer(viewer: Callable[[Any], bool] | None) -> None:
    """Sets what shows a run that is the result of a notebook's cell; it returns False where it cannot."""
    global _viewer
    _viewer = viewer


def show_run(run: Any) -> None:
    """Displays a run in the notebook's cell.

    Raises:
        NotImplementedError: Nothing can show it here, which tells IPython to write its `repr`.
    """
    if _viewer is None or not _viewer(run):
        raise NotImplementedError


def set_place(name: str, starter: Starter | None) -> None:
    """Sets what `Trainer.start(where=name)` calls with its request; None removes the place."""
    if starter is None:
        _places.pop(name, None)
    else:
        _places[name] = starter


def places() -> list[str]:
    """Where runs can execute, "thread" (this process) first."""
    return ["thread", *sorted(_places)]


def place(name: str) -> Starter:
    """What starts runs at `name`.

    Raises:
        UnknownNameError: Nobody starts runs there.
    """
    if name not in _places:
        raise UnknownNameError("place to run", name, places())
    return _places[name]
