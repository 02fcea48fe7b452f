"""How long shape inference takes: with nothing remembered, and after one edit."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from lepton_lab.network import BatchNorm2d, Conv2d, Flatten, LayerSpec, Linear, MaxPool2d, NetworkSpec, Residual
from lepton_lab.network.inference import clear_cache

REPEATS = 9


def network(count: int) -> NetworkSpec:
    """A convolutional network of `count` layers, residual blocks among them."""
    layers: list[LayerSpec] = []
    for number in range(count - 3):
        if number % 5 == 4:
            body = [Conv2d(32, 3, padding=1, activation="relu"), Conv2d(32, 3, padding=1)]
            layers.append(Residual(body, activation="relu"))
        elif number % 5 == 3:
            layers.append(BatchNorm2d())
        else:
            layers.append(Conv2d(32, 3, padding=1, activation="relu", name=f"conv{number}"))
    return NetworkSpec([*layers, MaxPool2d(2), Flatten(), Linear(10)], input_shape=(3, 32, 32))


def _milliseconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def _measure(count: int) -> list[tuple[str, list[float]]]:
    spec = network(count)
    nothing: list[float] = []
    middle: list[float] = []
    first: list[float] = []
    size: list[float] = []
    for repeat in range(REPEATS):
        clear_cache()
        nothing.append(_milliseconds(spec.infer_shapes))
        kernel, side = 2 * repeat + 5, 40 + repeat  # values never seen before: nothing of them is remembered
        edit = {"kernel_size": kernel, "padding": "same"}
        middle.append(_milliseconds(lambda: spec.replace("conv5", **edit).infer_shapes()))  # noqa: B023
        width = {"out_channels": 33 + repeat}
        first.append(_milliseconds(lambda: spec.replace("conv0", **width).infer_shapes()))  # noqa: B023
        size.append(_milliseconds(lambda: spec.changed(input_shape=(3, side, side)).infer_shapes()))  # noqa: B023
    return [
        ("nothing remembered", nothing),
        ("one layer edited", middle),
        ("first layer's width edited", first),
        ("input size changed", size),
    ]


def run() -> list[dict[str, Any]]:
    """Rows of medians in milliseconds, with the target where there is one."""
    network(5).infer_shapes()  # torch's own first-time imports are not ours to measure
    rows = []
    for count in (20, 200):
        for what, values in _measure(count):
            target = 5.0 if count == 20 and "edited" in what else None
            value = round(statistics.median(values), 2)
            rows.append({"what": f"shapes of {count} layers, {what}", "value": value, "unit": "ms", "target": target})
    return rows


if __name__ == "__main__":
    for row in run():
        goal = "" if row["target"] is None else f" (target ≤ {row['target']})"
        print(f"{row['what']:<50} {row['value']:>8} {row['unit']}{goal}")
