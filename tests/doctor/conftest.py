"""Healthy and broken runs that several tests look at."""

from collections.abc import Callable
from typing import Any

import pytest

import lepton_lab as ll
from lepton_lab.data import DataBundle
from lepton_lab.probes import PROBES, STANDARD, every
from lepton_lab.training import Run, Trainer


@pytest.fixture(scope="session")
def digits() -> DataBundle:
    """3,000 handwritten digits."""
    return ll.load_dataset("mnist-sample")


def mlp(*sizes: int, act: str = "relu", shape: tuple[int, ...] = (1, 28, 28), outputs: int = 10) -> ll.NetworkSpec:
    """A plain network."""
    layers = [ll.Linear(size, activation=act) for size in sizes]
    return ll.NetworkSpec([ll.Flatten(), *layers, ll.Linear(outputs)], input_shape=shape)


def trained(model: Any, data: DataBundle, epochs: int = 2, *, probes: bool = True, **settings: Any) -> Run:
    """A run that has ended, well or not."""
    measured = [PROBES[name](every(2)) for name in STANDARD] if probes else None
    trainer = Trainer(model, compile=False, threads=1, log_every=2, probes=measured, probe_budget=None, **settings)
    run = trainer.start(data, epochs=epochs, batch_size=settings.get("batch_size", 32), record=False)
    try:
        run.wait(60)
    except ll.LeptonError:
        assert run.exception() is not None
    return run


@pytest.fixture(scope="session")
def healthy(digits: DataBundle) -> Run:
    """A run in which nothing is wrong."""
    return trained(mlp(48, 48), digits, 3)


@pytest.fixture(scope="session")
def fading(digits: DataBundle) -> Run:
    """A run of eight sigmoid layers."""
    return trained(mlp(*[32] * 8, act="sigmoid"), digits)


@pytest.fixture(scope="session")
def train() -> Callable[..., Run]:
    """Trains something for a test."""
    return trained
