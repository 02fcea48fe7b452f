"""The written module as a whole: its file, its `__init__` and its `forward`."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from torch import nn

from lepton_lab.errors import SpecError
from lepton_lab.network.base import Call, Chain, TensorInfo
from lepton_lab.network.codegen.blocks import Blocks, attribute
from lepton_lab.network.codegen.expression import LINE, call, is_name, literal, render
from lepton_lab.network.codegen.sources import Sources
from lepton_lab.network.modules import Permute, RecurrentLast, RecurrentSteps
from lepton_lab.network.token_modules import Mean, Select

if TYPE_CHECKING:
    from lepton_lab.network.spec import NetworkSpec

__all__ = ["to_python"]

_FUNCTIONS: dict[Any, str] = {
    nn.CELU: "F.celu",
    nn.ELU: "F.elu",
    nn.GELU: "F.gelu",
    nn.Hardsigmoid: "F.hardsigmoid",
    nn.Hardswish: "F.hardswish",
    nn.Hardtanh: "F.hardtanh",
    nn.LeakyReLU: "F.leaky_relu",
    nn.LogSigmoid: "F.logsigmoid",
    nn.LogSoftmax: "F.log_softmax",
    nn.Mish: "F.mish",
    nn.ReLU: "F.relu",
    nn.ReLU6: "F.relu6",
    nn.SELU: "F.selu",
    nn.SiLU: "F.silu",
    nn.Sigmoid: "torch.sigmoid",
    nn.Softmax: "F.softmax",
    nn.Softplus: "F.softplus",
    nn.Softsign: "F.softsign",
    nn.Tanh: "torch.tanh",
}
"""Layers without weights or state that read better as functions."""


def to_python(spec: NetworkSpec, class_name: str = "Net") -> str:
    """The network as the source of a Python file that needs torch alone.

    The class in it takes no arguments; its `state_dict` has the keys of `spec.build()`'s, so that weights fit both.

    Args:
        spec: The network; it must know its input's shape.
        class_name: Name of the class.

    Raises:
        SpecError: A layer has no code that another process could run, or `class_name` is no name.
        ShapeError: The layers do not fit each other.
    """
    if not isinstance(class_name, str) or not is_name(class_name) or class_name in ("nn", "F", "torch", "Tensor"):
        raise SpecError(f"{class_name!r} cannot be the name of a class", expected="a Python name such as 'Net'")
    shapes = spec.infer_shapes()
    sources = Sources()
    blocks = Blocks(sources, {class_name, "OrderedDict", "Tensor", "F", "nn", "torch"})
    for _, item in shapes.calls.items:
        blocks.collect(item)
    blocks.finish()
    sources.need("torch", "Tensor")
    sources.need("torch", "nn")
    title = re.sub(r"[^A-Za-z0-9_ .,:()+-]", "", spec.name)[:60].strip() or class_name
    main = _network(class_name, title, shapes.calls.items, shapes.input, shapes.output, sources, blocks)
    classes = blocks.classes()
    parts = [*sources.copies, *classes, main]
    docstring = f'"""{title}: {shapes.parameters:,} parameters."""'
    return f"{docstring}\n\n{sources.imports()}\n\n\n" + "\n\n".join(parts)


def _network(
    class_name: str,
    title: str,
    calls: tuple[tuple[str, Call | Chain], ...],
    x: TensorInfo,
    y: TensorInfo,
    sources: Sources,
    blocks: Blocks,
) -> str:
    init: list[str] = []
    body = _Forward()
    last: Any = None
    for key, item in calls:
        target = item.target if isinstance(item, Call) else None
        if isinstance(item, Call) and target in (RecurrentLast, RecurrentSteps) and last in (nn.GRU, nn.LSTM, nn.RNN):
            body.recurrent(last is nn.LSTM, item, sources)
            continue
        last = target
        function = _function(item, sources) if isinstance(item, Call) else None
        if function is not None:
            body.apply(*function)
            continue
        if is_name(key):
            start = f"        self.{key} = "
            init.append(start + render(blocks.expression(item), 8, len(start)))
        else:
            add = call("self.add_module", literal(key), blocks.expression(item))
            init.append("        " + render(add, 8, 8))
        body.call(f"{attribute(key)}(", ")")
    return "\n".join(
        [
            f"class {class_name}(nn.Module):",
            f'    """{title}: maps {x} {_dtype(x)} to {y}."""',
            "",
            "    def __init__(self) -> None:",
            "        super().__init__()",
            *init,
            "",
            "    def forward(self, x: Tensor) -> Tensor:",
            *body.lines(),
            "",
        ]
    )


class _Forward:
    """The lines of a forward: a call of a layer takes the function after it onto its line."""

    def __init__(self) -> None:
        self._done: list[str] = []
        self._open = "x"

    def call(self, before: str, after: str) -> None:
        """Applies a layer."""
        self._flush()
        self._open = f"{before}x{after}"

    def recurrent(self, lstm: bool, item: Call, sources: Sources) -> None:
        """Takes the sequence or the last state of the recurrent layer that is open."""
        if item.target is RecurrentSteps:
            self._done.append(f"        x, _ = {self._open}")
            self._open = "x"
            return
        self._done.append(f"        _, {'(state, _)' if lstm else 'state'} = {self._open}")
        self._open = "state[-1]"
        if item.args or item.kwargs:
            sources.need("torch")
            self._open = "torch.cat([state[-2], state[-1]], dim=1)"
        self._flush()

    def apply(self, before: str, after: str) -> None:
        """Applies a function."""
        text = f"{before}{self._open}{after}"
        fits = self._open.startswith("self.") and not before.startswith("x.") and len(text) + 15 <= LINE
        if before == after == "":
            return
        if not fits or before == "":
            self._flush()
            text = f"{before}x{after}"
        self._open = text
        if not fits:
            self._flush()

    def _flush(self) -> None:
        if self._open != "x":
            self._done.append(f"        x = {self._open}")
            self._open = "x"

    def lines(self) -> list[str]:
        """All lines; the last one returns."""
        if self._open == "x" and self._done and self._done[-1].startswith("        x = "):
            self._open = self._done.pop().removeprefix("        x = ")
        return [*self._done, f"        return {self._open}"]


def _function(item: Call, sources: Sources) -> tuple[str, str] | None:
    """Text before and after the input where a function says it better than a module; else None."""
    if item.target is nn.Identity:
        return "", ""
    if item.target is nn.Flatten and not item.args and not item.kwargs:
        sources.need("torch")
        return "torch.flatten(", ", 1)"
    if item.target is Permute:
        dims = item.args[0] if item.args else item.kwargs["dims"]
        return "", f".permute(0, {', '.join(str(int(dim) + 1) for dim in dims)})"
    if item.target is Select:
        index, dim = item.args[0], item.kwargs.get("dim", 1)
        return "", f"[{':, ' * dim}{int(index)}]"
    if item.target is Mean:
        keep = ", keepdim=True" if item.kwargs.get("keepdim") else ""
        return "", f".mean({literal(item.args[0])}{keep})"
    function = _FUNCTIONS.get(item.target)
    if function is None:
        return None
    names = list(inspect.signature(item.target).parameters)
    values = {**dict(zip(names, item.args, strict=False)), **item.kwargs}
    values.pop("inplace", None)
    if function.startswith("F."):
        sources.need("torch.nn.functional", alias="F")
    else:
        sources.need("torch")
    return f"{function}(", "".join(f", {key}={literal(value)}" for key, value in values.items()) + ")"


def _dtype(x: TensorInfo) -> str:
    return "indices" if not x.dtype.is_floating_point else "numbers"
