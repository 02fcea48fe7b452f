"""A trained model away from its workspace: one safetensors file, and what reads it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from lepton_lab.data.archive import SafeZip
from lepton_lab.data.preprocessing import Preprocessing
from lepton_lab.errors import CheckpointError, DataError
from lepton_lab.export.subject import meaning
from lepton_lab.network import NetworkSpec
from lepton_lab.training.checkpoint import load_model as load_weights
from lepton_lab.training.evaluate import predict
from lepton_lab.training.model_file import read_model_file

__all__ = ["MODEL_FILE", "TrainedModel", "load_model"]

MODEL_FILE = "model.safetensors"
"""Its name in a folder or zip."""


class TrainedModel:
    """A network with its weights and what prepares raw samples for it.

    Attributes:
        name: What it was called.
        network: The network as plain data.
        module: The network with its weights, on the CPU, in evaluation mode.
        preprocessing: What it was trained with; None where the file holds none.
        task: "binary", "multiclass", "multilabel", "regression", or "" where the file does not say.
        classes: Names of the classes or labels, or of a regression's targets; may be empty.
        about: Everything that the file says.
    """

    def __init__(self, module: nn.Module, about: dict[str, Any], network: NetworkSpec) -> None:
        self.module, self.about, self.network = module.eval().requires_grad_(False), about, network
        self.name = str(about.get("name") or network.name)
        self.task = str(about.get("task") or "")
        self.classes = tuple(map(str, about.get("classes") or ()))
        self.activation = str(about.get("activation") or "none")
        document = about.get("preprocessing")
        self.preprocessing = Preprocessing.from_json(document) if document is not None else None

    def predict(self, raw: Any, batch_size: int = 256) -> npt.NDArray[np.float32]:
        """What the network says of raw samples, prepared as in training.

        Args:
            raw: One sample or several: a path, bytes or an array of an image, a row or a DataFrame, a text, …; what
                `Preprocessing.transform_raw` takes.
            batch_size: Samples at once.

        Returns:
            Probabilities (N, C) in the order of `classes`, or the values (N, K) of a regression.

        Raises:
            DataError: The samples do not look like those of the training.
        """
        if self.preprocessing is None:
            x = np.asarray(raw)
            from torch import from_numpy

            samples = from_numpy(x.astype(np.int64 if self.network.input_dtype == "int64" else np.float32))
        else:
            samples = self.preprocessing(raw)
        found: npt.NDArray[np.float32] = meaning(
            predict(self.module, samples, batch_size), self.activation, self.task
        ).numpy()
        return found

    def label(self, raw: Any) -> list[str]:
        """The likeliest class of each sample.

        Raises:
            DataError: The model tells no classes apart.
        """
        if self.task not in ("binary", "multiclass"):
            raise DataError(f"{self.name!r} tells no classes apart", received=self.task or "no task", do="Use predict")
        return [self.classes[i] for i in self.predict(raw).argmax(1)]

    def __repr__(self) -> str:
        shown = ", ".join(self.classes[:6]) + (", …" if len(self.classes) > 6 else "")
        return f"<TrainedModel {self.name!r}: {self.task or 'network'}{f' of {shown}' if shown else ''}>"


def load_model(path: str | os.PathLike[str]) -> TrainedModel:
    """Reads a trained model that `export_model` or `Sequential.save` wrote.

    Args:
        path: The safetensors file, or the folder or zip that holds it.

    Raises:
        CheckpointError: There is no model, or it is damaged.
        UnsafeDataError: The zip is dangerous.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        path = path / MODEL_FILE
    if path.suffix.lower() == ".zip" and path.is_file():
        return _from_zip(path)
    return _read(path)


def _from_zip(path: Path) -> TrainedModel:
    with SafeZip(path) as archive:
        found = sorted((n for n in archive.names() if n.split("/")[-1] == MODEL_FILE), key=lambda n: (n.count("/"), n))
        if not found:
            raise CheckpointError("this zip holds no model", where=str(path), expected=f"a file {MODEL_FILE} in it")
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / MODEL_FILE
            place.write_bytes(archive.read(found[0]))
            return _read(place)


def _read(path: Path) -> TrainedModel:
    tensors, about = read_model_file(path)
    if not isinstance(about.get("network"), dict):
        raise CheckpointError("this file holds weights but no network", where=str(path))
    network = NetworkSpec.from_dict(about["network"])
    module = network.build(device="cpu", seed=0)
    load_weights(module, tensors)
    return TrainedModel(module, about, network)
