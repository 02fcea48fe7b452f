"""Small data and modules that every test of the engine uses."""

import threading
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from lepton_lab.data import DataBundle, from_arrays
from lepton_lab.training import Slots, Trainer, active_runs


@pytest.fixture(scope="session")
def blobs() -> DataBundle:
    """300 points of three classes in 8 dimensions: train, validation and test."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(300, 8, generator=g)
    y = (x @ torch.randn(8, 3, generator=g)).argmax(1)
    return from_arrays(x[:200], y[:200], validation_data=(x[200:250], y[200:250]), test_data=(x[250:], y[250:]))


@pytest.fixture(scope="session")
def line() -> DataBundle:
    """A regression: 120 points, 4 features, one target."""
    g = torch.Generator().manual_seed(1)
    x = torch.randn(120, 4, generator=g)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]]) + 0.25
    return from_arrays(x[:100], y[:100], validation_data=(x[100:], y[100:]), task="regression")


@pytest.fixture
def mlp() -> Callable[..., nn.Sequential]:
    """Makes the same small network each time."""

    def make(dropout: float = 0.0, outputs: int = 3, inputs: int = 8, seed: int = 0) -> nn.Sequential:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, outputs))

    return make


@pytest.fixture
def train(blobs: DataBundle) -> Callable[..., object]:
    """Trains a module on the blobs, silently and unrecorded, in a line of its own."""

    def go(module: nn.Module, epochs: int = 2, batch_size: int = 20, data: DataBundle | None = None, **settings):
        starting = {k: settings.pop(k) for k in ("resume_from", "folder", "name") if k in settings}
        settings.setdefault("compile", False)
        settings.setdefault("threads", 1)
        trainer = Trainer(module, **settings)
        return trainer.fit(data or blobs, epochs, batch_size, verbose=0, record=False, slots=Slots(1), **starting)

    return go


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """No test leaves a run or a thread of ours behind."""
    before = set(threading.enumerate())
    yield
    for run in active_runs():
        run.stop()
        run._done.wait(10)
    new = [t.name for t in threading.enumerate() if t not in before]
    left = [name for name in new if name.startswith("lepton-") and not name.startswith("lepton-p")]
    assert not left, left
