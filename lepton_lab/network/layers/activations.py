"""Activation functions, and the `activation="relu"` that other layers take."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field
from torch import nn

from lepton_lab.errors import UnknownNameError
from lepton_lab.network.base import BlockSpec, Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import LAYERS, built_in, stem_of
from lepton_lab.network.fields import Size, need_float, set_fix
from lepton_lab.network.fixes import Misfit
from lepton_lab.registry import BUILT_IN

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "ActivationName",
    "Hardsigmoid",
    "Hardswish",
    "LeakyReLU",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "WithActivation",
    "activation_layer",
    "activation_names",
]

_GROUP = "Activation"
_SYNONYMS = {"swish": "silu", "hard_swish": "hardswish", "hard_sigmoid": "hardsigmoid"}


class _Activation(LayerSpec):
    """An element-wise function: the shape stays."""

    group: ClassVar[str] = _GROUP
    module: ClassVar[type[nn.Module]]

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        need_float(x)
        fields = type(self).model_fields
        values = {k: getattr(self, k) for k in self.positional() if getattr(self, k) != fields[k].default}
        return (("", Call(self.module, (), values)),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        return cls(), TensorInfo((4, 6, 6))


@built_in
class ReLU(_Activation):
    """The rectified linear unit."""

    kind: ClassVar[str] = "ReLU"
    stem: ClassVar[str] = "relu"
    summary: ClassVar[str] = "Lets positive values through and sets negative ones to 0."
    formula: ClassVar[str] = "y = max(0, x)"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html"
    module: ClassVar[type[nn.Module]] = nn.ReLU


@built_in
class LeakyReLU(_Activation):
    """A rectified linear unit with a small slope below 0."""

    kind: ClassVar[str] = "LeakyReLU"
    stem: ClassVar[str] = "leaky_relu"
    summary: ClassVar[str] = "Like ReLU, but lets a small part of negative values through, so that no unit dies."
    formula: ClassVar[str] = "y = x if x ≥ 0 else a·x"
    source: ClassVar[str] = (
        "Maas, Hannun and Ng 2013, 'Rectifier nonlinearities improve neural network acoustic models'"
    )
    module: ClassVar[type[nn.Module]] = nn.LeakyReLU

    other_names: ClassVar[dict[str, str]] = {"alpha": "negative_slope"}

    negative_slope: float = Field(0.01, ge=0, le=10, description="Slope a for negative values.")


@built_in
class PReLU(_Activation):
    """A rectified linear unit with a learned slope below 0."""

    kind: ClassVar[str] = "PReLU"
    stem: ClassVar[str] = "prelu"
    summary: ClassVar[str] = "Like Leaky ReLU, with a slope for negative values that is learned."
    formula: ClassVar[str] = "y = x if x ≥ 0 else a·x, a learned"
    source: ClassVar[str] = "He et al. 2015, arXiv:1502.01852"
    module: ClassVar[type[nn.Module]] = nn.PReLU

    num_parameters: Size = Field(1, description="1 for one slope, or the number of channels for one each.")
    init: float = Field(0.25, ge=-10, le=10, description="Slope at the start.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        if self.num_parameters != 1 and (not x.shape or self.num_parameters != x.shape[0]):
            raise Misfit(
                f"{self.num_parameters} channels, one for each slope",
                fixes=[set_fix("set num_parameters=1 in {name}", num_parameters=1)],
            )
        return super().calls(x)


@built_in
class ELU(_Activation):
    """The exponential linear unit."""

    kind: ClassVar[str] = "ELU"
    summary: ClassVar[str] = "Smooth below 0, where it settles at -α; keeps the mean near 0."
    formula: ClassVar[str] = "y = x if x > 0 else α·(exp(x) − 1)"
    source: ClassVar[str] = "Clevert, Unterthiner and Hochreiter 2015, arXiv:1511.07289"
    module: ClassVar[type[nn.Module]] = nn.ELU

    alpha: float = Field(1.0, ge=0, le=100, description="The value −α is approached far below 0.")


@built_in
class SELU(_Activation):
    """The self-normalising exponential linear unit."""

    kind: ClassVar[str] = "SELU"
    summary: ClassVar[str] = "ELU scaled so that activations keep mean 0 and variance 1 through deep plain networks."
    formula: ClassVar[str] = "y = 1.0507·(x if x > 0 else 1.6733·(exp(x) − 1))"
    source: ClassVar[str] = "Klambauer et al. 2017, arXiv:1706.02515"
    module: ClassVar[type[nn.Module]] = nn.SELU


@built_in
class GELU(_Activation):
    """The Gaussian error linear unit."""

    kind: ClassVar[str] = "GELU"
    summary: ClassVar[str] = "A smooth ReLU that weighs values by how large they are; usual in transformers."
    formula: ClassVar[str] = "y = x·Φ(x)"
    source: ClassVar[str] = "Hendrycks and Gimpel 2016, arXiv:1606.08415"
    module: ClassVar[type[nn.Module]] = nn.GELU


@built_in
class SiLU(_Activation):
    """The sigmoid-weighted linear unit, also called swish."""

    kind: ClassVar[str] = "SiLU"
    stem: ClassVar[str] = "silu"
    summary: ClassVar[str] = "A smooth ReLU, also called swish."
    formula: ClassVar[str] = "y = x·σ(x)"
    source: ClassVar[str] = "Elfwing, Uchibe and Doya 2017, arXiv:1702.03118"
    module: ClassVar[type[nn.Module]] = nn.SiLU


@built_in
class Mish(_Activation):
    """A self-regularised smooth unit."""

    kind: ClassVar[str] = "Mish"
    summary: ClassVar[str] = "A smooth, slightly non-monotonic ReLU."
    formula: ClassVar[str] = "y = x·tanh(ln(1 + exp(x)))"
    source: ClassVar[str] = "Misra 2019, arXiv:1908.08681"
    module: ClassVar[type[nn.Module]] = nn.Mish


@built_in
class Tanh(_Activation):
    """The hyperbolic tangent."""

    kind: ClassVar[str] = "Tanh"
    summary: ClassVar[str] = "Squeezes values into −1 … 1."
    formula: ClassVar[str] = "y = tanh(x)"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanh.html"
    module: ClassVar[type[nn.Module]] = nn.Tanh


@built_in
class Sigmoid(_Activation):
    """The logistic function."""

    kind: ClassVar[str] = "Sigmoid"
    summary: ClassVar[str] = "Squeezes values into 0 … 1; a probability for yes-or-no outputs."
    formula: ClassVar[str] = "y = 1 / (1 + exp(−x))"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html"
    module: ClassVar[type[nn.Module]] = nn.Sigmoid


@built_in
class Hardsigmoid(_Activation):
    """The logistic function made of straight lines."""

    kind: ClassVar[str] = "Hardsigmoid"
    summary: ClassVar[str] = "A sigmoid of straight lines, cheap on small devices."
    formula: ClassVar[str] = "y = min(max(x/6 + 1/2, 0), 1)"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html"
    module: ClassVar[type[nn.Module]] = nn.Hardsigmoid


@built_in
class Hardswish(_Activation):
    """Swish made of straight lines."""

    kind: ClassVar[str] = "Hardswish"
    summary: ClassVar[str] = "SiLU of straight lines, cheap on small devices; used in MobileNetV3."
    formula: ClassVar[str] = "y = x·min(max(x/6 + 1/2, 0), 1)"
    source: ClassVar[str] = "Howard et al. 2019, arXiv:1905.02244"
    module: ClassVar[type[nn.Module]] = nn.Hardswish


@built_in
class Softplus(_Activation):
    """The smooth rectifier."""

    kind: ClassVar[str] = "Softplus"
    summary: ClassVar[str] = "A smooth ReLU that is never quite 0; keeps outputs positive."
    formula: ClassVar[str] = "y = ln(1 + exp(β·x)) / β"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Softplus.html"
    module: ClassVar[type[nn.Module]] = nn.Softplus

    beta: float = Field(1.0, gt=0, le=100, description="Sharpness β of the bend.")


class _OverClasses(_Activation):
    """Softmax and its logarithm: over the classes."""

    dim: int | None = Field(
        None,
        ge=-5,
        le=5,
        description="Axis of the classes, N included; by default the channels of maps, else the last.",
    )

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        need_float(x)
        dim = self.dim if self.dim is not None else (1 if len(x.shape) != 2 else -1)
        return (("", Call(self.module, (), {"dim": dim})),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        return cls(), TensorInfo((10,))


@built_in
class Softmax(_OverClasses):
    """Probabilities of classes."""

    kind: ClassVar[str] = "Softmax"
    summary: ClassVar[str] = "Turns scores into probabilities that sum to 1."
    formula: ClassVar[str] = "yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ)"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax.html"
    module: ClassVar[type[nn.Module]] = nn.Softmax


@built_in
class LogSoftmax(_OverClasses):
    """Log-probabilities of classes."""

    kind: ClassVar[str] = "LogSoftmax"
    summary: ClassVar[str] = "The logarithm of softmax, computed stably; goes with the loss NLL."
    formula: ClassVar[str] = "yᵢ = xᵢ − ln Σⱼ exp(xⱼ)"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html"
    module: ClassVar[type[nn.Module]] = nn.LogSoftmax


def _activations(*, plugins: bool = True) -> dict[str, type[LayerSpec]]:
    """The built-in functions and registered layers that need no parameters, by their short name."""
    found: dict[str, type[LayerSpec]] = {}
    for entry in LAYERS.entries(plugins=plugins):
        cls = entry.value
        simple = cls.group == _GROUP or entry.provider != BUILT_IN
        if simple and not issubclass(cls, BlockSpec) and not any(f.is_required() for f in cls.model_fields.values()):
            found[stem_of(cls)] = cls
    return found


def activation_names() -> list[str]:
    """What `activation=` takes: the built-in functions and registered layers that need no parameters."""
    return sorted(_activations())


def activation_layer(name: str) -> LayerSpec:
    """The layer that `activation=name` stands for: "relu" gives `ReLU()`.

    Raises:
        UnknownNameError: No such activation; suggests the closest ones.
    """
    wanted = _SYNONYMS.get(name.lower(), name.lower())
    quick = _BUILT_IN.get(wanted)
    if quick is not None:
        return quick
    for short, cls in _activations().items():
        if wanted in (short, cls.kind.lower()):
            return cls()
    raise UnknownNameError("activation", name, activation_names())


_BUILT_IN: dict[str, LayerSpec] = {short: cls() for short, cls in _activations(plugins=False).items()}
_BUILT_IN |= {layer.kind.lower(): layer for layer in _BUILT_IN.values()}


def _short(value: Any) -> Any:
    if isinstance(value, LayerSpec):
        if value != type(value)():
            raise ValueError("a name such as 'relu'; an activation with settings of its own is a layer of its own")
        return stem_of(type(value))
    return None if value in ("linear", "none", "") else value


def _known(value: str | None) -> str | None:
    return None if value is None else stem_of(type(activation_layer(value)))


ActivationName = Annotated[str | None, BeforeValidator(_short), AfterValidator(_known)]


class WithActivation(LayerSpec):
    """A layer that may be followed by an activation, as in Keras."""

    activation: ActivationName = Field(
        None,
        description="Activation after the layer, by name, such as 'relu'.",
        json_schema_extra={"choices": "activation"},
    )

    def activated(self, calls: tuple[tuple[str, Any], ...], x: TensorInfo) -> tuple[tuple[str, Any], ...]:
        """`calls`, followed by the activation's; `x` stands for what they give."""
        if self.activation is None:
            return calls
        return (*calls, (self.activation, activation_layer(self.activation).calls(x)[0][1]))
