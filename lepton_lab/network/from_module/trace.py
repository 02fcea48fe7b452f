"""Records what a module's forward does, together with the shape of every value.

torch.fx alone hands out proxies for sizes too, so that `x.view(x.size(0), -1)`, `assert x.dim() == 4` or a loop over
`x.shape` fail or fill the graph with arithmetic. Here each step is also run on fake tensors (shapes without
numbers): whatever is not a tensor comes back as a plain Python value. Only the batch size stays symbolic.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx.proxy import Attribute, TraceError
from torch.utils._pytree import tree_any, tree_map

__all__ = ["BATCH", "ShapeTracer", "Unreadable", "shape_of", "value_of"]

BATCH = 11
"""Size of the batch axis while tracing: a number that hardly occurs as another axis."""


class Unreadable(Exception):  # noqa: N818 - a signal inside this folder, not an error for users
    """A part of a module that blocks and layers cannot say; the text says why."""


def value_of(node: fx.Node) -> Any:
    """What the node gave on fake tensors."""
    return node.meta["value"]


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """The node's shape without the batch axis.

    Raises:
        Unreadable: It gives no tensor, or one whose first axis is not the batch.
    """
    value = value_of(node)
    if not isinstance(value, torch.Tensor):
        raise Unreadable(f"{node.name} gives {type(value).__name__}, not one tensor")
    if value.ndim == 0 or value.shape[0] != BATCH:
        raise Unreadable(f"{node.name} has no batch axis in front")
    return tuple(value.shape[1:])


class BatchSize(int):
    """The batch size while tracing: an int that remembers where it came from."""

    node: fx.Node
    tracer: ShapeTracer

    def __hash__(self) -> int:
        return int.__hash__(self)

    def _compare(self, other: object, compare: Callable[[Any, Any], bool]) -> bool:
        if isinstance(other, BatchSize):
            return compare(int(self), int(other))
        raise TraceError("forward decides by the batch size")

    def __eq__(self, other: object) -> bool:
        return self._compare(other, operator.eq)

    def __ne__(self, other: object) -> bool:
        return self._compare(other, operator.ne)

    def __lt__(self, other: object) -> bool:
        return self._compare(other, operator.lt)

    def __le__(self, other: object) -> bool:
        return self._compare(other, operator.le)

    def __gt__(self, other: object) -> bool:
        return self._compare(other, operator.gt)

    def __ge__(self, other: object) -> bool:
        return self._compare(other, operator.ge)

    def _combine(self, function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        return self.tracer.create_proxy("call_function", function, (left, right), {})

    def __mul__(self, other: Any) -> Any:
        return self._combine(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._combine(operator.mul, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self._combine(operator.floordiv, self, other)

    def __add__(self, other: Any) -> Any:
        return self._combine(operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self._combine(operator.add, other, self)


class ShapedProxy(fx.Proxy):
    """A proxy that knows its shape, dtype and device."""

    def __getattr__(self, name: str) -> Any:
        value = self.node.meta.get("value")
        if isinstance(value, torch.Tensor):
            if name == "shape":
                return self.tracer.sizes(self)  # type: ignore[attr-defined]
            if name in ("ndim", "dtype", "device", "is_cuda", "requires_grad", "layout", "is_sparse"):
                return getattr(value, name)
        return Attribute(self, name)

    def __len__(self) -> int:
        value = value_of(self.node)
        if isinstance(value, torch.Tensor):
            return self.size(0)  # type: ignore[no-any-return]
        return len(value)

    def __iter__(self) -> Iterator[Any]:
        value = value_of(self.node)
        if isinstance(value, tuple | list):
            return iter([operator.getitem(self, i) for i in range(len(value))])
        return super().__iter__()


class ShapeTracer(fx.Tracer):
    """Traces one module; its children stay whole unless `inline` says that they must be looked into.

    Args:
        fake: The mode under which values are computed.
        example: The fake input.
        inline: Asked with a child, its arguments and whether it gives one tensor.
    """

    proxy_buffer_attributes = True

    def __init__(
        self, fake: FakeTensorMode, example: FakeTensor, inline: Callable[[nn.Module, tuple[Any, ...], bool], bool]
    ) -> None:
        super().__init__()
        self.fake, self.example, self._inline = fake, example, inline
        self.constants: dict[str, torch.Tensor] = {}
        self._evaluating = False

    def read(self, module: nn.Module) -> fx.Graph:
        """The graph of the module's forward.

        Raises:
            Unreadable: Its forward cannot be followed; the text says why.
        """
        try:
            return super().trace(module)
        except Unreadable:
            raise
        except Exception as error:  # a stranger's forward may fail in any way
            text = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise Unreadable(f"its forward cannot be followed ({text[:160]})") from error

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """The proxy of a node; called by fx."""
        return ShapedProxy(node, self)

    def sizes(self, proxy: fx.Proxy) -> tuple[int, ...]:
        """The proxy's shape, its batch axis symbolic."""
        shape = tuple(value_of(proxy.node).shape)
        if shape and shape[0] == BATCH:
            return (self.create_proxy("call_method", "size", (proxy, 0), {}), *shape[1:])
        return shape

    def create_arg(self, a: Any) -> Any:
        """What stands in a node for an argument; called by fx."""
        if isinstance(a, BatchSize):
            return a.node
        made_here = isinstance(a, torch.Tensor) and not isinstance(a, nn.Parameter)
        if made_here and not any(a is b for b in self.root.buffers()):
            name = next((k for k, v in self.constants.items() if v is a), f"constant_{len(self.constants)}")
            self.constants[name] = a
            return self.create_node("get_attr", name, (), {})
        return super().create_arg(a)

    def create_node(self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **named: Any) -> fx.Node:
        """A new node with the value that it gives; called by fx."""
        node = super().create_node(kind, target, args, kwargs, *rest, **named)
        if kind != "output":
            node.meta["value"] = self._evaluate(node)
        return node

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **named: Any) -> Any:
        """A proxy for a tensor or several; the plain value for everything else. Called by fx."""
        if kind == "call_method" and target == "size" and len(args) == 1 and not kwargs:
            return self.sizes(args[0])
        proxy = super().create_proxy(kind, target, args, kwargs, *rest, **named)
        value = value_of(proxy.node)
        if kind == "placeholder" or tree_any(lambda v: isinstance(v, torch.Tensor), value):
            return proxy
        if isinstance(value, int) and not isinstance(value, bool) and self._of_batch(proxy.node):
            size = BatchSize(value)
            size.node, size.tracer = proxy.node, self
            return size
        return value

    @staticmethod
    def _of_batch(node: fx.Node) -> bool:
        if node.target == "size":
            tensor, axis = node.args
            value = value_of(tensor)  # type: ignore[arg-type]
            return value.shape[axis] == BATCH and axis in (0, -value.ndim)
        return node.op == "call_function" and getattr(node.target, "__module__", "") == "_operator"

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """True: whether to look inside is decided call by call."""
        return True

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> Any:
        """One call of a child; called by fx."""
        if self._evaluating:
            return forward(*args, **kwargs)
        proxy = self.create_proxy("call_module", self.path_of_module(m), args, kwargs)
        single = isinstance(proxy, fx.Proxy) and isinstance(value_of(proxy.node), torch.Tensor)
        if not self._inline(m, (*args, *kwargs.values()), single):
            return proxy
        try:
            inside = forward(*args, **kwargs)
        except Exception:  # it stays whole where its own forward cannot be followed
            return proxy
        return inside

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """One look at an attribute of a module; called by fx."""
        return attr_val if self._evaluating else super().getattr(attr, attr_val, parameter_proxy_cache)

    def _evaluate(self, node: fx.Node) -> Any:
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), value_of)
        if node.op == "placeholder":
            return self.example
        self._evaluating = True
        try:
            if node.op == "get_attr":
                value = self.constants.get(str(node.target))
                return self._fake(operator.attrgetter(str(node.target))(self.root) if value is None else value)
            if node.op == "call_module":
                return self._run_module(self.root.get_submodule(str(node.target)), args, kwargs)
            with self.fake, torch.no_grad():
                if node.op == "call_method":
                    return getattr(args[0], str(node.target))(*args[1:], **kwargs)
                return node.target(*args, **kwargs)  # type: ignore[operator]
        finally:
            self._evaluating = False

    def _run_module(self, module: nn.Module, args: Any, kwargs: Any) -> Any:
        with torch.no_grad(), eval_mode(module):
            try:
                with self.fake:
                    return module(*args, **kwargs)
            except Exception:  # fake tensors cannot follow what depends on the numbers
                args, kwargs = tree_map(_real, (args, kwargs))
                with torch.random.fork_rng():
                    return tree_map(self._fake, module(*args, **kwargs))

    def _fake(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor) and not isinstance(value, FakeTensor):
            return self.fake.from_tensor(value)
        return value


def _real(value: Any) -> Any:
    """Zeros in place of a fake tensor."""
    if isinstance(value, FakeTensor):
        return torch.zeros(tuple(value.shape), dtype=value.dtype, device=value.device)
    return value


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Puts the module and all its children into eval mode, and each back into its own afterwards."""
    modes = [(m, m.training) for m in module.modules()]
    for m, _ in modes:
        m.training = False
    try:
        yield
    finally:
        for m, mode in modes:
            m.training = mode
