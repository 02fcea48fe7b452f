"""Keras's dialect gives the same layers as torch's."""

import pytest
import torch

from lepton_lab import network as ll
from lepton_lab.errors import SpecError, UnknownNameError
from lepton_lab.network import NetworkSpec


def test_the_keras_cnn_begins_with_one_visible_permute():
    network = NetworkSpec(
        [
            ll.Conv2D(32, (3, 3), activation="relu", input_shape=(32, 32, 3)),
            ll.MaxPooling2D((2, 2)),
            ll.Conv2D(64, (3, 3), activation="relu"),
            ll.MaxPooling2D((2, 2)),
            ll.Conv2D(64, (3, 3), activation="relu"),
            ll.Flatten(),
            ll.Dense(64, activation="relu"),
            ll.Dense(10, activation="softmax"),
        ]
    )
    assert [layer.kind for layer in network.layers[:3]] == ["Permute", "Conv2d", "MaxPool2d"]
    assert network.input_shape == (32, 32, 3)
    assert network.infer_shapes().parameters == 122_570  # as Keras counts
    probabilities = network.build(seed=0)(torch.rand(2, 32, 32, 3))
    assert torch.allclose(probabilities.sum(1), torch.ones(2))
    assert NetworkSpec.from_json(network.to_json()) == network


def test_channels_first_stays():
    network = NetworkSpec([ll.Conv2d(4, 3, input_shape=(3, 8, 8)), ll.Flatten(), ll.Linear(2)])
    assert network.layers[0].kind == "Conv2d"
    assert network.infer_shapes().input.shape == (3, 8, 8)


@pytest.mark.parametrize("step_by_step", [True, False])
def test_input_is_taken_over(step_by_step):
    layers = [ll.Input(shape=(32, 32, 3)), ll.Conv2D(3, 3), ll.Flatten()]
    network = NetworkSpec(layers) if not step_by_step else NetworkSpec()
    if step_by_step:
        for layer in layers:
            network = network.add(layer)
            assert NetworkSpec.from_json(network.to_json()) == network
    assert [layer.kind for layer in network.layers] == ["Permute", "Conv2d", "Flatten"]
    assert network.infer_shapes().output.shape == (3 * 30 * 30,)


def test_growing_from_nothing():
    network = NetworkSpec().add(ll.Dense(64, activation="relu", input_shape=(784,))).add(ll.Dense(10))
    assert network.infer_shapes().parameters == 784 * 64 + 64 + 650
    tokens = NetworkSpec().add(ll.Embedding(100, 8, input_shape=(5,))).add(ll.GlobalAveragePooling1D())
    assert tokens.input_dtype == "int64"
    assert tokens.infer_shapes().output.shape == (8,)


@pytest.mark.parametrize(
    ("keras", "torch_named"),
    [
        (ll.Dense(3, "relu", False), ll.Linear(3, bias=False, activation="relu")),
        (ll.Dense(3, input_dim=5), ll.Linear(3, input_shape=(5,))),
        (ll.LeakyReLU(alpha=0.2), ll.LeakyReLU(0.2)),
        (ll.TransformerEncoderLayer(nhead=2), ll.TransformerEncoderLayer(2)),
        (ll.Dense(units=3, use_bias=False), ll.Linear(3, False)),
        (ll.Conv1D(4, 3, 2, "same"), ll.Conv1d(4, 3, 2, "same", steps_first=True)),
        (ll.Conv3D(filters=4, kernel_size=3), ll.Conv3d(4, 3)),
        (ll.Conv2D(4, 3, strides=(2, 2), padding="same", dilation_rate=1), ll.Conv2d(4, 3, (2, 2), "same")),
        (ll.Conv2DTranspose(4, 2, strides=2), ll.ConvTranspose2d(4, 2, 2)),
        (ll.SeparableConv2D(4, 3, depth_multiplier=2), ll.SeparableConv2d(4, 3, multiplier=2)),
        (ll.DepthwiseConv2D(3, strides=2), ll.DepthwiseConv2d(3, 2)),
        (ll.MaxPooling2D(), ll.MaxPool2d(2)),
        (ll.MaxPooling2D(pool_size=(3, 3), strides=2, padding="same"), ll.MaxPool2d((3, 3), 2, "same")),
        (ll.AveragePooling2D(3), ll.AvgPool2d(3)),
        (ll.MaxPooling1D(2), ll.MaxPool1d(2, steps_first=True)),
        (ll.AveragePooling3D(2), ll.AvgPool3d(2)),
        (ll.GlobalAveragePooling2D(keepdims=True), ll.GlobalAvgPool2d(keepdim=True)),
        (ll.GlobalMaxPooling1D(), ll.GlobalMaxPool1d(steps_first=True)),
        (ll.BatchNormalization(), ll.BatchNorm(momentum=0.01, eps=1e-3)),
        (ll.LayerNormalization(), ll.LayerNorm(eps=1e-3)),
        (ll.ZeroPadding2D(((1, 2), (3, 4))), ll.ZeroPad2d((3, 4, 1, 2))),
        (ll.ZeroPadding2D((1, 2)), ll.ZeroPad2d((2, 2, 1, 1))),
        (ll.UpSampling2D(2, interpolation="bilinear"), ll.Upsample(2, "bilinear")),
        (ll.Reshape(target_shape=(2, 3)), ll.Reshape((2, 3))),
        (ll.MultiHeadAttention(2, key_dim=4), ll.MultiheadAttention(2, head_dim=4)),
        (ll.LSTM(4, return_sequences=True), ll.LSTM(4, output="sequence")),
        (ll.GRU(units=4), ll.GRU(4)),
        (ll.SimpleRNN(4, activation="relu"), ll.RNN(4, nonlinearity="relu")),
        (ll.Bidirectional(ll.LSTM(4)), ll.LSTM(4, bidirectional=True)),
        (ll.Dropout(rate=0.1), ll.Dropout(0.1)),
        (ll.Embedding(input_dim=10, output_dim=4), ll.Embedding(10, 4)),
        (ll.Activation("relu"), ll.ReLU()),
        (ll.Activation("linear"), ll.Identity()),
        (ll.Dense(3, activation="linear"), ll.Linear(3)),
        (ll.Dense(3, activation="swish"), ll.Linear(3, activation="silu")),
        (ll.Dense(3, activation=ll.ReLU()), ll.Linear(3, activation="relu")),
        (ll.Concat([ll.ReLU()], []), ll.Parallel([ll.ReLU()], [])),
        (ll.Add([ll.ReLU()], []), ll.Parallel([ll.ReLU()], [], merge="sum")),
        (ll.Unflatten(1, (2, 3)), ll.Reshape((2, 3))),
        (ll.SelectToken(), ll.Select(0)),
    ],
)
def test_both_names_give_the_same_layer(keras, torch_named):
    assert NetworkSpec([keras]).layers == NetworkSpec([torch_named]).layers


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: ll.Conv2D(4, 3, stides=2), UnknownNameError, "strides"),
        (lambda: ll.Conv2D(4, 3, data_format="channels_first"), SpecError, "such as Conv2d"),
        (lambda: ll.Dense(4, kernel_initializer="he_normal"), SpecError, "init="),
        (lambda: ll.Dense(4, units=4), SpecError, "twice"),
        (lambda: ll.BatchNormalization(axis=1), SpecError, "axis"),
        (lambda: ll.Bidirectional(ll.Dense(3)), SpecError, "recurrent"),
    ],
)
def test_wrong_words(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_one_dimensional_layers_work_on_steps_as_in_keras():
    network = NetworkSpec(
        [
            ll.Embedding(50, 8, input_shape=(20,)),
            ll.Conv1D(16, 3, activation="relu"),
            ll.MaxPooling1D(2),
            ll.LSTM(4, return_sequences=True),
            ll.GlobalMaxPooling1D(),
            ll.Dense(2),
        ]
    )
    shapes = [row.output.shape for row in network.infer_shapes()]
    assert shapes == [(20, 8), (18, 16), (9, 16), (9, 4), (4,), (2,)]
    assert network.build()(torch.randint(0, 50, (3, 20))).shape == (3, 2)
