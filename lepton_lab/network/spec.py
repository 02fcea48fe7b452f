"""`NetworkSpec`: a network as frozen, plain data that can be edited, checked, built and saved."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from torch import nn

from lepton_lab.errors import SpecError, UnknownNameError
from lepton_lab.network import edits
from lepton_lab.network.base import Chain, LayerSpec, TensorInfo
from lepton_lab.network.fixes import Fix
from lepton_lab.network.inputs import settle_input
from lepton_lab.network.layers.blocks import Layers
from lepton_lab.network.naming import free_name, named_layers
from lepton_lab.network.serial import (
    layer_from_dict,
    layer_to_dict,
    network_parts,
    providers,
    read_json,
    revived,
    write_whole,
)
from lepton_lab.network.shapes import NetworkCheck, NetworkShapes, check_network, infer_network
from lepton_lab.plugins import install_line

__all__ = ["SCHEMA_VERSION", "NetworkSpec"]

SCHEMA_VERSION = 1
"""Version of the JSON form that this release writes and reads."""


class NetworkSpec(BaseModel):
    """A network: an ordered list of layers and blocks, and the shape of a sample.

    `NetworkSpec([Flatten(), Linear(10)], input_shape=(1, 28, 28))`. Every edit returns a new network and leaves this
    one as it is, so that undo is keeping the old object. Layers inside blocks are addressed by path:
    "residual_1/body/conv2d_2".

    Attributes:
        schema_version: Version of the JSON form.
        name: The network's name.
        input_shape: Shape of a sample without N; None while it is not known.
        input_dtype: "int64" for token or category indices.
        layers: The layers; each has a name that is unique in its list.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = Field(SCHEMA_VERSION, description="Version of the JSON form.")
    name: str = Field("network", description="The network's name.", max_length=200)
    input_shape: tuple[int, ...] | None = Field(None, description="Shape of a sample without N.")
    input_dtype: Literal["float32", "int64"] = Field("float32", description="Type of the input's values.")
    layers: Layers = Field((), description="The layers, in the order in which they run.")

    def __init__(self, layers: Iterable[LayerSpec] | LayerSpec = (), /, **values: Any) -> None:
        if "layers" not in values:
            values["layers"] = layers
        try:
            values["layers"] = named_layers(values["layers"])
            super().__init__(**settle_input(values))
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            key = ".".join(map(str, detail["loc"]))
            if detail["type"] == "extra_forbidden":
                raise UnknownNameError("parameter of NetworkSpec", key, type(self).model_fields) from None
            wanted = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
            raise SpecError(
                f"NetworkSpec cannot take this {key}", expected=f"{key}: {wanted}", received=repr(detail["input"])[:200]
            ) from None

    @field_validator("input_shape", mode="before")
    @classmethod
    def _as_tuple(cls, shape: Any) -> Any:
        return (shape,) if isinstance(shape, int) and not isinstance(shape, bool) else shape

    @field_validator("input_shape")
    @classmethod
    def _usable(cls, shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if shape is not None and any(size < 1 for size in shape):
            raise ValueError("sizes of at least 1, without the batch axis N")
        return shape

    # What is in it

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, path: str | int) -> LayerSpec:
        return self.layers[path] if isinstance(path, int) else edits.find(self.layers, path)

    def walk(self) -> Iterator[tuple[str, LayerSpec]]:
        """All layers with their paths, those inside blocks after their block."""
        for layer in self.layers:
            yield from layer.walk()

    @property
    def input(self) -> TensorInfo | None:
        """Shape and type of a sample; None while the shape is not known."""
        if self.input_shape is None:
            return None
        return TensorInfo(self.input_shape, torch.int64 if self.input_dtype == "int64" else torch.float32)

    @property
    def plugins(self) -> dict[str, str]:
        """The plugins that its layers come from, each with the line that installs it."""
        names = set().union(*(providers(layer) for layer in self.layers)) if self.layers else set()
        return {name: install_line(name) for name in sorted(names)}

    # Pure edits

    def _with(self, layers: Iterable[LayerSpec], **values: Any) -> Self:
        kept: dict[str, Any] = {"name": self.name, "input_shape": self.input_shape}
        if self.layers or self.input_dtype != "float32":  # else the first layer may still choose
            kept["input_dtype"] = self.input_dtype
        return type(self)(layers=tuple(layers), **{**kept, **values})

    def changed(self, **values: Any) -> Self:
        """A copy with another `name`, `input_shape`, `input_dtype` or `layers`."""
        return self._with(values.pop("layers", self.layers), **values)

    def add(self, *layers: LayerSpec, into: str = "") -> Self:
        """Appends layers; `into` names a list inside a block, such as "residual_1/body".

        Raises:
            SpecError: A name is taken, or there is no such list.
        """
        return self._with(edits.edited(self.layers, into, lambda old: (*old, *layers)))

    def insert(
        self, layer: LayerSpec, *, before: str | None = None, after: str | None = None, index: int | None = None
    ) -> Self:
        """Inserts a layer before or after another one (by path), or at an index of the outermost list.

        Raises:
            SpecError: Not exactly one place is given, or it does not exist.
        """
        if sum(place is not None for place in (before, after, index)) != 1:
            raise SpecError("insert needs one place", expected="one of before=, after= and index=")
        if index is not None:
            return self._with((*self.layers[:index], layer, *self.layers[index:]))
        path = before if before is not None else after
        assert path is not None
        into, name = edits.parent(self.layers, path)

        def change(old: tuple[LayerSpec, ...]) -> tuple[LayerSpec, ...]:
            at = _position(old, name) + (after is not None)
            return (*old[:at], layer, *old[at:])

        return self._with(edits.edited(self.layers, into, change))

    def remove(self, path: str) -> Self:
        """Removes the layer at `path`.

        Raises:
            UnknownNameError: There is none.
        """
        into, name = edits.parent(self.layers, path)
        return self._with(edits.edited(self.layers, into, lambda old: tuple(la for la in old if la.name != name)))

    def replace(self, path: str, layer: LayerSpec | None = None, /, **values: Any) -> Self:
        """Puts another layer at `path`, or the same one with other values: `replace("conv2d_1", kernel_size=5)`.

        A new layer without a name keeps the old one's name where it is of the same kind.

        Raises:
            UnknownNameError: There is no layer at `path`.
            SpecError: The values do not fit.
        """
        into, name = edits.parent(self.layers, path)

        def change(old: tuple[LayerSpec, ...]) -> tuple[LayerSpec, ...]:
            at = _position(old, name)
            new = old[at] if layer is None else layer
            if not new.name and type(new) is type(old[at]):
                new = new.changed(name=name)
            if values:
                new = new.changed(**values)
            return (*old[:at], new, *old[at + 1 :])

        return self._with(edits.edited(self.layers, into, change))

    def move(
        self, path: str, *, before: str | None = None, after: str | None = None, index: int | None = None,
        into: str | None = None,
    ) -> Self:  # fmt: skip
        """Moves a layer, within its list or to another one.

        Args:
            path: The layer.
            before: The layer before which it shall stand.
            after: The layer after which it shall stand.
            index: Its new place in its own list, or in `into`.
            into: The list that shall hold it, at `index` or at its end.

        Raises:
            SpecError: Not exactly one place is given, it does not exist, or it is inside the layer itself.
        """
        layer = edits.find(self.layers, path)
        target = next((place for place in (before, after, into) if place is not None), "")
        if target == path and into is None:
            return self
        if target == path or target.startswith(path + "/"):
            raise SpecError(f"{path!r} cannot be moved into itself")
        if before is not None or after is not None:
            edits.find(self.layers, target)
        source, _ = edits.parent(self.layers, path)
        rest = self.remove(path)
        destination = into if into is not None else (source if index is not None else None)
        if destination is not None:
            names = {la.name for la in edits.list_at(rest.layers, destination)}
            moved = _freed(layer, names)
            place = len(names) if index is None else index
            return self._with(edits.edited(rest.layers, destination, lambda old: (*old[:place], moved, *old[place:])))
        holder, _ = edits.parent(rest.layers, target) if before is not None or after is not None else ("", "")
        moved = _freed(layer, {la.name for la in edits.list_at(rest.layers, holder)})
        return rest.insert(moved, before=before, after=after)

    def duplicate(self, path: str) -> Self:
        """Puts a copy of the layer behind it, under a new name.

        Raises:
            UnknownNameError: There is no layer at `path`.
        """
        into, _ = edits.parent(self.layers, path)
        taken = {layer.name for layer in edits.list_at(self.layers, into)}
        layer = edits.find(self.layers, path)
        return self.insert(layer.changed(name=free_name(layer, taken)), after=path)

    def apply(self, fix: Fix | Mapping[str, Any]) -> Self:
        """The network with a fix's edits done.

        Raises:
            SpecError: The fix is about another network or cannot be read.
        """
        try:
            fix = fix if isinstance(fix, Fix) else Fix.model_validate(fix)
        except ValidationError as error:
            raise SpecError("a fix cannot be read", received=str(error.errors(include_url=False)[0]["msg"])) from None
        network = self
        for edit in fix.edits:
            if edit.op == "remove":
                network = network.remove(edit.path)
            elif edit.op == "set":
                network = (
                    network.replace(edit.path, **revived(edit.values)) if edit.path else network.changed(**edit.values)
                )
            elif edit.op == "replace":
                network = network.replace(edit.path, layer_from_dict(edit.layer))
            elif edit.place == "before":
                network = network.insert(layer_from_dict(edit.layer), before=edit.path)
            else:
                network = network.insert(layer_from_dict(edit.layer), after=edit.path)
        return network

    # Shapes

    def infer_shapes(self) -> NetworkShapes:
        """Shapes and costs of every layer, found without allocating weights.

        Raises:
            ShapeError: A layer cannot take what the one before it gives; carries fixes.
        """
        return infer_network(self.layers, self.input, self.name)

    def check(self) -> NetworkCheck:
        """Rows as far as they go, and what is wrong; never raises."""
        return check_network(self.layers, self.input, self.name)

    def summary(self) -> str:
        """A table of layers, shapes and parameters, as far as the network is valid."""
        return str(self.check())

    def calls(self) -> Chain:
        """The modules that `build` constructs, in order, by name.

        Raises:
            ShapeError: See `infer_shapes`.
        """
        return self.infer_shapes().calls

    def build(
        self, device: str | torch.device | None = None, seed: int | None = None, *, init: str = "default"
    ) -> nn.Sequential:
        """The network as an ordinary torch module with the layers' names.

        Args:
            device: Where the weights shall be; torch's default device where left out.
            seed: Makes the first weights reproducible and leaves the global random state as it was.
            init: Scheme of the first weights, one of `lepton_lab.network.initialise.SCHEMES`.

        Raises:
            ShapeError: See `infer_shapes`.
            SpecError: The weights do not fit into memory, or pretrained ones cannot be had.
        """
        from lepton_lab.network.build import build_network

        return build_network(self.infer_shapes(), device=device, seed=seed, init=init)

    def to_python(self, class_name: str = "Net") -> str:
        """A Python file with the network as a hand-written module; it runs without Lepton Lab.

        Raises:
            ShapeError: See `infer_shapes`.
            SpecError: The name is none for a class, or a layer's class cannot be imported or copied.
        """
        from lepton_lab.network.codegen import to_python

        return to_python(self, class_name)

    @classmethod
    def from_module(
        cls,
        module: nn.Module,
        input_shape: tuple[int, ...] | int | None = None,
        input_dtype: str | None = None,
    ) -> NetworkSpec:
        """Reads a torch module; what cannot be read as layers becomes one opaque layer. See `read_module`."""
        from lepton_lab.network.from_module import from_module

        return from_module(module, input_shape, input_dtype)

    # Files

    def to_dict(self) -> dict[str, Any]:
        """The network as JSON values."""
        return {
            "schema_version": self.schema_version,
            "name": self.name,
            "input_shape": None if self.input_shape is None else list(self.input_shape),
            "input_dtype": self.input_dtype,
            "plugins": self.plugins,
            "layers": [layer_to_dict(layer) for layer in self.layers],
        }

    def to_json(self, indent: int | None = 2) -> str:
        """The network as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """The network that `to_dict` described.

        Raises:
            PluginError: A layer comes from a plugin that is not installed.
            SpecError: The description is damaged or from a newer version.
        """
        layers, values = network_parts(data, SCHEMA_VERSION)
        return cls(layers=layers, **values)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The network that `to_json` wrote; see `from_dict` for its errors."""
        return cls.from_dict(read_json(text))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the network to a JSON file, whole or not at all, and returns its path."""
        return write_whole(Path(path), self.to_json() + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a network from a JSON file; see `from_dict` for its errors."""
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise SpecError(f"the network file {os.fspath(path)!r} cannot be opened", received=str(error)) from None
        return cls.from_json(text)

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return self.check()._repr_html_()


def _position(layers: tuple[LayerSpec, ...], name: str) -> int:
    return next(number for number, layer in enumerate(layers) if layer.name == name)


def _freed(layer: LayerSpec, taken: set[str]) -> LayerSpec:
    """The layer, under another name where its own is taken."""
    return layer.changed(name=free_name(layer, taken)) if layer.name in taken else layer
