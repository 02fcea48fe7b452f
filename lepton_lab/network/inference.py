"""What comes out of a layer, and what it costs, found on torch's meta device without allocating weights.

Plain layers are constructed on the meta device and run once; blocks are put together from their parts. Reports
are remembered by layer and input, so that an edit pays only for what it changes.

Threads: every function may be called from any thread.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from lepton_lab.errors import LeptonError
from lepton_lab.network.base import BlockSpec, Call, Chain, LayerSpec, TensorInfo
from lepton_lab.network.counting import multiply_adds
from lepton_lab.network.fixes import Misfit
from lepton_lab.network.formulas import output_by_formula

__all__ = ["LayerReport", "Row", "clear_cache", "infer_chain", "infer_layer"]

_BATCH = 2  # samples in a trial run; more than one, so that a lost batch axis shows


@dataclass(frozen=True)
class Row:
    """One layer of a network's table of shapes. Sizes and costs are those of one sample.

    Attributes:
        path: The layer's path in the network.
        number: Its number in its list, from 1.
        kind: Its kind in the catalogue.
        input: What it receives.
        output: What it gives.
        parameters: Number of its parameters, those of layers inside included.
        trainable: Number of those that training changes.
        multiply_adds: Multiplications with an addition in one forward pass.
        activation_bytes: Bytes of all outputs inside it, which training keeps for the backward pass.
    """

    path: str
    number: int
    kind: str
    input: TensorInfo
    output: TensorInfo
    parameters: int
    trainable: int
    multiply_adds: int
    activation_bytes: int

    @property
    def name(self) -> str:
        """The layer's own name."""
        return self.path.rpartition("/")[2]

    @property
    def depth(self) -> int:
        """0 for a layer of the network itself, more inside blocks."""
        return self.path.count("/")


@dataclass(frozen=True)
class LayerReport:
    """What is known of a layer or a list of layers with a given input; fields as in `Row`.

    Attributes:
        output: What comes out.
        calls: The modules; suffixes for a layer, full names for a list.
        rows: Rows of the layers inside, with paths relative to it.
    """

    output: TensorInfo
    calls: tuple[tuple[str, Call | Chain], ...]
    parameters: int = 0
    trainable: int = 0
    multiply_adds: int = 0
    activation_bytes: int = 0
    rows: tuple[Row, ...] = ()


class _NoDrawing(TorchFunctionMode):
    """Skips the drawing of first weights, which on the meta device has no effect but takes most of the time."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


class _Cache:
    """The most recently used reports."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._reports: OrderedDict[Any, LayerReport] = OrderedDict()

    def get(self, key: Any) -> LayerReport | None:
        with self._lock:
            report = self._reports.get(key)
            if report is not None:
                self._reports.move_to_end(key)
            return report

    def put(self, key: Any, report: LayerReport) -> None:
        with self._lock:
            self._reports[key] = report
            if len(self._reports) > self._size:
                self._reports.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._reports.clear()


_cache = _Cache(8192)
_NOT_SHAPE = frozenset({"name", "input_shape", "input_layout"})


def clear_cache() -> None:
    """Forgets every report, as in a fresh process."""
    _cache.clear()


def infer_layer(layer: LayerSpec, x: TensorInfo) -> LayerReport:
    """The report of one layer with an input like `x`.

    Raises:
        ShapeError: The layer cannot take `x`.
    """
    values = layer.__dict__
    key = (type(layer), x, tuple(value for name, value in values.items() if name not in _NOT_SHAPE))
    report = _cache.get(key)
    if report is None:
        report = _infer_block(layer, x) if isinstance(layer, BlockSpec) else _infer_plain(layer, x)
        _cache.put(key, report)
    return report


def infer_chain(
    layers: Sequence[LayerSpec], x: TensorInfo, *, part: str = "", rows: list[Row] | None = None
) -> LayerReport:
    """The report of layers that run one after the other.

    Args:
        layers: The layers.
        x: The first one's input.
        part: Name of the list in its block; begins the rows' paths.
        rows: Receives the rows as far as they go, also where an error ends them.

    Raises:
        Misfit: A layer cannot take what the one before it gives.
    """
    found: list[Row] = [] if rows is None else rows
    calls: dict[str, Call | Chain] = {}
    totals = [0, 0, 0, 0]
    giver = f"the input of {part!r} is" if part else "the network's input is"
    for number, layer in enumerate(layers, 1):
        path = f"{part}/{layer.name}" if part else layer.name
        who = f"layer {number} {layer.name!r} ({layer.kind})"
        try:
            report = infer_layer(layer, x)
            for suffix, call in report.calls:
                name = f"{layer.name}_{suffix}" if suffix else layer.name
                if name in calls:
                    raise Misfit(
                        f"the name {name!r} to be free", received="another layer has it", do="Rename one of them"
                    )
                calls[name] = call
        except Misfit as error:
            where = f"{who} in {part!r}" if part else who
            raise error.within(path, who=where, received=f"{giver} {x}", name=layer.name) from error.__cause__
        costs = (report.parameters, report.trainable, report.multiply_adds, report.activation_bytes)
        totals = [a + b for a, b in zip(totals, costs, strict=True)]
        found.append(Row(path, number, layer.kind, x, report.output, *costs))
        found.extend(replace(row, path=f"{path}/{row.path}") for row in report.rows)
        x, giver = report.output, f"layer {number} {layer.name!r} gives"
    return LayerReport(x, tuple(calls.items()), totals[0], totals[1], totals[2], totals[3], tuple(found))


def _infer_plain(layer: LayerSpec, x: TensorInfo) -> LayerReport:
    try:
        calls = layer.calls(x)
        try:
            return run_calls(calls, x)
        except Misfit:
            raise
        except Exception:
            if not layer.may_read_values:
                raise
            return run_calls(calls, x, device="cpu")
    except Misfit:
        raise
    except LeptonError as error:
        raise Misfit("", problem=str(error), fixes=error.fixes) from error
    except Exception as error:  # torch, and strangers' modules, raise what they like
        reason = str(error).strip().split("\n")[0][:300] or type(error).__name__
        raise Misfit("an input that fits it", do=f"{type(error).__name__}: {reason}") from error


def run_calls(calls: Sequence[tuple[str, Call | Chain]], x: TensorInfo, device: str = "meta") -> LayerReport:
    """Constructs modules on the meta device and runs them on an input like `x`.

    Args:
        calls: What to construct.
        x: What comes in.
        device: "cpu" runs them on zeros: for modules that look at the numbers, which the meta device has not got.

    Raises:
        Misfit: What comes out is not a tensor with the batch first.
    """
    parameters = trainable = operations = size = 0
    value: Any
    with torch.inference_mode(False), torch.no_grad():  # inference mode would hide what is a view
        value = torch.zeros((_BATCH, *x.shape), dtype=x.dtype, device=device)
        for _, call in calls:
            with torch.device(device), _NoDrawing():
                module = call.build().eval()
            quick = output_by_formula(module, value)
            given, value = value, module(value) if quick is None else quick
            operations += multiply_adds(module, given, value) // _BATCH
            size += _new_bytes(module, given, value) // _BATCH
            for parameter in module.parameters():
                parameters += parameter.numel()
                trainable += parameter.numel() if parameter.requires_grad else 0
    if not isinstance(value, torch.Tensor) or value.dim() < 1 or value.shape[0] != _BATCH:
        got = f"a tensor {tuple(value.shape)} for {_BATCH} samples" if isinstance(value, torch.Tensor) else type(value)
        raise Misfit("to give one tensor whose first axis is the batch", received=f"its forward gives {got}")
    output = TensorInfo(tuple(value.shape[1:]), value.dtype)
    return LayerReport(output, tuple(calls), parameters, trainable, operations, size)


def _new_bytes(module: nn.Module, given: Any, value: Any) -> int:
    """Bytes of a module's output that are not a mere view of its input."""
    tensor = value[0] if isinstance(value, tuple) and value else value
    if not isinstance(tensor, torch.Tensor):
        return 0
    source = given[0] if isinstance(given, tuple) else given
    root = source if source._base is None else source._base
    dropout = isinstance(module, nn.modules.dropout._DropoutNd)  # passes on in this trial run, but not in training
    if not dropout and (tensor is source or tensor._base is root):
        return 0
    return tensor.numel() * tensor.element_size()


def _infer_block(block: BlockSpec, x: TensorInfo) -> LayerReport:
    outputs: dict[str, TensorInfo] = {}
    chains: dict[str, tuple[Chain, ...]] = {}
    totals = [0, 0, 0, 0]
    rows: list[Row] = []
    for part, layers in block.children().items():
        y, runs = x, []
        for run in range(block.runs):
            report = infer_chain(layers, y, part=part)
            if run == 0:
                rows.extend(report.rows)
            costs = (report.parameters, report.trainable, report.multiply_adds, report.activation_bytes)
            totals = [a + b for a, b in zip(totals, costs, strict=True)]
            y = report.output
            runs.append(Chain(report.calls))
        outputs[part], chains[part] = y, tuple(runs)
    output = block.join(x, outputs)
    calls = block.assemble(x, chains)
    if isinstance(calls[0][1], Call):  # a sum or a concatenation is a tensor of its own
        totals[3] += output.bytes
    if len(calls) > 1:
        after = run_calls(calls[1:], output)
        costs = (after.parameters, after.trainable, after.multiply_adds, after.activation_bytes)
        totals = [a + b for a, b in zip(totals, costs, strict=True)]
        output = after.output
    return LayerReport(output, calls, totals[0], totals[1], totals[2], totals[3], tuple(rows))
