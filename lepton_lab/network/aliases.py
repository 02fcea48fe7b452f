"""Keras's names for the layers: each function takes Keras's parameters and gives the layer of torch's name.

Two-dimensional layers describe channels-last images: a network whose first layer is one of them, with an
`input_shape`, begins with a Permute. One-dimensional ones work on (N, steps, channels), as in Keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lepton_lab.errors import SpecError, UnknownNameError
from lepton_lab.network import layers as ll
from lepton_lab.network.base import LayerSpec
from lepton_lab.network.layers.activations import activation_layer

__all__ = [
    "Activation",
    "Add",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "BatchNormalization",
    "Bidirectional",
    "Concat",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Dense",
    "DepthwiseConv2D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "GroupNormalization",
    "LayerNormalization",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "MultiHeadAttention",
    "RMSNormalization",
    "SelectToken",
    "SeparableConv2D",
    "SimpleRNN",
    "SpatialDropout2D",
    "Unflatten",
    "UpSampling2D",
    "ZeroPadding2D",
]

_CONV = {"filters": "out_channels", "strides": "stride", "dilation_rate": "dilation", "use_bias": "bias"}
_POOL = {"pool_size": "kernel_size", "strides": "stride"}
_LAST = {"input_layout": "channels_last"}
_INERT = {
    "data_format": ("channels_last",),
    "kernel_initializer": ("glorot_uniform",),
    "depthwise_initializer": ("glorot_uniform",),
    "pointwise_initializer": ("glorot_uniform",),
    "bias_initializer": ("zeros",),
    "kernel_regularizer": (None,),
    "bias_regularizer": (None,),
    "activity_regularizer": (None,),
    "kernel_constraint": (None,),
    "bias_constraint": (None,),
    "trainable": (True,),
    "dtype": (None, "float32"),
}


def _translated(
    keras: str, cls: type[LayerSpec], order: tuple[str, ...], names: Mapping[str, str], args: tuple[Any, ...],
    values: dict[str, Any], **fixed: Any,
) -> LayerSpec:  # fmt: skip
    """The torch-named layer for a call in Keras's words; `order` lists its positional parameters."""
    if len(args) > len(order):
        raise SpecError(f"{keras} takes {len(order)} arguments by position", received=f"{len(args)} values")
    given = dict(zip(order, args, strict=False))
    for key, value in values.items():
        if key in given:
            raise SpecError(f"{keras} received {key!r} twice", do="Give it once")
        given[key] = value
    bound: dict[str, Any] = {}
    for key, value in given.items():
        if key in _INERT and key not in names:
            if value not in _INERT[key]:
                raise SpecError(
                    f"{keras} does not take {key}={value!r}",
                    expected=" or ".join(map(repr, _INERT[key])),
                    do=_ADVICE.get(key, "Leave it away"),
                )
            continue
        field = names.get(key, key)
        if field not in cls.model_fields:
            raise UnknownNameError(f"parameter of {keras}", key, {*order, *names, *cls.model_fields})
        bound[field] = value
    return cls(**{**fixed, **bound})


_ADVICE = {
    "data_format": "For channels first write the layer by torch's name, such as Conv2d",
    "kernel_initializer": "Choose the scheme with network.build(init=…)",
    "kernel_regularizer": "Use the optimizer's weight_decay",
}
_CONV_ORDER = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "activation")
_POOL_ORDER = ("pool_size", "strides", "padding")


def Dense(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `Linear`: `Dense(64, activation="relu")`."""
    names = {"units": "out_features", "use_bias": "bias"}
    if "input_dim" in values:
        values["input_shape"] = (values.pop("input_dim"),)
    return _translated("Dense", ll.Linear, ("units", "activation", "use_bias"), names, args, values)


def Conv1D(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `Conv1d`; works on (N, steps, channels)."""
    return _translated("Conv1D", ll.Conv1d, _CONV_ORDER, _CONV, args, values, steps_first=True)


def Conv2D(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `Conv2d`: `Conv2D(32, (3, 3), activation="relu", input_shape=(32, 32, 3))`."""
    return _translated("Conv2D", ll.Conv2d, _CONV_ORDER, _CONV, args, values, **_LAST)


def Conv3D(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `Conv3d`."""
    return _translated("Conv3D", ll.Conv3d, _CONV_ORDER, _CONV, args, values, **_LAST)


def Conv2DTranspose(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `ConvTranspose2d`."""
    order = ("filters", "kernel_size", "strides", "padding")
    return _translated("Conv2DTranspose", ll.ConvTranspose2d, order, _CONV, args, values, **_LAST)


def SeparableConv2D(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `SeparableConv2d`."""
    names = {**_CONV, "depth_multiplier": "multiplier"}
    return _translated("SeparableConv2D", ll.SeparableConv2d, _CONV_ORDER[:4], names, args, values, **_LAST)


def DepthwiseConv2D(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `DepthwiseConv2d`."""
    names = {**_CONV, "depth_multiplier": "multiplier"}
    order = ("kernel_size", "strides", "padding", "depth_multiplier")
    return _translated("DepthwiseConv2D", ll.DepthwiseConv2d, order, names, args, values, **_LAST)


def MaxPooling1D(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `MaxPool1d`; works on (N, steps, channels)."""
    return _translated("MaxPooling1D", ll.MaxPool1d, _POOL_ORDER, _POOL, args, values, steps_first=True)


def MaxPooling2D(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `MaxPool2d`."""
    return _translated("MaxPooling2D", ll.MaxPool2d, _POOL_ORDER, _POOL, args, values, **_LAST)


def MaxPooling3D(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `MaxPool3d`."""
    return _translated("MaxPooling3D", ll.MaxPool3d, _POOL_ORDER, _POOL, args, values, **_LAST)


def AveragePooling1D(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `AvgPool1d`; works on (N, steps, channels)."""
    return _translated("AveragePooling1D", ll.AvgPool1d, _POOL_ORDER, _POOL, args, values, steps_first=True)


def AveragePooling2D(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `AvgPool2d`."""
    return _translated("AveragePooling2D", ll.AvgPool2d, _POOL_ORDER, _POOL, args, values, **_LAST)


def AveragePooling3D(*args: Any, **values: Any) -> LayerSpec:
    """Keras's name of `AvgPool3d`."""
    return _translated("AveragePooling3D", ll.AvgPool3d, _POOL_ORDER, _POOL, args, values, **_LAST)


def GlobalAveragePooling1D(**values: Any) -> LayerSpec:
    """Keras's name of `GlobalAvgPool1d`; works on (N, steps, channels)."""
    return _translated("GlobalAveragePooling1D", ll.GlobalAvgPool1d, (), _KEEP, (), values, steps_first=True)


def GlobalAveragePooling2D(**values: Any) -> LayerSpec:
    """Keras's name of `GlobalAvgPool2d`."""
    return _translated("GlobalAveragePooling2D", ll.GlobalAvgPool2d, (), _KEEP, (), values, **_LAST)


def GlobalAveragePooling3D(**values: Any) -> LayerSpec:
    """Keras's name of `GlobalAvgPool3d`."""
    return _translated("GlobalAveragePooling3D", ll.GlobalAvgPool3d, (), _KEEP, (), values, **_LAST)


def GlobalMaxPooling1D(**values: Any) -> LayerSpec:
    """Keras's name of `GlobalMaxPool1d`; works on (N, steps, channels)."""
    return _translated("GlobalMaxPooling1D", ll.GlobalMaxPool1d, (), _KEEP, (), values, steps_first=True)


def GlobalMaxPooling2D(**values: Any) -> LayerSpec:
    """Keras's name of `GlobalMaxPool2d`."""
    return _translated("GlobalMaxPooling2D", ll.GlobalMaxPool2d, (), _KEEP, (), values, **_LAST)


def GlobalMaxPooling3D(**values: Any) -> LayerSpec:
    """Keras's name of `GlobalMaxPool3d`."""
    return _translated("GlobalMaxPooling3D", ll.GlobalMaxPool3d, (), _KEEP, (), values, **_LAST)


_KEEP = {"keepdims": "keepdim"}


def BatchNormalization(momentum: float = 0.99, epsilon: float = 1e-3, **values: Any) -> LayerSpec:
    """Keras's name of `BatchNorm`, with Keras's defaults; Keras's momentum is the weight of the *old* mean."""
    if values.pop("axis", -1) != -1:
        raise SpecError("BatchNormalization normalises channels", expected="axis=-1", do="Leave axis away")
    if values.get("center", True) != values.get("scale", True):
        raise SpecError("BatchNormalization learns scale and shift both or none", expected="scale equal to center")
    affine = values.pop("center", True)
    values.pop("scale", None)
    numbers = {"momentum": round(1 - momentum, 12), "eps": epsilon, "affine": affine}
    return _translated("BatchNormalization", ll.BatchNorm, (), {}, (), {**values, **numbers}, **_LAST)


def LayerNormalization(axis: int = -1, epsilon: float = 1e-3, **values: Any) -> LayerSpec:
    """Keras's name of `LayerNorm`, with Keras's default ε."""
    if axis != -1:
        raise SpecError("LayerNormalization normalises the last axis", expected="axis=-1", received=f"axis={axis}")
    return ll.LayerNorm(eps=epsilon, **values)


def RMSNormalization(axis: int = -1, epsilon: float = 1e-6, **values: Any) -> LayerSpec:
    """Keras's name of `RMSNorm`, with Keras's default ε."""
    if axis != -1:
        raise SpecError("RMSNormalization normalises the last axis", expected="axis=-1", received=f"axis={axis}")
    return ll.RMSNorm(eps=epsilon, **values)


def GroupNormalization(groups: int = 32, epsilon: float = 1e-3, **values: Any) -> LayerSpec:
    """Keras's name of `GroupNorm`, with Keras's defaults."""
    return ll.GroupNorm(num_groups=groups, eps=epsilon, **values)


def ZeroPadding2D(padding: Any = 1, **values: Any) -> LayerSpec:
    """Keras's name of `ZeroPad2d`: one width, (height, width) or ((top, bottom), (left, right))."""
    if isinstance(padding, tuple | list) and len(padding) == 2:
        rows, columns = ((p, p) if isinstance(p, int) else tuple(p) for p in padding)
        padding = (*columns, *rows)
    return ll.ZeroPad2d(padding=padding, **{**_LAST, **values})


def UpSampling2D(size: Any = 2, interpolation: str = "nearest", **values: Any) -> LayerSpec:
    """Keras's name of `Upsample`."""
    return ll.Upsample(scale_factor=size, mode=interpolation, **{**_LAST, **values})


def MultiHeadAttention(num_heads: int, key_dim: int | None = None, **values: Any) -> LayerSpec:
    """Keras's name of `MultiheadAttention`, of a sequence to itself."""
    return ll.MultiheadAttention(num_heads=num_heads, head_dim=key_dim, **values)


def SimpleRNN(units: int, **values: Any) -> LayerSpec:
    """Keras's name of `RNN`."""
    if "activation" in values:
        values["nonlinearity"] = values.pop("activation")
    return ll.RNN(hidden_size=units, **values)


def Bidirectional(layer: LayerSpec, **values: Any) -> LayerSpec:
    """Keras's wrapper: the recurrent layer, reading in both directions."""
    if not isinstance(layer, ll.RNN | ll.GRU | ll.LSTM):
        raise SpecError("Bidirectional wraps recurrent layers", expected="RNN, GRU or LSTM", received=repr(layer)[:80])
    return layer.changed(bidirectional=True, **values)


def SpatialDropout2D(rate: float = 0.5, **values: Any) -> LayerSpec:
    """Keras's name of `Dropout2d`."""
    return ll.Dropout2d(p=rate, **values)


def Activation(activation: str, **values: Any) -> LayerSpec:
    """The activation layer of a name: `Activation("relu")` is `ReLU()`; "linear" is `Identity()`."""
    if activation == "linear":
        return ll.Identity(**values)
    layer = activation_layer(activation)
    return layer.changed(**values) if values else layer


def Add(*branches: Any, **values: Any) -> LayerSpec:
    """`Parallel` that sums its branches."""
    return ll.Parallel(*branches, merge="sum", **values)


def Concat(*branches: Any, **values: Any) -> LayerSpec:
    """`Parallel` that concatenates its branches."""
    return ll.Parallel(*branches, merge="concat", **values)


def SelectToken(index: int = 0, **values: Any) -> LayerSpec:
    """`Select` of one step of a sequence, by default of a class token at its front."""
    return ll.Select(index=index, **values)


def Unflatten(dim: int, unflattened_size: tuple[int, ...], **values: Any) -> LayerSpec:
    """Torch's `Unflatten` of a vector: `Unflatten(1, (3, 8, 8))` is `Reshape((3, 8, 8))`."""
    if dim not in (1, -1):
        raise SpecError("Unflatten splits the one axis of a vector", expected="dim=1", received=f"dim={dim}")
    return ll.Reshape(shape=tuple(unflattened_size), **values)
