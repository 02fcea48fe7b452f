"""Small trained networks of every task."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lepton_lab.data import DataBundle, from_arrays


def bundle(x: torch.Tensor, y: torch.Tensor, **options) -> DataBundle:
    n = len(x) // 2
    return from_arrays(x[:n], y[:n], validation_data=(x[n:], y[n:]), test_data=(x[n:], y[n:]), **options)


@pytest.fixture(scope="session")
def classes() -> tuple[nn.Module, DataBundle]:
    g = torch.Generator().manual_seed(0)
    x = torch.randn(800, 6, generator=g)
    weights = torch.randn(6, 4, generator=g)
    y = (x @ weights + torch.randn(800, 4, generator=g)).argmax(1)
    module = nn.Linear(6, 4)
    module.load_state_dict({"weight": weights.T.clone(), "bias": torch.zeros(4)})
    return module, bundle(x, y)


@pytest.fixture(scope="session")
def binary() -> tuple[nn.Module, DataBundle]:
    g = torch.Generator().manual_seed(1)
    x = torch.randn(600, 3, generator=g)
    y = (x[:, 0] + 0.8 * torch.randn(600, generator=g) > 0.4).long()
    module = nn.Linear(3, 1)
    module.load_state_dict({"weight": torch.tensor([[2.0, 0.1, 0.0]]), "bias": torch.tensor([-0.8])})
    return module, bundle(x, y)


@pytest.fixture(scope="session")
def labels() -> tuple[nn.Module, DataBundle]:
    g = torch.Generator().manual_seed(2)
    x = torch.randn(500, 5, generator=g)
    weights = torch.randn(5, 3, generator=g)
    y = (x @ weights + torch.randn(500, 3, generator=g) > 0.3).float()
    module = nn.Linear(5, 3)
    module.load_state_dict({"weight": weights.T.clone(), "bias": torch.full((3,), -0.3)})
    return module, bundle(x, y, task="multilabel")


@pytest.fixture(scope="session")
def line() -> tuple[nn.Module, DataBundle]:
    g = torch.Generator().manual_seed(3)
    x = torch.randn(700, 4, generator=g)
    y = x @ torch.tensor([[1.0, 0.0], [-2.0, 1.0], [0.5, 0.5], [3.0, -1.0]]) + 0.3 * torch.randn(700, 2, generator=g)
    module = nn.Linear(4, 2)
    weight = torch.tensor([[1.0, -2.0, 0.4, 3.0], [0.1, 1.0, 0.5, -1.0]])
    module.load_state_dict({"weight": weight, "bias": torch.tensor([0.05, 0.0])})
    return module, bundle(x, y, task="regression")
