"""One contract for every layer of the catalogue."""

import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lepton_lab.network import LAYERS, LayerSpec, NetworkSpec, TensorInfo
from lepton_lab.registry import BUILT_IN

KINDS = [e.name for e in LAYERS.entries() if e.provider == BUILT_IN]
NAMED_IN_THE_ISSUE = {
    "Linear",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "DepthwiseConv2d",
    "SeparableConv2d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LayerNorm",
    "GroupNorm",
    "InstanceNorm2d",
    "RMSNorm",
    "Dropout",
    "Dropout2d",
    "AlphaDropout",
    "Embedding",
    "PositionalEncoding",
    "RNN",
    "GRU",
    "LSTM",
    "MultiheadAttention",
    "TransformerEncoderLayer",
    "Flatten",
    "Reshape",
    "Permute",
    "Upsample",
    "ZeroPad2d",
    "ReLU",
    "LeakyReLU",
    "PReLU",
    "ELU",
    "SELU",
    "GELU",
    "SiLU",
    "Mish",
    "Tanh",
    "Sigmoid",
    "Softmax",
    "LogSoftmax",
    "Softplus",
    "Hardswish",
    "Hardsigmoid",
    "Residual",
    "Parallel",
    "Repeat",
    "SubNetwork",
    "Backbone",
    "Identity",
    "ClassToken",
    "Select",
}


def example(kind: str) -> tuple[LayerSpec, NetworkSpec]:
    layer, x = LAYERS[kind].example()
    dtype = str(x.dtype).removeprefix("torch.")
    return layer, NetworkSpec([layer], input_shape=x.shape, input_dtype=dtype)


def batch(x: TensorInfo, count: int = 3) -> torch.Tensor:
    torch.manual_seed(0)
    if x.dtype.is_floating_point:
        return torch.randn(count, *x.shape)
    return torch.randint(0, 5, (count, *x.shape))


def test_the_catalogue_is_complete():
    assert set(KINDS) >= NAMED_IN_THE_ISSUE


@pytest.mark.parametrize("kind", KINDS)
def test_is_explained(kind):
    cls = LAYERS[kind]
    assert cls.kind == kind
    assert len(cls.summary) > 15
    assert cls.formula
    assert cls.group
    for name, field in cls.model_fields.items():
        assert field.description, f"{kind}.{name} has no description"
    assert cls.model_json_schema()["properties"]  # what a form is made of


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_are_those_of_the_real_forward_pass(kind):
    _, network = example(kind)
    shapes = network.infer_shapes()
    module = network.build(seed=0).eval()
    with torch.no_grad():
        y = module(batch(network.input))
    assert tuple(y.shape) == (3, *shapes.output.shape)
    assert y.dtype == shapes.output.dtype
    assert shapes.parameters == sum(p.numel() for p in module.parameters())
    assert shapes.trainable == sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert shapes.activation_bytes >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_multiply_adds_agree_with_torchs_counter(kind):
    _, network = example(kind)
    with torch.device("meta"):
        module = network.build(device="meta").train(kind != "Backbone")
        x = batch(network.input, 2).to("meta")
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            module(x)
    if kind in ("RNN", "GRU", "LSTM"):  # a fused kernel for the counter: count the matrix products by hand
        weights = sum(p.numel() for n, p in module.named_parameters() if ".weight_" in n)
        expected = weights * network.input.shape[0]
    else:
        expected = counter.get_total_flops() // 2 // 2
    assert network.infer_shapes().multiply_adds == expected


@pytest.mark.parametrize("kind", KINDS)
def test_json_round_trip(kind):
    _, network = example(kind)
    again = NetworkSpec.from_json(network.to_json())
    assert again == network
    assert hash(again) == hash(network)
    assert again.infer_shapes() == network.infer_shapes()


@pytest.mark.parametrize("kind", KINDS)
def test_trains_a_step_or_passes_gradients(kind):
    _, network = example(kind)
    module = network.build(seed=0)
    x = batch(network.input)
    if x.is_floating_point():
        x.requires_grad_(True)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    y = module(x)
    target = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
    ((y - target) ** 2).sum().backward()
    if not before:
        assert x.grad is not None
        assert x.grad.abs().sum() > 0
        return
    torch.optim.SGD(module.parameters(), lr=0.01).step()
    changed = [name for name, p in module.named_parameters() if not torch.equal(before[name], p)]
    assert changed
    assert all(torch.isfinite(p).all() for p in module.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_weights_and_leaves_the_random_state(kind):
    _, network = example(kind)
    state = torch.random.get_rng_state()
    first, second = network.build(seed=3).state_dict(), network.build(seed=3).state_dict()
    network.infer_shapes()
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(first[key], second[key]) for key in first)


WITH_ACTIVATION = [k for k in KINDS if "activation" in LAYERS[k].model_fields and k != "TransformerEncoderLayer"]


@pytest.mark.parametrize("kind", WITH_ACTIVATION)
@pytest.mark.parametrize("activation", ["relu", "softmax"])
def test_an_activation_is_a_module_of_its_own(kind, activation):
    _, network = example(kind)
    network = network.replace(network.layers[0].name, activation=activation)
    shapes = network.infer_shapes()
    module = network.build(seed=0)
    assert list(dict(module.named_children()))[-1] == f"{network.layers[0].name}_{activation}"
    y = module(batch(network.input))
    assert tuple(y.shape[1:]) == shapes.output.shape
    assert (y >= 0).all()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Input"])  # that one states its own
def test_any_input_gives_an_answer_or_a_shape_error(kind):
    layer, _ = example(kind)
    for shape in [(), (1,), (7,), (3, 5), (1, 4, 4), (3, 8, 8), (2, 3, 4, 5), (1, 1, 1, 1, 1)]:
        for dtype in ("float32", "int64"):
            check = NetworkSpec([layer], input_shape=shape, input_dtype=dtype).check()
            assert check.ok or check.problems[0].message.startswith("layer 1"), check.problems
            assert check._repr_html_()


def test_weights_of_a_frozen_backbone_stay():
    network = NetworkSpec([LAYERS["Backbone"]("resnet18", frozen=True)], input_shape=(3, 64, 64))
    module = network.build(seed=0).train()
    before = {k: v.clone() for k, v in module.state_dict().items()}
    assert network.infer_shapes().trainable == 0
    assert network.infer_shapes().output.shape == (512,)
    assert network.infer_shapes().multiply_adds > 1e8
    module(torch.randn(2, 3, 64, 64))
    assert all(torch.equal(before[k], v) for k, v in module.state_dict().items())


@pytest.mark.parametrize(
    "name", ["vgg11", "mobilenet_v3_small", "densenet121", "vit_b_16", "googlenet", "convnext_tiny"]
)
def test_any_torchvision_model_is_a_backbone(name):
    shapes = NetworkSpec([LAYERS["Backbone"](name)], input_shape=(3, 224, 224)).infer_shapes()
    assert len(shapes.output.shape) == 1
    assert shapes.parameters > 5e5


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [6, 7, 8])
def test_same_padding_gives_the_size_divided_by_the_stride(size, kernel, stride):
    for kind in ("Conv2d", "MaxPool2d", "AvgPool2d", "SeparableConv2d"):
        values = {"out_channels": 4} if "Conv" in kind else {}
        layer = LAYERS[kind](kernel_size=kernel, stride=stride, padding="same", **values)
        network = NetworkSpec([layer], input_shape=(2, size, size))
        if not network.check().ok:
            assert kind == "AvgPool2d"  # what torch's average pooling cannot say is refused, not approximated
            assert network.apply(network.check().problems[0].fixes[0]).check().ok
            continue
        y = network.build(seed=0)(torch.randn(1, 2, size, size))
        assert y.shape[-1] == math.ceil(size / stride), kind
        assert tuple(y.shape[1:]) == network.infer_shapes().output.shape


def test_same_max_pooling_never_sees_the_border():
    network = NetworkSpec([LAYERS["MaxPool2d"](3, 1, padding="same")], input_shape=(1, 4, 4))
    assert torch.equal(network.build()(-torch.ones(1, 1, 4, 4)), -torch.ones(1, 1, 4, 4))


@pytest.mark.parametrize("kind", ["MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d"])
def test_poolings_take_torchs_other_options(kind):
    options = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}
    if kind.startswith("Max"):
        options["dilation"] = 2
    shape = (2, *(10, 9, 8)[: int(kind[-2])])
    network = NetworkSpec([LAYERS[kind](**options)], input_shape=shape)
    x = torch.randn(2, *shape)
    y = getattr(nn, kind)(**options)(x)
    assert torch.equal(network.build()(x), y)
    assert network.infer_shapes().output.shape == y.shape[1:]
    assert NetworkSpec.from_module(network.build(), shape).layers == network.layers


@pytest.mark.parametrize("dilation", [2, 3])
def test_same_padding_heeds_dilation(dilation):
    for stride in (1, 2):
        network = NetworkSpec(
            [LAYERS["MaxPool2d"](3, stride, padding="same", dilation=dilation)], input_shape=(1, 9, 8)
        )
        y = network.build()(torch.randn(1, 1, 9, 8))
        assert y.shape[2:] == (math.ceil(9 / stride), math.ceil(8 / stride))
        assert y.shape[1:] == network.infer_shapes().output.shape
        assert torch.isfinite(y).all()


def test_average_pooling_with_same_padding_is_keras_mean():
    network = NetworkSpec([LAYERS["AvgPool2d"](3, 2, padding="same")], input_shape=(1, 5, 5))
    assert torch.equal(network.build()(torch.ones(1, 1, 5, 5)), torch.ones(1, 1, 3, 3))


def test_the_last_step_of_both_directions():
    network = NetworkSpec([LAYERS["LSTM"](4, bidirectional=True)], input_shape=(6, 3))
    module, x = network.build(seed=0), torch.randn(2, 6, 3)
    output, _ = module[0](x)
    assert torch.equal(module(x), torch.cat([output[:, -1, :4], output[:, 0, 4:]], 1))


def test_causal_attention_does_not_look_ahead():
    module = NetworkSpec([LAYERS["MultiheadAttention"](2, causal=True)], input_shape=(5, 8)).build(seed=0).eval()
    x = torch.randn(1, 5, 8)
    other = x.clone()
    other[:, 3:] += 1
    assert torch.allclose(module(x)[:, :3], module(other)[:, :3], atol=1e-6)
    assert not torch.allclose(module(x)[:, 3:], module(other)[:, 3:])


@pytest.mark.parametrize("scheme", ["default", "kaiming", "xavier", "orthogonal", "zeros"])
def test_first_weights(scheme):
    network = NetworkSpec([LAYERS["Linear"](16), LAYERS["BatchNorm1d"](), LAYERS["LSTM"](4)][:2], input_shape=(16,))
    module = network.build(seed=0, init=scheme)
    weight = module.linear_1.weight
    assert (weight == 0).all() == (scheme == "zeros")
    assert (module.batch_norm1d_1.weight == 1).all()
    if scheme == "orthogonal":
        assert torch.allclose(weight @ weight.T, torch.eye(16), atol=1e-5)
    if scheme != "default":
        assert (module.linear_1.bias == 0).all()
    assert isinstance(module, nn.Sequential)
