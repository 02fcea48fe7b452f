"""The table that the cards of a builder are drawn from: shapes, costs, and what is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from lepton_lab.data import DataBundle
from lepton_lab.errors import LeptonError, ShapeError
from lepton_lab.network import BlockSpec, Fix, LayerSpec, NetworkSpec, Row, TensorInfo
from lepton_lab.network.fixes import Edit
from lepton_lab.network.inference import infer_layer
from lepton_lab.network.memory import training_bytes
from lepton_lab.network.receptive import receptive_fields
from lepton_lab.network.serial import layer_to_dict
from lepton_lab.network.shapes import NetworkCheck
from lepton_lab.network.wording import describe

__all__ = ["builder_table"]


def builder_table(network: NetworkSpec, data: DataBundle | None, batch_size: int) -> dict[str, Any]:
    """All that a view draws, as plain JSON.

    Args:
        network: The network.
        data: Data that it shall learn, whose number of classes the last layer has to give; None for none.
        batch_size: For the estimate of memory.

    Returns:
        `layers`, a tree of cards; `problem`, what is wrong, or None; `total`, sums for one sample; `input`.
    """
    check = network.check()
    problem = _problem(check) or (_ending(network, check, data) if check.shapes is not None else None)
    expected: dict[str, Row] = {}
    if check.problems and check.problems[0].fixes:
        with contextlib.suppress(LeptonError):
            expected = {row.path: row for row in network.apply(check.problems[0].fixes[0]).check().rows}
    space = len(network.input_shape) - 1 if network.input_shape else 0
    fields = receptive_fields(network.layers, space) if space in (1, 2, 3) else {}
    at_fault = check.problems[0].path if check.problems else ""
    cards = _Cards(at_fault, expected, fields).of(network.layers, "", network.input if at_fault or check.ok else None)
    rows = [row for row in check.rows if row.depth == 0]
    total = {
        "layers": sum(1 for _ in network.walk()),
        "parameters": sum(row.parameters for row in rows),
        "share_of": sum(row.parameters for row in (expected.values() or rows) if row.depth == 0),
        "trainable": sum(row.trainable for row in rows),
        "multiply_adds": sum(row.multiply_adds for row in rows),
        "memory": training_bytes(check.shapes, batch_size) if check.shapes is not None else None,
        "batch_size": batch_size,
        "complete": check.ok,
    }
    return {
        "name": network.name,
        "input": {"shape": list(network.input_shape) if network.input_shape else None, "dtype": network.input_dtype},
        "layers": cards,
        "problem": problem,
        "total": total,
    }


class _Cards:
    """Makes the tree; remembers which layer the others wait for."""

    def __init__(self, at_fault: str, expected: dict[str, Row], fields: dict[str, tuple[int, ...]]) -> None:
        self.at_fault, self.expected, self.fields = at_fault, expected, fields

    def of(self, layers: Sequence[LayerSpec], prefix: str, x: TensorInfo | None) -> list[dict[str, Any]]:
        """The cards of one list with an input `x`; None where that is not known."""
        return [card for card, _ in self.run(layers, prefix, x)]

    def run(
        self, layers: Sequence[LayerSpec], prefix: str, x: TensorInfo | None
    ) -> list[tuple[dict[str, Any], TensorInfo | None]]:
        found = []
        for layer in layers:
            path = f"{prefix}/{layer.name}" if prefix else layer.name
            card, x = self.card(layer, path, x)
            found.append((card, x))
        return found

    def card(self, layer: LayerSpec, path: str, x: TensorInfo | None) -> tuple[dict[str, Any], TensorInfo | None]:
        values = layer_to_dict(layer)
        inner = set(layer.children()) | {"body", "shortcut", "branches", "layers"} if layer.children() else set()
        card: dict[str, Any] = {
            "path": path,
            "name": layer.name,
            "kind": layer.kind,
            "what": describe(layer, x),
            "values": {key: getattr(layer, key) for key in values if key not in inner | {"kind", "plugin", "name"}},
            "input": None if x is None else list(x.shape),
            "output": None,
            "state": "waits",
            "waits": self.at_fault,
        }
        output = None
        if x is not None:
            try:
                report = infer_layer(layer, x)
            except LeptonError:
                card["state"] = "fault" if path == self.at_fault else "holds"
            else:
                output = report.output
                card.update(
                    state="ok", output=list(output.shape), parameters=report.parameters,
                    trainable=report.trainable, multiply_adds=report.multiply_adds,
                    activation_bytes=report.activation_bytes, field=list(self.fields.get(path, ())),
                )  # fmt: skip
        if output is None and (row := self.expected.get(path)) is not None and row.kind == layer.kind:
            card["expected"] = {"output": list(row.output.shape), "parameters": row.parameters}
        if isinstance(layer, BlockSpec):
            card["lists"] = [
                {
                    "path": f"{path}/{part}" if part else path,
                    "name": part,
                    "layers": self.of(children, f"{path}/{part}" if part else path, x),
                }
                for part, children in layer.children().items()
            ]
        return card, output


def _problem(check: NetworkCheck) -> dict[str, Any] | None:
    if not check.problems:
        return None
    problem = check.problems[0]
    error = problem.error
    if isinstance(error, ShapeError) and error.expected and problem.path:
        name = problem.path.rpartition("/")[2]
        title, brief = f"{name} expects {error.expected}, but {error.received}.", "its input does not fit"
    else:
        title, brief = f"{error.what}.", "see there"
    return {
        "path": problem.path,
        "brief": brief,
        "title": title[0].upper() + title[1:] if not problem.path else title,
        "detail": f"{error.do}." if error.do and not error.do.endswith(".") else error.do or "",
        "fixes": [{"label": _button(fix), "fix": fix.model_dump()} for fix in problem.fixes],
    }


def _button(fix: Fix) -> str:
    return fix.label[0].upper() + fix.label[1:]


def _ending(network: NetworkSpec, check: NetworkCheck, data: DataBundle | None) -> dict[str, Any] | None:
    """What is wrong with the last layer for this data; None where it fits."""
    if data is None or check.shapes is None or not network.layers:
        return None
    output, wanted = check.shapes.output, data.target_size
    fits = output.shape == (wanted,) or (len(data.classes) == 2 and output.shape in ((1,), ()))
    image = output.shape == tuple(data.sample_shape) and not data.task.is_classification
    if fits or image:
        return None
    what = f"{wanted} classes" if data.task.is_classification else f"{wanted} target value{'s' if wanted > 1 else ''}"
    last = network.layers[-1]
    fixes: list[Fix] = []
    if last.kind == "Linear" and len(output.shape) == 1:
        edit = Edit(op="set", path=last.name, values={"out_features": wanted})
        fixes.append(Fix(label=f"set out_features={wanted} in {last.name!r}", edits=(edit,)))
    head: dict[str, Any] = {"kind": "Linear", "out_features": wanted, "name": _head(network)}
    steps = [Edit(op="insert", path=last.name, place="after", layer=head)]
    if len(output.shape) != 1:
        steps.append(Edit(op="insert", path=last.name, place="after", layer={"kind": "Flatten"}))
    also = " and Flatten" if len(output.shape) != 1 else ""
    fixes.append(Fix(label=f"add Linear({wanted}){also} at the end", edits=tuple(steps)))
    return {
        "path": last.name,
        "brief": f"it has to give {wanted} number{'s' if wanted > 1 else ''}",
        "title": f"{last.name} gives {output}, but {data.name} has {what}.",
        "detail": f"The last layer has to give {wanted} numbers, one for each.",
        "fixes": [{"label": _button(fix), "fix": fix.model_dump()} for fix in fixes],
    }


def _head(network: NetworkSpec) -> str:
    return "head" if all(layer.name != "head" for layer in network.layers) else ""
