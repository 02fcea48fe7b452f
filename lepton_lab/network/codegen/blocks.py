"""Classes for the blocks of a network: equal ones share a class, what differs becomes its parameters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lepton_lab.network.base import Call, Chain
from lepton_lab.network.codegen.expression import Expression, call, is_name, literal, render
from lepton_lab.network.codegen.sources import Sources
from lepton_lab.network.modules import Parallel, Residual

__all__ = ["Blocks", "attribute", "sequential"]

_WORDS = {
    "residual": "Adds what the body makes of the input to the input itself.",
    "projected": "Adds what the body makes of the input to what the shortcut makes of it.",
    "concat": "Runs its branches side by side and concatenates what they give.",
    "sum": "Runs its branches side by side and adds what they give.",
    "multiply": "Runs its branches side by side and multiplies what they give.",
}


@dataclass
class _Block:
    """Blocks of one structure.

    Attributes:
        first: One of them.
        values: The plain values inside each of them, in order.
        hints: What torch calls each value.
        name: The class's name.
        parameters: Name of the class's parameter by the value's position; absent where all agree.
    """

    first: Call
    values: list[list[Any]] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)
    name: str = ""
    parameters: dict[int, str] = field(default_factory=dict)


class Blocks:
    """Turns modules to construct into expressions, and writes the classes that these need.

    Args:
        sources: Collects imports and copied classes.
        taken: Names that no class may have.
    """

    def __init__(self, sources: Sources, taken: set[str]) -> None:
        self._sources = sources
        self._taken = set(taken)
        self._blocks: dict[Any, _Block] = {}

    def collect(self, item: Any) -> None:
        """Notes the blocks in `item`, the inner ones first. To be called for all before the first `expression`."""
        for _, part in _parts(item):
            self.collect(part)
        if isinstance(item, Call) and item.target in (Residual, Parallel):
            block = self._blocks.setdefault(_skeleton(item), _Block(item))
            leaves = list(_leaves(item))
            block.values.append([value for _, value in leaves])
            block.hints = [hint for hint, _ in leaves]

    def finish(self) -> None:
        """Settles the names of classes and of their parameters."""
        for block in self._blocks.values():
            stem, number = f"{block.first.target.__name__}Block", 1
            while (name := stem if number == 1 else f"{stem}{number}") in self._taken:
                number += 1
            self._taken.add(name)
            block.name = name
            columns: dict[str, str] = {}
            for position, hint in enumerate(block.hints):
                column = [values[position] for values in block.values]
                if len({repr(v) for v in column}) > 1:
                    key = repr(column)
                    if key not in columns:
                        columns[key] = _free(hint, set(columns.values()))
                    block.parameters[position] = columns[key]

    def expression(self, item: Call | Chain) -> Expression:
        """What constructs the module."""
        return self._write(item, iter([literal(value) for _, value in _leaves(item)]))

    def classes(self) -> list[str]:
        """The source of each class, those that others need first."""
        return [self._class(block) for block in self._blocks.values()]

    def _write(self, item: Any, values: Iterator[Expression]) -> Expression:
        if isinstance(item, Chain):
            return sequential([(n, self._write(part, values)) for n, part in item.items], self._sources)
        if not isinstance(item, Call):
            return next(values)
        if item.target in (Residual, Parallel):
            block = self._blocks[_skeleton(item)]
            given = [next(values) for _ in block.hints]
            first = {name: position for position, name in reversed(block.parameters.items())}
            names = list(dict.fromkeys(block.parameters.values()))
            if len(names) == 1:
                return call(block.name, given[first[names[0]]])
            return call(block.name, **{name: given[first[name]] for name in names})
        args = tuple((None, self._write(a, values)) for a in item.args)
        kwargs = tuple((key, self._write(value, values)) for key, value in item.kwargs.items())
        return Expression(self._sources.name_of(item.target), args + kwargs)

    def _class(self, block: _Block) -> str:
        values = [
            Expression(block.parameters[i]) if i in block.parameters else literal(v)
            for i, v in enumerate(block.values[0])
        ]
        stream = iter(values)
        written = [(key, part, self._write(part, stream)) for key, part in _parts(block.first)]
        branches: list[str] = []
        lines: list[str] = []
        for attribute_name, part, expression in written:
            if isinstance(part, Chain | Call) and not (isinstance(part, Chain) and not part.items):
                start = f"        self.{attribute_name} = "
                lines.append(start + render(expression, 8, len(start)))
                branches.append(f"self.{attribute_name}(x)")
            elif isinstance(part, Chain):
                branches.append("x")
        self._sources.need("torch", "Tensor")
        self._sources.need("torch", "nn")
        kind, result = self._result(block.first, branches)
        types: dict[str, set[str]] = {}
        for position, parameter in block.parameters.items():
            types.setdefault(parameter, set()).update(_type(row[position]) for row in block.values)
        signature = "".join(f", {key}: {' | '.join(sorted(names))}" for key, names in types.items())
        head = f"    def __init__(self{signature}) -> None:"
        if len(head) > 100:
            inner = "self" + signature
            if len(inner) > 92:
                inner = inner.replace(", ", ",\n        ") + ","
            head = f"    def __init__(\n        {inner}\n    ) -> None:"
        return "\n".join(
            [
                f"class {block.name}(nn.Module):",
                f'    """{_WORDS[kind]}"""',
                "",
                head,
                "        super().__init__()",
                *lines,
                "",
                "    def forward(self, x: Tensor) -> Tensor:",
                f"        return {render(result, 8, 15)}",
                "",
            ]
        )

    def _result(self, block: Call, branches: list[str]) -> tuple[str, Expression]:
        if block.target is Residual:
            kind = "projected" if len(branches) > 1 else "residual"
            return kind, Expression(" + ".join([*branches, "x"][:2]))
        options = block.kwargs
        merge = str(options.get("merge", "concat"))
        if merge == "concat":
            self._sources.need("torch")
            parts = Expression("", tuple((None, Expression(b)) for b in branches), "[]")
            return merge, call("torch.cat", parts, dim=literal(options.get("dim", 1)))
        return merge, Expression((" + " if merge == "sum" else " * ").join(branches))


def sequential(items: list[tuple[str, Expression]], sources: Sources) -> Expression:
    """An `nn.Sequential` whose parts keep their names."""
    sources.need("torch", "nn")
    if not items:
        return call("nn.Identity")
    sources.need("collections", "OrderedDict")
    numbered = [key for key, _ in items] == [str(number) for number in range(1, len(items) + 1)]
    if numbered and len(items) > 1 and len({str(value) for _, value in items}) == 1:
        pair, loop = ((None, Expression("str(i)")), (None, items[0][1])), f" for i in range(1, {len(items) + 1})"
        return call("nn.Sequential", Expression("OrderedDict", ((None, Expression("", pair, tail=loop)),)))
    if all(is_name(key) for key, _ in items):
        return call("nn.Sequential", Expression("OrderedDict", tuple(items)))
    pairs = tuple((None, Expression("", ((None, literal(key)), (None, value)))) for key, value in items)
    return call("nn.Sequential", call("OrderedDict", Expression("", pairs, "[]")))


def attribute(key: str) -> str:
    """How a child called `key` is reached: `self.key`."""
    return f"self.{key}" if is_name(key) else f"self.get_submodule({literal(key)})"


def _parts(item: Any) -> list[tuple[str, Any]]:
    """Name and value of everything that a call or a chain is made of, in the order of writing."""
    if isinstance(item, Chain):
        return list(item.items)
    if not isinstance(item, Call):
        return []
    if item.target is Parallel:
        return [(f"branch_{i}", value) for i, value in enumerate(item.args, 1)] + list(item.kwargs.items())
    try:
        parameters = list(inspect.signature(item.target).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    names += ["value"] * len(item.args)
    return [*zip(names, item.args, strict=False), *item.kwargs.items()]


def _leaves(item: Any, hint: str = "value") -> Iterator[tuple[str, Any]]:
    if isinstance(item, Call | Chain):
        for key, part in _parts(item):
            yield from _leaves(part, key)
    else:
        yield hint, item


def _skeleton(item: Any, fixed: bool = False) -> Any:
    """What two blocks must share to share a class: everything but the numbers inside."""
    if isinstance(item, Chain):
        return ("chain", tuple((key, _skeleton(part)) for key, part in item.items))
    if isinstance(item, Call):
        fixed = item.target in (Residual, Parallel)
        keys = (*(None for _ in item.args), *item.kwargs)
        return (item.target, tuple((k, _skeleton(p, fixed)) for k, (_, p) in zip(keys, _parts(item), strict=True)))
    return repr(item) if fixed or item is None or isinstance(item, bool | str) else "number"


def _free(hint: str, taken: set[str]) -> str:
    stem = hint if is_name(hint) and hint not in ("self", "x") else "value"
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    return name


def _type(value: Any) -> str:
    if isinstance(value, tuple):
        return "tuple[int, ...]" if all(isinstance(v, int) for v in value) else "tuple[float, ...]"
    return "None" if value is None else type(value).__name__
