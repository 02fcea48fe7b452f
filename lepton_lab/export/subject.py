"""What is exported: a run's network with its weights, its data and how it was trained."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lepton_lab.data import DataBundle, load_source
from lepton_lab.errors import CheckpointError, TrainingError
from lepton_lab.network import NetworkSpec
from lepton_lab.training.checkpoint import load_model
from lepton_lab.training.evaluate import predict
from lepton_lab.training.losses import final_activation
from lepton_lab.training.settings import TrainSettings

__all__ = ["Activation", "Trained", "activation_of", "meaning", "trained", "versions_of"]

Activation = Literal["softmax", "sigmoid", "none"]


@dataclass(frozen=True, eq=False)
class Trained:
    """A network with the weights that are taken away.

    Attributes:
        run: The run, live, ended or stored.
        name: Its name.
        spec: The network as plain data.
        module: The network with its weights, on the CPU, in evaluation mode.
        data: The data.
        settings: How it was trained.
        which: "best" or "last" weights.
        activation: What turns the network's outputs into probabilities; "none" where they are that, or values.
    """

    run: Any
    name: str
    spec: NetworkSpec
    module: nn.Module
    data: DataBundle
    settings: TrainSettings
    which: str
    activation: Activation

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what is predicted: the classes, the labels, or the targets of a regression."""
        return tuple(self.data.classes) or tuple(self.data.target_names)

    @property
    def task(self) -> str:
        """What is asked: "binary", "multiclass", "multilabel" or "regression"."""
        return str(self.data.task)

    @property
    def width(self) -> int:
        """Numbers that the network puts out for a sample."""
        return int(torch.Size(self.spec.infer_shapes().output.shape).numel())

    def samples(self, count: int) -> tuple[str, Tensor]:
        """Up to `count` samples as they are stored, and the split that they are from: what was not trained on first."""
        split = next(name for name in ("valid", "test", "train") if name in self.data.splits)
        pair = self.data.splits[split].tensors()
        if pair is not None:
            return split, pair[0][:count]
        from lepton_lab.data.samples import stored

        return split, stored(self.data.splits[split], list(range(min(count, len(self.data.splits[split])))))


def trained(run: Any, weights: str = "best", data: DataBundle | None = None) -> Trained:
    """Collects what is exported of a run.

    Args:
        run: A `Run` or a run of the store.
        weights: "best" or "last"; the last ones where there are no best ones.
        data: Its data, where it came from memory and cannot be loaded again.

    Raises:
        TrainingError: The run trained a module that has no specification, or is no run.
        CheckpointError: It has no weights yet.
        DataError: Its data cannot be loaded again.
    """
    if not hasattr(run, "weights") or not hasattr(run, "network"):
        raise TrainingError("only a run can be taken away", expected="a Run", received=type(run).__name__)
    if run.network is None:
        raise TrainingError(
            f"{run.name!r} trained a module that has no specification",
            do="Read it with NetworkSpec.from_module, train that, or keep its state_dict with safetensors",
        )
    which = weights
    try:
        tensors = run.weights(weights)
    except CheckpointError:
        if weights != "best":
            raise
        which, tensors = "last", run.weights("last")
    if data is None:
        plan = getattr(run, "_plan", None)
        data = plan.data if plan is not None else load_source(run.data.get("source"))
    spec = NetworkSpec.from_dict(run.network)
    if spec.input_shape is None:
        spec = spec.changed(input_shape=tuple(data.sample_shape))
    spec = _without_downloads(spec)
    module = spec.build(device="cpu", seed=0)
    load_model(module, tensors)
    module.eval().requires_grad_(False)
    x, _ = next(data.train.batches(min(4, len(data.train))))
    settings = TrainSettings.from_json(run.settings)
    activation = activation_of(module, x, str(data.task))
    return Trained(run, run.name, spec, module, data, settings, which, activation)


def _without_downloads(spec: NetworkSpec) -> NetworkSpec:
    """The network without the wish for pretrained weights, which are replaced by the trained ones anyway."""
    for path, layer in spec.walk():
        if getattr(layer, "kind", "") == "Backbone" and getattr(layer, "weights", None) is not None:
            spec = spec.replace(path, weights=None)
    return spec


def activation_of(module: nn.Module, x: Tensor, task: str) -> Activation:
    """What turns a network's outputs into probabilities.

    Args:
        module: The network.
        x: A few prepared samples.
        task: What is asked.
    """
    if task == "regression" or final_activation(module)[1] is not None:
        return "none"
    output = predict(module, x)
    output = output.reshape(len(output), -1)
    if output.shape[1] > 1:
        rows = output.sum(1)
        if bool((output >= 0).all()) and bool(torch.allclose(rows, torch.ones_like(rows), atol=1e-3)):
            return "none"
    return "sigmoid" if task == "multilabel" or output.shape[1] == 1 else "softmax"


def meaning(output: Tensor, activation: str, task: str) -> Tensor:
    """What a network put out as probabilities (N, C) or values (N, K); two classes always get two columns."""
    output = output.flatten(1) if output.dim() > 1 else output.unsqueeze(1)  # len() would fix N in an exported graph
    if activation == "softmax":
        output = output.softmax(1)
    elif activation == "sigmoid":
        output = output.sigmoid()
    return torch.cat([1 - output, output], 1) if task == "binary" and output.shape[1] == 1 else output


def versions_of(run: Any) -> Mapping[str, str]:
    """Versions that a run was trained with, as far as its record knows; those of this process otherwise."""
    known = getattr(run, "versions", None)
    if isinstance(known, Mapping) and known:
        return {str(k): str(v) for k, v in known.items()}
    from lepton_lab import __version__

    return {"lepton_lab": __version__, "torch": torch.__version__, "python": platform.python_version()}
