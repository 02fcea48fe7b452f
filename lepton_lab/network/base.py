"""What every layer of a network description has in common.

A `LayerSpec` is frozen, plain data. It never holds weights: asked with the shape of what comes in, it
answers with the torch modules to construct (`Call`s), which `build` constructs and `to_python` prints. So
the module that runs and the code that is shown cannot drift apart.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from torch import nn

from lepton_lab.errors import LeptonError, SpecError, UnknownNameError

__all__ = ["BlockSpec", "Call", "Chain", "LayerSpec", "TensorInfo", "snake_case"]

_RESERVED = frozenset(dir(nn.Sequential()))


@dataclass(frozen=True)
class TensorInfo:
    """Shape and type of what flows between two layers.

    Attributes:
        shape: Sizes without the batch axis N.
        dtype: Element type; int64 for token or category indices.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32

    def __str__(self) -> str:
        return "(N" + "".join(f", {size}" for size in self.shape) + ")"

    @property
    def bytes(self) -> int:
        """Size of one sample in bytes."""
        count = 1
        for size in self.shape:
            count *= size
        return count * self.dtype.itemsize


@dataclass(frozen=True)
class Call:
    """A torch module to construct: `target(*args, **kwargs)`.

    Attributes:
        target: A class of torch.nn, of `lepton_lab.network.modules`, or a registered one.
        args: Positional arguments, in the order that the field writes them; may contain `Call`s and `Chain`s.
        kwargs: Keyword arguments; only those that differ from the target's defaults. May contain `Call`s and `Chain`s.
    """

    target: Callable[..., nn.Module]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> nn.Module:
        """Constructs the module on torch's current default device, arguments first."""
        return self.target(*map(_built, self.args), **{key: _built(value) for key, value in self.kwargs.items()})


@dataclass(frozen=True)
class Chain:
    """Named modules that run one after the other: an `nn.Sequential` of an `OrderedDict`.

    Attributes:
        items: Pairs of a module's name and its call.
    """

    items: tuple[tuple[str, Call | Chain], ...] = ()

    def build(self) -> nn.Sequential:
        """Constructs the modules in their order."""
        return nn.Sequential(OrderedDict((name, call.build()) for name, call in self.items))


def _built(value: Any) -> Any:
    return value.build() if isinstance(value, Call | Chain) else value


class LayerSpec(BaseModel):
    """One layer as plain data.

    A subclass states its class variables, declares its parameters as pydantic fields (typed, ranged, each with a
    `description`), and implements `calls`. Fields may be given by position, in the order of their declaration.

    Attributes:
        kind: Name in the catalogue and in JSON; the torch name where torch has the layer.
        group: Heading in the palette, such as "Convolution".
        summary: One line that explains the layer in plain words.
        formula: What it computes, in Unicode text.
        source: Where the formula comes from: a paper or torch's page.
        may_read_values: Whether its forward may branch on the numbers, so that the meta device does not suffice.
        stem: What default names begin with; `snake_case(kind)` where empty.
        other_names: Other spellings of parameters (Keras's) and the fields they stand for.
        index_input: True where the layer takes int64 indices.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)

    kind: ClassVar[str]
    group: ClassVar[str]
    summary: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str] = ""
    may_read_values: ClassVar[bool] = False
    stem: ClassVar[str] = ""
    other_names: ClassVar[Mapping[str, str]] = {}
    index_input: ClassVar[bool] = False

    name: str = Field("", description="Name in the network; given by it where left empty.")
    input_shape: tuple[int, ...] | None = Field(
        None, description="Shape of a sample without N; only for the first layer of a network, as in Keras."
    )
    input_layout: Literal["", "channels_last"] = Field(
        "", description="'channels_last' where the input's channels come last, as in Keras."
    )

    def __init__(self, *args: Any, **values: Any) -> None:
        kind = getattr(type(self), "kind", type(self).__name__)
        values = self._bind(args, values)
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _spec_error(kind, type(self), error) from None

    @classmethod
    def positional(cls) -> tuple[str, ...]:
        """The fields that may be given by position, in that order."""
        last = ("activation",) if "activation" in cls.model_fields else ()
        return tuple(f for f in cls.model_fields if f not in _BASE_FIELDS and f != "activation") + last

    @classmethod
    def _bind(cls, args: tuple[Any, ...], values: dict[str, Any]) -> dict[str, Any]:
        kind = getattr(cls, "kind", cls.__name__)
        order = cls.positional()
        if len(args) > len(order):
            raise SpecError(
                f"{kind} takes {len(order)} arguments by position",
                expected=", ".join(order) or "none",
                received=f"{len(args)} values",
                do="Give the others by name",
            )
        bound = dict(zip(order, args, strict=False))
        for key, value in values.items():
            target = key if key in cls.model_fields else cls.other_names.get(key, key)
            if target in bound:
                raise SpecError(f"{kind} received {target!r} twice", do="Give it once")
            if target not in cls.model_fields:
                raise UnknownNameError(f"parameter of {kind}", key, cls.model_fields)
            bound[target] = value
        return bound

    @field_validator("name")
    @classmethod
    def _usable_name(cls, name: str) -> str:
        if name and (not re.fullmatch(r"\w+", name, re.ASCII) or name in _RESERVED):
            raise ValueError("must consist of letters, digits and _, and must not be an attribute of nn.Module")
        return name

    @field_validator("input_shape")
    @classmethod
    def _usable_shape(cls, shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if shape is not None and any(size < 1 for size in shape):
            raise ValueError("must have sizes of at least 1, without the batch axis")
        return shape

    def changed(self, **values: Any) -> Self:
        """A copy with other values, validated.

        Raises:
            SpecError: A value does not fit its field, or there is no such field.
        """
        return type(self)(**{**{key: getattr(self, key) for key in type(self).model_fields}, **values})

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """The modules to construct for an input like `x`, in the order in which they run.

        Returns:
            Pairs of a name's suffix and a call. The main module has the suffix "", an activation after it has
            its own name: ("", Conv2d …), ("relu", ReLU …). They become `<name>` and `<name>_relu`.

        Raises:
            ShapeError: `x` does not fit this layer.
        """
        raise NotImplementedError(f"{type(self).__name__}.calls")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """A sensible instance and an input for it, for the palette, the docs and the contract tests."""
        raise NotImplementedError(f"{cls.__name__}.example")

    def children(self) -> Mapping[str, tuple[LayerSpec, ...]]:
        """The lists of layers inside, by the name of the list; empty for a plain layer."""
        return {}

    def walk(self, prefix: str = "") -> Iterator[tuple[str, LayerSpec]]:
        """This layer and all inside it, each with its path such as "residual_1/body/conv2d_2"."""
        path = f"{prefix}/{self.name}" if prefix else self.name
        yield path, self
        for part, layers in self.children().items():
            for layer in layers:
                yield from layer.walk(f"{path}/{part}" if part else path)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for key, info in type(self).model_fields.items():
            value = getattr(self, key)
            if info.is_required() or value != info.get_default(call_default_factory=True):
                yield key, value


class BlockSpec(LayerSpec):
    """A layer that contains lists of layers: Residual, Parallel, Repeat, a named sub-network.

    A subclass says what it contains (`children`, `with_children`), what shape comes out (`join`) and which module
    holds the parts (`assemble`). The lists run side by side on the block's input, each `runs` times in a row.
    """

    @property
    def runs(self) -> int:
        """How often each list runs, with weights of its own each time."""
        return 1

    def with_children(self, children: Mapping[str, tuple[LayerSpec, ...]]) -> Self:
        """The same block with other layers inside.

        Raises:
            SpecError: The block has no list of such a name.
        """
        raise SpecError(f"{type(self).__name__} does not say how to replace its layers: {sorted(children)}")

    def join(self, x: TensorInfo, outputs: Mapping[str, TensorInfo]) -> TensorInfo:
        """What comes out, given the input and what each list gives.

        Raises:
            ShapeError: The parts do not fit each other.
        """
        raise NotImplementedError(f"{type(self).__name__}.join")

    def assemble(self, x: TensorInfo, parts: Mapping[str, tuple[Chain, ...]]) -> tuple[tuple[str, Call | Chain], ...]:
        """The modules of the block, like `calls`, from the chains of its lists (one for each run)."""
        raise NotImplementedError(f"{type(self).__name__}.assemble")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`; the calls' arguments contain the `Chain`s of the parts."""
        from lepton_lab.network.inference import infer_layer  # inference needs this module

        return infer_layer(self, x).calls  # type: ignore[return-value]


_BASE_FIELDS = frozenset(LayerSpec.model_fields)


def snake_case(kind: str) -> str:
    """The stem of default names: "Conv2d" gives "conv2d", "BatchNorm2d" "batch_norm2d"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()


def _spec_error(kind: str, cls: type[LayerSpec], error: ValidationError) -> LeptonError:
    """The design's form of a failed validation: the first field at fault, all that it would have taken."""
    details = error.errors(include_url=False)
    key = str(details[0]["loc"][0]) if details[0]["loc"] else ""
    cause = details[0].get("ctx", {}).get("error")
    if isinstance(cause, UnknownNameError):
        return UnknownNameError(cause.kind, cause.name, cause.choices, where=f"{kind}, {key}")
    same: Sequence[Any] = [d for d in details if d["loc"] and str(d["loc"][0]) == key] or details
    if details[0]["type"] == "missing":
        missing = [str(d["loc"][0]) for d in details if d["type"] == "missing"]
        return SpecError(f"{kind} needs {' and '.join(repr(m) for m in missing)}", do=f"Write {kind}({missing[0]}=…)")
    wanted: list[str] = []
    for detail in same:
        text = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
        text = text.replace("Input ", "a value that ", 1) if text.startswith("Input ") else text
        if text not in wanted:
            wanted.append(text)
    return SpecError(
        f"{kind} cannot take this {key}" if key else f"{kind} cannot be made from this",
        expected=f"{key}: {', or '.join(wanted)}",
        received=repr(same[0]["input"])[:200],
        do=(cls.model_fields[key].description or "") if key in cls.model_fields else None,
    )
