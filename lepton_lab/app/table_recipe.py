"""A network and settings to begin with, for a table."""

from __future__ import annotations

from typing import Any

from lepton_lab.data import DataBundle
from lepton_lab.network import NetworkSpec, zoo
from lepton_lab.network.layers import Scale

__all__ = ["first_settings", "network_for"]

_STEPS = 2500  # updates after which a small network has learnt what is to be learnt from most small tables


def first_settings(rows: int) -> dict[str, Any]:
    """Small tables are seen more often, in smaller batches; large ones a few times."""
    batch = 16 if rows < 500 else 32 if rows < 5_000 else 128 if rows < 100_000 else 512
    epochs = max(5, min(100, round(_STEPS * batch / max(rows, 1))))
    return {"batch_size": batch, "epochs": epochs, "lr": 2e-3 if rows < 5_000 else 1e-3}


def network_for(data: DataBundle) -> NetworkSpec | None:
    """A small network; one that predicts a number ends in the scale of the numbers it is to predict.

    Without it the last layer would have to grow until prices come out, which takes thousands of updates. The scale is
    that of the training targets: mean and deviation.
    """
    if data.task.is_classification:
        return None
    y = data.train.targets().double()
    deviation, mean = float(y.std()) or 1.0, float(y.mean())
    plain = zoo.mlp(tuple(data.sample_shape), data.target_size)
    scale = Scale(factor=deviation, offset=mean, name="unit")
    return NetworkSpec([*plain.layers, scale], input_shape=plain.input_shape, name=plain.name)
