"""fastai's Learner with its own Adam at a constant rate, and torch's DataLoaders, quicker here than its own."""

import fastai
import fastai.callback.progress  # gives Learner no_bar
import torch
from fastai.callback.core import Callback, CancelFitException, CancelValidException
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.metrics import accuracy
from torch.utils.data import DataLoader, TensorDataset

from tests.benchmarks.peers.common import (
    LR,
    VALID_BATCH,
    Clock,
    Task,
    pick_torch_threads,
    task,
    torch_data,
    torch_network,
)


class Watch(Callback):
    """Stops the clock at fastai's events."""

    order = 90  # after the Recorder

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def before_train(self):
        self.clock.epoch_begins()

    def after_train(self):
        self.clock.trained()

    def before_validate(self):
        if self.clock.task.x_valid is None:
            raise CancelValidException

    def after_epoch(self):
        validated = self.clock.task.x_valid is not None
        if self.clock.epoch_ends(self.learn.final_record[-1] if validated else None):
            raise CancelFitException


def main(task: Task) -> None:
    """Trains, and prints what the clock saw."""
    pick_torch_threads(task)
    torch.manual_seed(task.seed)
    train = DataLoader(TensorDataset(*torch_data(task.x, task.y)), task.batch_size, shuffle=True)
    valid = train
    if task.x_valid is not None:
        valid = DataLoader(TensorDataset(*torch_data(task.x_valid, task.y_valid)), VALID_BATCH)
    loaders = DataLoaders(train, valid, device="cpu")
    clock = Clock(task)
    learner = Learner(
        loaders, torch_network(task.name), loss_func=torch.nn.CrossEntropyLoss(),
        metrics=[accuracy], cbs=[Watch(clock)],
    )  # fmt: skip
    clock.start()
    with learner.no_bar(), learner.no_logging():
        learner.fit(task.epochs, LR)
    clock.report(f"fastai {fastai.__version__}")


if __name__ == "__main__":
    main(task())
