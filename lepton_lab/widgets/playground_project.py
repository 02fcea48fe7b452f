"""The playground on a project's own data, network, settings and run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lepton_lab.data import DataBundle
from lepton_lab.data.bundle import Split
from lepton_lab.errors import LeptonError
from lepton_lab.network import NetworkSpec
from lepton_lab.widgets.feature_map_viewer_source import Source
from lepton_lab.widgets.gradient_monitor_source import AnyRun
from lepton_lab.widgets.playground_data import HALF, MAX_CLASSES, MAX_POINTS, Frame, Points
from lepton_lab.widgets.playground_training import SETTINGS

__all__ = ["Watched", "points_of", "settings_of", "take_weights", "why_not"]

T = TypeVar("T")

_FILLED = 0.9  # of the plane, by the data
_ALSO = ("loss", "clip_norm", "class_weights")
"""Settings that a project may have and the playground shows nowhere, but trains with."""


def why_not(data: DataBundle, network: NetworkSpec | None) -> str:
    """Why data and network cannot be drawn in a plane, in plain words; empty where they can."""
    shape = " × ".join(str(n) for n in data.sample_shape)
    if tuple(data.sample_shape) != (2,) or data.sample_dtype != "float32":
        return (
            "The playground, with the boundary drawn and each neuron as a picture, needs data of two inputs, such as "
            f"spirals, moons or a table with two columns of numbers; a sample here is {shape}."
        )
    if not data.task.is_classification or len(data.classes) > MAX_CLASSES:
        received = f"{len(data.classes)} classes" if data.task.is_classification else f"a {data.task.value} task"
        return f"The playground draws points of two to {MAX_CLASSES} classes; this is {received}."
    try:
        if network is not None:
            network.changed(input_shape=(2,)).infer_shapes()
    except LeptonError as error:
        return f"The playground cannot show this network yet: {error}"
    return ""


def points_of(data: DataBundle) -> tuple[Points, Frame]:
    """The training and validation points of data with two inputs, laid into the plane; the test set stays unseen."""
    splits = [(data.train, False)] + ([(data.valid, True)] if data.valid is not None else [])
    total = sum(len(split) for split, _ in splits)
    share = min(1.0, MAX_POINTS / total)
    found = [(*_drawn(split, int(len(split) * share)), held) for split, held in splits]
    x = np.concatenate([x for x, _, _ in found])
    y = np.concatenate([y for _, y, _ in found])
    valid = np.concatenate([np.full(len(y), held) for _, y, held in found])
    low, high = x.min(0), x.max(0)
    scale = np.where(high > low, high - low, 1.0) / 2 / (HALF * _FILLED)
    names = data.preprocessing.feature_names
    frame = Frame((low + high) / 2, scale, (names[0], names[1]) if len(names) == 2 else ("", ""), tuple(data.classes))
    said = "Classes: " + ", ".join(f"{i} is {name}" for i, name in enumerate(data.classes)) + "."
    if share < 1:
        said += f" {len(x):,} of {total:,} points are drawn."
    return Points(frame.to_plane(x), y.astype(np.int64), valid, said), frame


def _drawn(split: Split, count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The first so many of a split's prepared samples, in an order of chance, and their classes."""
    xs, ys, left = [], [], max(1, count)
    for x, y in split.batches(1024, shuffle=count < len(split), generator=torch.Generator().manual_seed(0)):
        xs.append(x[:left].float().numpy())
        ys.append(y[:left].long().numpy())
        left -= len(xs[-1])
        if left <= 0:
            break
    return np.concatenate(xs), np.concatenate(ys)


def settings_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the playground trains with, from a project's settings."""
    found = {name: settings[name] for name in (*SETTINGS, *_ALSO) if settings.get(name) is not None}
    return {**SETTINGS, "weight_decay": 0.01 if found.get("optimizer") == "adamw" else 0.0, **found}


def take_weights(source: Source, module: nn.Module) -> bool:
    """Gives a module the present weights of a run; False, and nothing changed, where their shapes differ."""
    there = source.examine(lambda trained, _: [t.detach().cpu().clone() for t in trained.state_dict().values()])
    ours = list(module.state_dict().values())
    if [t.shape for t in there] != [t.shape for t in ours]:
        return False
    with torch.no_grad():
        for mine, theirs in zip(ours, there, strict=True):
            mine.copy_(theirs)
    return True


class Watched:
    """A run that the playground shows and does not steer.

    Args:
        run: The run.
        data: Its data, where the run cannot say.

    Threads: safe.
    """

    def __init__(self, run: AnyRun, data: DataBundle | None = None) -> None:
        self.run = run
        self.source = Source(run, data, untrained=True)

    def state(self) -> dict[str, Any]:
        """What it is doing, as plain data."""
        s = self.run.status
        return {
            "state": str(s.state), "epoch": s.epoch, "step": s.step, "loss": s.loss,
            "val_loss": s.metrics.get("val_loss"),
            "accuracy": s.metrics.get("val_accuracy", s.metrics.get("accuracy")),
        }  # fmt: skip

    def rows(self) -> tuple[list[NDArray[np.float64]], str]:
        """Epochs, training and validation losses so far, and a text that changes when they begin anew."""
        count, columns = self.run.history.epochs.since(0)
        losses = np.asarray(columns.get("loss", np.zeros(0)), dtype=np.float64)
        held = np.asarray(columns.get("val_loss", np.full(len(losses), np.nan)), dtype=np.float64)
        return [np.arange(1, count + 1, dtype=np.float64), losses, held], f"run {self.run.id}"

    def moment(self) -> tuple[Any, int, bool]:
        """Says weights of one moment apart from those of another."""
        step, state = self.source.moment()
        return (self.run.id, state), step, self.run.status.state.ended

    def examine(self, look: Callable[[nn.Module], T]) -> T:
        """Calls `look` with a module of the present weights."""
        return self.source.examine(lambda module, _: look(module))

    @property
    def network(self) -> NetworkSpec | None:
        """The run's network; None where it was a module of the user's own."""
        described = self.run.network
        return NetworkSpec.from_dict(described) if described is not None else None
