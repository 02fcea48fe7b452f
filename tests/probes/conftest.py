"""Trains small modules with and without probes, silently and unrecorded."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from lepton_lab.data import DataBundle
from lepton_lab.training import Run, Slots, Trainer


@pytest.fixture
def fit() -> Callable[..., Run]:
    """Trains on `data` and returns the run; every affordable step is measured unless a test sets a budget."""

    def go(module: nn.Module, data: DataBundle, epochs: int = 2, batch_size: int = 8, **settings: object) -> Run:
        starting = {k: settings.pop(k) for k in ("recorder", "folder", "name") if k in settings}
        settings = {"compile": False, "threads": 1, "probe_budget": None, **settings}
        record = "recorder" in starting
        trainer = Trainer(module, **settings)
        return trainer.fit(data, epochs, batch_size, verbose=0, record=record, slots=Slots(1), **starting)

    return go


@pytest.fixture
def same() -> Callable[[nn.Module, nn.Module], bool]:
    """Whether two modules have the same weights and buffers, bit by bit."""

    def compare(a: nn.Module, b: nn.Module) -> bool:
        pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
        return all(torch.equal(p, q) for p, q in pairs)

    return compare
