"""Types of the layers' parameters, and the questions that layers ask of their input."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from lepton_lab.network.base import TensorInfo
from lepton_lab.network.fixes import Edit, Fix, Misfit

__all__ = [
    "Count",
    "Padding1",
    "Padding2",
    "Padding3",
    "Rate",
    "Size",
    "Size1",
    "Size2",
    "Size3",
    "Whole",
    "insert_fix",
    "layer_json",
    "need_axes",
    "need_float",
    "need_size",
    "remove_fix",
    "set_fix",
    "tuple_of",
]


def _whole(value: Any) -> int:
    if isinstance(value, bool | str):
        raise ValueError("a whole number")
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError("a whole number") from None


Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=0)]
Size = Annotated[int, BeforeValidator(_whole), Field(ge=1)]
Rate = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


def _single(value: Any) -> Any:
    """A tuple of one is the number in it: Keras and torch both write kernel_size=(3,) at times."""
    return value[0] if isinstance(value, tuple | list) and len(value) == 1 else value


Size1 = Annotated[int, BeforeValidator(_whole), Field(ge=1), BeforeValidator(_single)]
Size2 = Size | tuple[Size, Size]
Size3 = Size | tuple[Size, Size, Size]
Padding1 = Annotated[Literal["same", "valid"] | Count, BeforeValidator(_single)]
Padding2 = Literal["same", "valid"] | Count | tuple[Count, Count]
Padding3 = Literal["same", "valid"] | Count | tuple[Count, Count, Count]

AXES = {
    1: "a vector (N, features)",
    2: "a sequence (N, channels, length)",
    3: "a map (N, channels, height, width)",
    4: "a volume (N, channels, depth, height, width)",
}


def tuple_of(value: int | tuple[int, ...], axes: int) -> tuple[int, ...]:
    """`value` for each of `axes` axes."""
    return value if isinstance(value, tuple) else (value,) * axes


def layer_json(kind: str, **values: Any) -> dict[str, Any]:
    """A layer in its JSON form, for an `Edit`."""
    return {"kind": kind, **values}


def insert_fix(kind: str, **values: Any) -> Fix:
    """Insert a layer before the one at fault."""
    text = ", ".join(f"{key}={_shown(value)}" for key, value in values.items())
    label = f"insert {kind}{f'({text})' if text else ''} before {{name}}"
    return Fix(label=label, edits=(Edit(op="insert", layer=layer_json(kind, **values)),))


def set_fix(label: str, /, **values: Any) -> Fix:
    """Change values of the layer at fault."""
    return Fix(label=label, edits=(Edit(op="set", values=values),))


def remove_fix() -> Fix:
    """Remove the layer at fault."""
    return Fix(label="remove {name}", edits=(Edit(op="remove"),))


def _shown(value: Any) -> str:
    return repr(tuple(value)) if isinstance(value, list) else repr(value)


def need_float(x: TensorInfo) -> None:
    """Checks that `x` holds numbers, not indices.

    Raises:
        Misfit: `x` holds indices.
    """
    if not x.dtype.is_floating_point:
        raise Misfit(
            "floating-point numbers",
            received=f"it is given indices ({str(x.dtype).removeprefix('torch.')})",
            do="Insert an Embedding before it, or let the network's input be float32",
            fixes=[insert_fix("Embedding", num_embeddings=10000, embedding_dim=64)],
        )


def need_axes(x: TensorInfo, axes: int, *, wanted: str = "") -> None:
    """Checks that a sample of `x` has `axes` axes and holds numbers.

    Raises:
        Misfit: It has not.
    """
    if len(x.shape) != axes:
        fixes = list(_reshapes(x.shape, axes))
        do = f"{fixes[0].label[0].upper()}{fixes[0].label[1:].replace('{name}', 'it')}" if fixes else None
        raise Misfit(wanted or AXES.get(axes, f"{axes} axes beside N"), do=do, fixes=fixes)
    need_float(x)


def need_size(given: int | None, inferred: int, field: str, axis: str) -> int:
    """The inferred size of an axis, checked against what the layer was told.

    Raises:
        Misfit: The layer was told another size.
    """
    if given is not None and given != inferred:
        raise Misfit(
            f"its input's {axis} to be {given}",
            do=f"Drop `{field}={given}` and let it be inferred, or set it to {inferred}",
            fixes=[
                set_fix(f"drop {field}={given} from {{name}}", **{field: None}),
                set_fix(f"set {field}={inferred} in {{name}}", **{field: inferred}),
            ],
        )
    return inferred


def _reshapes(shape: tuple[int, ...], axes: int) -> list[Fix]:
    """Layers that give a sample of `shape` the wanted number of axes."""
    if axes == 1:
        return [insert_fix("Flatten")] if len(shape) != 1 else []
    if len(shape) == axes - 1 and axes > 2:  # images or volumes without a channel axis
        return [insert_fix("Reshape", shape=[1, *shape])]
    if len(shape) == 1:
        size = shape[0]
        if axes == 2:
            return [insert_fix("Reshape", shape=[1, size])]
        for channels in (1, 3, 4, 2):
            side = round((size / channels) ** (1 / (axes - 1)))
            if channels * side ** (axes - 1) == size and side > 1:
                return [insert_fix("Reshape", shape=[channels] + [side] * (axes - 1))]
        return [insert_fix("Reshape", shape=[size] + [1] * (axes - 1))]
    if len(shape) > axes == 2:
        return [insert_fix("Reshape", shape=[shape[0], -1])]
    if len(shape) == 2 and axes == 3:
        return [insert_fix("Reshape", shape=[1, *shape])]
    if len(shape) > axes:
        return [insert_fix("Reshape", shape=[-1, *shape[-(axes - 1) :]])]
    return []
