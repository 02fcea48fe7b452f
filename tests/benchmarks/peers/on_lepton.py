"""Lepton Lab's Sequential as in Keras, store and history on; `--settings` takes further ones as JSON."""

import argparse
import json

import lepton_lab as ll
from lepton_lab.training import Callback
from tests.benchmarks.peers.common import Clock, Task, task


class Watch(Callback):
    """Stops the clock at Keras's events."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_epoch_begin(self, epoch, logs=None):
        self.clock.epoch_begins()

    def on_test_begin(self, logs=None):
        self.clock.trained()

    def on_epoch_end(self, epoch, logs=None):
        if self.clock.epoch_ends((logs or {}).get("val_accuracy")):
            self.run.stop()


def network(name: str) -> ll.Sequential:
    """The network in Keras's dialect, images channels last."""
    if name == "mnist":
        return ll.Sequential([
            ll.Dense(64, activation="relu", input_shape=(784,)), ll.Dense(64, activation="relu"),
            ll.Dense(10, activation="softmax"),
        ])  # fmt: skip
    return ll.Sequential([
        ll.Conv2D(32, (3, 3), activation="relu", input_shape=(32, 32, 3)), ll.MaxPooling2D((2, 2)),
        ll.Conv2D(64, (3, 3), activation="relu"), ll.MaxPooling2D((2, 2)),
        ll.Conv2D(64, (3, 3), activation="relu"),
        ll.Flatten(), ll.Dense(64, activation="relu"), ll.Dense(10, activation="softmax"),
    ])  # fmt: skip


def main(task: Task) -> None:
    """Trains, and prints what the clock saw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", type=json.loads, default={})
    settings = parser.parse_known_args()[0].settings
    model = network(task.name)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], seed=task.seed, **settings)
    valid = {} if task.x_valid is None else {"validation_data": (task.x_valid, task.y_valid)}
    clock = Clock(task)
    clock.start()
    model.fit(
        task.x, task.y, batch_size=task.batch_size, epochs=task.epochs, verbose=0, callbacks=[Watch(clock)], **valid
    )
    clock.report(f"Lepton Lab {ll.__version__}")


if __name__ == "__main__":
    main(task())
