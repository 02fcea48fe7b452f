"""Written code: runs without Lepton Lab, takes the same weights, gives the same numbers, reads well."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from lepton_lab.errors import LeptonError, SpecError
from lepton_lab.network import (
    LAYERS,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    NetworkSpec,
    Parallel,
    Permute,
    Repeat,
    Residual,
    Select,
    Softmax,
    SubNetwork,
    register_layer,
)
from lepton_lab.network.codegen import to_python
from lepton_lab.registry import BUILT_IN
from tests.forked import run_python

KINDS = [e.name for e in LAYERS.entries() if e.provider == BUILT_IN and e.name != "Opaque"]


def constructed(source: str, name: str = "Net") -> nn.Module:
    """The module of our own written source."""
    assert "lepton_lab" not in source
    space: dict = {"__name__": "written"}
    exec(compile(source, "written.py", "exec"), space)
    return space[name]()


def batch(spec: NetworkSpec) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    if spec.input_dtype == "int64":
        return torch.randint(0, 3, (3, *spec.input_shape), generator=generator)
    return torch.randn((3, *spec.input_shape), generator=generator)


def assert_same(spec: NetworkSpec) -> str:
    source = spec.to_python()
    built = spec.build(seed=1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        written = constructed(source)
    assert list(written.state_dict()) == list(built.state_dict())
    for key, value in built.state_dict().items():
        assert torch.equal(value, written.state_dict()[key]), f"the same seed gives another {key}"
    written.load_state_dict(built.state_dict(), strict=True)
    x = batch(spec)
    torch.testing.assert_close(written.eval()(x), built.eval()(x), rtol=1e-4, atol=1e-5)
    assert max(map(len, source.splitlines())) <= 120  # copied classes; what is written itself keeps to 100
    assert to_python(spec) == source
    return source


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_equal_outputs(kind):
    layer, x = LAYERS[kind].example()
    dtype = "int64" if x.dtype == torch.int64 else "float32"
    assert_same(NetworkSpec([layer], input_shape=x.shape, input_dtype=dtype))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_works_inside_blocks(kind):
    layer, x = LAYERS[kind].example()
    dtype = "int64" if x.dtype == torch.int64 else "float32"
    inside = SubNetwork([layer.changed(name="inner")], name="part")
    assert_same(NetworkSpec([inside], input_shape=x.shape, input_dtype=dtype))


LENET = '''"""lenet: 61,706 parameters."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LeNet(nn.Module):
    """lenet: maps (N, 1, 28, 28) numbers to (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1 = nn.Conv2d(1, 6, 5, padding=2)
        self.max_pool2d_1 = nn.MaxPool2d(2)
        self.conv2d_2 = nn.Conv2d(6, 16, 5)
        self.max_pool2d_2 = nn.MaxPool2d(2)
        self.linear_1 = nn.Linear(400, 120)
        self.linear_2 = nn.Linear(120, 84)
        self.linear_3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.conv2d_1(x))
        x = self.max_pool2d_1(x)
        x = F.relu(self.conv2d_2(x))
        x = torch.flatten(self.max_pool2d_2(x), 1)
        x = F.relu(self.linear_1(x))
        x = F.relu(self.linear_2(x))
        return self.linear_3(x)
'''


def lenet() -> NetworkSpec:
    layers = [
        Conv2d(6, 5, padding=2, activation="tanh"),
        MaxPool2d(2),
        Conv2d(16, 5, activation="relu"),
        MaxPool2d(2),
        Flatten(),
        Linear(120, activation="relu"),
        Linear(84, activation="relu"),
        Linear(10),
    ]
    return NetworkSpec(layers, input_shape=(1, 28, 28), name="lenet")


def test_lenet_reads_like_written_by_hand():
    assert lenet().to_python("LeNet") == LENET


RESNET = '''class ResidualBlock(nn.Module):
    """Adds what the body makes of the input to what the shortcut makes of it."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            OrderedDict(
                conv2d_1=nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1),
                conv2d_1_relu=nn.ReLU(),
                conv2d_2=nn.Conv2d(out_channels, out_channels, 3, padding=1),
            )
        )
        self.shortcut = nn.Sequential(
            OrderedDict(conv2d_1=nn.Conv2d(in_channels, out_channels, 1, stride=2))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)


class Net(nn.Module):
    """resnet: maps (N, 3, 16, 16) numbers to (N, 4, 4, 32)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1 = nn.Conv2d(3, 8, 3, padding=1)
        self.residual_1 = ResidualBlock(in_channels=8, out_channels=16)
        self.residual_2 = ResidualBlock(in_channels=16, out_channels=32)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv2d_1(x))
        x = F.relu(self.residual_1(x))
        x = F.relu(self.residual_2(x))
        x = x.permute(0, 2, 3, 1)
        return F.softmax(x, dim=-1)
'''


def block(width: int) -> Residual:
    body = [Conv2d(width, 3, stride=2, padding=1, activation="relu"), Conv2d(width, 3, padding=1)]
    return Residual(body, [Conv2d(width, 1, stride=2)], activation="relu")


def test_resnet_reads_like_written_by_hand():
    layers = [Conv2d(8, 3, padding=1, activation="relu"), block(16), block(32), Permute((1, 2, 0)), Softmax(-1)]
    source = assert_same(NetworkSpec(layers, input_shape=(3, 16, 16), name="resnet"))
    assert source.endswith(RESNET)


def test_repeat_is_a_loop():
    repeat = Repeat([Residual([Linear(6, activation="relu"), Linear(6)])], times=3)
    source = assert_same(NetworkSpec([repeat], input_shape=(6,)))
    assert "for i in range(1, 4)" in source
    assert source.count("class ResidualBlock") == 1


def test_parallel_branches_and_nested_blocks():
    inner = Parallel([Conv2d(4, 1)], [], merge="concat")
    outer = Parallel([inner, Conv2d(5, 1)], [Conv2d(5, 3, padding=1)], merge="sum", activation="relu")
    gate = Parallel([Conv2d(5, 1)], [], merge="multiply")
    source = assert_same(NetworkSpec([outer, gate, Select(0, 1)], input_shape=(3, 5, 5)))
    assert "torch.cat([self.branch_1(x), x], dim=1)" in source
    assert "x[:, 0]" in source


@pytest.mark.parametrize("spec", [lenet(), NetworkSpec([block(16), block(32), block(64)], input_shape=(3, 16, 16))])
def test_written_code_is_formatted_as_ruff_does(spec, tmp_path):
    path = tmp_path / "net.py"
    path.write_text(spec.to_python())
    ruff = shutil.which("ruff") or str(Path(sys.executable).parent / "ruff")
    result = subprocess.run(
        [ruff, "format", "--isolated", "--diff", "--line-length", "100", path], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout


def test_the_file_runs_alone_in_another_process(tmp_path):
    spec = NetworkSpec([*lenet().layers, Linear(3)], input_shape=(1, 28, 28))
    (tmp_path / "net.py").write_text(spec.to_python())
    code = (
        "import sys, torch, net\nprint(tuple(net.Net()(torch.zeros(2, 1, 28, 28)).shape), 'lepton_lab' in sys.modules)"
    )
    result = run_python(code, folder=tmp_path)
    assert result.stdout.strip() == "(2, 3) False", result.stderr


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["class", "lambda", "0", "12", "None", "_", "__x", "x", "self", "nn", "F", "torch", "Net", "super"]
        )
        | st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
def test_any_name_that_a_layer_may_have_can_be_written(names):
    layers = []
    for name in names:
        try:
            layers.append(Linear(3, name=name))
        except LeptonError:
            continue
    try:
        spec = NetworkSpec([*layers, SubNetwork([la.changed() for la in layers], name="inside")], input_shape=(3,))
        spec.infer_shapes()
    except LeptonError:
        return
    assert_same(spec)


HOSTILE = ['"""; import os; os.system("true") #', "a\nb = 1", "x'); raise SystemExit", "{boom}", "\\", "é", "a.b"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_file_cannot_inject_code(text):
    data = lenet().to_dict()
    data["name"] = text
    source = NetworkSpec.from_json(json.dumps(data)).to_python()
    ours, theirs = ast.parse(lenet().to_python()), ast.parse(source)
    for tree in (ours, theirs):  # apart from the two docstrings, the code is the same
        tree.body[0].value.value = tree.body[-1].body[0].value.value = ""
    assert ast.dump(ours) == ast.dump(theirs)
    data["layers"][0]["name"] = text
    with pytest.raises(LeptonError):
        NetworkSpec.from_json(json.dumps(data)).to_python()


@pytest.mark.parametrize("name", ["", "class", "a b", "x\ny", "Net()", "nn", 'N"'])
def test_a_class_name_must_be_a_name(name):
    with pytest.raises(SpecError):
        lenet().to_python(name)


class Doubled(nn.Module):
    """Twice a linear layer."""

    def __init__(self, in_features: int, label: str = "a") -> None:
        super().__init__()
        self.inner = nn.Linear(in_features, in_features)
        self.label = label

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(self.inner(x))


@pytest.fixture
def registered():
    register_layer(Doubled)
    yield Doubled
    LAYERS.remove("Doubled")


def test_registered_layers_are_imported_where_possible(registered):
    spec = NetworkSpec([registered.spec()], input_shape=(4,))
    source = spec.to_python()
    assert f"from {__name__} import Doubled" in source or "class Doubled" in source


def test_texts_of_a_registered_layer_stay_texts(registered):
    text = "\"); import os  # \n'"
    spec = NetworkSpec([registered.spec(label=text)], input_shape=(4,))
    spec = NetworkSpec.from_json(spec.to_json())
    space: dict = {}
    exec(compile(spec.to_python(), "written.py", "exec"), space)
    assert space["Net"]().doubled_1.label == text


def test_registered_layers_of_a_notebook_are_copied(registered, monkeypatch):
    monkeypatch.setattr("lepton_lab.network.codegen.sources._importable", lambda module, target: False)
    source = NetworkSpec([registered.spec()], input_shape=(4,)).to_python()
    assert "class Doubled(nn.Module):" in source
    constructed(source)(torch.zeros(2, 4))


def test_a_notebooks_global_of_a_parameters_name_stays_out(registered, monkeypatch):
    monkeypatch.setattr("lepton_lab.network.codegen.sources._importable", lambda module, target: False)
    spec = NetworkSpec([registered.spec()], input_shape=(4,))
    before = spec.to_python()
    for value in (torch.zeros(2), 3, Shift):
        monkeypatch.setattr(sys.modules[__name__], "x", value, raising=False)
        assert spec.to_python() == before


WIDTH, TABLE = 0.5, torch.ones(2)


class Shift(nn.Module):
    def forward(self, x):
        return x + WIDTH


class Lookup(nn.Module):
    def forward(self, x):
        return x + sum(TABLE for _ in range(2))


def test_a_global_that_a_class_reads_comes_along_or_is_refused(monkeypatch):
    monkeypatch.setattr("lepton_lab.network.codegen.sources._importable", lambda module, target: False)
    for cls in (Shift, Lookup):
        register_layer(cls)
    try:
        source = NetworkSpec([Shift.spec()], input_shape=(2,)).to_python()
        assert torch.equal(constructed(source)(torch.zeros(1, 2)), torch.full((1, 2), 0.5))
        with pytest.raises(SpecError, match=r"global 'TABLE'.*Tensor.*buffer"):
            NetworkSpec([Lookup.spec()], input_shape=(2,)).to_python()
    finally:
        LAYERS.remove("Shift")
        LAYERS.remove("Lookup")


def test_a_class_without_source_is_refused_with_the_way_out():
    space: dict = {"nn": nn, "__name__": "__main__"}
    exec("class Ghost(nn.Module):\n    def forward(self, x):\n        return x", space)
    ghost = register_layer(space["Ghost"])
    try:
        with pytest.raises(SpecError, match="module file"):
            NetworkSpec([ghost.spec()], input_shape=(4,)).to_python()
    finally:
        LAYERS.remove("Ghost")
