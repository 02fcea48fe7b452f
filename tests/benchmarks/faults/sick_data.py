"""Faults of the data, and of how network and data fit."""

from dataclasses import replace

import torch

import lepton_lab as ll
from lepton_lab.data.bundle import TensorSplit
from tests.benchmarks.faults.case import Setup, Trial
from tests.benchmarks.faults.streams import SlowSplit
from tests.benchmarks.faults.worlds import World, arrays, bundle, images, table, text, vocabulary


def network(world: World, shape: tuple[int, ...], outputs: int) -> ll.NetworkSpec:
    """A plain healthy network of this half: dense layers, or convolutions where there are images."""
    dense = [ll.Linear(world.width, activation=world.act), ll.Linear(world.width, activation=world.act)]
    layers: list[ll.LayerSpec] = [*dense, ll.Linear(outputs)]
    if len(shape) == 3 and world.convolves:
        layers = [ll.Conv2d(12, 3, padding=1, activation=world.act), ll.MaxPool2d(2), ll.Flatten(), *layers[1:]]
    elif len(shape) > 1:
        layers = [ll.Flatten(), *layers]
    return ll.NetworkSpec(layers, input_shape=shape)


def cases(world: World) -> list[Trial]:
    """The faults of the data in a half."""
    w, batch = world, world.batch
    picture, rows = images(w).sample_shape, table(w).sample_shape
    classes = table(w).target_size

    def scaled(kind: str, factor: float, shift: float) -> Setup:
        x, y, vx, vy = arrays(w, kind)
        data = bundle(x * factor + shift, y, vx * factor + shift, vy)
        return Setup(
            network(w, tuple(x.shape[1:]), data.target_size), data, {"epochs": 3, "batch_size": batch, "seed": w.seeds}
        )

    def uneven() -> Setup:
        x, y, vx, vy = arrays(w, "table")
        factor = torch.logspace(-1.5, 2.5, x.shape[1])
        return Setup(network(w, rows, classes), bundle(x * factor, y, vx * factor, vy), {"epochs": 4, "batch_size": 16})

    def rare(kind: str, share: float) -> Setup:
        x, y, vx, vy = arrays(w, kind)
        keep = (y != 1) | (torch.rand(len(y), generator=torch.Generator().manual_seed(w.seeds)) < share)
        data = bundle(x[keep], y[keep], vx, vy)
        return Setup(
            network(w, tuple(x.shape[1:]), data.target_size), data, {"epochs": 8, "batch_size": batch, "seed": w.seeds}
        )

    def overlooked() -> Setup:
        generator = torch.Generator().manual_seed(w.seeds + 1)
        y = (torch.rand(900, generator=generator) < 0.06).long()
        x = torch.randn(900, 4, generator=generator)
        x[:, 0] += 0.7 * y
        data = bundle(x[:700], y[:700], x[700:], y[700:])
        return Setup(network(w, (4,), 2), data, {"epochs": 8, "batch_size": batch, "seed": w.seeds})

    def leak_column() -> Setup:
        x, y, vx, vy = arrays(w, "table")
        generator = torch.Generator().manual_seed(w.seeds)
        x, vx = x.clone(), vx.clone()
        x[:, 2] = y.float() - 1 + 0.05 * torch.randn(len(y), generator=generator)
        vx[:, 2] = vy.float() - 1 + 0.05 * torch.randn(len(vy), generator=generator)
        return Setup(network(w, rows, classes), bundle(x, y, vx, vy), trains=False)

    def leak_pixel() -> Setup:
        x, y, vx, vy = arrays(w, "images")
        x, vx = x.clone(), vx.clone()
        x[:, 0, 0, -1] = y.float() / 5
        vx[:, 0, 0, -1] = vy.float() / 5
        return Setup(network(w, picture, 10), bundle(x, y, vx, vy), trains=False)

    def copies(kind: str, share: float) -> Setup:
        x, y, vx, vy = arrays(w, kind)
        count = max(1, int(share * len(vx)))
        return Setup(
            network(w, tuple(x.shape[1:]), int(y.max()) + 1),
            bundle(torch.cat([x, vx[:count]]), torch.cat([y, vy[:count]]), vx, vy),
            trains=False,
        )

    def contradictions() -> Setup:
        x, y, vx, vy = arrays(w, "images")
        count = len(x) // 10
        other = (y[:count] + 1 + torch.arange(count) % 9) % 10
        return Setup(
            network(w, picture, 10), bundle(torch.cat([x, x[:count]]), torch.cat([y, other]), vx, vy), trains=False
        )

    def holes() -> Setup:
        x, y, vx, vy = arrays(w, "table")
        x = x.clone()
        x[3::17, 1] = float("nan")
        return Setup(network(w, rows, classes), bundle(x, y, vx, vy), {"epochs": 2}, fails=True)

    def shuffled(kind: str) -> Setup:
        x, y, vx, vy = arrays(w, kind)
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(w.seeds))
        return Setup(
            network(w, tuple(x.shape[1:]), int(y.max()) + 1), bundle(x, y[order], vx, vy),
            {"epochs": 4, "batch_size": batch, "seed": w.seeds},
        )  # fmt: skip

    def few_outputs() -> Setup:
        return Setup(network(w, picture, 7), images(w), trains=False)

    def no_flatten() -> Setup:
        layers = [ll.Linear(w.width, activation="relu"), ll.Linear(10)]
        return Setup(ll.NetworkSpec(layers, input_shape=picture), images(w), trains=False)

    def wrong_width() -> Setup:
        layers = [
            ll.Linear(w.width),
            ll.ReLU(),
            ll.Linear(w.width, in_features=w.width + 3, name="odd"),
            ll.Linear(classes),
        ]
        return Setup(ll.NetworkSpec(layers, input_shape=rows), table(w), trains=False)

    def large_vocabulary() -> Setup:
        words = 12 * vocabulary(text(w))
        layers = [ll.Embedding(words, 8, name="words"), ll.Mean(1), ll.Linear(2)]
        return Setup(
            ll.NetworkSpec(layers, input_shape=text(w).sample_shape, input_dtype="int64"), text(w), trains=False
        )

    def slow_reading() -> Setup:
        data = images(w)
        assert isinstance(data.train, TensorSplit)
        slow = replace(data, train=SlowSplit(data.train.resampled(rows=torch.arange(240)), 0.04), source=None)
        return Setup(network(w, picture, 10), slow, {"epochs": 1, "batch_size": batch})

    def too_large() -> Setup:
        layers = [
            ll.Flatten(),
            ll.Linear(400_000, activation="relu"),
            ll.Linear(400_000, activation="relu"),
            ll.Linear(10),
        ]
        return Setup(ll.NetworkSpec(layers, input_shape=picture), images(w), trains=False)

    first = ("linear_1",)
    first_of_images = ("conv2d_1",) if w.convolves else first
    last_of_images = (network(w, picture, 10).layers[-1].name,)
    return [
        Trial("pixels from 0 to 255", lambda: scaled("images", 80.0, 120.0), ("input-scale",), first_of_images),
        Trial("a table in thousands", lambda: scaled("table", 1000.0, 0.0), ("input-scale",), first),
        Trial("input that is tiny", lambda: scaled("images", 0.002, 0.0), ("input-scale",), first_of_images),
        Trial("features of very different size", uneven, ("input-scale",), first),
        Trial("a rare class among images", lambda: rare("images", 0.05), ("class-imbalance", "class-errors")),
        Trial("a rare class in the table", lambda: rare("table", 0.1), ("class-imbalance", "class-errors")),
        Trial("a rare class that is given up", overlooked, ("class-errors",)),
        Trial("a column that is the answer", leak_column, ("leakage",)),
        Trial("a pixel that is the answer", leak_pixel, ("leakage",)),
        Trial("validation images in train", lambda: copies("images", 0.3), ("duplicates",)),
        Trial("validation rows in train", lambda: copies("table", 0.5), ("duplicates",)),
        Trial("images with two labels each", contradictions, ("duplicates",)),
        Trial("missing values", holes, ("missing-values", "not-finite")),
        Trial("shuffled labels of images", lambda: shuffled("images"), ("loss-not-decreasing", "overfit", "plateau")),
        Trial("fewer outputs than classes", few_outputs, ("label-range",), last_of_images),
        Trial("no Flatten before Linear", no_flatten, ("shapes",), ("linear_1", "linear_2")),
        Trial("a layer of the wrong width", wrong_width, ("shapes",), ("odd",)),
        Trial("a vocabulary far too large", large_vocabulary, ("stale-embedding",), ("words",)),
        Trial("data from a slow disk", slow_reading, ("loader-wait",)),
        Trial("a network larger than the memory", too_large, ("memory-fit",)),
    ]
