"""Whole fits of the MNIST network by default beside eager ones: ten epochs, too few to compile for, and many."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lepton_lab.training import Slots, Trainer
from tests.benchmarks.bench_engine import mnist_data, mnist_net

ROUNDS = 5
SHORT_EPOCHS, LONG_EPOCHS = 10, 160  # too short to compile beside, and long enough
WHAT = "whole fit by default / eager alone"


def run() -> list[dict]:
    """Measures everything; rows of what, value, unit, target."""
    data = mnist_data()

    def fit(epochs: int, cache: str | None = None) -> float:
        """Seconds of a recorded fit; eager without a cache."""
        settings = {"compile": False} if cache is None else {}
        with _environment("LEPTON_CACHE", cache):
            start = time.perf_counter()
            Trainer(mnist_net(), metrics=["accuracy"], **settings).fit(data, epochs, 32, verbose=0, slots=Slots(1))
            return time.perf_counter() - start

    with (
        tempfile.TemporaryDirectory() as store,
        tempfile.TemporaryDirectory() as cold,
        tempfile.TemporaryDirectory() as kept,
        _environment("LEPTON_WORKSPACE", store),
    ):
        import lepton_lab.workspace  # noqa: F401 - records runs from here on

        with _environment("TORCHINDUCTOR_CACHE_DIR", f"{kept}/inductor"):
            long = fit(LONG_EPOCHS, kept) / fit(LONG_EPOCHS)  # compiles beside the training, into `kept`
        caches = (None, cold, kept)
        rounds = []
        for i in range(ROUNDS):
            seconds = {cache: fit(SHORT_EPOCHS, cache) for cache in (caches if i % 2 == 0 else caches[::-1])}
            rounds.append([seconds[cache] / seconds[None] for cache in caches])
    _, nothing, before = map(statistics.median, zip(*rounds, strict=True))
    return [
        _row(f"{SHORT_EPOCHS} epochs, nothing compiled", nothing),
        _row(f"{SHORT_EPOCHS} epochs, compiled before", before),
        _row(f"{LONG_EPOCHS} epochs, compiled meanwhile, one pair", long),
    ]


@contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    before = os.environ.get(name)
    if value is not None:
        os.environ[name] = value
    yield
    if before is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = before


def _row(what: str, value: float) -> dict:
    return {"what": f"{WHAT}, {what}", "value": value, "unit": "×", "target": "≤ 1.02"}
