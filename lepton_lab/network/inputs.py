"""Where a network's input comes from: stated on the network, or on its first layer as in Keras."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from lepton_lab.errors import SpecError
from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.layers.shape import Permute
from lepton_lab.network.naming import named_layers

__all__ = ["Input", "settle_input"]


@built_in
class Input(LayerSpec):
    """Keras's way to say the shape of a sample; the network takes it over and drops this layer.

    While it stands alone it stays, since the layer after it says whether its channels come last.
    """

    kind: ClassVar[str] = "Input"
    group: ClassVar[str] = "Shape"
    summary: ClassVar[str] = "Says the shape of a sample; the network takes it over."
    formula: ClassVar[str] = "y = x"
    source: ClassVar[str] = "https://keras.io/api/layers/core_layers/input/"

    shape: tuple[int, ...] = Field(description="Shape of a sample without the batch axis.")
    dtype: Literal["float32", "int64", "int32"] = Field("float32", description="Type of the values.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        return ()

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(shape=(3,)), TensorInfo((3,))


def settle_input(values: dict[str, Any]) -> dict[str, Any]:
    """Moves `input_shape` from the first layer to the network, and channels-last inputs through one Permute.

    Args:
        values: The arguments of a `NetworkSpec`, its layers already named.

    Raises:
        SpecError: The network and its first layer, or a later layer, state different inputs.
    """
    layers: tuple[LayerSpec, ...] = values["layers"]
    stated: tuple[int, ...] | None = None
    if layers and isinstance(layers[0], Input):
        first = layers[0]
        stated = first.shape
        if "int" in first.dtype:
            values = {**values, "input_dtype": "int64"}
        if len(layers) > 1:
            layers = layers[1:]
    if layers and layers[0].input_shape is not None:
        stated = layers[0].input_shape
    last = bool(layers) and layers[0].input_layout == "channels_last" and stated is not None
    later = next((layer for layer in layers[1:] if layer.input_shape is not None), None)
    shape = values.get("input_shape")
    if later is not None and shape is None:
        raise SpecError(
            f"layer {later.name!r} ({later.kind}) states an input_shape, but is not the first layer",
            do="Give input_shape to the first layer or to the network",
        )
    if shape is not None and stated is not None and tuple(shape if not isinstance(shape, int) else (shape,)) != stated:
        raise SpecError(
            "the network and its first layer state different inputs",
            expected=f"input_shape={tuple(shape)}", received=f"input_shape={stated}", do="Give it once",
        )  # fmt: skip
    if layers and "input_dtype" not in values and layers[0].index_input:
        values = {**values, "input_dtype": "int64"}
    layers = tuple(
        layer.model_copy(update={"input_shape": None, "input_layout": ""})
        if layer.input_shape is not None or layer.input_layout
        else layer
        for layer in layers
    )
    if last and stated is not None and len(stated) > 1:
        axes = len(stated)
        layers = named_layers((Permute(dims=(axes - 1, *range(axes - 1))), *layers))
    return {**values, "layers": layers, "input_shape": shape if shape is not None else stated}
