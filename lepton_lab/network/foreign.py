"""Descriptions of users' own modules, made from the signature of their `__init__`."""

from __future__ import annotations

import inspect
import typing
from typing import Any, ClassVar

from pydantic import Field, create_model, field_validator
from torch import nn

from lepton_lab.errors import PluginError
from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.fields import need_size
from lepton_lab.network.fixes import Misfit

__all__ = ["ForeignLayer", "spec_class"]

_INFERRED = {"in_features": -1, "input_size": -1, "in_channels": 0, "num_features": 0}
_PLAIN = (int, float, bool, str)


class ForeignLayer(LayerSpec):
    """A user's own module as plain data.

    Attributes:
        module: The module's class.
        inferred: Which of its parameters come from the input where they are not given, and from which axis.
    """

    summary: ClassVar[str] = "A module of your own."
    formula: ClassVar[str] = "as its forward says"
    may_read_values: ClassVar[bool] = True
    module: ClassVar[type[nn.Module]]
    inferred: ClassVar[dict[str, int]] = {}

    @classmethod
    def positional(cls) -> tuple[str, ...]:
        """See `LayerSpec.positional`; what is inferred from the input comes last, as in the package's own layers."""
        names = super().positional()
        return tuple(n for n in names if n not in cls.inferred) + tuple(n for n in names if n in cls.inferred)

    @field_validator("*", mode="after")
    @classmethod
    def _plain_data(cls, value: Any) -> Any:
        return _frozen(value)

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        kwargs: dict[str, Any] = {}
        for name in self.positional():
            value = getattr(self, name)
            if name in self.inferred:
                if not x.shape:
                    raise Misfit("at least one axis beside N")
                axis = self.inferred[name]
                kwargs[name] = need_size(value, x.shape[axis], name, "last axis" if axis else "first axis after N")
            elif type(self).model_fields[name].is_required() or value != type(self).model_fields[name].default:
                kwargs[name] = value
        return (("", Call(self.module, (), kwargs)),)


def spec_class(module: type[nn.Module], kind: str, group: str) -> type[ForeignLayer]:
    """The `LayerSpec` class that describes `module`.

    Raises:
        PluginError: A parameter of its `__init__` cannot be plain data or clashes with a layer's own field.
    """
    fields: dict[str, Any] = {}
    inferred: dict[str, int] = {}
    try:
        hints = typing.get_type_hints(module.__init__)
    except Exception:  # annotations may name what exists only for type checkers
        hints = {}
    for name, parameter in list(inspect.signature(module.__init__).parameters.items())[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in LayerSpec.model_fields or name in ("kind", "group", "summary", "formula", "source", "calls"):
            raise PluginError(
                f"the layer {kind!r} has a parameter {name!r}, which every layer has already",
                do="Rename the parameter of its __init__",
            )
        default = ... if parameter.default is parameter.empty else parameter.default
        annotation = _annotation(hints.get(name), default)
        if name in _INFERRED:
            inferred[name] = _INFERRED[name]
            text = "Size of the input; inferred where left out."
            fields[name] = (int | None, Field(None if default is ... else default, description=text))
        else:
            fields[name] = (annotation, Field(default, description=f"Parameter {name!r} of {module.__name__}."))
    cls = create_model(module.__name__, __base__=ForeignLayer, __module__=module.__module__, **fields)
    summary = inspect.cleandoc(module.__doc__ or "").split("\n")[0] if module.__doc__ != nn.Module.__doc__ else ""
    cls.kind, cls.group, cls.module, cls.inferred = kind, group, module, inferred
    cls.summary = summary or f"Your own module {module.__name__}."
    cls.__doc__ = cls.summary
    return cls


def _annotation(hint: Any, default: Any) -> Any:
    if hint in _PLAIN:
        return hint
    if hint is None and type(default) in _PLAIN:
        return type(default)
    return Any


def _frozen(value: Any) -> Any:
    """Plain values as they are, lists as tuples.

    Raises:
        ValueError: The value cannot be written as JSON.
    """
    if value is None or isinstance(value, (*_PLAIN, LayerSpec)):
        return value
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    raise ValueError("plain data: numbers, text, true or false, or lists of them")
