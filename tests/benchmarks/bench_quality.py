"""How well the recipes do on their test sets, and how long they train.

Takes about a quarter of an hour on two quiet cores. Every run trains for all of its epochs on the whole training set
and looks at the test set once, at its end. `LEPTON_QUALITY=mnist` or `cifar10` measures one of them only;
`LEPTON_SEEDS` sets the number of MNIST's seeds.
"""

import os
import statistics
import time

from lepton_lab.data import DataBundle
from lepton_lab.recipes import Recipe, recipe

LONG = True

SEEDS = int(os.environ.get("LEPTON_SEEDS", "5"))


def run() -> list[dict]:
    """Accuracies, and seconds from the start of a run to its end."""
    wanted = os.environ.get("LEPTON_QUALITY", "")
    rows: list[dict] = []
    if wanted in ("", "mnist"):
        rows += _several(recipe("mnist-mlp"), "MNIST, 784-64-64-10, 10 epochs", "≥ 98.6 % (aim 98.8)")
        rows += _several(recipe("mnist-mlp-plain"), "the same without augmentation", "≥ 98.24 %")
    if wanted in ("", "cifar10"):
        rows += _cifar10()
    return rows


def _several(known: Recipe, what: str, target: str) -> list[dict]:
    data = known.load()
    found = [_train(known, data, seed) for seed in range(SEEDS)]
    shares = [100 * share for share, _ in found]
    median = f"{statistics.median(shares):.2f}"
    spread = f"{min(shares):.2f} to {max(shares):.2f}"
    seconds = statistics.median(seconds for _, seconds in found)
    return [
        {"what": f"{what}: median of {SEEDS} seeds", "value": median, "unit": "%", "target": target},
        {"what": f"{what}: lowest to highest", "value": spread, "unit": "%", "target": ""},
        {"what": f"{what}: time, median", "value": seconds, "unit": "s", "target": ""},
    ]


def _cifar10() -> list[dict]:
    known = recipe("cifar10-resnet")
    share, seconds = _train(known, known.load(), 0)
    weights = sum(p.numel() for p in known.network.build(seed=0).parameters())
    what = f"CIFAR-10, {known.network.name} with {weights:,} weights, {known.train_settings.epochs} epochs"
    return [
        {"what": what, "value": f"{100 * share:.2f}", "unit": "%", "target": "≥ 89.03 %"},
        {"what": "CIFAR-10: time", "value": seconds / 60, "unit": "min", "target": 15.0},
    ]


def _train(known: Recipe, data: DataBundle, seed: int) -> tuple[float, float]:
    start = time.perf_counter()
    done = known.fit(data, seed=seed, verbose=0, record=False)
    seconds = time.perf_counter() - start
    share = done.evaluate(split="test")["accuracy"]
    print(
        f"{known.name} seed {seed}: {100 * share:.2f} % in {seconds:.0f} s, load {os.getloadavg()[0]:.1f}", flush=True
    )
    return share, seconds
