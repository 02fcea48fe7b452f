"""Reading a module's source: what is understood, and that nothing of it is ever executed."""

import pytest
import torch

from lepton_lab.errors import SpecError
from lepton_lab.network import zoo
from lepton_lab.network.from_source import read_source

LENET = '''
import torch
import torch.nn as nn
import torch.nn.functional as F

class LeNet(nn.Module):
    """Reads digits."""
    def __init__(self, classes=10):
        super(LeNet, self).__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, classes)
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), (2, 2))
        x = x.view(x.size(0), -1)
        return self.fc2(F.relu(self.fc1(x)))
'''

RESNET = """
from torch import nn

class Block(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(cin, cout, 3, stride, 1), nn.BatchNorm2d(cout))
        self.short = nn.Identity() if stride == 1 and cin == cout else nn.Conv2d(cin, cout, 1, stride)
        self.act = nn.ReLU()
    def forward(self, x):
        return self.act(self.body(x) + self.short(x))

class Net(nn.Module):
    def __init__(self, classes, widths=(4, 8)):
        super().__init__()
        layers, c = [], 3
        for w in widths:
            layers += [Block(c, w, 2), Block(w, w)]
            c = w
        self.blocks = nn.ModuleList(layers)
        self.head = nn.Linear(c, classes)
    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(dim=(2, 3)))
"""


def test_a_plain_class_becomes_layers():
    network, notes = read_source(LENET, (1, 28, 28))
    assert [layer.kind for layer in network.layers] == [
        "Conv2d", "ReLU", "MaxPool2d", "Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear", "ReLU", "Linear",
    ]  # fmt: skip
    assert [layer.name for layer in network.layers if layer.kind == "Conv2d"] == ["conv1", "conv2"]
    assert network.infer_shapes().output.shape == (10,)
    assert notes == ()


def test_blocks_loops_and_arguments_are_followed():
    network, _ = read_source(RESNET + "\nmodel = Net(7)\n", (3, 16, 16))
    assert [layer.kind for layer in network.layers] == ["Residual"] * 4 + ["Mean", "Linear"]
    assert network.infer_shapes().output.shape == (7,)
    with pytest.raises(SpecError, match=r"needs 'classes'[\s\S]*model = Net\(classes=10\)"):
        read_source(RESNET, (3, 16, 16))


@pytest.mark.parametrize("name", ["lenet5", "mlp", "resnet_tiny", "autoencoder", "lstm_classifier"])
def test_what_to_python_writes_is_read_back(name):
    spec = zoo.get(name)
    if name == "resnet_tiny":
        spec = zoo.resnet_tiny((3, 8, 8), width=4, blocks=1)
    network, _ = read_source(spec.to_python(), spec.input_shape)
    assert network.infer_shapes().parameters == spec.infer_shapes().parameters
    assert network.infer_shapes().output == spec.infer_shapes().output


def test_the_reading_of_an_expression():
    network, _ = read_source("model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))", (3, 4))
    assert network.build(seed=0)(torch.zeros(2, 3, 4)).shape == (2, 3)


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.system('touch {mark}')",
        "class A(nn.Module):\n  def __init__(self):\n    open('{mark}', 'w')\n  def forward(self, x):\n    return x",
        "class A(nn.Module):\n  x = open('{mark}', 'w')\n  def forward(self, x):\n    return x",
        "model = nn.Sequential(exec(\"open('{mark}', 'w')\"))",
        "model = ().__class__.__base__.__subclasses__()",
        "model = nn.Linear(2, 2).__init__.__globals__",
        "model = nn.Linear(2, 2).forward.__globals__['torch'].save(1, '{mark}')",
        "model = torch.save(1, '{mark}')",
        "model = torch.load('{mark}')",
        "model = torch.nn.modules.module.torch",
        "@print\nclass A(nn.Module):\n  def forward(self, x):\n    return x.__class__",
        "model = nn.Module.register_module",
        "model = '{{0.__class__}}'.format(nn)",
        "model = torch.hub",
    ],
)
def test_nothing_else_is_reached_and_nothing_is_run(text, tmp_path):
    mark = tmp_path / "mark"
    with pytest.raises(SpecError):
        read_source(text.format(mark=mark))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class A(:", "not Python"),
        ("", "no module"),
        ("x = 1", "no module"),
        ("def f(x):\n  return x", "functions outside"),
        ("model = nn.Linear(1000000, 1000000)", "too large"),
        ("x = [1] * 10 ** 10", "list of this length"),
        ("x = 10 ** 10 ** 10", "power"),
        ("model = nn.Sequential(*[nn.Flatten() for i in range(10 ** 6)])", "loop of more than"),
        (
            "class A(nn.Module):\n  def __init__(self):\n    while True: pass\n  def forward(self, x):\n    return x",
            "While",
        ),
        ("model = nn.Linear()", "cannot be followed"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(text, words):
    with pytest.raises(SpecError, match=words):
        read_source(text)
