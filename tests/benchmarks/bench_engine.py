"""The engine against hand-written loops: the MNIST network and the CIFAR network, and what history and start cost."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lepton_lab.data import DataBundle, datasets, from_arrays, load_dataset
from lepton_lab.errors import LeptonError
from lepton_lab.training import Slots, Table, Trainer, active_runs

ROUNDS = 5
HISTORY_ROWS = 10_000_000
FRESH = """
import time, torch
from lepton_lab.training import Trainer
x, y = torch.randn(2000, 784), torch.arange(2000) % 10
net = torch.nn.Sequential(torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
begin = time.perf_counter()
first = []
class First:
    def on_train_batch_begin(self, batch, logs=None):
        first or first.append(time.perf_counter() - begin)
run = Trainer(net, callbacks=[First()]).start((x, y), 1, 32, record=False)
started = time.perf_counter() - begin
run.wait()
print(started, first[0])
"""

FRESH_FIT = """
import time, torch, numpy as np
import lepton_lab as ll
rng = np.random.default_rng(0)
x, y = rng.random((60_000, 784), dtype=np.float32), rng.integers(0, 10, 60_000)
net = ll.Sequential([ll.Linear(64, activation="relu"), ll.Linear(64, activation="relu"), ll.Linear(10)])
net.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
first = []
class First(ll.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        first or (first.append(time.perf_counter() - begin), self.run.stop())
begin = time.perf_counter()
run = net.fit(x, y, batch_size=32, callbacks=[First()], verbose=0)
assert run.folder is not None  # it was recorded
print(first[0])
"""


def run(quick: bool = False) -> list[dict]:
    """Measures everything; rows of what, value, unit, target."""
    rounds, share = (3, 0.1) if quick else (ROUNDS, 1.0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEPTON_WORKSPACE"] = folder
        import lepton_lab.workspace  # noqa: F401 - records runs from here on

        rows = _mlp(rounds, share, compiled=not quick) + _cnn(rounds, 0.1 * share if quick else 0.3)
        assert not active_runs()
    return rows + _history(HISTORY_ROWS // 20 if quick else HISTORY_ROWS) + _start(rounds)


def mnist_data(share: float = 1.0) -> DataBundle:
    """MNIST's training images as rows; the packaged sample of it repeated where the whole is not there."""
    try:
        (images, labels), _ = datasets.mnist.load_data()
        x, y = torch.from_numpy(images), torch.from_numpy(labels)
    except LeptonError:
        found = load_dataset("mnist-sample").train.tensors()
        assert found is not None
        x, y = found
    repeat = 1 if len(x) >= 60_000 else -(-60_000 // len(x))
    x = x.reshape(-1, 784).float().div(255).repeat(repeat, 1)[: int(60_000 * share)]
    y = y.long().repeat(repeat)[: len(x)]
    return from_arrays(x, y, valid=0, test=0)


def mnist_net() -> nn.Sequential:
    """784-64-64-10, always with the same weights."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def _mlp(rounds: int, share: float, *, compiled: bool) -> list[dict]:
    data, net = mnist_data(share), mnist_net
    x, y = data.train.tensors()
    sides: dict[str, Callable[[], float]] = {
        "hand": lambda: by_hand(net(), x, y, 32),
        "eager": lambda: by_engine(net(), data, 32, compile=False),
    }
    if compiled:
        sides["compiled"] = lambda: by_engine(net(), data, 32, compile=True)
    ratio = ratios(sides, rounds)
    rows = [
        row("MNIST MLP, batch 32: engine with store and history / best hand-written loop", ratio["eager"], "≤ 1.05")
    ]
    if compiled:
        rows.append(row("the same once compiled steps have taken over", ratio["compiled"], "≤ 0.6"))
    return rows


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def cifar_data(share: float = 1.0) -> DataBundle:
    """Images of CIFAR-10, 10,000 of them for a share of 1; random ones where they are not there."""
    count = int(10_000 * share)
    try:
        (images, labels), _ = datasets.cifar10.load_data()
        x, y = torch.from_numpy(images[:count]).permute(0, 3, 1, 2), torch.from_numpy(labels[:count]).long().flatten()
    except LeptonError:
        x, y = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8), torch.arange(count) % 10
    x = x.float().div(255).contiguous(memory_format=torch.channels_last)
    return from_arrays(x, y, valid=0, test=0, task="classification", classes=list(range(10)))


def cifar_net() -> nn.Sequential:
    """Three convolutions and two linear layers, always with the same weights."""
    torch.manual_seed(0)
    body = [nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10)]
    return nn.Sequential(*body, *head)


def _cnn(rounds: int, share: float) -> list[dict]:
    data, net = cifar_data(share), cifar_net
    x, y = data.train.tensors()
    x = x.contiguous(memory_format=torch.channels_last)
    ratio = ratios(
        {
            "hand": lambda: by_hand(net().to(memory_format=torch.channels_last), x, y, 64),
            "fp32": lambda: by_engine(net(), data, 64, compile=False),
            "auto": lambda: by_engine(net(), data, 64, compile=False, precision="auto"),
        },
        rounds,
    )
    return [
        row("CIFAR CNN, batch 64, fp32: engine / best hand-written loop", ratio["fp32"], "≤ 1.02"),
        row('the same with precision="auto"', ratio["auto"], "≤ 0.75 where the CPU has AMX or AVX512-BF16"),
    ]


def by_hand(module: nn.Module, x: Tensor, y: Tensor, batch: int) -> float:
    """Seconds of an epoch of the best eager loop where the tensors lie: resident, fused, no denormals, on a CPU with
    its best number of threads."""
    torch.set_flush_denormal(True)
    optimizer = torch.optim.Adam(module.parameters(), fused=True)

    def steps(order: Tensor) -> float:
        ready(x)
        start = time.perf_counter()
        for rows in order.split(batch):
            optimizer.zero_grad()
            F.cross_entropy(module(x.index_select(0, rows)), y.index_select(0, rows)).backward()
            optimizer.step()
        ready(x)
        return time.perf_counter() - start

    trial = torch.arange(6 * batch, device=x.device) % len(x)
    if x.is_cuda:
        steps(trial)
        return steps(torch.randperm(len(x), device=x.device))
    times = {}
    for threads in (1, os.cpu_count() or 1):
        torch.set_num_threads(threads)
        steps(trial)
        times[threads] = steps(trial)
    torch.set_num_threads(min(times, key=times.__getitem__))
    return steps(torch.randperm(len(x)))


def ready(x: Tensor) -> None:
    """Waits until the device on which a tensor lies has done all its work."""
    if x.is_cuda:
        torch.cuda.synchronize(x.device)


def by_engine(module: nn.Module, data: DataBundle, batch: int, **settings: object) -> float:
    """Seconds of an epoch from the first step, by the run's own history, recorded in a store."""
    trainer = Trainer(module, metrics=["accuracy"], **settings)
    run = trainer.fit(data, 1, batch, verbose=0, slots=Slots(1))
    return run.history.epochs.last()["time"]


def ratios(sides: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median over the rounds of each side's time over that of "hand", taken in turn."""
    for side in sides.values():
        side()
    ratios: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        times = {name: side() for name, side in sides.items()}
        for name, seconds in times.items():
            ratios[name].append(seconds / times["hand"])
    return {name: statistics.median(values) for name, values in ratios.items()}


def _history(rows: int) -> list[dict]:
    """Cost of a row; the last tenth of a long table and the first of a new one take turns, in ten slices each."""
    values, part = (1.0, 0.5, 2.0, 0.25, 1e-3, 0.9), rows // 10

    def table() -> Table:
        return Table(("step", "epoch", "time", "loss", "lr", "accuracy"), single=("loss", "accuracy"))

    def cost(table: Table, count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            table.append(values)
        return (time.perf_counter() - start) / count * 1e6

    long, new = table(), table()
    costs = [cost(long, part) for _ in range(9)]
    slices = [(cost(new, part // 10), cost(long, part // 10)) for _ in range(10)]
    costs.append(_median(last for _, last in slices))
    size = long.nbytes() / (len(long) * len(values))
    return [
        {"what": f"History.append, of {rows:,} rows", "value": _median(costs), "unit": "µs", "target": "≤ 3"},
        row("its last tenth / its first, in turn", _median(last / first for first, last in slices), "flat"),
        {"what": "memory of a value", "value": size, "unit": "bytes", "target": "≤ 8"},
    ]


def _start(rounds: int) -> list[dict]:
    started, first = [], []
    for _ in range(rounds):
        a, b = map(float, fresh(FRESH))
        started.append(a * 1e3)
        first.append(b * 1e3)
    fit = [float(fresh(FRESH_FIT)[0]) * 1e3 for _ in range(rounds)]
    return [
        {"what": "start() returns", "value": statistics.median(started), "unit": "ms", "target": "≤ 50"},
        {"what": "first step, in a fresh process", "value": statistics.median(first), "unit": "ms", "target": "≤ 150"},
        {
            "what": "first step of a recorded fit on 60,000 × 784 arrays, in a fresh process",
            "value": statistics.median(fit), "unit": "ms", "target": "≤ 150",
        },
    ]  # fmt: skip


def fresh(program: str) -> list[str]:
    """What a program prints in a process of its own, with a workspace of its own."""
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"LEPTON_WORKSPACE": folder}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env)
    return done.stdout.split()


def row(what: str, value: float, target: str) -> dict:
    return {"what": what, "value": value, "unit": "×", "target": target}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and samples, no compiling")
    for found in run(parser.parse_args().quick):
        print(f"{found['what']}: {found['value']:.3g} {found['unit']} (to reach: {found['target']})")
