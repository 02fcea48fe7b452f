"""A layer's parameters as plain data: what a form needs to ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from lepton_lab.network.base import BlockSpec, LayerSpec

__all__ = ["Parameter", "parameters_of"]

Control = Literal["whole", "number", "switch", "choice", "text", "sizes", "any"]
_HIDDEN = frozenset({"name", "input_shape", "input_layout", "class_name", "reason", "reference"})


@dataclass(frozen=True)
class Parameter:
    """One parameter of a layer.

    Attributes:
        name: Its name.
        control: `whole` and `number` for one number, `sizes` for whole numbers, one or one an axis, `switch`, `choice`
            among `words`, `text`, `any` for what has no form of its own.
        help: What it means.
        required: Whether it has no default.
        default: Its default; None where it is required.
        least: The least value, where there is one.
        most: The largest value, where there is one.
        words: Words that it takes, instead of or beside numbers.
        empty: Whether it may be left out (None).
        lengths: For `sizes`: how many numbers it may have; 0 for any.
    """

    name: str
    control: Control
    help: str
    required: bool
    default: Any
    least: float | None = None
    most: float | None = None
    words: tuple[str, ...] = ()
    empty: bool = False
    lengths: tuple[int, ...] = ()


@cache
def parameters_of(cls: type[LayerSpec]) -> tuple[Parameter, ...]:
    """The parameters that a person sets, in the order in which they may be given by position.

    A block's lists of layers are not among them: they are edited as layers.
    """
    lists: set[str] = set()
    if issubclass(cls, BlockSpec):
        lists = {"body", "shortcut", "branches", "layers"}
    properties: dict[str, Any] = cls.model_json_schema()["properties"]
    names = [name for name in cls.positional() if name not in _HIDDEN | lists]
    return tuple(_parameter(cls, name, properties[name]) for name in names)


def _parameter(cls: type[LayerSpec], name: str, schema: dict[str, Any]) -> Parameter:
    info = cls.model_fields[name]
    kinds = schema.get("anyOf", [schema])
    numbers = [k for k in kinds if k.get("type") in ("integer", "number")]
    lists = [k for k in kinds if k.get("type") == "array"]
    words = tuple(str(word) for k in kinds for word in k.get("enum", [k["const"]] if "const" in k else []))
    bounds = [_bounds({**k, **{key: schema[key] for key in _BOUNDS if key in schema}}) for k in numbers]
    least, most = bounds[0] if bounds else (None, None)
    control: Control
    if schema.get("choices") == "activation":
        from lepton_lab.network.layers.activations import activation_names

        control, words = "choice", tuple(activation_names())
    elif any(k.get("type") == "boolean" for k in kinds):
        control = "switch"
    elif lists or (numbers and words):
        control = "sizes"
        if lists and not numbers:
            least, most = _bounds(lists[0].get("prefixItems", [lists[0].get("items", {})])[0])
    elif numbers:
        control = "number" if any(k["type"] == "number" for k in numbers) else "whole"
    elif words:
        control = "choice"
    else:
        control = "text" if any(k.get("type") == "string" for k in kinds) else "any"
    lengths = ([1] if numbers else []) + [
        k.get("minItems", 0) if k.get("minItems") == k.get("maxItems") else 0 for k in lists
    ]
    return Parameter(
        name, control, info.description or "", info.is_required(),
        None if info.is_required() else info.get_default(call_default_factory=True),
        least, most, words, any(k.get("type") == "null" for k in kinds),
        tuple(lengths) if control == "sizes" else (),
    )  # fmt: skip


_BOUNDS = ("ge", "gt", "le", "lt", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def _bounds(schema: dict[str, Any]) -> tuple[float | None, float | None]:
    low = [schema[key] for key in ("ge", "gt", "minimum", "exclusiveMinimum") if key in schema]
    high = [schema[key] for key in ("le", "lt", "maximum", "exclusiveMaximum") if key in schema]
    return (max(low) if low else None, min(high) if high else None)
