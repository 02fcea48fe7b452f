"""The catalogue: every kind of layer that a network can be made of, and how users add to it."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import nn

from lepton_lab.errors import PluginError
from lepton_lab.network.base import LayerSpec, snake_case
from lepton_lab.plugins import load_plugins
from lepton_lab.registry import BUILT_IN, Registry

__all__ = ["LAYERS", "layer", "register_layer"]

LAYERS: Registry[type[LayerSpec]] = Registry("layer", load_plugins)
"""Every kind of layer by its name: the built-in ones, plugins' and the user's own."""

L = TypeVar("L", bound=type[LayerSpec])


def built_in(cls: L) -> L:
    """Registers one of the package's own layers."""
    LAYERS.add(cls.kind, cls, provider=BUILT_IN)
    return cls


def layer(kind: str, /, *args: Any, **values: Any) -> LayerSpec:
    """A layer of any kind by its name: `layer("Conv2d", 32, 3)`.

    Raises:
        UnknownNameError: No such kind; suggests the closest ones.
        SpecError: The values do not fit.
    """
    return LAYERS[kind](*args, **values)


def register_layer(cls: Any = None, /, *, name: str | None = None, group: str = "Your own") -> Any:
    """Adds a layer to the catalogue: `@register_layer` over an `nn.Module` or a `LayerSpec` class.

    For a module, the parameters are those of its `__init__`; `in_features`, `in_channels`, `num_features` and
    `input_size` are inferred from the input where they are not given. The class itself is returned unchanged, with
    the description of it as its attribute `spec`: `NetworkSpec([MyLayer.spec(8), …])`.

    Args:
        cls: The class.
        name: Its name in the catalogue; by default the class's own.
        group: Its heading in the palette.

    Raises:
        PluginError: The name is taken, or the class is neither a module nor a `LayerSpec`.
    """
    if cls is None:
        return lambda c: register_layer(c, name=name, group=group)
    if not isinstance(cls, type) or not issubclass(cls, nn.Module | LayerSpec):
        raise PluginError(
            f"{cls!r} cannot be registered as a layer", expected="a class derived from nn.Module or from LayerSpec"
        )
    if issubclass(cls, LayerSpec):
        kind = name or cls.__dict__.get("kind") or cls.__name__
        cls.kind = kind
        for text in ("group", "summary", "formula"):
            if not hasattr(cls, text):
                setattr(cls, text, {"group": group}.get(text, (cls.__doc__ or "").strip().split("\n")[0]))
        LAYERS.add(kind, cls, module=cls.__module__)
        return cls
    from lepton_lab.network.foreign import spec_class

    spec = spec_class(cls, name or cls.__name__, group)
    LAYERS.add(spec.kind, spec, module=cls.__module__)
    setattr(cls, "spec", spec)  # noqa: B010  (a module class has no such attribute of its own)
    return cls


def stem_of(cls: type[LayerSpec]) -> str:
    """What default names of a kind begin with."""
    return cls.stem or snake_case(cls.kind)
