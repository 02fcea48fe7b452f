"""Modules as people write them by hand, some of them with a fault."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn


class Perceptron(nn.Module):
    """A plain network whose first weights can be spoilt.

    Args:
        inputs: Numbers in a sample.
        outputs: Classes.
        width: Units of each hidden layer.
        depth: Hidden layers.
        activation: Class of the activation.
        seed: Draws the weights.
    """

    def __init__(
        self, inputs: int, outputs: int, width: int, depth: int = 2, activation: Any = nn.ReLU, seed: int = 0
    ) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            sizes = [inputs] + [width] * depth
            self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
            self.acts = nn.ModuleList(activation() for _ in self.hidden)
            self.out = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for layer, act in zip(self.hidden, self.acts, strict=True):
            x = act(layer(x))
        return self.out(x)


class Spare(Perceptron):
    """Has a layer that `forward` does not use."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.spare = nn.Linear(self.out.in_features, self.out.in_features)


class Cut(Perceptron):
    """Detaches what comes out of its first layer."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.acts[0](self.hidden[0](x.flatten(1))).detach()
        for layer, act in zip(self.hidden[1:], self.acts[1:], strict=True):
            x = act(layer(x))
        return self.out(x)


class Keeps(Perceptron):
    """Keeps the outputs of every batch."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        output = super().forward(x)
        self.seen.append(output)
        return output


class Blind(Perceptron):
    """Looks at the mean of its input only."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(torch.zeros_like(x))


class Log(nn.Module):
    """A logarithm, which has no value for what is below 0."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.log(x)


class Logs(Perceptron):
    """Takes the logarithm of what may become negative while it trains."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.log = Log()
        self.scale = nn.Linear(self.out.out_features, self.out.out_features)
        with torch.no_grad():
            self.scale.weight.mul_(0.05)
            self.scale.bias.fill_(0.6)

    def forward(self, x: Tensor) -> Tensor:
        return self.log(self.scale(super().forward(x)))
