"""`Sequential`: a network and its training in Keras's dialect, on the same engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from lepton_lab.data import DataBundle, Preprocessing, TensorSplit, from_arrays
from lepton_lab.errors import DataError, SpecError, TrainingError
from lepton_lab.network import LayerSpec, NetworkSpec
from lepton_lab.training.checkpoint import Snapshot, load_model
from lepton_lab.training.evaluate import predict
from lepton_lab.training.losses import LOSSES
from lepton_lab.training.model_file import read_model_file, write_model_file
from lepton_lab.training.progress_line import follow, resolve_verbose
from lepton_lab.training.run import Run
from lepton_lab.training.setup import autocast_type, make_head
from lepton_lab.training.trainer import Trainer
from lepton_lab.training.validate import measure

__all__ = ["Sequential"]

Array = npt.NDArray[Any]


class Sequential:
    """A chain of layers with `compile`, `fit`, `evaluate` and `predict`, as in Keras.

    `fit` returns the finished `Run`; its `history.history` reads as Keras users expect. `start` trains in the
    background.

    Args:
        layers: The layers, or a `NetworkSpec`.
        input_shape: Shape of a sample without N; taken from the data where nobody says it.
        name: The network's name.
    """

    def __init__(
        self,
        layers: Iterable[LayerSpec] | NetworkSpec = (),
        *,
        input_shape: Sequence[int] | int | None = None,
        name: str = "sequential",
    ) -> None:
        if isinstance(layers, NetworkSpec):
            self._spec = layers
        else:
            self._spec = NetworkSpec(list(layers), name=name, input_shape=input_shape)
        self._module: nn.Module | None = None
        self._trainer: Trainer | None = None
        self._compiled: dict[str, Any] | None = None
        self._preprocessing: Preprocessing | None = None
        self._run: Run | None = None

    @property
    def network(self) -> NetworkSpec:
        """The network as plain data."""
        return self._spec

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """The layers, in their order."""
        return self._spec.layers

    @property
    def module(self) -> nn.Module:
        """The torch module; built when first asked for.

        Raises:
            ShapeError: The layers do not fit each other.
            SpecError: The shape of a sample is not known yet.
        """
        if self._module is None:
            if self._spec.input_shape is None:
                raise SpecError(
                    "the shape of a sample is not known yet", do="Give input_shape= to the first layer, or call fit"
                )
            seed = (self._compiled or {}).get("seed")
            self._module = self._spec.build(seed=seed)
        return self._module

    @property
    def run(self) -> Run | None:
        """The last run; None before the first."""
        return self._run

    def add(self, layer: LayerSpec) -> None:
        """Adds a layer at the end; weights that were built are drawn anew."""
        self._spec = self._spec.add(layer)
        self._module = self._trainer = None

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = "auto",
        metrics: Sequence[Any] | None = None,
        **settings: Any,
    ) -> None:
        """Says how to train; forgets what the optimizer had learnt.

        Args:
            optimizer: A name, or whatever `Trainer` takes.
            loss: A name of Keras or torch, or a function.
            metrics: Names, torchmetrics metrics or functions.
            **settings: Further settings of `Trainer`: `lr`, `schedule`, `precision`, `seed`, …

        Raises:
            UnknownNameError: A name that does not exist.
        """
        Trainer(nn.Identity(), loss=loss, optimizer=optimizer, metrics=metrics or (), **settings)
        self._compiled = {"optimizer": optimizer, "loss": loss, "metrics": metrics or (), **settings}
        self._trainer = None

    def start(
        self,
        x: Any,
        y: Any = None,
        epochs: int = 1,
        batch_size: int = 32,
        *,
        validation_data: Any = None,
        validation_split: float = 0.0,
        callbacks: Sequence[Any] | None = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        **options: Any,
    ) -> Run:
        """Trains in the background and returns at once.

        Args:
            x: Samples (N, …), or a `DataBundle`.
            y: Targets: class numbers, one-hot rows, or quantities.
            epochs: Epochs to train.
            batch_size: Samples a step.
            validation_data: Samples and targets to validate on.
            validation_split: Share of the samples, taken from their end, to validate on.
            callbacks: Callbacks in Keras's names.
            shuffle: Whether every epoch draws a new order.
            class_weight: Weight of each class by its number.
            **options: Further arguments of `Trainer.start`.

        Raises:
            DataError: Samples and targets do not fit each other.
        """
        bundle = self._bundle(x, y, validation_data, validation_split)
        if self._spec.input_shape is None:
            self._spec = self._spec.changed(input_shape=bundle.sample_shape)
        trainer = self._trainer_for(callbacks)
        if class_weight is not None:
            options["class_weights"] = tuple(float(class_weight.get(i, 1.0)) for i in range(bundle.target_size))
        previous = self._run
        if previous is not None and self._trainer is not None and previous.state.ended:
            options.setdefault("resume_from", _warm(previous))
        self._preprocessing, self._trainer = bundle.preprocessing, trainer
        options.setdefault("name", self._spec.name)
        self._run = trainer.start(bundle, epochs, batch_size, shuffle=shuffle, **options)
        self._run.network = self._spec.to_dict()
        return self._run

    def fit(
        self,
        x: Any,
        y: Any = None,
        epochs: int = 1,
        batch_size: int = 32,
        *,
        verbose: int | str = "auto",
        **options: Any,
    ) -> Run:
        """Trains and returns the finished run; see `start` for the arguments.

        Args:
            x: See `start`.
            y: See `start`.
            epochs: See `start`.
            batch_size: See `start`.
            verbose: 0 silent, 1 a live line, 2 one line an epoch, "auto" by where the program runs.
            **options: See `start`.
        """
        return follow(self.start(x, y, epochs, batch_size, **options), verbose)

    def evaluate(
        self, x: Any, y: Any = None, batch_size: int = 256, *, verbose: int | str = "auto", return_dict: bool = False
    ) -> Any:
        """Loss and metrics on samples: `loss, accuracy = model.evaluate(x, y)`.

        Args:
            x: Samples, or a `DataBundle`, of which the test split is taken.
            y: Targets.
            batch_size: Samples at once.
            verbose: 0 is silent; otherwise the values are printed in a terminal or a pipe.
            return_dict: Whether a dict is wanted.
        """
        self._needs_compile()
        bundle, split = self._for_evaluation(x, y)
        trainer = self._trainer_for(None)
        device = next((p.device for p in self.module.parameters()), torch.device("cpu"))
        head = make_head(self.module, bundle, trainer.settings, trainer._loss, device)
        found = measure(
            self.module, head.forward, head.loss, split, trainer._metrics or (), head.about, batch_size=batch_size,
            autocast=autocast_type(trainer.settings.precision, device),
        )  # fmt: skip
        assert found is not None
        if resolve_verbose(verbose):
            print(" - ".join(f"{name}: {value:.4f}" for name, value in found.items()))
        return found if return_dict else list(found.values())

    def predict(self, x: Any, batch_size: int = 256, *, verbose: int | str = 0) -> Array:
        """What the network says, probabilities where it ends in a softmax: (N, …)."""
        self._take_shape(x)
        return predict(self.module, self._prepared(x), batch_size).numpy()

    def summary(self) -> None:
        """Prints layers, shapes and parameters."""
        print(self._spec.summary())

    def save(self, path: str | Path) -> Path:
        """Writes network, weights, preprocessing and settings into one safetensors file."""
        about = {
            "network": self._spec.to_dict(),
            "preprocessing": self._preprocessing.to_json() if self._preprocessing is not None else None,
            "compile": _plain_settings(self._compiled),
        }
        return write_model_file(Path(path), self.module.state_dict(), about)

    @classmethod
    def load(cls, path: str | Path) -> Sequential:
        """Reads what `save` wrote.

        Raises:
            CheckpointError: The file is damaged, or its weights do not fit its network.
        """
        tensors, about = read_model_file(Path(path))
        model = cls(NetworkSpec.from_dict(about["network"]))
        load_model(model.module, tensors)
        if about.get("preprocessing") is not None:
            model._preprocessing = Preprocessing.from_json(about["preprocessing"])
        if about.get("compile") is not None:
            model.compile(**about["compile"])
        return model

    def _needs_compile(self) -> dict[str, Any]:
        if self._compiled is None:
            raise TrainingError("the model is not compiled", do='Call compile(optimizer="adam", loss=…) first')
        return self._compiled

    def _trainer_for(self, callbacks: Sequence[Any] | None) -> Trainer:
        compiled = self._needs_compile()
        return Trainer(self.module, callbacks=callbacks or (), **compiled)

    def _bundle(self, x: Any, y: Any, validation_data: Any, validation_split: float) -> DataBundle:
        self._needs_compile()
        if isinstance(x, DataBundle):
            return x
        self._take_shape(x)
        if validation_data is None and validation_split:
            count = len(x)
            cut = count - int(count * validation_split)
            if not 0 < cut < count:
                raise DataError("validation_split leaves one side empty", received=repr(validation_split))
            x, y, validation_data = x[:cut], y[:cut], (x[cut:], y[cut:])
        if validation_data is not None:
            validation_data = tuple(validation_data)[:2]
        return from_arrays(x, y, validation_data=validation_data, valid=0, test=0, **self._reading(y))

    def _take_shape(self, x: Any) -> None:
        if self._spec.input_shape is None:
            shape = tuple(np.shape(x)[1:]) or (1,)
            self._spec = self._spec.changed(input_shape=shape)

    def _reading(self, y: Any) -> dict[str, Any]:
        """How targets are to be read: by the loss, and by the number of outputs."""
        options: dict[str, Any] = {"sample_dtype": self._spec.input_dtype, "name": self._spec.name}
        loss = self._needs_compile()["loss"]
        takes = LOSSES[loss].takes if isinstance(loss, str) and loss != "auto" else ""
        if takes == "values":
            options["task"] = "regression"
        if takes in ("logits", "log_probabilities"):
            outputs = self._spec.infer_shapes().rows[-1].output.shape[0]
            options["task"] = "classification"
            labels = np.asarray(y)
            if labels.dtype.kind in "iuf" and not (labels.ndim == 2 and labels.shape[1] > 1):
                options["classes"] = list(range(outputs))
        return options

    def _for_evaluation(self, x: Any, y: Any) -> tuple[DataBundle, Any]:
        if isinstance(x, DataBundle):
            if x.test is None:
                raise DataError(f"{x.name!r} has no test split", do="Pass samples and targets")
            return x, x.test
        self._take_shape(x)
        bundle = from_arrays(x, y, valid=0, test=0, **self._reading(y))
        split = bundle.train
        if self._preprocessing is not None and isinstance(split, TensorSplit):
            split = TensorSplit(split.x, split.y, self._preprocessing)
        return bundle, split

    def _prepared(self, x: Any) -> torch.Tensor:
        if self._preprocessing is not None:
            return self._preprocessing(x)
        tensor = torch.as_tensor(np.asarray(x))
        return tensor.long() if self._spec.input_dtype == "int64" else tensor.float()

    def __repr__(self) -> str:
        return f"<Sequential {self._spec.name!r}: {len(self._spec)} layers>"


def _warm(run: Run) -> Snapshot | None:
    """What the optimizer has learnt, for a `fit` that goes on after another."""
    plan = run._plan
    if plan is None or plan.last is None:
        return None
    kept = {k: v for k, v in plan.last.tensors.items() if k.startswith("optimizer/")}
    return Snapshot(kept, {"warm": True, "optimizer": plan.last.about["optimizer"]})


def _plain_settings(compiled: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What can be written down of `compile`'s arguments; None where a part is an object."""
    if compiled is None:
        return None
    settings = {**compiled, "metrics": list(compiled["metrics"])}
    plain = (str, int, float, bool, list, dict, type(None))
    if all(isinstance(v, plain) for v in settings.values()) and all(isinstance(m, str) for m in settings["metrics"]):
        return settings
    return None
