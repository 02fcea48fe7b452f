"""Pure edits: random sequences of them never corrupt a network and never change the old one."""

import json

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from lepton_lab.errors import LeptonError, SpecError, UnknownNameError
from lepton_lab.network import (
    Conv2d,
    Dropout,
    Edit,
    Fix,
    Flatten,
    Linear,
    MaxPool2d,
    NetworkSpec,
    Parallel,
    ReLU,
    Repeat,
    Residual,
    SubNetwork,
)
from lepton_lab.network.edits import list_at

LEAVES = st.sampled_from(
    [
        Linear(8), Linear(10, activation="relu"), Conv2d(4, 3, padding="same"), Conv2d(3, 5, stride=2), MaxPool2d(2),
        Flatten(), ReLU(), Dropout(0.3), Linear(3, in_features=64),
    ]
)  # fmt: skip
BLOCKS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda body: Residual(body), st.lists(inner, max_size=2)),
        st.builds(lambda a, b: Parallel([a, b]), st.lists(inner, max_size=2), st.lists(inner, max_size=2)),
        st.builds(lambda body, n: Repeat(body, n), st.lists(inner, max_size=2), st.integers(1, 3)),
        st.builds(lambda layers: SubNetwork(layers), st.lists(inner, max_size=2)),
    ),
    max_leaves=4,
)
ACTIONS = ("add", "insert", "remove", "move", "duplicate", "replace", "into", "fix")


def edit(network: NetworkSpec, action: str, layer, pick: int, other: int) -> NetworkSpec:
    paths = [path for path, _ in network.walk()]
    if action == "add" or not paths:
        return network.add(layer)
    path, target = paths[pick % len(paths)], paths[other % len(paths)]
    if action == "insert":
        return network.insert(layer, before=path) if pick % 2 else network.insert(layer, after=path)
    if action == "remove":
        return network.remove(path)
    if action == "duplicate":
        return network.duplicate(path)
    if action == "replace":
        return network.replace(path, layer)
    if action == "into":
        inside = [f"{p}/body" for p, la in network.walk() if la.kind in ("Residual", "Repeat")]
        return network.add(layer, into=inside[other % len(inside)]) if inside else network
    if action == "fix":
        problems = network.check().problems
        fixes = [fix for problem in problems for fix in problem.fixes]
        return network.apply(fixes[pick % len(fixes)]) if fixes else network
    return network.move(path, after=target)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTIONS), BLOCKS, st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=10
    ),
    st.sampled_from([(3, 16, 16), (64,), (1, 8, 8), None]),
)
def test_edits_never_corrupt(steps, shape):
    network = NetworkSpec(input_shape=shape)
    for action, layer, pick, other in steps:
        before = network.to_json()
        try:
            changed = edit(network, action, layer, pick, other)
        except LeptonError as error:
            if "cannot be moved into itself" not in str(error):
                raise
            continue
        finally:
            assert network.to_json() == before  # undo is keeping the old object
        network = changed
        for _, inner in network.walk():
            assert inner.name
        paths = [path for path, _ in network.walk()]
        assert len(paths) == len(set(paths))
        assert NetworkSpec.from_json(network.to_json()) == network
        check = network.check()  # never raises
        json.dumps([fix.model_dump(mode="json") for problem in check.problems for fix in problem.fixes])
        assert check.ok == (check.shapes is not None)
        assert str(check)


@pytest.fixture
def network() -> NetworkSpec:
    body = [Conv2d(4, 3, padding=1), ReLU()]
    return NetworkSpec([Conv2d(4, 3), Residual(body), Flatten(), Linear(10)], input_shape=(1, 8, 8))


def test_names_are_given_and_kept(network):
    assert [layer.name for layer in network.layers] == ["conv2d_1", "residual_1", "flatten_1", "linear_1"]
    assert [layer.name for layer in network.add(Linear(3)).remove("linear_1").layers][-1] == "linear_2"


def test_paths_reach_into_blocks(network):
    assert network["residual_1/body/conv2d_1"].out_channels == 4
    changed = network.replace("residual_1/body/conv2d_1", kernel_size=5, padding=2)
    assert changed["residual_1/body/conv2d_1"].kernel_size == 5
    assert network["residual_1/body/conv2d_1"].kernel_size == 3
    assert changed.infer_shapes()["residual_1/body/conv2d_1"].parameters == 404
    assert len(network.add(ReLU(), into="residual_1/shortcut")["residual_1"].shortcut) == 1
    moved = network.move("residual_1/body/relu_1", after="residual_1")
    assert [layer.kind for layer in moved.layers] == ["Conv2d", "Residual", "ReLU", "Flatten", "Linear"]
    assert moved.move("relu_1", index=0).layers[0].kind == "ReLU"
    assert moved.move("relu_1", into="residual_1/body", index=0)["residual_1"].body[0].kind == "ReLU"


def test_sub_networks_are_addressed_by_their_name():
    network = NetworkSpec([SubNetwork([Linear(4), ReLU()], name="encoder"), Linear(2)], input_shape=(3,))
    assert network["encoder/linear_1"].out_features == 4
    assert network.add(Linear(9), into="encoder").infer_shapes()["encoder"].output.shape == (9,)
    assert network.remove("encoder/relu_1")["encoder"].layers[-1].kind == "Linear"
    assert set(network.build().state_dict()) == {
        "encoder.linear_1.weight", "encoder.linear_1.bias", "linear_1.weight", "linear_1.bias"
    }  # fmt: skip


def test_state_dict_keys_are_the_paths(network):
    keys = {key.rpartition(".")[0].replace(".", "/") for key in network.build().state_dict()}
    assert keys <= {path for path, _ in network.walk()}


@pytest.mark.parametrize(
    ("edit", "hint"),
    [
        (lambda n: n.remove("linear_2"), "linear_1"),
        (lambda n: n.insert(ReLU(), before="flaten_1"), "flatten_1"),
        (lambda n: n.add(ReLU(), into="residual_1/bdy"), "residual_1/body"),
        (lambda n: n.replace("conv2d_1", kernl_size=3), "kernel_size"),
    ],
)
def test_unknown_places_suggest_the_closest(network, edit, hint):
    with pytest.raises(UnknownNameError, match=hint):
        edit(network)


def test_bad_edits_say_why(network):
    with pytest.raises(SpecError, match="one of before=, after= and index="):
        network.insert(ReLU())
    with pytest.raises(SpecError, match="into itself"):
        network.move("residual_1", into="residual_1/body")
    with pytest.raises(SpecError, match="two layers of one list"):
        network.add(Linear(3, name="linear_1"))
    with pytest.raises(SpecError, match="a fix cannot be read"):
        network.apply({"label": "x", "edits": [{"op": "explode"}]})


def test_a_fix_travels_as_json(network):
    fix = Fix(label="drop", edits=(Edit(op="remove", path="flatten_1"),))
    assert network.apply(json.loads(fix.model_dump_json())) == network.remove("flatten_1")


def test_specs_are_immutable_and_hashable(network):
    with pytest.raises(Exception, match="frozen"):
        network.name = "other"
    with pytest.raises(Exception, match="frozen"):
        network.layers[0].kernel_size = 5
    assert len({network, NetworkSpec.from_json(network.to_json()), network.remove("linear_1")}) == 2
    assert list_at(network.layers, "") == network.layers
