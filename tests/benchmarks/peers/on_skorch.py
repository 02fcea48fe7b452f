"""skorch's NeuralNetClassifier."""

import skorch
import torch
from skorch.callbacks import Callback
from skorch.helper import predefined_split
from torch.utils.data import TensorDataset

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
    """Stops the clock at skorch's events."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_epoch_begin(self, net, **kwargs):
        self.clock.epoch_begins()

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if not training:
            self.clock.trained()

    def on_epoch_end(self, net, **kwargs):
        if self.clock.epoch_ends(net.history[-1].get("valid_acc")):
            raise KeyboardInterrupt  # how skorch's own EarlyStopping ends a fit


def main(task: Task) -> None:
    """Trains, and prints what the clock saw."""
    pick_torch_threads(task)
    torch.manual_seed(task.seed)
    split = None
    if task.x_valid is not None:
        split = predefined_split(TensorDataset(*torch_data(task.x_valid, task.y_valid)))
    clock = Clock(task)
    net = skorch.NeuralNetClassifier(
        torch_network(task.name), criterion=torch.nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=LR,
        batch_size=task.batch_size, max_epochs=task.epochs, iterator_train__shuffle=True, train_split=split,
        iterator_valid__batch_size=VALID_BATCH, callbacks=[("watch", Watch(clock))], verbose=0,
    )  # fmt: skip
    x, y = torch_data(task.x, task.y)
    clock.start()
    net.fit(TensorDataset(x, y), None)
    clock.report(f"skorch {skorch.__version__}")


if __name__ == "__main__":
    main(task())
