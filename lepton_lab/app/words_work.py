"""What 'My work' says that Python must word: settings by their plain names, and errors."""

from __future__ import annotations

from typing import Any

__all__ = ["GONE", "GONE_FIX", "is_technical", "setting", "value"]

GONE = "This project is no longer there"
GONE_FIX = "Somebody deleted it. Choose another one"

_SETTINGS = {
    "epochs": "rounds (epochs)",
    "batch_size": "samples at a time (batch size)",
    "lr": "step size (learning rate)",
    "optimizer": "way of learning (optimizer)",
    "schedule": "step size over time (schedule)",
    "weight_decay": "pull towards small weights (weight decay)",
    "decay_biases": "whether offsets are pulled as well (decay of biases)",
    "seed": "seed of chance",
    "precision": "precision of numbers",
    "probes": "what is measured inside",
    "patience": "rounds to wait for something better (patience)",
    "loss": "what is made small (loss)",
    "label_smoothing": "softened answers (label smoothing)",
    "data.name": "data",
    "network.name": "network",
    "network.input_shape": "form of the samples",
    "device": "trained on",
}
_TECHNICAL = ("data.fingerprint", "data.source", "versions")


def setting(name: str) -> str:
    """A setting as people say it; a layer's parameter by the names of layer and parameter."""
    if name in _SETTINGS:
        return _SETTINGS[name]
    if name.startswith("network."):
        layer, _, parameter = name.removeprefix("network.").partition(".")
        return f"{layer}: {parameter.replace('_', ' ')}" if parameter else layer.replace("_", " ")
    return name.replace("_", " ")


def is_technical(name: str) -> bool:
    """Whether a difference says nothing to somebody who compares two runs, such as a version."""
    return name.startswith(_TECHNICAL) or name.endswith(".kind")


def value(given: Any) -> str:
    """The value of a setting as text."""
    if given is None:
        return "–"
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, float):
        return f"{given:g}"
    if isinstance(given, list | tuple):
        return ", ".join(map(str, given)) or "none"
    return str(given)
