"""Networks to begin with for data of a form, each in up to three sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from lepton_lab.network import zoo
from lepton_lab.network.layers import Scale
from lepton_lab.network.spec import NetworkSpec

__all__ = ["SIZES", "Template", "for_samples", "form_of", "suggested", "templates"]

SIZES = ("small", "medium", "large")
"""The sizes in which a template may come."""

_FLAT = 8  # pixels: where pooling has brought an image to this side, the fully connected part begins

Shape = tuple[int, ...]
Unit = tuple[float, float]
_Given = TypeVar("_Given")


@dataclass(frozen=True)
class Template:
    """A network for some form of data.

    Attributes:
        name: "convolutional", "residual", "mobile", "plain", "linear", "average", "recurrent" or "attention".
        makers: Makes the network of each size, small to large.
    """

    name: str
    makers: Mapping[str, Callable[[], NetworkSpec]]

    def make(self, size: str = "medium") -> NetworkSpec:
        """The network of a size; the largest one where there are fewer sizes."""
        return self.makers.get(size, list(self.makers.values())[-1])()


def for_samples(network: NetworkSpec, shape: Shape, dtype: str = "float32") -> NetworkSpec:
    """The network with samples of this shape and type as its input; itself where it has them already."""
    if network.input_shape == tuple(shape) and network.input_dtype == dtype:
        return network
    return network.changed(input_shape=tuple(shape), input_dtype=dtype)


def form_of(sample_shape: Shape, dtype: str = "float32") -> str:
    """What samples are to a network: "image", "text", "sequence", "points" or "table"."""
    if dtype == "int64":
        return "text"
    if len(sample_shape) == 3 and min(sample_shape[1:]) >= 4:
        return "image"
    if len(sample_shape) == 2:
        return "sequence"
    return "points" if sample_shape == (2,) else "table"


def suggested(
    sample_shape: Shape, outputs: int, dtype: str = "float32", *, vocabulary: int = 10_000, unit: Unit | None = None
) -> NetworkSpec:
    """The network to begin with: the first template's medium size; see `templates`."""
    return templates(sample_shape, outputs, dtype, vocabulary=vocabulary, unit=unit)[0].make("medium")


def templates(
    sample_shape: Shape, outputs: int, dtype: str = "float32", *, vocabulary: int = 10_000, unit: Unit | None = None
) -> tuple[Template, ...]:
    """The templates for samples of a shape, the one to begin with first.

    Args:
        sample_shape: Shape of a prepared sample.
        outputs: Numbers that the network has to give.
        dtype: "float32", or "int64" for indices of words.
        vocabulary: Words that there are, for a text.
        unit: Mean and standard deviation of the values to predict. With it each network ends in their scale: else its
            last layer would have to grow until prices come out, which takes thousands of updates.
    """
    found = _templates(tuple(sample_shape), outputs, dtype, vocabulary)
    if unit is None:
        return found
    return tuple(
        Template(each.name, {size: partial(_scaled, make, unit) for size, make in each.makers.items()})
        for each in found
    )


def _scaled(make: Callable[[], NetworkSpec], unit: Unit) -> NetworkSpec:
    mean, deviation = unit
    spec = make()
    return spec.changed(layers=[*spec.layers, Scale(factor=deviation, offset=mean, name="unit")])


def _templates(shape: Shape, outputs: int, dtype: str, vocabulary: int) -> tuple[Template, ...]:
    form = form_of(shape, dtype)
    if form == "text":
        return _for_texts(shape, outputs, vocabulary)
    if form == "image":
        return _for_images(shape, outputs)
    if form == "sequence":
        return (
            _template("recurrent", lambda hidden: zoo.lstm_classifier(shape, outputs, hidden=hidden), 32, 64, 128),
            _attention(shape, outputs, vocabulary),
            _template("plain", lambda hidden: zoo.mlp(shape, outputs, hidden=hidden), (32,), (64, 64), (256, 128)),
        )
    if form == "points":
        return (
            _template(
                "plain",
                lambda hidden: zoo.mlp(shape, outputs, hidden=hidden, activation="tanh"),
                (8, 8), (32, 32), (64, 64, 64),
            ),
            _linear(shape, outputs),
        )  # fmt: skip
    return (
        _template("plain", lambda hidden: zoo.mlp(shape, outputs, hidden=hidden), (16,), (64, 64), (256, 128, 64)),
        _template("residual", lambda width: zoo.table_resnet(shape, outputs, width=width), 32, 64, 128),
        _linear(shape, outputs),
    )


def _for_images(shape: Shape, outputs: int) -> tuple[Template, ...]:
    side, stages = min(shape[1:]), 1
    while stages < 2 or side >> stages > _FLAT:
        stages += 1
    found = [_template("convolutional", lambda w: zoo.small_cnn(shape, outputs, width=w, stages=stages), 8, 16, 32)]
    if side >= 8:  # three poolings leave at least one pixel
        found.append(
            _template(
                "residual",
                lambda last: zoo.resnet_quick(
                    shape, outputs, stem=max(8, last >> stages + 1), depth=1 if last < 256 else 2,
                    widths=[max(8, last >> stages - i) for i in range(stages + 1)],
                ),
                64, 128, 256,
            )
        )  # fmt: skip
        found.append(_template("mobile", lambda width: zoo.mobile_tiny(shape, outputs, width=width), 8, 16, 32))
    found.append(
        _template("plain", lambda hidden: zoo.mlp(shape, outputs, hidden=hidden), (32,), (128, 64), (512, 256))
    )
    return tuple(found)


def _for_texts(shape: Shape, outputs: int, words: int) -> tuple[Template, ...]:
    return (
        _template("average", lambda n: zoo.text_average(shape, outputs, vocabulary=words, features=n), 16, 64, 128),
        _template(
            "recurrent",
            lambda n: zoo.lstm_classifier(shape, outputs, vocabulary=words, features=n, hidden=n),
            32, 64, 128,
        ),
        _attention(shape, outputs, words),
    )  # fmt: skip


def _attention(shape: Shape, outputs: int, words: int) -> Template:
    def make(size: tuple[int, int]) -> NetworkSpec:
        features, blocks = size
        return zoo.transformer_classifier(
            shape, outputs, vocabulary=words, features=features, heads=features // 16, blocks=blocks
        )

    return _template("attention", make, (32, 1), (64, 2), (128, 4))


def _linear(shape: Shape, outputs: int) -> Template:
    return Template("linear", {"small": lambda: zoo.linear(shape, outputs)})


def _template(name: str, make: Callable[[_Given], NetworkSpec], *sizes: _Given) -> Template:
    return Template(name, {size: partial(make, given) for size, given in zip(SIZES, sizes, strict=True)})
