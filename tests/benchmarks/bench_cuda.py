"""The engine on a GPU against hand-written loops, eager and as CUDA graphs; runs only where there is one."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lepton_lab.data import DataBundle
from tests.benchmarks.bench_engine import (
    by_engine,
    by_hand,
    cifar_data,
    cifar_net,
    fresh,
    mnist_data,
    mnist_net,
    ratios,
    ready,
    row,
)

LONG = True
ROUNDS = 5
DEVICE = "cuda"
_GRAPH_STEPS = 25  # of the hand-written graph
FRESH = """
import time, torch
from lepton_lab.training import Trainer
x, y = torch.randn(2000, 784), torch.arange(2000) % 10
net = torch.nn.Sequential(torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
torch.ones(8, 8, device="DEVICE").relu_().sum().item()
begin = time.perf_counter()
first = []
class First:
    def on_train_batch_begin(self, batch, logs=None):
        first or first.append(time.perf_counter() - begin)
run = Trainer(net, callbacks=[First()], device="DEVICE").start((x, y), 1, 32, record=False)
started = time.perf_counter() - begin
run.wait()
print(started, first[0])
"""


def run(quick: bool = False) -> list[dict]:
    """Measures everything; rows of what, value, unit, target.

    Raises:
        SystemExit: There is no CUDA device.
    """
    if DEVICE == "cuda" and not torch.cuda.is_available():
        raise SystemExit("bench_cuda needs a CUDA device, and torch finds none here")
    rounds, share = (3, 0.1) if quick else (ROUNDS, 1.0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEPTON_WORKSPACE"] = folder
        import lepton_lab.workspace  # noqa: F401 - records runs from here on

        rows = _mlp(rounds, share)
        for batch in (64, 512):
            rows += _cnn(rounds, share, batch)
        rows += _probes(rounds, share)
    return rows + _start(rounds)


def _resident(data: DataBundle) -> tuple[Tensor, Tensor]:
    x, y = (t.to(DEVICE) for t in data.train.tensors())
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x, y


def _mlp(rounds: int, share: float) -> list[dict]:
    data = mnist_data(share)
    x, y = _resident(data)
    sides: dict[str, Callable[[], float]] = {
        "hand": lambda: by_hand(mnist_net().to(DEVICE), x, y, 32),
        "eager": lambda: by_engine(mnist_net(), data, 32, device=DEVICE, compile=False),
        "auto": lambda: by_engine(mnist_net(), data, 32, device=DEVICE),
        "graph": lambda: by_engine(mnist_net(), data, 32, device=DEVICE, compile=True),
        "hand graph": lambda: _by_graph(mnist_net().to(DEVICE), x, y, 32),
    }
    ratio = ratios(sides, rounds)
    seconds = statistics.median(sides["hand"]() for _ in range(3))
    steps = -(-len(x) // 32)
    return [
        {"what": "MNIST MLP, batch 32: a step of the best eager hand-written loop", "value": seconds / steps * 1e6,
         "unit": "µs"},
        row("engine with store and history, eager / that loop", ratio["eager"], "≤ 1.05"),
        row("the same with CUDA graphs", ratio["graph"], "≤ 0.6"),
        row('the same with compile="auto", first eager steps and capture included', ratio["auto"], ""),
        row("a hand-written CUDA graph of 25 steps, without history, metrics and store", ratio["hand graph"], ""),
    ]  # fmt: skip


def _cnn(rounds: int, share: float, batch: int) -> list[dict]:
    data = cifar_data(share)
    x, y = _resident(data)

    def engine(**settings: object) -> Callable[[], float]:
        return lambda: by_engine(cifar_net(), data, batch, device=DEVICE, **settings)

    ratio = ratios(
        {
            "hand": lambda: by_hand(cifar_net().to(DEVICE, memory_format=torch.channels_last), x, y, batch),
            "fp32": engine(compile=False),
            "graph": engine(compile=True),
            "auto": engine(compile=False, precision="auto"),
            "auto graph": engine(compile=True, precision="auto"),
        },
        rounds,
    )
    return [
        row(f"CIFAR CNN, batch {batch}, fp32: engine / best hand-written loop", ratio["fp32"], "≤ 1.02"),
        row("the same with CUDA graphs", ratio["graph"], ""),
        row('the same, eager, with precision="auto"', ratio["auto"], ""),
        row('the same with CUDA graphs and precision="auto"', ratio["auto graph"], ""),
    ]


def _probes(rounds: int, share: float) -> list[dict]:
    data, found = mnist_data(share), []
    for _ in range(rounds):
        plain, probed = (
            by_engine(mnist_net(), data, 32, device=DEVICE, compile=False, probes=probes)
            for probes in (None, "standard")
        )
        found.append(probed / plain)
    return [row('MNIST MLP, batch 32, eager: probes="standard" / none', statistics.median(found), "≤ 1.03")]


def _by_graph(module: nn.Module, x: Tensor, y: Tensor, batch: int) -> float:
    """Seconds of an epoch of a loop that replays a graph of whole steps; capturing is not counted."""
    optimizer = torch.optim.Adam(module.parameters(), fused=True, capturable=True)
    rows = torch.zeros(_GRAPH_STEPS * batch, dtype=torch.int64, device=x.device)

    def body() -> None:
        for part in rows.split(batch):
            optimizer.zero_grad()
            F.cross_entropy(module(x.index_select(0, part)), y.index_select(0, part)).backward()
            optimizer.step()

    if not x.is_cuda:
        replay: Callable[[], object] = body
    else:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            body()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            body()
        replay = graph.replay
    order = torch.randperm(len(x), device=x.device)
    ready(x)
    start = time.perf_counter()
    calls = len(x) // len(rows)
    for part in order[: calls * len(rows)].split(len(rows)):
        rows.copy_(part)
        replay()
    ready(x)
    return (time.perf_counter() - start) * len(x) / (calls * len(rows))


def _start(rounds: int) -> list[dict]:
    times = [tuple(map(float, fresh(FRESH.replace("DEVICE", DEVICE)))) for _ in range(rounds)]
    started, first = (statistics.median(values) * 1e3 for values in zip(*times, strict=True))
    return [
        {"what": "start() returns, in a fresh process that has opened the GPU", "value": started, "unit": "ms",
         "target": "≤ 50"},
        {"what": "first step there", "value": first, "unit": "ms", "target": "≤ 150"},
    ]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and samples")
    for one in run(parser.parse_args().quick):
        print(f"{one['what']}: {one['value']:.3g} {one['unit']} (to reach: {one.get('target') or 'none'})")
