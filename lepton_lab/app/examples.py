"""The examples of the start page: real data, a network and settings that learn them while one watches."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lepton_lab import data as data_package
from lepton_lab.app import words_start as words
from lepton_lab.app.network_speed import Speed
from lepton_lab.data import DataBundle, load_dataset
from lepton_lab.data.folders import find_data
from lepton_lab.data.idx import find_idx, read_idx
from lepton_lab.data.toy import sklearn_table, spirals
from lepton_lab.network import Conv2d, Flatten, Linear, MaxPool2d, NetworkSpec

__all__ = ["Example", "all_examples", "example", "picture"]

_SAMPLE = Path(data_package.__file__).parent / "embedded" / "mnist-sample"
_POINTS = 60  # of a table's thumbnail
_SHOWN_DIGITS = (4, 2, 8, 5)


@dataclass(frozen=True)
class Example:
    """One of the examples.

    Attributes:
        name: How it is known.
        title: What it is called on the page, and `project` as a project.
        called: What a list of projects calls its data.
        detail: What is in it.
        button: What the button says.
        data: The data set's name, and options of `load_dataset`.
        network: The network.
        settings: How it trains.
        samples: Samples that it learns from, and that it is checked on.
    """

    name: str
    title: str
    project: str
    called: str
    detail: str
    button: str
    data: tuple[str, Mapping[str, Any]]
    network: NetworkSpec
    settings: Mapping[str, Any] = field(default_factory=dict)
    samples: tuple[int, int] = (1, 0)

    def load(self) -> DataBundle:
        """The data.

        Raises:
            DataError: They cannot be read.
        """
        name, options = self.data
        return replace(load_dataset(name, **options), name=self.called)

    def seconds(self, speed: Speed) -> float:
        """How long its training takes, by what was measured on this machine."""
        epochs, batch = int(self.settings["epochs"]), int(self.settings["batch_size"])
        return epochs * speed.round_seconds(self.network, self.network.infer_shapes(), batch, *self.samples)


def all_examples() -> list[Example]:
    """The examples with the data that are here: all of MNIST where it lies on this machine, else a sample of it."""
    return [_digits(), _flowers(), _spirals()]


def example(name: str) -> Example | None:
    """The example of this name; None where there is none."""
    return next((one for one in all_examples() if one.name == name), None)


@cache
def picture(name: str) -> dict[str, Any]:
    """What its thumbnail is drawn from: four digits as bytes, or points of the plane with their classes."""
    if name == "digits":
        images, labels = (read_idx(_SAMPLE / f"train-{kind}.gz") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        shown = [images[np.flatnonzero(labels == digit)[2]] for digit in _SHOWN_DIGITS]
        return {"digits": [base64.b64encode(image.tobytes()).decode("ascii") for image in shown]}
    if name == "flowers":
        table, species, _, _ = sklearn_table("iris")
        x, y = table[:, 2:4], np.asarray(species)  # length and width of the petals
    else:
        x, y = spirals(n=_POINTS, noise=0.0)
    rows = np.linspace(0, len(x) - 1, _POINTS).astype(int)
    low, high = x.min(axis=0), x.max(axis=0)
    points = (x[rows] - low) / (high - low)
    return {
        "points": [
            [round(float(a), 3), round(1 - float(b), 3), int(k)] for (a, b), k in zip(points, y[rows], strict=True)
        ]
    }


def _digits() -> Example:
    counts = _mnist_counts()
    name, options = ("mnist", {"valid": 5000}) if counts else ("mnist-sample", {})
    train, test = counts or (2400, 600)
    epochs, batch = (4, 64) if counts else (12, 32)
    layers = [
        Conv2d(out_channels=8, kernel_size=3, padding="same", activation="relu"),
        MaxPool2d(kernel_size=2),
        Conv2d(out_channels=16, kernel_size=3, padding="same", activation="relu"),
        MaxPool2d(kernel_size=2),
        Flatten(),
        Linear(out_features=64, activation="relu"),
        Linear(out_features=10, name="head"),
    ]
    return Example(
        "digits",
        words.DIGITS,
        words.DIGITS_PROJECT,
        words.DIGITS_DATA,
        words.images_in(train + test, 10),
        words.DIGITS_BUTTON,
        (name, options),
        NetworkSpec(layers, input_shape=(1, 28, 28), name="digits_cnn"),
        {"epochs": epochs, "batch_size": batch, "optimizer": "adam", "lr": 4e-3, "schedule": "one_cycle"},
        (train - 5000, 5000) if counts else (2040, 360),
    )


def _flowers() -> Example:
    return Example(
        "flowers",
        words.FLOWERS,
        words.FLOWERS_PROJECT,
        words.FLOWERS_DATA,
        words.FLOWERS_DETAIL,
        words.FLOWERS_BUTTON,
        ("iris", {}),
        _layers(4, (16,), 3, "relu", "flowers_mlp"),
        {"epochs": 60, "batch_size": 8, "optimizer": "adam", "lr": 1e-2, "schedule": "one_cycle"},
        (106, 22),
    )


def _spirals() -> Example:
    return Example(
        "spirals",
        words.SPIRALS,
        words.SPIRALS_PROJECT,
        words.SPIRALS_DATA,
        words.SPIRALS_DETAIL,
        words.SPIRALS_BUTTON,
        ("spirals", {}),
        _layers(2, (16, 16, 16), 2, "tanh", "spirals_mlp"),
        {"epochs": 100, "batch_size": 32, "optimizer": "adam", "lr": 1e-2, "schedule": "one_cycle"},
        (700, 150),
    )


def _layers(inputs: int, widths: tuple[int, ...], outputs: int, activation: str, name: str) -> NetworkSpec:
    hidden = [Linear(out_features=width, activation=activation) for width in widths]
    return NetworkSpec([*hidden, Linear(out_features=outputs, name="head")], input_shape=(inputs,), name=name)


def _mnist_counts() -> tuple[int, int] | None:
    """Training and test images of the whole MNIST on this machine, by its files' headers; None where it is not here."""
    folder = find_data("mnist", "MNIST", "MNIST/raw")
    if folder is None:
        return None
    counts = []
    for part in ("train", "t10k"):
        path = find_idx(folder, f"{part}-images-idx3-ubyte")
        if path is None or find_idx(folder, f"{part}-labels-idx1-ubyte") is None:
            return None
        try:
            with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
                counts.append(int.from_bytes(file.read(8)[4:8], "big"))
        except (OSError, EOFError):
            return None
    return (counts[0], counts[1]) if counts[0] > 5000 else None
