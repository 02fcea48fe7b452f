"""Keras 3 with its defaults, on the backend that KERAS_BACKEND names."""

import importlib.metadata

import keras

from tests.benchmarks.peers.common import LR, VALID_BATCH, Clock, Task, pick_torch_threads, task

BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "torch"}


class Watch(keras.callbacks.Callback):
    """Stops the clock at Keras's events."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def on_epoch_begin(self, epoch, logs=None):
        self.clock.epoch_begins()

    def on_test_begin(self, logs=None):
        self.clock.trained()

    def on_epoch_end(self, epoch, logs=None):
        if self.clock.epoch_ends((logs or {}).get("val_accuracy")):
            self.model.stop_training = True


def network(name: str) -> keras.Sequential:
    """The network in Keras's own layers, images channels last."""
    layers = keras.layers
    if name == "mnist":
        return keras.Sequential([
            keras.Input((784,)), layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ])  # fmt: skip
    return keras.Sequential([
        keras.Input((32, 32, 3)),
        layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


def main(task: Task) -> None:
    """Trains, and prints what the clock saw."""
    backend = keras.backend.backend()
    if backend == "torch":
        pick_torch_threads(task)
    keras.utils.set_random_seed(task.seed)
    model = network(task.name)
    model.compile(keras.optimizers.Adam(LR), "sparse_categorical_crossentropy", metrics=["accuracy"])
    valid = {}
    if task.x_valid is not None:
        valid = {"validation_data": (task.x_valid, task.y_valid), "validation_batch_size": VALID_BATCH}
    clock = Clock(task)
    clock.start()
    model.fit(
        task.x, task.y, batch_size=task.batch_size, epochs=task.epochs, verbose=0, callbacks=[Watch(clock)], **valid
    )
    package = "tensorflow-cpu" if backend == "tensorflow" else backend
    clock.report(f"Keras {keras.__version__} on {BACKENDS[backend]} {importlib.metadata.version(package)}")


if __name__ == "__main__":
    main(task())
