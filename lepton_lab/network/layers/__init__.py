"""The built-in layers, grouped by file as in the palette: descriptions only, no torch modules of our own."""

from lepton_lab.network.layers.activations import (
    ELU,
    GELU,
    SELU,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from lepton_lab.network.layers.blocks import Parallel, Repeat, Residual, SubNetwork
from lepton_lab.network.layers.convolution import Conv1d, Conv2d, Conv3d, DepthwiseConv2d, SeparableConv2d
from lepton_lab.network.layers.linear import Embedding, Linear
from lepton_lab.network.layers.opaque import Opaque
from lepton_lab.network.layers.pooling import MaxPool2d
from lepton_lab.network.layers.shape import Flatten, Identity, Permute, Reshape, Upsample, ZeroPad2d
from lepton_lab.network.layers.tokens import ClassToken, LearnedOffset, LearnedScale, Mean, Scale, Select

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "ClassToken",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "DepthwiseConv2d",
    "Embedding",
    "Flatten",
    "Hardsigmoid",
    "Hardswish",
    "Identity",
    "LeakyReLU",
    "LearnedOffset",
    "LearnedScale",
    "Linear",
    "LogSoftmax",
    "MaxPool2d",
    "Mean",
    "Mish",
    "Opaque",
    "PReLU",
    "Parallel",
    "Permute",
    "ReLU",
    "Repeat",
    "Reshape",
    "Residual",
    "Scale",
    "Select",
    "SeparableConv2d",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SubNetwork",
    "Tanh",
    "Upsample",
    "ZeroPad2d",
]
