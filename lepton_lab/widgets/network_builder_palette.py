"""The palette of a builder: every kind of layer with its help, its formula and its parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

from lepton_lab.network import LAYERS, zoo
from lepton_lab.network.parameters import parameters_of
from lepton_lab.network.wrapping import WRAPS
from lepton_lab.registry import BUILT_IN

__all__ = ["palette", "templates"]

_ORDER = (
    "Convolution", "Pooling", "Linear", "Shape", "Activation", "Block", "Normalisation", "Regularisation", "Sequence",
    "Pretrained",
)  # fmt: skip
_FIRST = {
    kind: place
    for kinds in (
        ("Conv2d", "Conv1d"),
        ("MaxPool2d", "AvgPool2d", "GlobalAvgPool2d"),
        ("Flatten", "Reshape"),
        ("ReLU", "GELU", "Sigmoid", "Tanh"),
        ("Residual", "Parallel", "Repeat"),
        ("BatchNorm2d", "LayerNorm"),
        ("Embedding", "LSTM", "TransformerEncoderLayer"),
    )
    for place, kind in enumerate(kinds)
}
"""The commonest kinds stand first in their group, the others follow by name."""
_GLYPHS = {
    "Convolution": "conv", "Pooling": "pool", "Linear": "dense", "Shape": "flat", "Activation": "act", "Block": "block",
    "Normalisation": "norm", "Regularisation": "drop", "Sequence": "seq", "Pretrained": "folder",
}  # fmt: skip
_NOT_ADDED = frozenset({"Opaque", "Input"})


def palette() -> dict[str, Any]:
    """Groups of kinds in the order of the palette; what users registered stands under "Mine".

    Returns:
        `groups`: names of groups with their kinds; `kinds`: what is known of each kind, those of other packages too.
    """
    groups: dict[str, list[str]] = {name: [] for name in _ORDER}
    kinds: dict[str, Any] = {}
    for entry in LAYERS.entries():
        cls = entry.value
        own = entry.provider != BUILT_IN
        group = "Mine" if own else cls.group
        kinds[entry.name] = {
            "group": group,
            "glyph": "pen" if own else "emb" if entry.name == "Embedding" else _GLYPHS.get(group, "grid"),
            "summary": cls.summary,
            "formula": cls.formula,
            "source": cls.source,
            "block": entry.name in WRAPS,
            "parameters": [dataclasses.asdict(parameter) for parameter in parameters_of(cls)],
        }
        if entry.name not in _NOT_ADDED:
            groups.setdefault(group, []).append(entry.name)
    for names in groups.values():
        names.sort(key=lambda name: (_FIRST.get(name, 99), name))
    mine = groups.pop("Mine", [])
    shown = [{"name": name, "kinds": names} for name, names in groups.items() if names]
    return {"groups": [*shown, {"name": "Mine", "kinds": mine}], "kinds": kinds}


def templates() -> list[dict[str, str]]:
    """The networks of the zoo, each with what it is."""
    found = []
    for name, make in zoo.ZOO.items():
        text = " ".join((make.__doc__ or "").split("\n\n")[0].split())
        found.append({"name": name, "what": text})
    return found
