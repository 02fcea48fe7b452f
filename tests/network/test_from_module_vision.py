"""Models of torchvision read back: all of it editable, with equal outputs."""

import pytest
import torch
import torchvision.models as models

from lepton_lab.network import NetworkSpec
from lepton_lab.network.from_module import ModuleReading, read_module


def check(module: torch.nn.Module, reading: ModuleReading, seed: int = 3) -> None:
    assert reading.editable, reading.notes
    built = reading.build().eval()
    x = torch.randn((2, *reading.spec.input_shape), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        torch.testing.assert_close(built(x), module.eval()(x), rtol=1e-3, atol=1e-4)
    assert sum(p.numel() for p in built.parameters()) == sum(p.numel() for p in module.parameters())
    assert NetworkSpec.from_json(reading.spec.to_json()) == reading.spec


def test_resnet18_is_residual_blocks_under_its_own_names():
    torch.manual_seed(0)
    module = models.resnet18(weights=None)
    reading = read_module(module, (3, 64, 64))
    check(module, reading)
    paths = dict(reading.spec.walk())
    assert paths["layer1/residual_1"].kind == "Residual"
    assert paths["layer1/residual_1"].activation == "relu"
    assert paths["layer2/residual_1/body/conv2"].out_channels == 128
    assert [la.kind for la in paths["layer2/residual_1"].shortcut] == ["Conv2d", "BatchNorm2d"]
    wider = reading.spec.replace("layer4/residual_2/body/conv1", out_channels=64)
    assert wider.infer_shapes().output.shape == (1000,)
    source = reading.spec.to_python("ResNet18")
    space: dict = {}
    exec(compile(source, "written.py", "exec"), space)
    written = space["ResNet18"]()
    written.load_state_dict(reading.build().state_dict(), strict=True)
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(written.eval()(x), module.eval()(x), rtol=1e-3, atol=1e-4)


def test_mobilenet_v3_small_has_its_squeeze_and_excitation():
    torch.manual_seed(0)
    module = models.mobilenet_v3_small(weights=None)
    reading = read_module(module, (3, 64, 64))
    check(module, reading)
    gates = [layer for _, layer in reading.spec.walk() if layer.kind == "Parallel"]
    assert len(gates) == 9
    assert all(gate.merge == "multiply" for gate in gates)


def test_small_vision_transformer_is_attention_in_residual_blocks():
    torch.manual_seed(0)
    module = models.VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=5)
    torch.nn.init.normal_(module.heads.head.weight)  # torchvision starts it with zeros
    torch.nn.init.normal_(module.class_token)
    reading = read_module(module, (3, 32, 32))
    check(module, reading)
    kinds = [layer.kind for _, layer in reading.spec.walk()]
    assert kinds.count("MultiheadAttention") == 2
    assert "ClassToken" in kinds
    assert kinds.count("Residual") == 4


def test_vit_b_16():
    torch.manual_seed(0)
    module = models.vit_b_16(weights=None, image_size=64)
    torch.nn.init.normal_(module.heads.head.weight)  # torchvision starts it with zeros, and all outputs would be equal
    reading = read_module(module, (3, 64, 64))
    check(module, reading)
    assert [layer.kind for _, layer in reading.spec.walk()].count("MultiheadAttention") == 12


@pytest.mark.parametrize("name", ["densenet121", "shufflenet_v2_x0_5"])
def test_what_blocks_cannot_say_stays_opaque_and_right(name):
    torch.manual_seed(0)
    if name == "densenet121":
        module = models.DenseNet(growth_rate=4, block_config=(2, 2), num_init_features=4)
    else:
        module = models.shufflenetv2.ShuffleNetV2([1, 2, 1], [8, 16, 16, 16, 32])
    reading = read_module(module, (3, 32, 32))
    built, x = reading.build().eval(), torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(built(x), module.eval()(x), rtol=1e-3, atol=1e-4)
    if not reading.editable:
        assert all("register_layer" in note for note in reading.notes)
        assert len(reading.spec.layers) > 3
