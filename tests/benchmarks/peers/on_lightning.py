"""Lightning with DataLoaders, as in its documentation; nothing logged, no bar, no checkpoints."""

import logging
import warnings

import lightning
import torch
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


class Module(lightning.LightningModule):
    """The network, its loss and its optimizer."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.network = torch_network(name)

    def training_step(self, batch, index):
        x, y = batch
        return torch.nn.functional.cross_entropy(self.network(x), y)

    def validation_step(self, batch, index):
        x, y = batch
        self.log("val_accuracy", (self.network(x).argmax(1) == y).float().mean(), batch_size=len(y))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), LR)


class Watch(lightning.Callback):
    """Stops the clock at Lightning's events."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_epoch_start(self, trainer, pl_module):
        self.clock.epoch_begins()

    def on_validation_start(self, trainer, pl_module):
        self.clock.trained()

    def on_train_epoch_end(self, trainer, pl_module):
        accuracy = trainer.callback_metrics.get("val_accuracy")
        trainer.should_stop = self.clock.epoch_ends(None if accuracy is None else float(accuracy))


def main(task: Task) -> None:
    """Trains, and prints what the clock saw."""
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    pick_torch_threads(task)
    lightning.seed_everything(task.seed, verbose=False)
    module, clock = Module(task.name), Clock(task)
    loaders = [DataLoader(TensorDataset(*torch_data(task.x, task.y)), task.batch_size, shuffle=True)]
    if task.x_valid is not None:
        loaders.append(DataLoader(TensorDataset(*torch_data(task.x_valid, task.y_valid)), VALID_BATCH))
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=task.epochs, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, callbacks=[Watch(clock)],
    )  # fmt: skip
    clock.start()
    trainer.fit(module, *loaders)
    clock.report(f"Lightning {lightning.__version__}")


if __name__ == "__main__":
    main(task())
