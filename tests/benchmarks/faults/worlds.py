"""The two halves: what their networks look like, on which data, with which seeds."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from lepton_lab.data import DataBundle, from_arrays, load_dataset, load_text


@dataclass(frozen=True)
class World:
    """One half's choices.

    Attributes:
        half: Its name.
        images: Name of the image data.
        table: Name of the table.
        seeds: What seeds are counted up from.
        width: Units of a hidden layer.
        depth: Hidden layers of the deep networks.
        squash: The squashing activation of the deep networks.
        batch: Samples a batch.
        act: The activation of the plain networks.
        convolves: Whether the plain networks for images are convolutional.
    """

    half: str
    images: str
    table: str
    seeds: int
    width: int
    depth: int
    squash: str
    batch: int
    act: str = "relu"
    convolves: bool = False


DEVELOPMENT = World("development", "mnist-sample", "wine", 0, 48, 8, "sigmoid", 32)
HELD_OUT = World("held-out", "digits", "breast-cancer", 1000, 40, 9, "sigmoid", 24, "leaky_relu", True)


@cache
def images(world: World) -> DataBundle:
    """Small grey images of ten classes."""
    return load_dataset(world.images)


@cache
def table(world: World) -> DataBundle:
    """A small table, scaled."""
    return load_dataset(world.table)


@cache
def text(world: World) -> DataBundle:
    """Short texts of two classes: made up in the one half; SST-2 in the other where it is there, else made up too."""
    folder = Path(os.environ.get("LEPTON_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
    if world is HELD_OUT and (folder / "sst2" / "train.tsv").exists():
        whole = load_text(folder / "sst2", max_words=2000)
        tensors = whole.train.tensors()
        assert tensors is not None
        order = torch.randperm(len(tensors[1]), generator=torch.Generator().manual_seed(world.seeds))[:2400]
        x, y = tensors[0][order], tensors[1][order]
        used, x = torch.unique(x, return_inverse=True)  # the vocabulary of these texts only
        assert len(used) <= 2002
        return from_arrays(x, y, valid=0.2, test=0, sample_dtype="int64", name="sst2, 2,400 texts")
    return made_up_text(world.seeds, words=120 if world is DEVELOPMENT else 300)


def made_up_text(seed: int, words: int, samples: int = 900, length: int = 12) -> DataBundle:
    """Sequences of word numbers; a few words belong to one of the two classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, samples)
    x = rng.integers(20, words, (samples, length))
    for row, label in enumerate(y):
        at = rng.choice(length, 3, replace=False)
        x[row, at] = rng.integers(0, 10, 3) + 10 * label
    return from_arrays(x.astype(np.int64), y, valid=0.2, test=0, sample_dtype="int64", name=f"{words} words", seed=seed)


def vocabulary(data: DataBundle) -> int:
    """How many words there are."""
    tensors = data.train.tensors()
    valid = data.valid.tensors() if data.valid is not None else None
    assert tensors is not None
    return 1 + max(int(tensors[0].max()), int(valid[0].max()) if valid is not None else 0)


@cache
def arrays(world: World, kind: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Prepared train and validation tensors of a data set, for faults that change them."""
    data = images(world) if kind == "images" else table(world)
    x, y = next(data.train.batches(len(data.train)))
    assert data.valid is not None
    vx, vy = next(data.valid.batches(len(data.valid)))
    return x, y, vx, vy


def bundle(x: torch.Tensor, y: torch.Tensor, vx: torch.Tensor, vy: torch.Tensor, name: str = "changed") -> DataBundle:
    """A bundle of tensors as they are."""
    return from_arrays(
        x.numpy(), y.numpy(), validation_data=(vx.numpy(), vy.numpy()), test=0, normalise="none", allow_nan=True,
        name=name,
    )  # fmt: skip


@cache
def plane(world: World) -> DataBundle:
    """Points of two classes in the plane that no line parts."""
    return load_dataset("circles" if world is DEVELOPMENT else "spirals", seed=world.seeds)


@cache
def quantities(world: World) -> DataBundle:
    """A regression with targets of about unit size."""
    rng = np.random.default_rng(world.seeds + 5)
    size, features = (400, 6) if world is DEVELOPMENT else (600, 9)
    x = rng.normal(size=(size, features)).astype(np.float32)
    y = x @ rng.normal(size=(features, 1)) / np.sqrt(features) + np.sin(2 * x[:, :1]) + rng.normal(0, 0.1, (size, 1))
    y = (y - y.mean()) / y.std()
    return from_arrays(x, y.astype(np.float32), valid=0.2, test=0, task="regression", seed=world.seeds)
