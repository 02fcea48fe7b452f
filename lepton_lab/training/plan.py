"""All that a run's thread needs in order to train, and what it leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from lepton_lab.errors import CheckpointError
from lepton_lab.training.checkpoint import Snapshot, load_checkpoint, newest_checkpoint
from lepton_lab.training.commands import Call
from lepton_lab.training.settings import TrainSettings
from lepton_lab.training.slots import Slots, default_slots

if TYPE_CHECKING:
    from lepton_lab.data import DataBundle
    from lepton_lab.probes.base import Probe
    from lepton_lab.training.run import Run

__all__ = ["Plan", "Request"]


class Request:
    """A snapshot that another thread asks the training thread for."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.snapshot: Snapshot | None = None


@dataclass
class Plan:
    """What to train, on what, and how.

    Attributes:
        data: The data.
        settings: The choices.
        build: Builds the module; called in the training thread.
        module: The module, once built.
        loss: A loss function of the user's; None for the one that the settings name.
        optimizer: An optimizer, class or function of the user's; None for the one that the settings name.
        metrics: Metrics, by name or as objects.
        callbacks: The user's callbacks.
        probes: What is measured while it trains.
        start: Where to go on from; None for the beginning.
        slots: Where the run stands in line.
        best: Best weights so far.
        last: Last state of a run that has ended.
        finish: Called in the training thread when the run has ended well.
        requests: Snapshots that others wait for.
        calls: What others want done between two batches.
    """

    data: DataBundle
    settings: TrainSettings
    build: Callable[[], nn.Module]
    module: nn.Module | None = None
    loss: Callable[..., Any] | None = None
    optimizer: Any = None
    metrics: Sequence[Any] = ()
    callbacks: Sequence[Any] = ()
    probes: Sequence[Probe] = ()
    start: Snapshot | None = None
    slots: Slots = field(default_factory=lambda: default_slots)
    best: Snapshot | None = None
    last: Snapshot | None = None
    finish: Callable[[Plan], None] | None = None
    requests: list[Request] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def snapshot(self, which: str | int, run: Run) -> Snapshot:
        """See `Run.snapshot`."""
        if which == "best" and self.best is not None:
            return self.best
        if which in ("best", "last"):
            return self._last(run)
        return _of_epoch(int(which), run.folder)

    def take_requests(self) -> list[Request]:
        """The snapshots that others wait for; each is handed out once."""
        taken, self.requests = self.requests, []
        return taken

    def take_calls(self) -> list[Call]:
        """What is to be done between two batches; each is handed out once."""
        taken, self.calls = self.calls, []
        return taken

    def _last(self, run: Run) -> Snapshot:
        if not run.state.ended:
            request = Request()
            self.requests.append(request)
            run.controls.poke()
            while not request.ready.wait(0.05):
                if run.state.ended:
                    break
            if request.snapshot is not None:
                return request.snapshot
        if self.last is not None:
            return self.last
        if run.folder is not None:
            return newest_checkpoint(run.folder / "checkpoints")[0]
        raise CheckpointError(f"{run.name!r} has no weights yet", do="Let it train at least one step")


def _of_epoch(epoch: int, folder: Path | None) -> Snapshot:
    found = []
    if folder is not None:
        for path in sorted((folder / "checkpoints").glob("*.json")):
            snapshot = load_checkpoint(path)
            found.append(int(snapshot.about["epoch"]))
            if snapshot.about["epoch"] == epoch and snapshot.about["position"] == 0:
                return snapshot
    raise CheckpointError(
        f"there is no checkpoint of the end of epoch {epoch}",
        received=f"checkpoints of the epochs {found}",
        do='Take "last" or "best"',
    )
