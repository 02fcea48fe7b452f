"""Every network of the zoo builds, trains a step and fits the architectures that it names."""

import pytest
import torch

from lepton_lab import network as ll
from lepton_lab.errors import UnknownNameError
from lepton_lab.network import NetworkSpec, zoo


@pytest.mark.parametrize("name", sorted(zoo.ZOO))
def test_builds_and_trains_a_step(name):
    network = zoo.get(name)
    module = network.build(seed=0)
    torch.manual_seed(0)
    x = torch.rand(4, *network.input_shape) if network.input_dtype == "float32" else torch.randint(0, 99, (4, 64))
    y = module(x)
    assert tuple(y.shape[1:]) == network.infer_shapes().output.shape
    loss = ((y - x) ** 2).mean() if name == "autoencoder" else torch.nn.functional.cross_entropy(y, torch.arange(4) % 2)
    loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in module.parameters())
    assert NetworkSpec.from_json(network.to_json()) == network


def test_resnet_20_has_its_known_size():
    assert zoo.resnet_tiny().infer_shapes().parameters == 272_474  # 0.27 M in the paper


def test_whitened_patches_of_a_photo_are_of_one_size_and_hardly_correlate():
    """On images whose pixels correlate as in photos: neighbours by 0.95, channels by 0.91."""
    torch.manual_seed(0)
    near = [factor ** (torch.arange(n)[:, None] - torch.arange(n)).abs() for n, factor in ((3, 0.91), (12, 0.95))]
    roots = [torch.linalg.cholesky(matrix) for matrix in near]
    x = torch.einsum("nchw,ac,bh,dw->nabd", torch.randn(2000, 3, 12, 12), roots[0], roots[1], roots[1])
    y = ll.NetworkSpec([ll.PatchWhitening(eps=1e-9)], input_shape=(3, 12, 12)).build(seed=0)(x)
    half = y[:, :12].permute(1, 0, 2, 3).flatten(1)
    assert torch.allclose(half @ half.T / half.shape[1], torch.eye(12), atol=0.1)
    assert torch.allclose(y[:, 12:], -y[:, :12], atol=1e-4)


def test_filters_that_are_fixed_stay_as_they_are():
    network = NetworkSpec([ll.PatchWhitening(3, stride=2), ll.Flatten(), ll.Linear(2)], input_shape=(1, 9, 9))
    filters = [network.build(seed=0, init=scheme)[0].weight for scheme in ("default", "orthogonal")]
    assert torch.equal(*filters)
    assert filters[0].shape == (18, 1, 3, 3)
    assert network.infer_shapes().parameters == 18 + 18 * 16 * 2 + 2


def test_other_inputs():
    assert zoo.mlp((784,)).layers[0].kind == "Linear"
    assert zoo.lstm_classifier((20, 6), 5).infer_shapes().output.shape == (5,)
    assert zoo.transformer_classifier((20, 6), 5).infer_shapes().output.shape == (5,)
    assert zoo.autoencoder((3, 32, 32)).infer_shapes().output.shape == (3, 32, 32)
    with pytest.raises(UnknownNameError, match="resnet_tiny"):
        zoo.get("resnet")


def test_squeeze_and_excitation_a_u_net_and_a_vision_transformer_can_be_said():
    gate = [
        ll.GlobalAvgPool2d(keepdim=True), ll.Conv2d(2, 1, activation="relu"), ll.Conv2d(8, 1, activation="hardsigmoid")
    ]  # fmt: skip
    squeeze = NetworkSpec([ll.Parallel([], gate, merge="multiply")], input_shape=(8, 6, 6))
    assert squeeze.infer_shapes().output.shape == (8, 6, 6)
    inner: list = [ll.Conv2d(16, 3, padding=1, activation="relu")]
    for channels in (8, 4):
        down = [ll.MaxPool2d(2), *inner, ll.Upsample(2)]
        inner = [
            ll.Conv2d(channels, 3, padding=1, activation="relu"),
            ll.Parallel([], down),
            ll.Conv2d(channels, 3, padding=1),
        ]
    u_net = NetworkSpec([*inner, ll.Conv2d(2, 1)], input_shape=(1, 16, 16))
    assert u_net.build()(torch.randn(2, 1, 16, 16)).shape == (2, 2, 16, 16)
    assert u_net.infer_shapes().output.shape == (2, 16, 16)
    vit = NetworkSpec(
        [
            ll.Conv2d(32, 4, 4), ll.Flatten(2), ll.Permute((1, 0)), ll.ClassToken(), ll.PositionalEncoding("learned"),
            ll.Repeat([ll.TransformerEncoderLayer(4, 64, norm_first=True)], 3), ll.LayerNorm(), ll.SelectToken(0),
            ll.Linear(10),
        ],
        input_shape=(3, 32, 32),
    )  # fmt: skip
    assert vit.infer_shapes().output.shape == (10,)
    assert vit.build()(torch.randn(2, 3, 32, 32)).shape == (2, 10)
