"""What the train page knows of the data and of the network before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lepton_lab.app import words_train as words
from lepton_lab.errors import LeptonError
from lepton_lab.network import NetworkSpec

if TYPE_CHECKING:
    from lepton_lab.data import DataBundle

__all__ = ["Facts", "best_by", "facts_of", "facts_of_record", "kind_of", "parameters_of"]

_DIGITS = frozenset({"mnist", "mnist-sample", "digits", "emnist"})
_FEW = 200
_EVEN = 0.05  # the most common class may be so much more common than all alike before it is named


@dataclass(frozen=True)
class Facts:
    """What is said of data.

    Attributes:
        task: "binary", "multiclass", "multilabel" or "regression".
        noun: What its samples are called, a key of `NOUNS`.
        pictures: Whether samples are pictures.
        train: Samples to learn from.
        valid: Samples that are never learned from; 0 where there are none.
        target: What a regression predicts.
        guess: What one gets without looking at a sample: a share of right answers, or the mean distance of a
            regression; None where there is nothing to compare with.
        always: The answer that a guess always gives; empty where any would do.
    """

    task: str
    noun: str
    pictures: bool
    train: int
    valid: int
    target: str
    guess: float | None
    always: str

    @property
    def regression(self) -> bool:
        """Whether a quantity is predicted."""
        return self.task == "regression"

    @property
    def column(self) -> str:
        """The metric that the page speaks of."""
        return "mae" if self.regression else "accuracy"


def facts_of(data: DataBundle) -> Facts:
    """Looks at targets only, so it is quick."""
    noun = _noun(data)
    guess, always = _guess(data)
    target = data.target_names[0] if len(data.target_names) == 1 and data.target_names[0] != "target" else "the value"
    return Facts(
        task=str(data.task), noun=noun, pictures=noun in ("digits", "pictures"), train=len(data.train),
        valid=len(data.valid) if data.valid is not None else 0, target=target, guess=guess, always=always,
    )  # fmt: skip


def best_by(facts: Facts) -> str | None:
    """The column that says which round is the best: what the page shows, so that the best is the best of what is seen.

    A share of few samples has many ties, and the first of them would be kept; then the loss decides, as usual.
    """
    return f"val_{facts.column}" if facts.valid >= (1 if facts.regression else _FEW) else None


def facts_of_record(record: Mapping[str, Any]) -> Facts:
    """The same from what a run's record says of its data, while the data themselves are still being read."""
    samples = record.get("samples") or {}
    noun = _noun_of(str(record.get("name")), tuple(record.get("sample_shape") or ()), record.get("sample_dtype"))
    return Facts(
        task=str(record.get("task") or "multiclass"), noun=noun, pictures=noun in ("digits", "pictures"),
        train=int(samples.get("train", 0)), valid=int(samples.get("valid", 0)), target="the value", guess=None,
        always="",
    )  # fmt: skip


def _noun(data: DataBundle) -> str:
    if data.preprocessing.feature_names and len(data.sample_shape) == 1:
        return "rows"
    return _noun_of(data.name, tuple(data.sample_shape), data.sample_dtype)


def _noun_of(name: str, shape: tuple[int, ...], dtype: Any) -> str:
    if len(shape) == 3 and shape[0] in (1, 3) and min(shape[1:]) > 1:
        return "digits" if name in _DIGITS else "pictures"
    if len(shape) == 1:
        return "texts" if dtype == "int64" else "rows"
    return "samples"


def _guess(data: DataBundle) -> tuple[float | None, str]:
    """What the best answer that never looks at the sample gets on new samples."""
    known, asked = data.train.targets(), (data.valid or data.train).targets()
    task = str(data.task)
    if task == "regression":
        middle = known.float().reshape(len(known), -1).median(0).values
        off = (asked.float().reshape(len(asked), -1) - middle).abs().mean()
        return float(off), words.number(float(middle[0])) if len(middle) == 1 else ""
    if task == "multilabel":
        usual = (known.float().mean(0) >= 0.5).float()
        return float((asked.float() == usual).float().mean()), ""
    classes = max(2, data.target_size)
    counts = torch.bincount(known.reshape(-1).long(), minlength=classes)
    most = int(counts.argmax())
    share = float((asked.reshape(-1).long() == most).float().mean())
    if share <= 1 / classes + min(_EVEN, 0.25 / classes):
        return 1 / classes, ""
    return share, data.classes[most] if most < len(data.classes) else str(most)


def kind_of(network: NetworkSpec | Mapping[str, Any] | None) -> str:
    """What kind of network it is, in words."""
    spec = _spec(network)
    if spec is None:
        return ""
    kinds = {layer.kind for _, layer in spec.walk()}
    if any("Attention" in kind or "Transformer" in kind for kind in kinds):
        return words.KINDS["attention"]
    if kinds & {"LSTM", "GRU", "RNN"}:
        return words.KINDS["recurrent"]
    return words.KINDS["conv" if any("Conv" in kind for kind in kinds) else "dense"]


def parameters_of(network: NetworkSpec | Mapping[str, Any] | None) -> int | None:
    """Its number of parameters; None where that cannot be told."""
    spec = _spec(network)
    try:
        return spec.infer_shapes().parameters if spec is not None else None
    except LeptonError:
        return None


def _spec(network: NetworkSpec | Mapping[str, Any] | None) -> NetworkSpec | None:
    if network is None or isinstance(network, NetworkSpec):
        return network
    try:
        return NetworkSpec.from_dict(network)
    except LeptonError:  # a layer of a plugin that is not here
        return None
