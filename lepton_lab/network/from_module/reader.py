"""Turns graphs into nested layers: chains, residual sums, branches, sub-networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import fx, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from lepton_lab.network.base import LayerSpec, TensorInfo, snake_case
from lepton_lab.network.catalogue import layer
from lepton_lab.network.from_module.functions import JOINS, function_layer, name_of, operands, reshaped
from lepton_lab.network.from_module.graph import Level
from lepton_lab.network.from_module.items import Found, branch, opaque, plain, readable
from lepton_lab.network.from_module.modules import is_known, layer_of
from lepton_lab.network.from_module.patterns import learned, wrapped
from lepton_lab.network.from_module.trace import BATCH, ShapeTracer, Unreadable, shape_of, value_of
from lepton_lab.network.layers.activations import activation_layer, activation_names
from lepton_lab.network.layers.blocks import Parallel, Residual
from lepton_lab.network.layers.tokens import Select

__all__ = ["Reader"]

_MANY = (nn.LSTM, nn.GRU, nn.RNN, nn.MultiheadAttention)


class Reader:
    """Reads modules whose input has a known shape.

    Side effects: none that last; modes and random state are as before, also after a failure.
    """

    def __init__(self) -> None:
        self.fake = FakeTensorMode(allow_non_fake_inputs=True)

    def example(self, module: nn.Module, x: TensorInfo) -> FakeTensor:
        """A fake batch of samples like `x`, where the module's weights are."""
        device = next((p.device for p in module.parameters()), torch.device("cpu"))
        with self.fake:
            return torch.zeros((BATCH, *x.shape), dtype=x.dtype, device=device)  # type: ignore[return-value]

    def level(self, module: nn.Module, example: FakeTensor, path: str) -> Level:
        """The graph of a module.

        Raises:
            Unreadable: Its forward cannot be followed, or it differs in training by more than dropout.
        """
        mode = module.training
        try:
            module.training = True
            tracer, graph = self._trace(module, example)
            module.training = False
            _, evaluation = self._trace(module, example)
        finally:
            module.training = mode
        drops: dict[fx.Node, bool] = {}
        nodes, others = list(graph.nodes), list(evaluation.nodes)
        same = len(nodes) == len(others)
        for a, b in zip(nodes, others, strict=False):
            same = same and (a.op, str(a.target)) == (b.op, str(b.target))
            if same and a.op == "call_function" and "dropout" in name_of(a):
                on, off = _training(a), _training(b)
                drops[a] = on and not off
            elif same:
                same = str((a.args, a.kwargs)) == str((b.args, b.kwargs))
        if not same:
            raise Unreadable("its forward takes other steps in training than in evaluation")
        return Level(module, graph, tracer.constants, path, drops)

    def _trace(self, module: nn.Module, example: FakeTensor) -> tuple[ShapeTracer, fx.Graph]:
        def inline(child: nn.Module, args: tuple[Any, ...], single: bool) -> bool:
            tensors = [a for a in args if isinstance(a, fx.Proxy)]
            if is_known(child) or isinstance(child, _MANY) or type(child).__module__.startswith("torch.nn."):
                return not single and isinstance(child, nn.Sequential)
            return not single or len(tensors) != 1 or len(args) != 1

        tracer = ShapeTracer(self.fake, example, inline)
        return tracer, tracer.read(module)

    def read(self, module: nn.Module, example: FakeTensor, path: str = "") -> list[Found]:
        """The layers of a module.

        Raises:
            Unreadable: Nothing of it can be read.
        """
        level = self.level(module, example, path)
        return _Chain(self, level).between(level.start, level.end)


def _training(node: fx.Node) -> bool:
    values = dict(zip(["input", "p", "training"], node.args, strict=False)) | dict(node.kwargs)
    return bool(values.get("training", True))


class _Chain:
    """Takes one graph apart."""

    def __init__(self, reader: Reader, level: Level) -> None:
        self.reader, self.level = reader, level

    def between(self, start: fx.Node, end: fx.Node) -> list[Found]:
        """The layers that lead from one step's value to another's."""
        result: list[Found] = []
        node = end
        if not self.level.good(end):
            raise Unreadable("its output has no batch axis in front")
        while node is not start:
            try:
                before, step = self._step(node)
            except Unreadable as error:
                before = self.level.before(node)
                step = [opaque(self.level, before, node, str(error))]
            result[:0] = step
            node = before
        return _folded(result)

    def _step(self, node: fx.Node) -> tuple[fx.Node, list[Found]]:
        level = self.level
        pattern = wrapped(level, node)
        if pattern is not None:
            return self._checked(pattern[0]), [pattern[1]]
        inputs = level.inputs(node)
        if node.op == "call_module":
            if len(inputs) != 1 or list(node.args) != inputs or node.kwargs:
                raise Unreadable("it takes more than one input")
            return self._checked(inputs[0]), self._child(node, inputs[0])
        if len(inputs) == 1:
            x = self._checked(inputs[0])
            special = learned(level, node, x)
            if special is not None:
                return x, [special]
            if name_of(node) in JOINS and operands(node)[0] is operands(node)[1]:
                return self._join(node, [x, x])
            if name_of(node) in ("cat", "concat", "concatenate"):
                return self._join(node, list(_parts(node)))
            layers = function_layer(node, x, level.drops.get(node, True))
            return x, [plain(one, level, x, node) for one in layers]
        if name_of(node) in JOINS:
            return self._join(node, list(operands(node)))
        if name_of(node) in ("cat", "concat", "concatenate"):
            return self._join(node, list(_parts(node)))
        raise Unreadable(f"blocks cannot join values by {name_of(node)}")

    def _checked(self, node: fx.Node) -> fx.Node:
        if not self.level.good(node):
            raise Unreadable("a value inside has no batch axis in front")
        return node

    def _child(self, node: fx.Node, x: fx.Node) -> list[Found]:
        level = self.level
        child = level.module.get_submodule(str(node.target))
        stem = readable(str(node.target))
        info = TensorInfo(shape_of(x), value_of(x).dtype)
        shape_of(node)
        if isinstance(child, nn.Identity):
            return []
        if type(child) is nn.Unflatten:
            return [plain(one, level, x, node, stem=stem) for one in reshaped(shape_of(x), shape_of(node))]
        try:
            return [plain(layer_of(child, info), level, x, node, stem=stem, source=child)]
        except Unreadable:
            if type(child).__module__.startswith("torch.nn.") and not isinstance(child, _OPEN):
                raise
        if isinstance(child, nn.TransformerEncoder):
            modules = [*child.layers, *([child.norm] if child.norm is not None else [])]
            names = [*(f"layers_{number}" for number in range(len(child.layers))), "norm"]
            parts = [
                plain(layer_of(m, info), level, x, node, stem=s, source=m) for s, m in zip(names, modules, strict=False)
            ]
            return [Found(layer("SubNetwork"), level, x, node, {node}, stem, parts={"": parts}, hint="encoder")]
        path = f"{level.path}.{node.target}" if level.path else str(node.target)
        inside = branch(self.reader.read(child, value_of(x), path))
        if len(inside) <= 1:
            return [item.at(level, x, node, stem) for item in inside]
        hint = "" if type(child) is nn.Sequential else snake_case(type(child).__name__)
        return [Found(layer("SubNetwork"), level, x, node, {node}, stem, parts={"": inside}, hint=hint)]

    def _join(self, node: fx.Node, values: list[Any]) -> tuple[fx.Node, list[Found]]:
        level = self.level
        if not all(level.is_dynamic(v) for v in values):
            raise Unreadable("it joins a value that does not depend on the input")
        for value in values:
            self._checked(value)
        x = level.meet(values)
        while not level.good(x):
            x = level.before(x)
        branches = [branch(self.between(x, value)) for value in values]
        covered: set[fx.Node] = set()
        for items in branches:
            here = {n for item in items for n in item.covers}
            if covered & here:
                raise Unreadable("its branches share steps in a way that blocks cannot say")
            covered |= here
        name = name_of(node)
        if name in JOINS and JOINS[name] == "sum" and len(values) == 2 and _matching(values):
            first, second = branches
            body, around = (second, first) if len(first) < len(second) else (first, second)
            if body:
                parts = {"body": body, "shortcut": around}
                return x, [Found(layer("Residual"), level, x, node, covered | {node}, parts=parts)]
        options: dict[str, Any] = {"merge": JOINS[name]} if name in JOINS else {}
        if not options:
            axes = value_of(node).ndim
            dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else node.kwargs.get("axis", 0))
            if not isinstance(dim, int) or dim % axes == 0:
                raise Unreadable("it concatenates along the batch")
            options = {} if dim % axes == 1 else {"dim": dim % axes}
        block: LayerSpec = Parallel(branches=tuple(() for _ in branches), **options)
        parts = {f"branch_{number}": items for number, items in enumerate(branches, 1)}
        return x, [Found(block, level, x, node, covered | {node}, parts=parts)]


_OPEN = (nn.Sequential, nn.TransformerEncoder)


def _matching(values: list[fx.Node]) -> bool:
    return shape_of(values[0]) == shape_of(values[1])


def _parts(node: fx.Node) -> tuple[Any, ...]:
    values = node.args[0] if node.args else node.kwargs.get("tensors", ())
    if not isinstance(values, tuple | list):
        raise Unreadable("it concatenates what is computed")
    return tuple(values)


def _folded(items: list[Found]) -> list[Found]:
    """A block and the plain activation after it become one layer."""
    result: list[Found] = []
    for item in items:
        last = result[-1] if result else None
        if last is not None and isinstance(last.layer, Residual | Parallel) and last.layer.activation is None:
            name = _activation(item.layer)
            if name is not None and item.level is last.level:
                block = last.layer.changed(activation=name)
                covers = last.covers | item.covers
                parts = (last.level, last.start, item.end, covers, last.stem)
                result[-1] = Found(block, *parts, parts=last.parts)
                continue
        if (
            last is not None
            and _takes_last(item.layer)
            and _is_forward_sequence(last.layer)
            and item.level is last.level
        ):
            one_step = last.layer.changed(output="last")
            result[-1] = replace(last, layer=one_step, end=item.end, covers=last.covers | item.covers)
            continue
        result.append(item)
    return result


def _is_forward_sequence(one: LayerSpec) -> bool:
    return getattr(one, "output", "") == "sequence" and not getattr(one, "bidirectional", True)


def _takes_last(one: LayerSpec) -> bool:
    return isinstance(one, Select) and one.index == -1 and one.dim == 1


def _activation(one: LayerSpec) -> str | None:
    stem = type(one).stem or type(one).__name__.lower()
    if stem in activation_names() and one.changed(name="") == activation_layer(stem):
        return stem
    return None
