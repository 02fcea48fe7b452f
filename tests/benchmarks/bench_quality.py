"""How well the recipes do on their test sets, and how long they train.

Takes about a quarter of an hour on two quiet cores. Every run trains for all of its epochs on the whole training set
and looks at the test set at its end only. `LEPTON_QUALITY=mnist` or `cifar10` measures one of them only and keeps what
RESULTS.md says of the other; `LEPTON_SEEDS` sets the number of MNIST's seeds.
"""

import os
import re
import statistics
import time
from datetime import date
from pathlib import Path

from lepton_lab.data import DataBundle
from lepton_lab.recipes import Recipe, recipe

LONG = True

RESULTS = Path(__file__).with_name("RESULTS.md")

SEEDS = int(os.environ.get("LEPTON_SEEDS", "5"))


def run() -> list[dict]:
    """Accuracies, and seconds from the start of a run to its end."""
    wanted = os.environ.get("LEPTON_QUALITY", "")
    return [
        *(_mnist() if wanted in ("", "mnist") else kept(cifar=False)),
        *(_cifar10() if wanted in ("", "cifar10") else kept(cifar=True)),
    ]


def kept(cifar: bool, results: Path = RESULTS) -> list[dict]:
    """The rows about CIFAR-10, or about MNIST, as they stand in RESULTS.md; with their day, where it is another."""
    parts = (results.read_text() if results.exists() else "").split("\n## ")
    part = next((part for part in parts if part.startswith("quality\n")), "")
    day = re.search(r"^(\d{4}-\d\d-\d\d), ", part, re.MULTILINE)
    then = "" if day is None or day[1] == date.today().isoformat() else f" (measured {day[1]})"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:2] == "| "]
    rows = [row for row in cells[1:] if row[0].startswith("CIFAR") == cifar]
    return [
        {"what": row[0] + ("" if "(measured" in row[0] else then), "value": row[1], "target": row[2]} for row in rows
    ]


def _mnist() -> list[dict]:
    rows = _several(recipe("mnist-mlp"), "MNIST, 784-64-64-10, 10 epochs", "≥ 98.6 % (aim 98.8)")
    return rows + _several(recipe("mnist-mlp-plain"), "the same without augmentation", "≥ 98.24 %")


def _several(known: Recipe, what: str, target: str) -> list[dict]:
    data = known.load()
    found = [_train(known, data, seed) for seed in range(SEEDS)]
    shares = [100 * share for share, _, _ in found]
    median = f"{statistics.median(shares):.2f}"
    spread = f"{min(shares):.2f} to {max(shares):.2f}"
    seconds = statistics.median(seconds for _, seconds, _ in found)
    return [
        {"what": f"{what}: median of {SEEDS} seeds", "value": median, "unit": "%", "target": target},
        {"what": f"{what}: lowest to highest", "value": spread, "unit": "%", "target": ""},
        {"what": f"{what}: time, median", "value": seconds, "unit": "s", "target": ""},
    ]


def _cifar10() -> list[dict]:
    known = recipe("cifar10-resnet")
    share, seconds, plain = _train(known, known.load(), 0)
    weights = sum(p.numel() for p in known.network.build(seed=0).parameters())
    what = f"CIFAR-10, {known.network.name} with {weights:,} weights, {known.train_settings.epochs} epochs"
    return [
        {"what": what, "value": f"{100 * share:.2f}", "unit": "%", "target": "≥ 89.03 %"},
        {"what": "CIFAR-10, each image seen once", "value": f"{100 * plain:.2f}", "unit": "%", "target": ""},
        {"what": "CIFAR-10: time", "value": seconds / 60, "unit": "min", "target": 15.0},
    ]


def _train(known: Recipe, data: DataBundle, seed: int) -> tuple[float, float, float]:
    """Accuracy on the test set, seconds of training, accuracy without averaging over views."""
    start = time.perf_counter()
    done = known.fit(data, seed=seed, verbose=0, record=False)
    seconds = time.perf_counter() - start
    plain = done.evaluate(split="test")["accuracy"]
    share = done.evaluate(split="test", views=known.views)["accuracy"] if known.views else plain
    print(
        f"{known.name} seed {seed}: {100 * share:.2f} % in {seconds:.0f} s, load {os.getloadavg()[0]:.1f}", flush=True
    )
    return share, seconds, plain
