"""The templates that fit some data, with what each costs, and a small drawing of its form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lepton_lab.app import words_network as words
from lepton_lab.app.network_speed import Speed
from lepton_lab.data import DataBundle
from lepton_lab.network import NetworkShapes, NetworkSpec
from lepton_lab.network.memory import training_bytes
from lepton_lab.network.templates import form_of, templates

__all__ = ["Offer", "costs", "drawing", "offers"]

_DRAWN = 12  # blocks of a drawing
_SILENT = frozenset(
    {"Dropout", "Dropout2d", "BatchNorm1d", "BatchNorm2d", "LayerNorm", "Flatten", "PositionalEncoding", "Scale"}
)


@dataclass(frozen=True)
class Offer:
    """One size of a template.

    Attributes:
        form: What the data is to a network; see `templates.form_of`.
        template: The template's name.
        size: Its size; empty where it has only one.
        network: The network.
        shapes: Its table.
    """

    form: str
    template: str
    size: str
    network: NetworkSpec
    shapes: NetworkShapes

    @property
    def name(self) -> str:
        """What people call it."""
        return words.named(self.form, self.template, self.size)

    def is_like(self, network: NetworkSpec | None) -> bool:
        """Whether a network is this one, whatever its name."""
        return network is not None and network.layers == self.network.layers


def offers(data: DataBundle) -> tuple[Offer, ...]:
    """The networks to choose from for some data, the one to begin with first; takes up to a second."""
    vocabulary = int(getattr(data.preprocessing, "index_count", 10_000))
    shape, dtype = tuple(data.sample_shape), data.sample_dtype
    form = form_of(shape, dtype)
    found = []
    for template in templates(shape, data.target_size, dtype, vocabulary=vocabulary, unit=data.target_unit()):
        for size in template.makers:
            network = template.make(size).changed(input_dtype=dtype)
            one = len(template.makers) == 1
            found.append(Offer(form, template.name, "" if one else size, network, network.infer_shapes()))
    return tuple(found)


def costs(
    network: NetworkSpec, shapes: NetworkShapes, data: DataBundle, batch_size: int, optimizer: str, speed: Speed | None
) -> dict[str, Any]:
    """Parameters, bytes of memory while it trains, and seconds of a round; None for seconds before they are known."""
    checked = len(data.valid) if data.valid is not None else 0
    rounds = None
    if speed is not None:
        rounds = speed.round_seconds(network, shapes, batch_size, len(data.train), checked)
    return {
        "parameters": shapes.parameters,
        "memory": training_bytes(shapes, batch_size, optimizer=optimizer),
        "seconds": rounds,
    }


def drawing(shapes: NetworkShapes) -> list[dict[str, Any]]:
    """What stands in a network from left to right.

    Returns:
        Of each block: `side` (pixels of a map's shorter side, steps of a sequence, 0 for a vector), `width` (channels,
        or numbers of a vector), and `kind` ("input", "layer", "skip" past which a shortcut leads, "read" step by step).
    """
    blocks = [{**_size(shapes.input.shape), "kind": "input"}]
    for row in shapes.rows:
        if row.depth or row.kind in _SILENT:
            continue
        size = _size(row.output.shape)
        kind = {"Residual": "skip", "Repeat": "skip", "LSTM": "read"}.get(row.kind, "layer")
        before = blocks[-1]
        if kind == "layer" and "Pool" in row.kind and before["kind"] == "layer":
            before.update(size)  # a map that is made smaller is drawn once
            continue
        blocks.append({**size, "kind": kind})
    return blocks if len(blocks) <= _DRAWN else [*blocks[: _DRAWN - 1], blocks[-1]]


def _size(shape: Sequence[int]) -> dict[str, Any]:
    if len(shape) == 3:
        return {"side": min(shape[1:]), "width": shape[0]}
    if len(shape) == 2:
        return {"side": shape[0], "width": shape[1]}
    return {"side": 0, "width": shape[0] if shape else 1}
