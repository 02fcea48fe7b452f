"""Costs in the table of shapes, the places where networks may be looked at, and how long that takes."""

import time

import pytest
import torch

from lepton_lab.network import LSTM, Conv2d, Dropout, Flatten, Linear, NetworkSpec, Residual, zoo
from lepton_lab.network.inference import clear_cache


def test_activation_bytes_count_outputs_but_not_views():
    layers = [Conv2d(4, 3, activation="relu"), Flatten(), Dropout(0.5), Linear(10)]
    shapes = NetworkSpec(layers, input_shape=(1, 8, 8)).infer_shapes()
    assert [row.activation_bytes for row in shapes] == [2 * 4 * 36 * 4, 0, 144 * 4, 40]
    assert shapes.activation_bytes == sum(row.activation_bytes for row in shapes)
    recurrent = NetworkSpec([LSTM(6)], input_shape=(5, 3)).infer_shapes()
    assert recurrent.activation_bytes >= 5 * 6 * 4  # all steps are kept


def test_a_block_costs_what_is_inside_and_its_sum():
    shapes = NetworkSpec([Residual([Linear(4)], activation="relu")], input_shape=(4,)).infer_shapes()
    assert shapes.parameters == 20
    assert shapes.multiply_adds == 16
    assert shapes["residual_1"].activation_bytes == 3 * 16  # the body, the sum, the activation
    assert len(shapes) == 2
    assert shapes.to_frame().shape == (2, 8)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad, lambda: torch.device("meta")])
def test_shapes_are_the_same_wherever_one_looks(mode):
    network = zoo.resnet_tiny()
    expected = network.infer_shapes()
    clear_cache()
    with mode():
        assert network.infer_shapes() == expected


def test_a_build_under_the_meta_device_allocates_nothing():
    with torch.device("meta"):
        assert all(p.is_meta for p in zoo.mlp().build().parameters())
    assert not any(p.is_meta for p in zoo.mlp().build().parameters())


def test_an_edit_of_twenty_layers_is_answered_in_milliseconds():
    network = NetworkSpec([Conv2d(16, 3, padding=1, activation="relu") for _ in range(20)], input_shape=(3, 32, 32))
    network.infer_shapes()
    times = []
    for kernel in range(5, 41, 2):  # each kernel size is new
        start = time.perf_counter()
        network.replace("conv2d_10", kernel_size=kernel, padding="same").infer_shapes()
        times.append(time.perf_counter() - start)
    assert min(times) <= 0.005


@pytest.mark.gpu
def test_a_seed_gives_the_same_weights_on_every_device():
    network = zoo.small_cnn()
    on_cpu, on_gpu = network.build(seed=0).state_dict(), network.build("cuda", seed=0).state_dict()
    assert all(v.is_cuda and torch.equal(on_cpu[k], v.cpu()) for k, v in on_gpu.items())
