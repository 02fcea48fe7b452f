"""Questions about one module's traced graph: what depends on what, and cutting parts out of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.utils._pytree import tree_any

from lepton_lab.network.from_module.trace import BATCH, Unreadable, value_of

__all__ = ["Level"]


@dataclass
class Level:
    """One module's forward as a graph.

    Attributes:
        module: The module.
        graph: Its steps.
        constants: Tensors that its forward makes itself, by the name of their node's target.
        path: The module's path in the one that is read.
        drops: The functional dropouts in it; True where they are on in training and off in evaluation.
        dominators: For each step that depends on the input, the last step before it that all ways pass.
    """

    module: nn.Module
    graph: fx.Graph
    constants: dict[str, torch.Tensor]
    path: str
    drops: dict[fx.Node, bool] = field(default_factory=dict)
    dominators: dict[fx.Node, fx.Node] = field(init=False)

    def __post_init__(self) -> None:
        nodes = list(self.graph.nodes)
        self.start: fx.Node = next(n for n in nodes if n.op == "placeholder")
        self._order = {node: number for number, node in enumerate(nodes)}
        result = next(n for n in nodes if n.op == "output").args[0]
        self._dynamic = {self.start}
        self.dominators = {}
        for node in nodes:
            inputs = self._tensors(node)
            if inputs and node.op != "output":
                self._dynamic.add(node)
                self.dominators[node] = self.meet(inputs)
        if not isinstance(result, fx.Node) or result not in self._dynamic:
            raise Unreadable("its forward does not give one tensor that depends on its input")
        self.end: fx.Node = result

    def _tensors(self, node: fx.Node) -> list[fx.Node]:
        return [n for n in node.all_input_nodes if n in self._dynamic and _has_tensor(value_of(n))]

    def is_dynamic(self, node: Any) -> bool:
        """Whether a step's tensors depend on the module's input."""
        return isinstance(node, fx.Node) and node in self._dynamic and _has_tensor(value_of(node))

    def inputs(self, node: fx.Node) -> list[fx.Node]:
        """The tensors that a step takes and that depend on the module's input."""
        return self._tensors(node)

    def meet(self, nodes: Iterable[fx.Node]) -> fx.Node:
        """The last step that all ways to all of `nodes` pass."""
        first, *others = nodes
        for other in others:
            while first is not other:
                if self._order[first] < self._order[other]:
                    other = self.dominators[other]
                else:
                    first = self.dominators[first]
        return first

    def good(self, node: fx.Node) -> bool:
        """Whether a step gives one tensor with the batch in front, as layers do."""
        value = value_of(node)
        return isinstance(value, torch.Tensor) and value.ndim > 0 and value.shape[0] == BATCH

    def before(self, node: fx.Node) -> fx.Node:
        """The last step before `node` that all ways pass and that gives one tensor with the batch in front."""
        node = self.dominators[node]
        while not self.good(node):
            if node is self.start:
                raise Unreadable("its input has no batch axis in front")
            node = self.dominators[node]
        return node

    def carve(self, start: fx.Node, end: fx.Node) -> tuple[fx.GraphModule, set[fx.Node]]:
        """The steps after `start` up to `end` as a module of their own, and which they are."""
        graph = fx.Graph()
        copies: dict[fx.Node, fx.Node] = {start: graph.placeholder("x")}
        covered: set[fx.Node] = set()
        root: dict[str, Any] = {}

        def copy(node: fx.Node) -> fx.Node:
            if node not in copies:
                if isinstance(value_of(node), int) and value_of(node) == BATCH:
                    copies[node] = graph.call_method("size", (copies[start], 0))
                elif node is self.start:
                    raise Unreadable("it looks at an earlier value")
                else:
                    for needed in node.all_input_nodes:
                        copy(needed)
                    if self.drops.get(node):
                        name = f"dropout_{len(root)}"
                        root[name] = _dropout(node)
                        copies[node] = graph.call_module(name, (copies[node.all_input_nodes[0]],))
                    else:
                        copies[node] = graph.node_copy(node, lambda n: copies[n])
                    if node in self._dynamic:
                        covered.add(node)
            return copies[node]

        graph.output(copy(end))
        attributes = {str(n.target) for n in graph.nodes if n.op in ("call_module", "get_attr")}
        for name in attributes - set(root):
            value = self.constants.get(name)
            root[name] = self.attribute(name) if value is None else value
        module = fx.GraphModule(root, graph)
        for node in module.graph.nodes:
            node.meta.clear()
        return module, covered

    def attribute(self, path: str) -> Any:
        """What the module has at a path such as "encoder.weight"."""
        value: Any = self.module
        for part in path.split("."):
            value = getattr(value, part)
        return value

    def run(self, x: torch.Tensor) -> dict[fx.Node, Any]:
        """What each step gives for a real input; copies, so that steps in place do no harm."""
        values: dict[fx.Node, Any] = {}
        constants, drops = self.constants, self.drops

        class Run(fx.Interpreter):
            def run_node(self, n: fx.Node) -> Any:
                off = drops.get(n)  # it was traced in training
                result = self.fetch_args_kwargs_from_env(n)[0][0] if off else super().run_node(n)
                if isinstance(result, torch.Tensor):
                    values[n] = result.clone()
                return result

            def fetch_attr(self, target: str) -> Any:
                return constants[target] if target in constants else super().fetch_attr(target)

        Run(self.module, garbage_collect_values=False, graph=self.graph).run(x)
        return values


def _has_tensor(value: Any) -> bool:
    return tree_any(lambda v: isinstance(v, torch.Tensor), value)


def _dropout(node: fx.Node) -> nn.Module:
    """The module that does what a functional dropout with `training=self.training` does."""
    kind = {"dropout2d": nn.Dropout2d, "dropout1d": nn.Dropout1d, "alpha_dropout": nn.AlphaDropout}
    p: Any = node.kwargs.get("p", node.args[1] if len(node.args) > 1 else 0.5)
    return kind.get(getattr(node.target, "__name__", ""), nn.Dropout)(p)
