"""Healthy networks: trainings that go as they should."""

from typing import Any

from torch import nn

import lepton_lab as ll
from tests.benchmarks.faults.case import Setup, Trial
from tests.benchmarks.faults.modules import Perceptron
from tests.benchmarks.faults.worlds import World, images, plane, quantities, table, text, vocabulary


def cases(world: World) -> list[Trial]:
    """The healthy trainings of a half."""
    w, seed, n = world, world.seeds, world.width
    found: list[Trial] = []

    def add(name: str, data: Any, layers: Any, **settings: Any) -> None:
        def make() -> Setup:
            bundle = data(w)
            made = layers() if callable(layers) else layers
            tokens = bundle.sample_dtype == "int64"
            model = made
            if not isinstance(made, nn.Module):
                model = ll.NetworkSpec(
                    made, input_shape=bundle.sample_shape, input_dtype="int64" if tokens else "float32"
                )
            return Setup(model, bundle, {"batch_size": w.batch, "seed": seed + len(found), **settings})

        found.append(Trial(name, make))

    def dense(*sizes: int, act: str = "relu", extra: Any = None) -> list[Any]:
        layers: list[Any] = [ll.Flatten()]
        for size in sizes:
            layers.append(ll.Linear(size, activation=act))
            if extra is not None:
                layers.append(extra())
        return [*layers, ll.Linear(10)]

    def conv(norm: bool = False, act: str = "relu") -> list[Any]:
        layers: list[Any] = []
        for channels in (8, 16):
            layers += [ll.Conv2d(channels, 3, padding=1)]
            layers += [ll.BatchNorm()] if norm else []
            layers += [ll.ReLU() if act == "relu" else ll.GELU(), ll.MaxPool2d(2)]
        return [*layers, ll.Flatten(), ll.Linear(10)]

    i = images
    add("ReLU network", i, dense(n, n), epochs=4)
    add("tanh network", i, dense(n, n, act="tanh"), epochs=4)
    add("GELU network", i, dense(n, n, act="gelu"), epochs=4)
    add(
        "leaky ReLU, SGD with momentum",
        i,
        dense(n, n, act="leaky_relu"),
        epochs=4,
        optimizer="sgd",
        lr=0.03,
        momentum=0.9,
    )
    add("ELU, RMSprop", i, dense(n, act="elu"), epochs=3, optimizer="rmsprop", lr=1e-3)
    add("six ReLU layers", i, dense(*[n] * 6), epochs=5)
    add("one hidden layer, AdamW", i, dense(2 * n), epochs=3, optimizer="adamw", lr=2e-3)
    add("dropout", i, dense(2 * n, n, extra=lambda: ll.Dropout(0.2)), epochs=4)
    add("layer normalisation", i, dense(n, n, extra=ll.LayerNorm), epochs=3)
    add("no hidden layer", i, dense(), epochs=6)
    add("two sigmoid layers", i, dense(n, n, act="sigmoid"), epochs=6, lr=4e-3)
    add("cosine schedule", i, dense(n, n), epochs=4, schedule="cosine", lr=3e-3)
    add("label smoothing", i, dense(n, n), epochs=4, label_smoothing=0.1)
    add("averaged weights", i, dense(n, n), epochs=4, ema=0.98)
    add("clipped gradients", i, dense(n, n), epochs=4, clip_norm=1.0)
    add("gathered gradients", i, dense(n, n), epochs=5, accumulate=2)
    add("large batches", i, dense(n, n), epochs=8, batch_size=128, lr=3e-3)
    add("small batches", i, dense(n, n), epochs=2, batch_size=8)
    add("convolutions", i, conv(), epochs=4)
    add("convolutions with batch normalisation", i, conv(True), epochs=3)
    add("convolutions with GELU", i, conv(act="gelu"), epochs=4, optimizer="adamw")
    add("skip connections", i,
        lambda: [ll.Flatten(), ll.Linear(n, activation="relu"),
                 *[ll.Residual([ll.Linear(n, activation="relu"), ll.Linear(n)]) for _ in range(3)], ll.Linear(10)],
        epochs=3)  # fmt: skip
    add("batch normalisation between the layers", i, dense(n, n, extra=ll.BatchNorm), epochs=3)
    add("a module by hand", i,
        lambda: Perceptron(int(images(w).sample_shape[1] ** 2), 10, n, 2, nn.ReLU, seed + 3), epochs=4)  # fmt: skip
    size = table(w).target_size
    add("table, ReLU", table, [ll.Linear(n // 2, activation="relu"), ll.Linear(size)], epochs=15, batch_size=16)
    add("table, tanh", table, [ll.Linear(n // 2, activation="tanh"), ll.Linear(size)], epochs=15, batch_size=16)
    add("table, linear", table, [ll.Linear(size)], epochs=20, batch_size=16, lr=0.01)
    add("table, SGD", table, [ll.Linear(n // 2, activation="relu"), ll.Linear(size)], epochs=20, batch_size=16,
        optimizer="sgd", lr=0.1)  # fmt: skip
    add("table, two layers, early stopping", table,
        [ll.Linear(n // 2, activation="relu"), ll.Linear(n // 2, activation="relu"), ll.Linear(size)], epochs=20,
        batch_size=16, patience=4)  # fmt: skip
    add("regression", quantities, [ll.Linear(n, activation="relu"), ll.Linear(1)], epochs=15)
    add("regression, tanh", quantities, [ll.Linear(n, activation="tanh"), ll.Linear(1)], epochs=15, lr=3e-3)
    add("points in the plane", plane, [ll.Linear(n, activation="relu"), ll.Linear(n, activation="relu"), ll.Linear(2)],
        epochs=30, lr=5e-3)  # fmt: skip
    words = vocabulary(text(w))
    add("texts, mean of embeddings", text, [ll.Embedding(words, 16), ll.Mean(1), ll.Linear(2)], epochs=6, lr=5e-3)
    add("texts, GRU", text, [ll.Embedding(words, 16), ll.GRU(24), ll.Linear(2)], epochs=4, lr=3e-3)
    add("texts, LSTM", text, [ll.Embedding(words, 16), ll.LSTM(24), ll.Linear(2)], epochs=5, lr=3e-3, patience=2)
    add(
        "texts, transformer", text,
        lambda: [
            ll.Embedding(words, 16), ll.PositionalEncoding(), ll.TransformerEncoderLayer(2, 32), ll.Mean(1),
            ll.Linear(2),
        ],
        epochs=4, lr=2e-3,
    )  # fmt: skip
    return found
