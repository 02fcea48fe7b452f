"""Follows the syntax tree of a module's `__init__` and `forward`, node by node, with allowed names only."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import fx, nn

from lepton_lab.errors import SpecError
from lepton_lab.network.from_source.allowed import BUILTINS, METHODS, Space

__all__ = ["Frame", "SourceModule", "SourceType"]

_STEPS = 200_000  # nodes that are followed before the source counts as endless
_LARGEST = 2**62
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_,
    ast.IsNot: operator.is_not, ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_,
}  # fmt: skip


class _ReturnSignal(Exception):  # noqa: N818  (not an error: how a function ends)
    def __init__(self, value: Any) -> None:
        self.value = value


class SourceType:
    """A class of the source that derives from `nn.Module`."""

    def __init__(self, node: ast.ClassDef, names: Mapping[str, Any]) -> None:
        self.node, self.names = node, names
        self.methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
        self.constants: dict[str, Any] = {}
        frame = Frame(dict(names))
        for item in node.body:
            if isinstance(item, ast.Assign):
                frame.run([item])
        self.constants = {key: value for key, value in frame.names.items() if key not in names}

    def make(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> SourceModule:
        """An instance, its `__init__` followed."""
        cls = type(self.node.name, (SourceModule,), {"__module__": "source"})
        made: SourceModule = cls(self)
        if "__init__" in self.methods:
            self.call(made, "__init__", args, kwargs)
        return made

    def call(self, made: SourceModule, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A method, followed."""
        return _call(self.methods[name], {**self.names}, (made, *args), kwargs)


class SourceModule(nn.Module):
    """An instance of a class of the source; its forward follows the syntax tree."""

    def __init__(self, kind: SourceType) -> None:
        super().__init__()
        object.__setattr__(self, "source_type", kind)

    def forward(self, x: Any) -> Any:
        """The source's forward."""
        kind: SourceType = self.__dict__["source_type"]
        if "forward" not in kind.methods:
            raise SpecError(f"the class {kind.node.name} has no forward")
        return kind.call(self, "forward", (x,), {})


def _call(node: ast.FunctionDef, names: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    spec = node.args
    if spec.vararg or spec.kwarg or spec.posonlyargs:
        raise SpecError(f"line {node.lineno}: *args and **kwargs are not read")
    frame = Frame(names)
    positional = [arg.arg for arg in spec.args]
    defaults = dict(zip(positional[len(positional) - len(spec.defaults) :], spec.defaults, strict=True))
    defaults |= {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None}
    if len(args) > len(positional):
        raise SpecError(f"line {node.lineno}: {node.name} takes {len(positional)} arguments")
    given = {**dict(zip(positional, args, strict=False)), **kwargs}
    for name in [*positional, *(a.arg for a in spec.kwonlyargs)]:
        if name in given:
            frame.names[name] = given[name]
        elif name in defaults:
            frame.names[name] = frame.value(defaults[name])
        else:
            raise SpecError(
                f"{node.name} of line {node.lineno} needs {name!r}",
                do=f"Give {name} a default, or add a line such as `model = Net({name}=10)` below the class",
            )
    try:
        frame.run(node.body)
    except _ReturnSignal as signal:
        return signal.value
    return None


class Frame:
    """Names and their values while a piece of source is followed."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self._steps = 0

    def run(self, body: list[ast.stmt]) -> None:
        """Follows statements.

        Raises:
            SpecError: One of them is none that is read.
        """
        for node in body:
            self._count(node)
            method = getattr(self, f"_do_{type(node).__name__.lower()}", None)
            if method is None:
                raise SpecError(f"line {node.lineno}: a {type(node).__name__} statement is not read from source")
            method(node)

    def _count(self, node: ast.AST) -> None:
        self._steps += 1
        if self._steps > _STEPS:
            raise SpecError(f"line {getattr(node, 'lineno', 0)}: the source does not come to an end")

    # Statements

    def _do_pass(self, node: ast.Pass) -> None:
        pass

    def _do_assert(self, node: ast.Assert) -> None:
        pass

    def _do_expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def _do_return(self, node: ast.Return) -> None:
        raise _ReturnSignal(self.value(node.value) if node.value is not None else None)

    def _do_assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            self._put(target, value)

    def _do_annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._put(node.target, self.value(node.value))

    def _do_augassign(self, node: ast.AugAssign) -> None:
        load: Any = ast.copy_location(ast.BinOp(_loaded(node.target), node.op, node.value), node)
        self._put(node.target, self.value(load))

    def _do_if(self, node: ast.If) -> None:
        self.run(node.body if self.value(node.test) else node.orelse)

    def _do_for(self, node: ast.For) -> None:
        for item in self.value(node.iter):
            self._put(node.target, item)
            self.run(node.body)
        self.run(node.orelse)

    def _put(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            values = list(value)
            if len(values) != len(target.elts):
                raise SpecError(f"line {target.lineno}: {len(values)} values for {len(target.elts)} names")
            for item, one in zip(target.elts, values, strict=True):
                self._put(item, one)
        elif isinstance(target, ast.Attribute) and isinstance(owner := self.value(target.value), SourceModule):
            if target.attr.startswith("_") or hasattr(nn.Module, target.attr):
                raise SpecError(f"line {target.lineno}: the attribute {target.attr!r} is not read from source")
            setattr(owner, target.attr, value)
        else:
            raise SpecError(f"line {target.lineno}: nothing can be put there when read from source")

    # Expressions

    def value(self, node: ast.expr) -> Any:
        """The value of an expression.

        Raises:
            SpecError: It is none that is read, or names something that is not allowed.
        """
        self._count(node)
        method = getattr(self, f"_of_{type(node).__name__.lower()}", None)
        if method is None:
            raise SpecError(f"line {node.lineno}: {ast.unparse(node)[:60]!r} is not read from source")
        return method(node)

    def _of_constant(self, node: ast.Constant) -> Any:
        return node.value

    def _of_name(self, node: ast.Name) -> Any:
        if node.id in self.names:
            return self.names[node.id]
        if node.id in BUILTINS:
            return BUILTINS[node.id]
        raise SpecError(f"line {node.lineno}: the name {node.id!r} is not known")

    def _of_tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self._items(node.elts))

    def _of_list(self, node: ast.List) -> list[Any]:
        return list(self._items(node.elts))

    def _of_dict(self, node: ast.Dict) -> dict[Any, Any]:
        return {self.value(k): self.value(v) for k, v in zip(node.keys, node.values, strict=True) if k is not None}

    def _of_joinedstr(self, node: ast.JoinedStr) -> str:
        parts = (self.value(p.value) if isinstance(p, ast.FormattedValue) else self.value(p) for p in node.values)
        return "".join(str(part)[:100] for part in parts)

    def _of_unaryop(self, node: ast.UnaryOp) -> Any:
        return self._operator(node.op, node)(self.value(node.operand))

    def _of_binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Pow):
            if not (isinstance(left, int | float) and isinstance(right, int) and abs(left) < 1e6 and abs(right) <= 10):
                raise SpecError(f"line {node.lineno}: this power is not read from source")
            return left**right
        if isinstance(left, str | list | tuple) and isinstance(node.op, ast.Mult) and not 0 <= right <= 1000:
            raise SpecError(f"line {node.lineno}: a list of this length is not read from source")
        found = self._operator(node.op, node)(left, right)
        if isinstance(found, int) and abs(found) > _LARGEST:
            raise SpecError(f"line {node.lineno}: the number is too large")
        return found

    def _of_boolop(self, node: ast.BoolOp) -> Any:
        found: Any = None
        for part in node.values:
            found = self.value(part)
            if bool(found) is isinstance(node.op, ast.Or):
                return found
        return found

    def _of_compare(self, node: ast.Compare) -> Any:
        left = self.value(node.left)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self.value(part)
            if isinstance(op, ast.In | ast.NotIn):
                found = (left in right) is isinstance(op, ast.In)
            else:
                found = self._operator(op, node)(left, right)
            if not found:
                return False
            left = right
        return True

    def _of_ifexp(self, node: ast.IfExp) -> Any:
        return self.value(node.body if self.value(node.test) else node.orelse)

    def _of_listcomp(self, node: ast.ListComp) -> list[Any]:
        return list(self._comprehended(node.elt, node.generators))

    def _of_generatorexp(self, node: ast.GeneratorExp) -> list[Any]:
        return list(self._comprehended(node.elt, node.generators))

    def _comprehended(self, element: ast.expr, loops: list[ast.comprehension]) -> Iterator[Any]:
        if not loops:
            yield self.value(element)
            return
        for item in self.value(loops[0].iter):
            self._put(loops[0].target, item)
            if all(self.value(test) for test in loops[0].ifs):
                yield from self._comprehended(element, loops[1:])

    def _of_subscript(self, node: ast.Subscript) -> Any:
        owner, key = self.value(node.value), self.value(node.slice)
        if isinstance(owner, Space | SourceType | type):
            raise SpecError(f"line {node.lineno}: {ast.unparse(node)[:60]!r} is not read from source")
        return owner[key]

    def _of_slice(self, node: ast.Slice) -> slice:
        return slice(*(None if part is None else self.value(part) for part in (node.lower, node.upper, node.step)))

    def _of_attribute(self, node: ast.Attribute) -> Any:
        owner = self.value(node.value)
        if isinstance(owner, Space):
            return owner.get(node.attr)
        if isinstance(owner, SourceModule) and not node.attr.startswith("_"):
            kind: SourceType = owner.__dict__["source_type"]
            if node.attr in kind.methods:
                return lambda *args, **kwargs: kind.call(owner, node.attr, args, kwargs)
            if node.attr in kind.constants and node.attr not in owner.__dict__:
                return kind.constants[node.attr]
            if node.attr in owner.__dict__ or node.attr in owner._modules:
                return getattr(owner, node.attr)
            if node.attr == "add_module":
                return owner.add_module
        elif (isinstance(owner, torch.Tensor | fx.Proxy) and node.attr in ("shape", "ndim", *METHODS)) or (
            isinstance(owner, nn.Module | list | dict) and node.attr in METHODS
        ):
            return getattr(owner, node.attr)
        elif isinstance(owner, nn.Module) and isinstance(getattr(owner, node.attr, None), int | nn.Module):
            return getattr(owner, node.attr)  # such as self.conv.out_channels
        raise SpecError(f"line {node.lineno}: {ast.unparse(node)[:60]!r} is not read from source")

    def _of_call(self, node: ast.Call) -> Any:
        if _is_super(node.func):
            return None
        target = self.value(node.func)
        args = tuple(self._items(node.args))
        kwargs: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value)
            kwargs.update(value if keyword.arg is None else {keyword.arg: value})
        if isinstance(target, SourceType):
            return target.make(args, kwargs)
        if target is nn.Module or not callable(target) or isinstance(target, Space):
            raise SpecError(f"line {node.lineno}: {ast.unparse(node.func)[:60]!r} cannot be called")
        return target(*args, **kwargs)

    def _items(self, nodes: list[ast.expr]) -> Iterator[Any]:
        for node in nodes:
            if isinstance(node, ast.Starred):
                yield from self.value(node.value)
            else:
                yield self.value(node)

    def _operator(self, op: ast.AST, node: ast.expr) -> Callable[..., Any]:
        if type(op) not in _OPERATORS:
            raise SpecError(f"line {node.lineno}: {ast.unparse(node)[:60]!r} is not read from source")
        return _OPERATORS[type(op)]


def _loaded(target: ast.expr) -> ast.expr:
    copy = ast.parse(ast.unparse(target), mode="eval").body
    return ast.copy_location(copy, target)


def _is_super(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute) and node.attr == "__init__" and isinstance(node.value, ast.Call):
        return isinstance(node.value.func, ast.Name) and node.value.func.id == "super"
    return False
