"""What all peers do alike: arguments, data, the clock, and the line of JSON at the end."""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

WANTED = 0.97
LR = 1e-3
VALID_BATCH = 256


@dataclass(frozen=True)
class Task:
    """What to train on, and for how long.

    Attributes:
        name: "mnist" (784-64-64-10, validated each epoch, until 97 %) or "cifar" (the CNN, no validation).
        x, y: Samples (float32; images channels last) and class numbers.
        x_valid, y_valid: The same to validate on; None for "cifar".
        epochs: The most epochs.
        batch_size: Samples a step.
        seed: Of weights and order.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    x_valid: np.ndarray | None
    y_valid: np.ndarray | None
    epochs: int
    batch_size: int
    seed: int
    to_the_end: bool


def task() -> Task:
    """Reads the arguments and the data, before any clock starts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=("mnist", "cifar"))
    parser.add_argument("data", help="an .npz file that bench_peers has written")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to-the-end", action="store_true", help="go on when 97 %% are reached")
    options, _ = parser.parse_known_args()
    with np.load(options.data) as arrays:
        data = {key: arrays[key] for key in arrays.files}
    mnist = options.name == "mnist"

    def images(x: np.ndarray) -> np.ndarray:
        return (x.reshape(len(x), 784) if mnist else x).astype("float32") / 255

    return Task(
        options.name,
        images(data["x"]),
        data["y"].astype("int64"),
        images(data["x_valid"]) if mnist else None,
        data["y_valid"].astype("int64") if mnist else None,
        options.epochs,
        32 if mnist else 64,
        options.seed,
        options.to_the_end or not mnist,
    )


class Clock:
    """Seconds from the call of `fit`, and of each epoch's training without its validation."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.seconds: list[float] = []
        self.accuracy: list[float] = []
        self.reached: float | None = None
        self._start = self._epoch = 0.0
        self._training = False

    def start(self) -> None:
        """Right before `fit`."""
        self._start = time.perf_counter()

    def epoch_begins(self) -> None:
        """Before an epoch's first step."""
        self._epoch, self._training = time.perf_counter(), True

    def trained(self) -> None:
        """After an epoch's last step; further calls in the same epoch do nothing."""
        if self._training:
            self.seconds.append(time.perf_counter() - self._epoch)
            self._training = False

    def epoch_ends(self, accuracy: float | None = None) -> bool:
        """After an epoch and its validation; returns whether training may stop."""
        self.trained()
        if accuracy is not None:
            self.accuracy.append(float(accuracy))
            if accuracy >= WANTED and self.reached is None:
                self.reached = time.perf_counter() - self._start
        return self.reached is not None and not self.task.to_the_end

    def report(self, version: str) -> None:
        """Prints the line that `bench_peers` reads."""
        found = {"version": version, "epochs": self.seconds, "accuracy": self.accuracy, "reached": self.reached}
        print(json.dumps(found), flush=True)


def torch_network(name: str) -> Any:
    """The network as a plain torch module, images channels first."""
    from torch import nn

    if name == "mnist":
        return nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def torch_data(x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
    """Samples and class numbers as tensors, images channels first."""
    import torch

    tensor = torch.from_numpy(x)
    return (tensor.permute(0, 3, 1, 2).contiguous() if tensor.dim() == 4 else tensor), torch.from_numpy(y)


def pick_torch_threads(task: Task) -> None:
    """Gives a library on torch the better number of threads: on virtual CPUs torch's default can be the worse."""
    import torch

    torch.manual_seed(task.seed)
    most = torch.get_num_threads()
    network = torch_network(task.name)
    x, y = torch_data(task.x[: task.batch_size], task.y[: task.batch_size])
    optimizer = torch.optim.Adam(network.parameters(), LR)

    def step() -> None:
        torch.nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()

    times = {}
    for threads in (1, most):
        torch.set_num_threads(threads)
        times[threads] = _best_of(step, 20)
    torch.set_num_threads(min(times, key=lambda threads: times[threads]))


def _best_of(step: Callable[[], None], count: int) -> float:
    step()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(count // 5):
            step()
        times.append(time.perf_counter() - start)
    return sorted(times)[2]
