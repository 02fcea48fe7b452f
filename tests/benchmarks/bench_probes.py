"""What probes cost: `probes="standard"` against none, and against histograms of everything done naively."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import torch
from torch import nn

from lepton_lab.data import DataBundle, datasets, from_arrays
from lepton_lab.errors import LeptonError
from lepton_lab.training import Callback, Run, Slots, Trainer

ROUNDS = 9
_BINS = 64


def run(quick: bool = False) -> list[dict]:
    """Measures everything; rows of what, value, unit, target."""
    rounds, share = (3, 0.2) if quick else (ROUNDS, 1.0)
    rows = _rows("MNIST MLP, batch 32", _mlp, _mnist(share), 32, 1, rounds)
    return rows + _rows("CIFAR CNN, batch 64", _cnn, _cifar(0.5 * share), 64, 2, rounds)


class Watch(Callback):
    """Histograms of every weight and gradient, brought over one by one, as experiment trackers do it."""

    def __init__(self, every: int) -> None:
        self.every, self.count = every, 0
        self.kept: list[list[float]] = []

    def on_grad_computed(self, batch: int, logs: object = None) -> None:
        """Counts 64 bins between least and largest value."""
        self.count += 1
        if self.count % self.every:
            return
        for p in self.model.parameters():
            for tensor in (p.detach(), p.grad):
                if tensor is not None:
                    low, high = tensor.min().item(), tensor.max().item()
                    self.kept = [torch.histc(tensor, _BINS, low, high).tolist(), [low, high]]


def _rows(
    what: str, net: Callable[[], nn.Module], data: DataBundle, batch: int, epochs: int, rounds: int
) -> list[dict]:
    def train(**options: object) -> Run:
        torch.manual_seed(0)
        trainer = Trainer(net(), compile=False, threads=1, **options)  # type: ignore[arg-type]
        return trainer.fit(data, epochs, batch, verbose=0, record=False, slots=Slots(1))

    def pairs(count: int, **options: object) -> float:
        """Median ratio of the time with the options to the time without, one right after the other, in turn first."""
        ratios = []
        for i in range(count):
            sides = [train(), train(**options)] if i % 2 == 0 else [train(**options), train()][::-1]
            ratios.append(sides[1].status.elapsed_s / sides[0].status.elapsed_s)
            done.append(sides[1])
        return statistics.median(ratios)

    done: list[Run] = []
    train()
    standard = pairs(rounds, probes="standard")
    costs = [r.probes.cost() for r in done]
    steps = done[-1].status.step
    last = costs[-1]
    naive = max(3, rounds // 3)
    return [
        _row(f'{what}: probes="standard" / none', standard, "≤ 1.03"),
        _row("the same training twice: what the machine itself varies by", pairs(rounds)),
        _row("share that the budget keeper measured", statistics.median(c.share for c in costs), "≤ 0.03", ""),
        _row(f"steps between measured ones, {last.measured} of {steps} measured", last.spacing, "", "steps"),
        _row("naive histograms every 50 steps / none", pairs(naive, callbacks=[Watch(50)])),
        _row("naive histograms every step / none", pairs(naive, callbacks=[Watch(1)])),
    ]


def _row(what: str, value: float, target: str = "", unit: str = "×") -> dict:
    return {"what": what, "value": value, "unit": unit, "target": target}


def _mnist(share: float) -> DataBundle:
    (images, labels), _ = datasets.mnist.load_data()
    repeat = 1 if len(images) >= 60_000 else -(-60_000 // len(images))
    x = torch.from_numpy(images).reshape(-1, 784).float().div(255).repeat(repeat, 1)[: int(60_000 * share)]
    y = torch.from_numpy(labels).long().repeat(repeat)[: len(x)]
    return from_arrays(x, y, valid=0, test=0)


def _cifar(share: float) -> DataBundle:
    count = int(10_000 * share)
    try:
        (images, labels), _ = datasets.cifar10.load_data()
        x, y = torch.from_numpy(images[:count]).permute(0, 3, 1, 2), torch.from_numpy(labels[:count]).long().flatten()
    except LeptonError:
        x, y = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8), torch.arange(count) % 10
    x = x.float().div(255).contiguous(memory_format=torch.channels_last)
    return from_arrays(x, y, valid=0, test=0, task="classification", classes=list(range(10)))


def _mlp() -> nn.Sequential:
    return nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def _cnn() -> nn.Sequential:
    body = [nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10)]
    return nn.Sequential(*body, *head)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    for line in run(parser.parse_args().quick):
        print(f"{line['what']:<80} {line['value']:>10.4g} {line['unit']:<6} {line['target']}")
