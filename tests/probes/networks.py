"""Small modules of every kind that probes must cope with, each with data that it can be trained on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lepton_lab.data import DataBundle, from_arrays

COUNT = 96


class Attends(nn.Module):
    """Attention over five positions."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = nn.Linear(4, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.outside = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inside(x)
        h = h + self.attention(h, h, h, need_weights=False)[0]
        return self.outside(h.mean(1))


class Recurrent(nn.Module):
    """An LSTM whose last output is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 8, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.lstm(x)[0][:, -1])


class Encoder(nn.Module):
    """An embedding and a transformer layer with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.encoder(self.embedding(x)).mean(1))


class Shared(nn.Module):
    """One layer used twice, and one whose output a later layer changes in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.again = nn.Linear(8, 8)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.relu(self.again(self.first(x)))
        return self.last(self.relu(self.again(h)))


class Odd(nn.Module):
    """A user's module: parts in another order than they are called, a bare parameter, functions, a counter, a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 3)
        self.scale = nn.Parameter(torch.ones(8))
        self.body = nn.ModuleDict({"b": nn.Linear(8, 8), "a": nn.Linear(8, 8)})
        self.unused = nn.Linear(2, 2)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen += len(x)
        h = torch.tanh(self.body["a"](x)) * self.scale + torch.rand(8) * 0.01
        return self.head(torch.nn.functional.gelu(self.body["b"](h)))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    )


def frozen() -> nn.Module:
    module = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    for p in module[0].parameters():
        p.requires_grad_(False)
    return module


NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "mlp": (mlp, "vectors"),
    "cnn": (cnn, "images"),
    "lstm": (Recurrent, "sequences"),
    "attention": (Attends, "sequences"),
    "encoder": (Encoder, "tokens"),
    "shared": (Shared, "vectors"),
    "odd": (Odd, "vectors"),
    "frozen": (frozen, "vectors"),
}


def build(name: str, seed: int = 0) -> nn.Module:
    """A network of `NETWORKS` with weights of a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return NETWORKS[name][0]()


def data_for(name: str) -> DataBundle:
    """96 samples of three classes that the network takes."""
    kind = NETWORKS[name][1]
    g = torch.Generator().manual_seed(0)
    y = torch.randint(0, 3, (COUNT,), generator=g)
    if kind == "tokens":
        x = torch.randint(0, 11, (COUNT, 5), generator=g)
        return from_arrays(x, y, valid=0, test=0, sample_dtype="int64")
    shapes = {"vectors": (8,), "images": (1, 8, 8), "sequences": (5, 4)}
    x = torch.randn(COUNT, *shapes[kind], generator=g) + y.float().reshape(-1, *[1] * len(shapes[kind]))
    return from_arrays(x, y, valid=0, test=0)


def hooks_of(module: nn.Module) -> int:
    """How many hooks hang on a module, its parts and its parameters."""
    parts = sum(
        len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) + len(m._backward_pre_hooks)
        for m in module.modules()
    )
    return parts + sum(len(p._backward_hooks or ()) for p in module.parameters())
