"""A zoo of networks to begin with, as ordinary specs: change them, mix them, train them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lepton_lab.errors import UnknownNameError
from lepton_lab.network.base import LayerSpec
from lepton_lab.network.layers import (
    LSTM,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    DepthwiseConv2d,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool1d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    LayerNorm,
    Linear,
    MaxPool2d,
    PatchWhitening,
    PositionalEncoding,
    Repeat,
    Reshape,
    Residual,
    Scale,
    SubNetwork,
    TransformerEncoderLayer,
)
from lepton_lab.network.spec import NetworkSpec

__all__ = [
    "ZOO",
    "autoencoder",
    "get",
    "lenet5",
    "linear",
    "lstm_classifier",
    "mlp",
    "mobile_tiny",
    "resnet_quick",
    "resnet_swift",
    "resnet_tiny",
    "small_cnn",
    "table_resnet",
    "text_average",
    "transformer_classifier",
]

Shape = tuple[int, ...]


def mlp(
    input_shape: Shape = (1, 28, 28), classes: int = 10, *, hidden: Sequence[int] = (64, 64), activation: str = "relu"
) -> NetworkSpec:
    """Fully connected layers; on vectors or on flattened images."""
    layers: list[LayerSpec] = [Flatten()] if len(input_shape) > 1 else []
    layers += [Linear(out_features=units, activation=activation) for units in hidden]
    layers.append(Linear(out_features=classes, name="head"))
    return NetworkSpec(layers, input_shape=input_shape, name="mlp")


def linear(input_shape: Shape = (4,), classes: int = 3) -> NetworkSpec:
    """One weighted sum of the inputs for each output: what a larger network has to beat."""
    layers: list[LayerSpec] = [Flatten()] if len(input_shape) > 1 else []
    return NetworkSpec([*layers, Linear(out_features=classes, name="head")], input_shape=input_shape, name="linear")


def table_resnet(
    input_shape: Shape = (8,), classes: int = 2, *, width: int = 64, blocks: int = 2, dropout: float = 0.1
) -> NetworkSpec:
    """Residual blocks for rows of a table (Gorishniy et al. 2021, arXiv:2106.11959, section 3.2).

    With layer normalisation in place of batch normalisation, which a last batch of one row would stop.
    """
    layers: list[LayerSpec] = [Flatten()] if len(input_shape) > 1 else []
    layers.append(Linear(out_features=width))
    for _ in range(blocks):
        body = [
            LayerNorm(),
            Linear(out_features=2 * width, activation="relu"),
            Dropout(p=dropout),
            Linear(out_features=width),
        ]
        layers.append(Residual(body=body))
    layers += [LayerNorm(), Linear(out_features=classes, name="head")]
    return NetworkSpec(layers, input_shape=input_shape, name="table_resnet")


def lenet5(input_shape: Shape = (1, 28, 28), classes: int = 10) -> NetworkSpec:
    """The convolutional network that read cheques (LeCun et al. 1998, Proceedings of the IEEE 86)."""
    layers = [
        Conv2d(out_channels=6, kernel_size=5, padding=2, activation="tanh"),
        AvgPool2d(kernel_size=2),
        Conv2d(out_channels=16, kernel_size=5, activation="tanh"),
        AvgPool2d(kernel_size=2),
        Flatten(),
        Linear(out_features=120, activation="tanh"),
        Linear(out_features=84, activation="tanh"),
        Linear(out_features=classes, name="head"),
    ]
    return NetworkSpec(layers, input_shape=input_shape, name="lenet5")


def small_cnn(input_shape: Shape = (1, 28, 28), classes: int = 10, *, width: int = 32, stages: int = 2) -> NetworkSpec:
    """Two convolutions with pooling, then a small fully connected part; for larger images more `stages`."""
    layers: list[LayerSpec] = []
    for stage in range(stages):
        channels = width * min(2**stage, 8)
        layers += [
            Conv2d(out_channels=channels, kernel_size=3, padding="same", activation="relu"),
            MaxPool2d(kernel_size=2),
        ]
    layers += [
        Flatten(),
        Dropout(p=0.25),
        Linear(out_features=128, activation="relu"),
        Linear(out_features=classes, name="head"),
    ]
    return NetworkSpec(layers, input_shape=input_shape, name="small_cnn")


def _convolution(channels: int, stride: int = 1, activation: str | None = "relu") -> list[LayerSpec]:
    return [
        Conv2d(out_channels=channels, kernel_size=3, stride=stride, padding=1, bias=False),
        BatchNorm2d(activation=activation),
    ]


def resnet_tiny(
    input_shape: Shape = (3, 32, 32), classes: int = 10, *, width: int = 16, blocks: int = 3
) -> NetworkSpec:
    """The residual network for CIFAR (He et al. 2015, arXiv:1512.03385, section 4.2); 3 blocks a stage: ResNet-20."""
    layers: list[LayerSpec] = _convolution(width)
    for stage in range(3):
        channels = width * 2**stage
        for block in range(blocks):
            stride = 2 if stage and block == 0 else 1
            shortcut: list[LayerSpec] = []
            if stride != 1:
                shortcut = [Conv2d(out_channels=channels, kernel_size=1, stride=2, bias=False), BatchNorm2d()]
            body = [*_convolution(channels, stride), *_convolution(channels, activation=None)]
            layers.append(Residual(body=body, shortcut=shortcut, activation="relu"))
    layers += [GlobalAvgPool2d(), Linear(out_features=classes, name="head")]
    return NetworkSpec(layers, input_shape=input_shape, name="resnet_tiny")


def resnet_quick(
    input_shape: Shape = (3, 32, 32), classes: int = 10, *, stem: int = 32, widths: Sequence[int] = (64, 128, 256),
    depth: int = 2,
) -> NetworkSpec:  # fmt: skip
    """A shallow, wide residual network that learns small photos in few epochs, on a CPU too.

    After Page 2018, "How to train your ResNet" (github.com/davidcpage/cifar10-fast), with `depth` convolutions
    in each residual block. Pooling comes before normalisation, so that there is a quarter left to normalise.
    """
    layers: list[LayerSpec] = _convolution(stem)
    for channels in widths:
        layers += [
            Conv2d(out_channels=channels, kernel_size=3, padding=1, bias=False),
            MaxPool2d(kernel_size=2),
            BatchNorm2d(activation="relu"),
            Residual(body=[layer for _ in range(depth) for layer in _convolution(channels)]),
        ]
    layers += [GlobalMaxPool2d(), Linear(out_features=classes, name="head")]
    return NetworkSpec(layers, input_shape=input_shape, name="resnet_quick")


def resnet_swift(
    input_shape: Shape = (3, 32, 32), classes: int = 10, *, widths: Sequence[int] = (64, 128, 256), depth: int = 1
) -> NetworkSpec:
    """For small photos and few epochs: whitened patches, then for each of `widths` a pooled convolution and `depth` in
    a residual block.

    After Jordan 2024 (arXiv:2404.00498), with residual blocks in place of convolutions that begin as the identity.
    The first filters are fixed, so that nothing is learned where the maps are largest.
    """
    layers: list[LayerSpec] = [PatchWhitening(activation="gelu")]
    for channels in widths:
        layers += [
            Conv2d(out_channels=channels, kernel_size=3, padding=1, bias=False),
            MaxPool2d(kernel_size=2),
            BatchNorm2d(activation="gelu"),
            Residual(body=[layer for _ in range(depth) for layer in _convolution(channels, activation="gelu")]),
        ]
    layers += [GlobalMaxPool2d(), Linear(out_features=classes, bias=False, name="head"), Scale(factor=1 / 9)]
    return NetworkSpec(layers, input_shape=input_shape, name="resnet_swift")


def mobile_tiny(input_shape: Shape = (3, 32, 32), classes: int = 10, *, width: int = 16) -> NetworkSpec:
    """Depthwise and 1 × 1 convolutions in turn (Howard et al. 2017, arXiv:1704.04861)."""
    layers: list[LayerSpec] = _convolution(width)
    for channels, stride in ((2, 1), (4, 2), (4, 1), (8, 2), (8, 1)):
        layers += [
            DepthwiseConv2d(kernel_size=3, stride=stride, padding=1, bias=False),
            BatchNorm2d(activation="relu"),
            Conv2d(out_channels=width * channels, kernel_size=1, bias=False),
            BatchNorm2d(activation="relu"),
        ]
    layers += [GlobalAvgPool2d(), Linear(out_features=classes, name="head")]
    return NetworkSpec(layers, input_shape=input_shape, name="mobile_tiny")


def text_average(
    input_shape: Shape = (64,), classes: int = 2, *, vocabulary: int = 10000, features: int = 64
) -> NetworkSpec:
    """The mean of the words' vectors, in whatever order they stand (Joulin et al. 2016, arXiv:1607.01759)."""
    layers: list[LayerSpec] = [
        Embedding(num_embeddings=vocabulary, embedding_dim=features),
        GlobalAvgPool1d(steps_first=True),
        Dropout(p=0.25),
        Linear(out_features=classes, name="head"),
    ]
    return NetworkSpec(layers, input_shape=input_shape, name="text_average")


def lstm_classifier(
    input_shape: Shape = (64,), classes: int = 2, *, vocabulary: int = 10000, features: int = 64, hidden: int = 64
) -> NetworkSpec:
    """Reads token indices (steps,) through an embedding, or a sequence (steps, features), with an LSTM."""
    tokens = len(input_shape) == 1
    layers: list[LayerSpec] = [Embedding(num_embeddings=vocabulary, embedding_dim=features)] if tokens else []
    layers += [LSTM(hidden_size=hidden, bidirectional=True), Dropout(p=0.25), Linear(out_features=classes, name="head")]
    return NetworkSpec(layers, input_shape=input_shape, name="lstm_classifier")


def transformer_classifier(
    input_shape: Shape = (64,), classes: int = 2, *, vocabulary: int = 10000, features: int = 64, heads: int = 4,
    blocks: int = 2,
) -> NetworkSpec:  # fmt: skip
    """A transformer encoder over token indices (steps,) or a sequence (steps, features), and their mean."""
    first: LayerSpec
    if len(input_shape) == 1:
        first = Embedding(num_embeddings=vocabulary, embedding_dim=features)
    else:
        first = Linear(out_features=features)
    block = TransformerEncoderLayer(num_heads=heads, dim_feedforward=4 * features, activation="gelu", norm_first=True)
    layers: list[LayerSpec] = [
        first,
        PositionalEncoding(),
        Repeat(body=[block], times=blocks, name="encoder"),
        LayerNorm(),
        GlobalAvgPool1d(steps_first=True),
        Linear(out_features=classes, name="head"),
    ]
    return NetworkSpec(layers, input_shape=input_shape, name="transformer_classifier")


def autoencoder(input_shape: Shape = (1, 28, 28), *, code: int = 16, width: int = 16) -> NetworkSpec:
    """Squeezes an image into a short code and paints it again; height and width must be multiples of 4."""
    channels, height, columns = input_shape
    encoder = [
        Conv2d(out_channels=width, kernel_size=3, stride=2, padding=1, activation="relu"),
        Conv2d(out_channels=2 * width, kernel_size=3, stride=2, padding=1, activation="relu"),
        Flatten(),
        Linear(out_features=code, name="code"),
    ]
    decoder = [
        Linear(out_features=2 * width * (height // 4) * (columns // 4), activation="relu"),
        Reshape(shape=(2 * width, height // 4, columns // 4)),
        ConvTranspose2d(out_channels=width, kernel_size=4, stride=2, padding=1, activation="relu"),
        ConvTranspose2d(out_channels=channels, kernel_size=4, stride=2, padding=1, activation="sigmoid"),
    ]
    parts = [SubNetwork(layers=encoder, name="encoder"), SubNetwork(layers=decoder, name="decoder")]
    return NetworkSpec(parts, input_shape=input_shape, name="autoencoder")


ZOO: dict[str, Callable[..., NetworkSpec]] = {
    "autoencoder": autoencoder,
    "lenet5": lenet5,
    "linear": linear,
    "lstm_classifier": lstm_classifier,
    "mlp": mlp,
    "mobile_tiny": mobile_tiny,
    "resnet_quick": resnet_quick,
    "resnet_swift": resnet_swift,
    "resnet_tiny": resnet_tiny,
    "small_cnn": small_cnn,
    "table_resnet": table_resnet,
    "text_average": text_average,
    "transformer_classifier": transformer_classifier,
}
"""Every network of the zoo by its name."""


def get(name: str) -> NetworkSpec:
    """A network of the zoo by its name.

    Raises:
        UnknownNameError: No such network; suggests the closest ones.
    """
    if name not in ZOO:
        raise UnknownNameError("network of the zoo", name, ZOO)
    return ZOO[name]()
