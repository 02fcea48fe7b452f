"""What is said of networks and their layers: parameters as forms, words, memory, receptive fields, drawings."""

import xml.etree.ElementTree as ET

import pytest

from lepton_lab.network import LAYERS, Conv2d, Flatten, Linear, MaxPool2d, NetworkSpec, Repeat, Residual, zoo
from lepton_lab.network.diagram import diagram
from lepton_lab.network.memory import training_bytes
from lepton_lab.network.parameters import parameters_of
from lepton_lab.network.receptive import receptive_fields
from lepton_lab.network.wording import describe


def test_every_layer_says_its_parameters_and_itself():
    for entry in LAYERS.entries():
        layer, x = entry.value.example()
        assert describe(layer, x).startswith(layer.kind)
        for parameter in parameters_of(entry.value):
            assert parameter.control in ("whole", "number", "switch", "choice", "text", "sizes", "any")
            assert parameter.required or parameter.empty or parameter.default is not None
            assert (parameter.control == "sizes") == bool(parameter.lengths)


def test_parameters_of_a_convolution():
    found = {parameter.name: parameter for parameter in parameters_of(Conv2d)}
    assert next(iter(found)) == "out_channels"
    assert found["out_channels"].control == "whole"
    assert found["out_channels"].least == 1
    assert found["kernel_size"].lengths == (1, 2)
    assert found["kernel_size"].required
    assert found["padding"].words == ("same", "valid")
    assert found["padding"].default == 0
    assert "relu" in found["activation"].words
    assert found["activation"].empty
    assert found["bias"].control == "switch"


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Conv2d(8, 5, padding=2), "Conv2d 8, 5 × 5, pad 2"),
        (Conv2d(8, 5, padding="same", activation="relu", bias=False), "Conv2d 8, 5 × 5, same, no bias"),
        (MaxPool2d(2), "MaxPool2d 2 × 2"),
        (Linear(120, in_features=256), "Linear 256 → 120"),
        (Linear(84), "Linear → 84"),
        (Repeat(body=[Linear(3)], times=3), "Repeat, 1 layer, 3 times"),
    ],
)
def test_words(layer, text):
    assert describe(layer) == text


def test_receptive_fields_of_lenet_by_hand():
    network = zoo.lenet5()
    found = receptive_fields(network.layers, 2)
    # 5; 5+1=6, j=2; 6+4*2=14; 14+1*2=16 (LeCun et al. 1998: C3 sees 14 × 14)
    assert [found[name][0] for name in ("conv2d_1", "avg_pool2d_1", "conv2d_2", "avg_pool2d_2")] == [5, 6, 14, 16]
    assert "flatten_1" not in found
    twice = receptive_fields([Repeat(body=[Conv2d(2, 3)], times=2)], 2)
    assert twice["repeat_1"] if "repeat_1" in twice else list(twice.values())[-1] == (5, 5)


def test_memory_by_hand():
    shapes = NetworkSpec([Flatten(), Linear(10)], input_shape=(1, 28, 28)).infer_shapes()
    weights = 7850 * 4
    widest = 4 * 784 + 4 * 784  # Flatten's input and output
    batch = 8 * (4 * 784 + shapes.activation_bytes + widest)
    assert training_bytes(shapes, 8) == 4 * weights + batch
    assert training_bytes(shapes, 8, optimizer="sgd") == 2 * weights + batch


@pytest.mark.parametrize("name", sorted(zoo.ZOO))
def test_drawings_are_svg_with_every_layer(name):
    network = zoo.get(name)
    root = ET.fromstring(diagram(network))
    texts = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]
    for layer in network.layers:
        assert any(text == layer.name or text.startswith(f"{layer.name}:") for text in texts)
    assert not root.findall(".//{http://www.w3.org/2000/svg}script")


def test_names_are_escaped_and_invalid_networks_are_drawn():
    network = NetworkSpec([Residual(body=[Conv2d(3, 3)]), Linear(4)], input_shape=(1, 9, 9), name="<script>")
    assert "<script>" not in diagram(network)
    ET.fromstring(diagram(network))
