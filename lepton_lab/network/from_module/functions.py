"""From one step of a forward, a function or a method of a tensor, to the layer that does the same."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx

from lepton_lab.network.base import LayerSpec
from lepton_lab.network.catalogue import layer
from lepton_lab.network.from_module.trace import Unreadable, shape_of, value_of

__all__ = ["JOINS", "NOTHING", "function_layer", "name_of", "operands", "reshaped"]

JOINS = {"add": "sum", "iadd": "sum", "add_": "sum", "mul": "multiply", "imul": "multiply", "mul_": "multiply"}
"""Functions of two tensors that blocks can say, and how `Parallel` calls them."""

NOTHING: list[LayerSpec] = []
"""What stands for a step that changes nothing."""

_SHAPES = frozenset({"flatten", "view", "reshape", "squeeze", "unsqueeze", "unflatten", "view_as", "reshape_as"})
_ORDERS = frozenset({"permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis", "getattr", "t"})
_SAME = frozenset({"contiguous", "clone", "float", "to", "type", "type_as", "expand", "expand_as", "long"})
_ACTIVATIONS = {
    "elu": "ELU",
    "gelu": "GELU",
    "hardsigmoid": "Hardsigmoid",
    "hardswish": "Hardswish",
    "leaky_relu": "LeakyReLU",
    "log_softmax": "LogSoftmax",
    "mish": "Mish",
    "relu": "ReLU",
    "selu": "SELU",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "softmax": "Softmax",
    "softplus": "Softplus",
    "tanh": "Tanh",
}
_POOLS = {
    f"{name}{axes}d": f"{kind}{axes}d"
    for axes in (1, 2, 3)
    for name, kind in (("max_pool", "MaxPool"), ("avg_pool", "AvgPool"), ("adaptive_avg_pool", "AdaptiveAvgPool"),
                       ("adaptive_max_pool", "AdaptiveMaxPool"))
}  # fmt: skip
_DROPS = {"dropout": "Dropout", "dropout1d": "Dropout1d", "dropout2d": "Dropout2d", "alpha_dropout": "AlphaDropout"}


def name_of(node: fx.Node) -> str:
    """The function's plain name: "relu" for torch.relu, F.relu_, x.relu()."""
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    name = str(name).removeprefix("boolean_dispatch")
    for public in _POOLS:
        if getattr(F, public, None) is node.target:
            return public
    return name.removesuffix("_") if not name.startswith("_") else name.strip("_")


def operands(node: fx.Node) -> tuple[Any, Any]:
    """Both operands of a sum or product.

    Raises:
        Unreadable: There are others, such as `alpha=`.
    """
    if len(node.args) != 2 or node.kwargs:
        raise Unreadable(f"{name_of(node)} with options")
    return node.args[0], node.args[1]


def function_layer(node: fx.Node, x: fx.Node, drops: bool) -> list[LayerSpec]:
    """The layers that do what `node` does to `x`.

    Args:
        node: The step.
        x: Its input.
        drops: Whether its dropout is on in training and off in evaluation.

    Raises:
        Unreadable: No layer does it.
    """
    name = name_of(node)
    given, got = shape_of(x), shape_of(node)
    if name in _SHAPES:
        return reshaped(given, got)
    if name in _SAME and given == got and value_of(node).dtype == value_of(x).dtype:
        return NOTHING
    if name in _ORDERS:
        return _reordered(node, x)
    if name in _ACTIVATIONS:
        return _activation(node, x, _ACTIVATIONS[name])
    if name in _POOLS:
        return [_pool(node, _POOLS[name])]
    if name in _DROPS:
        return _dropout(node, _DROPS[name], drops)
    if name in ("mean", "getitem", "select", "interpolate", "pad"):
        return _SPECIAL[name](node, x)
    if name in ("add", "iadd", "sub", "isub", "mul", "imul", "truediv", "div", "neg", "rsub"):
        return [_scale(node, x, name)]
    raise Unreadable(f"the catalogue has no layer for {name}")


def _bound(node: fx.Node, function: Callable[..., Any]) -> dict[str, Any]:
    try:
        bound = inspect.signature(function).bind(*node.args, **node.kwargs)
    except (TypeError, ValueError) as error:
        raise Unreadable(f"{name_of(node)} is called in an unusual way") from error
    values = dict(bound.arguments)
    if any(isinstance(v, fx.Node) for k, v in list(values.items())[1:]):
        raise Unreadable(f"{name_of(node)} takes computed options")
    return values


def reshaped(given: tuple[int, ...], got: tuple[int, ...]) -> list[LayerSpec]:
    """The layers that bring a sample from one shape to another, its values in the same order."""
    if given == got:
        return NOTHING
    if len(got) == 1:
        return [layer("Flatten")]
    if not got:
        raise Unreadable("each sample becomes a single number without an axis")
    for start in range(len(got)):  # torch.flatten(x, 2) of (C, H, W) is (C, H·W)
        rest = given[start:]
        if got[:start] == given[:start] and len(got) == start + 1 and math.prod(rest) == got[start]:
            return [layer("Flatten", start_dim=start + 1)]
    return [layer("Reshape", shape=got)]


def _reordered(node: fx.Node, x: fx.Node) -> list[LayerSpec]:
    """Finds the order by running the step on the meta device with axes of different sizes."""
    axes = value_of(x).ndim
    probe = torch.empty(tuple(range(2, axes + 2)), device="meta")
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: probe)
    if node.op == "call_method":
        result = getattr(args[0], str(node.target))(*args[1:], **kwargs)
    else:
        result = node.target(*args, **kwargs)  # type: ignore[operator]
    order = tuple(size - 2 for size in result.shape) if isinstance(result, torch.Tensor) else ()
    if sorted(order) != list(range(axes)) or order[0] != 0:
        raise Unreadable(f"{name_of(node)} moves the batch axis")
    dims = tuple(axis - 1 for axis in order[1:])
    return NOTHING if dims == tuple(range(axes - 1)) else [layer("Permute", dims=dims)]


def _activation(node: fx.Node, x: fx.Node, kind: str) -> list[LayerSpec]:
    function = getattr(F, name_of(node))
    values: dict[str, Any]
    if kind in ("Softmax", "LogSoftmax"):
        rest = [a for a in node.args[1:] if a is not None]
        values = {"dim": node.kwargs.get("dim", rest[0] if rest else None)}
        if values["dim"] is None:
            raise Unreadable("softmax without dim")
    else:
        try:
            values = dict(list(inspect.signature(function).bind(*node.args, **node.kwargs).arguments.items())[1:])
        except (TypeError, ValueError):  # C functions have no signature; they are called with keywords mostly
            names = {"gelu": ["approximate"], "softplus": ["beta", "threshold"]}.get(name_of(node), [])
            values = {**dict(zip(names, node.args[1:], strict=False)), **node.kwargs}
    values = {k: v for k, v in values.items() if k not in ("inplace", "dtype", "_stacklevel")}
    axes = value_of(x).ndim
    if "dim" in values and kind in ("Softmax", "LogSoftmax"):
        dim = values["dim"] % axes
        for candidate in (values["dim"], dim, dim - axes):
            try:
                return [layer(kind, dim=candidate)]
            except ValueError:
                continue
    return [_made(kind, values)]


def _made(kind: str, values: dict[str, Any]) -> LayerSpec:
    try:
        return layer(kind, **values)
    except (ValueError, KeyError) as error:
        raise Unreadable(f"the layer {kind} does not have these options ({error})"[:200]) from error


def _pool(node: fx.Node, kind: str) -> LayerSpec:
    from lepton_lab.network.from_module.modules import layer_of

    function = getattr(F, name_of(node))
    names = ["input", "kernel_size", "stride", "padding", "dilation", "ceil_mode"]
    if "avg" in name_of(node):
        names = ["input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"]
    if "adaptive" in name_of(node):
        names = ["input", "output_size"]
    values = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    values.pop("input", None)
    if values.pop("return_indices", False) or not callable(function):
        raise Unreadable("pooling that gives indices too")
    module = getattr(torch.nn, kind)(**{k: v for k, v in values.items() if v is not None})
    source = node.all_input_nodes[0]
    return layer_of(module, _info(source))


def _info(node: fx.Node) -> Any:
    from lepton_lab.network.base import TensorInfo

    return TensorInfo(shape_of(node), value_of(node).dtype)


def _dropout(node: fx.Node, kind: str, drops: bool) -> list[LayerSpec]:
    values = _bound(node, getattr(F, name_of(node))) if node.op == "call_function" else {}
    if not values.get("training", True):
        return NOTHING
    if not drops:
        raise Unreadable("its dropout stays on in evaluation")
    return [_made(kind, {"p": values.get("p", 0.5)})]


def _mean(node: fx.Node, x: fx.Node) -> list[LayerSpec]:
    values = {**dict(zip(["input", "dim", "keepdim"], node.args, strict=False)), **node.kwargs}
    axes, dim = value_of(x).ndim, values.get("dim")
    dims = (
        tuple(sorted({d % axes for d in (dim if isinstance(dim, tuple | list) else [dim])})) if dim is not None else ()
    )
    if not dims or 0 in dims or values.get("dtype") is not None:
        raise Unreadable("a mean over the batch")
    return [_made("Mean", {"dim": dims[0] if len(dims) == 1 else dims, "keepdim": bool(values.get("keepdim", False))})]


def _getitem(node: fx.Node, x: fx.Node) -> list[LayerSpec]:
    places = node.args[1] if isinstance(node.args[1], tuple) else (node.args[1],)
    if Ellipsis in places:
        at = places.index(Ellipsis)
        missing = value_of(x).ndim - len(places) + 1
        places = (*places[:at], *[slice(None)] * missing, *places[at + 1 :])
    picked = [(n, p) for n, p in enumerate(places) if p != slice(None)]
    if not picked:
        return NOTHING
    if len(picked) != 1 or not isinstance(picked[0][1], int) or picked[0][0] == 0:
        raise Unreadable("it takes a slice")
    return [_made("Select", {"index": picked[0][1], "dim": picked[0][0]})]


def _select(node: fx.Node, x: fx.Node) -> list[LayerSpec]:
    values = {**dict(zip(["input", "dim", "index"], node.args, strict=False)), **node.kwargs}
    dim = values["dim"] % value_of(x).ndim
    if dim == 0:
        raise Unreadable("it picks a sample of the batch")
    return [_made("Select", {"index": values["index"], "dim": dim})]


def _interpolate(node: fx.Node, x: fx.Node) -> list[LayerSpec]:
    values = _bound(node, F.interpolate)
    factor, size = values.get("scale_factor"), values.get("size")
    if size is not None:
        given = shape_of(x)[1:]
        sizes = (size,) * len(given) if isinstance(size, int) else tuple(size)
        if any(s % g for s, g in zip(sizes, given, strict=True)):
            raise Unreadable("it resizes by a factor that is not whole")
        factor = tuple(s // g for s, g in zip(sizes, given, strict=True))
    factor = factor[0] if isinstance(factor, tuple | list) and len(set(factor)) == 1 else factor
    if isinstance(factor, float) and factor.is_integer():
        factor = int(factor)
    if values.get("align_corners") or values.get("antialias") or values.get("recompute_scale_factor"):
        raise Unreadable("interpolation with aligned corners")
    return [_made("Upsample", {"scale_factor": factor, "mode": values.get("mode", "nearest")})]


def _pad(node: fx.Node, x: fx.Node) -> list[LayerSpec]:
    from lepton_lab.network.from_module.modules import layer_of

    values: dict[str, Any] = {**dict(zip(["input", "pad", "mode", "value"], node.args, strict=False)), **node.kwargs}
    widths = tuple(values["pad"])
    if values.get("mode", "constant") != "constant" or values.get("value") not in (None, 0, 0.0) or len(widths) != 4:
        raise Unreadable("padding other than zeros around maps")
    return [layer_of(torch.nn.ZeroPad2d(widths), _info(x))]


_SPECIAL: dict[str, Callable[[fx.Node, fx.Node], list[LayerSpec]]] = {
    "mean": _mean,
    "getitem": _getitem,
    "select": _select,
    "interpolate": _interpolate,
    "pad": _pad,
}


def _scale(node: fx.Node, x: fx.Node, name: str) -> LayerSpec:
    """A sum, product or quotient with one number."""
    if name == "neg":
        return layer("Scale", factor=-1.0)
    left, right = operands(node)
    other = right if left is x else left
    if isinstance(other, bool) or not isinstance(other, int | float) or not value_of(x).is_floating_point():
        raise Unreadable(f"{name} with something else than a number")
    number = float(other)
    if name in ("add", "iadd"):
        return _made("Scale", {"offset": number})
    if name in ("mul", "imul"):
        return _made("Scale", {"factor": number})
    if name in ("sub", "isub", "rsub"):
        if left is x:
            return _made("Scale", {"offset": -number})
        return _made("Scale", {"factor": -1.0, "offset": number})
    if left is x and number != 0:
        return _made("Scale", {"factor": 1.0 / number})
    raise Unreadable("a quotient whose divisor is computed")
