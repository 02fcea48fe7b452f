"""Networks as files, and layers that others bring."""

import importlib
import json
import warnings
from importlib.metadata import EntryPoint

import pytest
import torch
from torch import nn

from lepton_lab.errors import PluginError, SpecError, UnknownNameError
from lepton_lab.network import LAYERS, Call, LayerSpec, Linear, NetworkSpec, Residual, TensorInfo, layer, register_layer
from lepton_lab.registry import providing

plugins = importlib.import_module("lepton_lab.plugins")  # the package has a function of that name


@pytest.fixture
def forget():
    """Removes what a test registers."""
    before = set(LAYERS._entries)
    yield
    for name in set(LAYERS._entries) - before:
        LAYERS.remove(name)


class Gate(nn.Module):
    """Weighs each feature with a learned gate."""

    def __init__(self, in_features: int, sharpness: float = 1.0, sizes: tuple = (1, 2)) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, in_features)
        self.sharpness = sharpness

    def forward(self, x):
        return x * torch.sigmoid(self.sharpness * self.linear(x))


def test_a_users_module_becomes_a_layer(forget):
    assert register_layer(Gate) is Gate
    network = NetworkSpec([Linear(8), Gate.spec(2.0), layer("Gate", sharpness=0.5)], input_shape=(4,))
    shapes = network.infer_shapes()
    assert shapes.output.shape == (8,)
    assert shapes["gate_1"].parameters == 72
    assert shapes["gate_1"].multiply_adds == 64
    assert network.build().gate_1.sharpness == 2.0
    assert NetworkSpec.from_json(network.to_json()) == network
    assert json.loads(network.to_json())["layers"][1]["plugin"] == "user"
    assert LAYERS["Gate"].summary == "Weighs each feature with a learned gate."
    with pytest.raises(UnknownNameError, match="sharpness"):
        Gate.spec(sharpnes=1)
    with pytest.raises(SpecError, match="plain data"):
        Gate.spec(sizes={1, 2})
    wrong = NetworkSpec([Gate.spec(in_features=3)], input_shape=(4,)).check()
    assert wrong.problems[0].fixes[0].label == "drop in_features=3 from 'gate_1'"


def test_a_cell_may_run_twice(forget):
    register_layer(name="Again")(type("Again", (nn.Identity,), {"__init__": lambda self: nn.Identity.__init__(self)}))
    register_layer(name="Again")(type("Again", (nn.Identity,), {"__init__": lambda self: nn.Identity.__init__(self)}))


def test_a_layer_spec_of_ones_own(forget):
    @register_layer
    class Double(LayerSpec):
        """Doubles."""

        def calls(self, x: TensorInfo):
            return (("", Call(nn.Upsample, (), {"scale_factor": 2})),)

    network = NetworkSpec([Double()], input_shape=(3, 4, 4))
    assert network.infer_shapes().output.shape == (3, 8, 8)
    assert network.layers[0].name == "double_1"


@pytest.mark.parametrize("fault", ["raises", "loses the batch", "gives no tensor"])
def test_a_strangers_module_may_fail_in_any_way(forget, fault):
    class Faulty(nn.Module):
        def forward(self, x):
            if fault == "raises":
                raise KeyError("what")
            return x.sum() if fault == "loses the batch" else "text"

    register_layer(Faulty)
    check = NetworkSpec([Faulty.spec()], input_shape=(3,)).check()
    assert check.problems[0].message.startswith("layer 1 'faulty_1' (Faulty) expects")


def test_what_cannot_be_registered(forget):
    with pytest.raises(PluginError, match=r"nn\.Module or from LayerSpec"):
        register_layer(int)
    with pytest.raises(PluginError, match="'lepton-lab' has it, and 'user' asks for it too"):
        register_layer(type("Linear", (nn.Identity,), {}))

    class Named(nn.Module):
        def __init__(self, name):
            super().__init__()

    with pytest.raises(PluginError, match="parameter 'name'"):
        register_layer(Named)


def test_a_missing_plugin_is_named_with_its_install_line(forget):
    with providing("lepton-extra"):
        register_layer(Gate)
    text = NetworkSpec([Residual([Gate.spec()])], input_shape=(4,)).to_json()
    assert json.loads(text)["plugins"] == {"lepton-extra": "pip install lepton-extra"}
    assert NetworkSpec.from_json(text).plugins == {"lepton-extra": "pip install lepton-extra"}
    LAYERS.remove("Gate")
    with pytest.raises(PluginError, match=r"'lepton-extra', which is not installed.*pip install lepton-extra"):
        NetworkSpec.from_json(text)
    evil = text.replace('"plugin": "lepton-extra"', '"plugin": "x; rm -rf /"')
    with pytest.raises(PluginError, match="cannot be read") as caught:
        NetworkSpec.from_json(evil)
    assert "rm -rf" not in str(caught.value)
    with pytest.raises(PluginError, match="register_layer"):
        NetworkSpec.from_json(text.replace('"plugin": "lepton-extra"', '"plugin": "user"'))


GOOD = NetworkSpec([Linear(3)], input_shape=(4,)).to_dict()


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"schema_version": 2}, SpecError, "newer version.*pip install --upgrade"),
        ({"schema_version": "1"}, SpecError, "schema_version"),
        ({"schema_version": None}, SpecError, "schema_version"),
        ({"layers": {}}, SpecError, "cannot be read"),
        ({"layers": [7]}, SpecError, "an object with a 'kind'"),
        ({"layers": [{"kind": "Liner"}]}, UnknownNameError, "layer 1.*Did you mean 'Linear'"),
        ({"layers": [{"kind": "Linear", "out_features": -1}]}, SpecError, "layer 1.*greater than or equal to 1"),
        ({"layers": [{"kind": "Linear", "out_feature": 1}]}, UnknownNameError, "out_features"),
        ({"layers": [{"kind": "Residual", "body": [{"kind": "Linear"}]}]}, SpecError, "needs 'out_features'"),
        ({"input_shape": "abc"}, SpecError, "input_shape"),
        ({"extra": 1}, SpecError, "cannot be read"),
        ({"name": 5}, SpecError, "name"),
    ],
)
def test_damaged_files(change, error, words, tmp_path):
    path = tmp_path / "network.json"
    path.write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(error, match=words):
        NetworkSpec.load(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "\x00", "[" * 100_000, '{"schema_version": 1e999}'])
def test_no_json(text, tmp_path):
    with pytest.raises(SpecError):
        NetworkSpec.from_json(text)
    with pytest.raises(SpecError, match="cannot be opened"):
        NetworkSpec.load(tmp_path / "nothing.json")


def test_deep_nesting_is_refused():
    data: dict = {"kind": "ReLU"}
    for _ in range(200):
        data = {"kind": "SubNetwork", "layers": [data]}
    with pytest.raises(SpecError, match="nested deeper"):
        NetworkSpec.from_dict({**GOOD, "layers": [data]})


def test_save_and_load(tmp_path):
    network = NetworkSpec([Residual([Linear(4)], activation="relu"), Linear(2)], input_shape=(4,), name="Größe")
    assert NetworkSpec.load(network.save(tmp_path / "n.json")) == network
    assert [p.name for p in tmp_path.iterdir()] == ["n.json"]


@pytest.fixture
def fake_plugins(monkeypatch, forget):
    def install(**modules):
        points = [EntryPoint(name=n, value=f"plugin_{n}:load", group=plugins.GROUP) for n in modules]
        monkeypatch.setattr(EntryPoint, "load", lambda self: modules[self.name])
        monkeypatch.setattr(plugins, "entry_points", lambda group: points)
        monkeypatch.setattr(plugins, "_loaded", None)
        monkeypatch.setattr(plugins, "_clash", None)

    return install


def test_plugins_register_layers_when_a_name_is_looked_up(fake_plugins):
    fake_plugins(extra=lambda: register_layer(Gate))
    assert LAYERS.entry("Gate").provider == "extra"
    assert [p.name for p in plugins.plugins()] == ["extra"]


def test_a_clash_names_both_plugins_every_time(fake_plugins):
    other = type("Other", (nn.Identity,), {"__init__": lambda self: nn.Identity.__init__(self)})
    fake_plugins(one=lambda: register_layer(Gate), two=lambda: register_layer(other, name="Gate"))
    for _ in range(2):
        with pytest.raises(PluginError, match="'one' has it, and 'two' asks for it too"):
            LAYERS.entries()
    assert [type(p.error) for p in plugins.plugins()] == [type(None), PluginError]
    assert not NetworkSpec([Linear(3)], input_shape=(3,)).check().problems


def test_a_plugin_that_fails_warns_and_stays_out(fake_plugins):
    def broken():
        raise RuntimeError("cannot")

    fake_plugins(broken=broken, extra=lambda: register_layer(Gate))
    with pytest.warns(RuntimeWarning, match="'broken'.*RuntimeError: cannot"):
        assert "Gate" in LAYERS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "Nothing" not in LAYERS


class Loudest(nn.Module):
    """Its forward looks at the numbers, which do not exist on the meta device."""

    def __init__(self, out_features: int, in_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x if x.abs().max() > 100 else -x)


def test_a_module_that_looks_at_the_numbers_has_shapes_too():
    register_layer(Loudest)
    try:
        network = NetworkSpec([Loudest.spec(7), Linear(2)], input_shape=(5,))
        assert [row.output.shape for row in network.infer_shapes().rows] == [(7,), (2,)]
        assert network.infer_shapes().parameters == 5 * 7 + 7 + 7 * 2 + 2
        assert network.build()(torch.randn(3, 5)).shape == (3, 2)
    finally:
        LAYERS.remove("Loudest")
