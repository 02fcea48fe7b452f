"""Faults of networks and settings."""

import math
from typing import Any

import torch
from torch import nn

import lepton_lab as ll
from lepton_lab.doctor.rules.machine import note_memory
from lepton_lab.training import Callback
from tests.benchmarks.faults.case import Setup, Trial
from tests.benchmarks.faults.modules import Blind, Cut, Keeps, Logs, Perceptron, Spare
from tests.benchmarks.faults.sick_data import network
from tests.benchmarks.faults.worlds import World, arrays, bundle, images, plane, quantities, table, text, vocabulary

HIGH = ("lr-too-high", "update-ratio-high", "not-finite", "oscillation", "exploding-gradient")


class Hoards(Callback):
    """Keeps 2 MiB with every batch, as a log of outputs on a GPU would."""

    def __init__(self) -> None:
        self.kept: list[torch.Tensor] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.kept.append(torch.ones(1 << 19))
        note_memory(self.run, len(self.kept))


def cases(world: World) -> list[Trial]:
    """The faults of networks and settings in a half."""
    w, batch, seed = world, world.batch, world.seeds
    picture, rows, classes = images(w).sample_shape, table(w).sample_shape, table(w).target_size
    pixels = math.prod(picture)
    usual = {"batch_size": batch, "seed": seed}

    def deep(act: str, depth: int, **settings: Any) -> Setup:
        layers = [ll.Linear(w.width, activation=act) for _ in range(depth)]
        spec = ll.NetworkSpec([ll.Flatten(), *layers, ll.Linear(10)], input_shape=picture)
        return Setup(spec, images(w), {"epochs": 3, **usual, **settings})

    def deep_table(act: str, depth: int) -> Setup:
        layers = [ll.Linear(w.width // 2, activation=act) for _ in range(depth)]
        spec = ll.NetworkSpec([*layers, ll.Linear(classes)], input_shape=rows)
        return Setup(spec, table(w), {"epochs": 12, **usual, "batch_size": 16})

    def spoilt(change: Any, activation: Any = nn.ReLU, depth: int = 3, **settings: Any) -> Setup:
        module = Perceptron(pixels, 10, w.width, depth, activation, seed)
        with torch.no_grad():
            change(module)
        return Setup(module, images(w), {"epochs": 2, **usual, **settings})

    def times(factor: float, *numbers: int) -> Any:
        def change(module: Perceptron) -> None:
            for i, layer in enumerate(module.hidden):
                if not numbers or i in numbers:
                    layer.weight.mul_(factor)

        return change

    def silent(module: Perceptron) -> None:
        module.hidden[1].bias.fill_(-20.0)

    def equal(module: Perceptron) -> None:
        module.hidden[0].weight.fill_(0.01)
        module.hidden[0].bias.zero_()

    def frozen(module: Perceptron) -> None:
        for p in module.hidden[1].parameters():
            p.requires_grad_(False)

    def by_hand(kind: Any, **settings: Any) -> Setup:
        return Setup(kind(pixels, 10, w.width, 2, nn.ReLU, seed), images(w), {"epochs": 2, **usual, **settings})

    def rate(lr: float, optimizer: str, kind: str = "images", epochs: int = 3, **settings: Any) -> Setup:
        data = images(w) if kind == "images" else table(w) if kind == "table" else text(w)
        if kind == "text":
            layers: list[Any] = [ll.Embedding(vocabulary(data), 16), ll.GRU(16), ll.Linear(2)]
            spec = ll.NetworkSpec(layers, input_shape=data.sample_shape, input_dtype="int64")
        else:
            spec = network(w, data.sample_shape, data.target_size)
        return Setup(spec, data, {"epochs": epochs, **usual, "lr": lr, "optimizer": optimizer, **settings})

    def ending(last: list[Any], loss: str = "auto", data: Any = None) -> Setup:
        data = data or images(w)
        start = [ll.Flatten()] if len(data.sample_shape) > 1 else []
        layers = [*start, ll.Linear(w.width, activation="relu"), *last]
        return Setup(ll.NetworkSpec(layers, input_shape=data.sample_shape), data, {"loss": loss}, trains=False)

    def tiny_batches() -> Setup:
        layers = [ll.Flatten(), ll.Linear(w.width), ll.BatchNorm(), ll.ReLU(), ll.Linear(10)]
        return Setup(ll.NetworkSpec(layers, input_shape=picture), images(w), {"batch_size": 2}, trains=False)

    def straight() -> Setup:
        spec = ll.NetworkSpec([ll.Linear(2)], input_shape=(2,))
        return Setup(spec, plane(w), {"epochs": 12, **usual, "lr": 0.02})

    def few_samples(epochs: int) -> Setup:
        x, y, vx, vy = arrays(w, "images")
        some = slice(0, 90)
        labels = y.clone()
        labels[:90:5] = (labels[:90:5] + 3) % 10
        layers = [ll.Flatten(), ll.Linear(256, activation="relu"), ll.Linear(256, activation="relu"), ll.Linear(10)]
        return Setup(
            ll.NetworkSpec(layers, input_shape=picture), bundle(x[some], labels[some], vx, vy),
            {"epochs": epochs, "batch_size": 16, "seed": seed, "lr": 2e-3},
        )  # fmt: skip

    def words_by_heart() -> Setup:
        data = text(w)
        x, y = data.train.tensors()  # type: ignore[misc]
        vx, vy = data.valid.tensors()  # type: ignore[union-attr, misc]
        few = ll.from_arrays(
            x[:100].numpy(), y[:100].numpy(), validation_data=(vx.numpy(), vy.numpy()), test=0, sample_dtype="int64"
        )
        layers = [ll.Embedding(vocabulary(data), 32), ll.Flatten(), ll.Linear(128, activation="relu"), ll.Linear(2)]
        spec = ll.NetworkSpec(layers, input_shape=data.sample_shape, input_dtype="int64")
        return Setup(spec, few, {"epochs": 30, "batch_size": 16, "seed": seed, "lr": 3e-3})

    def hoarding() -> Setup:
        return Setup(network(w, picture, 10), images(w), {"epochs": 3, **usual, "callbacks": [Hoards()]})

    early = tuple(f"linear_{i}" for i in range(1, w.depth // 2 + 1))
    hand = tuple(f"hidden.{i}" for i in range(4)) + tuple(f"acts.{i}" for i in range(4))
    one = ("hidden.1", "acts.1")
    start = ("poor-initialisation", "vanishing-gradient")
    return [
        Trial(f"{w.squash} × {w.depth}", lambda: deep(w.squash, w.depth), ("vanishing-gradient",), early),
        Trial(
            f"{w.squash} × {w.depth - 1} on a table",
            lambda: deep_table(w.squash, w.depth - 1),
            ("vanishing-gradient",),
            early,
        ),
        Trial(
            "sigmoid × 12, SGD", lambda: deep("sigmoid", 12, optimizer="sgd", lr=0.1), ("vanishing-gradient",), early
        ),
        Trial("weights far too small", lambda: spoilt(times(0.01), depth=4), start, hand),
        Trial(
            "weights far too large",
            lambda: spoilt(times(15.0), depth=4),
            ("poor-initialisation", "initial-loss", "exploding-gradient"),
            hand,
        ),
        Trial(
            "tanh with large weights",
            lambda: spoilt(times(12.0), nn.Tanh),
            ("saturated-at-start", "saturated-activation"),
            hand,
        ),
        Trial(
            "one sigmoid layer with large weights",
            lambda: spoilt(times(150.0, 1), nn.Sigmoid),
            ("saturated-at-start", "saturated-activation"),
            one,
        ),
        Trial("a layer that is silent from the start", lambda: spoilt(silent), ("dead-at-start", "dead-relu"), one),
        Trial("all units of a layer equal", lambda: spoilt(equal), ("poor-initialisation",), ("hidden.0",)),
        Trial("a frozen layer in the middle", lambda: spoilt(frozen), ("frozen-parameters", "unchanged-weights"), one),
        Trial("a layer that is never called", lambda: by_hand(Spare), ("unreached-parameters",), ("spare",)),
        Trial("detach() in the middle", lambda: by_hand(Cut), ("unreached-parameters",), ("hidden.0",)),
        Trial("a module that keeps its outputs", lambda: by_hand(Keeps), ("keeps-tensors",), ("Keeps",)),
        Trial(
            "a module that ignores its input", lambda: by_hand(Blind), ("cannot-overfit-batch", "loss-not-decreasing")
        ),
        Trial(
            "a logarithm of negative numbers",
            lambda: Setup(
                Logs(pixels, 10, w.width, 2, nn.ReLU, seed),
                images(w),
                {"epochs": 3, **usual, "optimizer": "sgd", "lr": 0.5},
                fails=True,
            ),
            ("not-finite",),
            ("log",),
        ),
        Trial("Adam at 0.5", lambda: rate(0.5, "adam"), (*HIGH, "loss-not-decreasing", "dead-relu")),
        Trial("SGD at 8", lambda: rate(8.0, "sgd"), (*HIGH, "loss-not-decreasing", "dead-relu")),
        Trial(
            "Adam at 2 on a table", lambda: rate(2.0, "adam", "table", 12), (*HIGH, "loss-not-decreasing", "dead-relu")
        ),
        Trial(
            "Adam at 0.5 on texts",
            lambda: rate(0.5, "adam", "text", 4),
            (*HIGH, "loss-not-decreasing", "saturated-activation"),
        ),
        Trial(
            "SGD with momentum at 1",
            lambda: rate(1.0, "sgd", momentum=0.95),
            (*HIGH, "loss-not-decreasing", "dead-relu"),
        ),
        Trial("Adam at 1e-6", lambda: rate(1e-6, "adam"), ("lr-too-low", "update-ratio-low")),
        Trial("SGD at 1e-5", lambda: rate(1e-5, "sgd"), ("lr-too-low", "update-ratio-low")),
        Trial("Adam at 1e-6 on texts", lambda: rate(1e-6, "adam", "text", 4), ("lr-too-low", "update-ratio-low")),
        Trial(
            "Softmax and a cross-entropy of another kind",
            lambda: ending([ll.Linear(10), ll.Sigmoid()], "cross_entropy"),
            ("output-activation",),
            ("sigmoid_1",),
        ),
        Trial(
            "ReLU before the loss",
            lambda: ending([ll.Linear(10, activation="relu")]),
            ("output-activation",),
            ("linear_2",),
        ),
        Trial("nll without LogSoftmax", lambda: ending([ll.Linear(10)], "nll"), ("output-activation",), ("linear_2",)),
        Trial(
            "a regression that ends in a sigmoid",
            lambda: ending([ll.Linear(1), ll.Sigmoid()], data=quantities(w)),
            ("output-activation",),
            ("sigmoid_1",),
        ),
        Trial(
            "a softmax of one",
            lambda: ending([ll.Linear(1), ll.Softmax(dim=1)], "mse", quantities(w)),
            ("output-activation", "cannot-overfit-batch"),
            ("softmax_1",),
        ),
        Trial(
            "batch normalisation with two samples", tiny_batches, ("batch-norm-batch",), ("batch_norm_1", "batchnorm_1")
        ),
        Trial("a straight line for round classes", straight, ("loss-not-decreasing", "plateau")),
        Trial("90 images, some labels wrong", lambda: few_samples(40), ("overfit", "overtraining")),
        Trial("100 texts learned by heart", words_by_heart, ("overfit", "overtraining")),
        Trial("a callback that keeps tensors", hoarding, ("memory-growth",)),
    ]
