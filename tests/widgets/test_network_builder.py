"""The network builder on the wire: edits, the table that comes back, undo, the preview, and what Python sees."""

import itertools
import json
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from torch import nn

import lepton_lab as ll
from lepton_lab.errors import LeptonError, SpecError
from lepton_lab.network import LAYERS, NetworkSpec, edits
from lepton_lab.widgets import network_builder_preview
from lepton_lab.widgets.network_builder import NetworkBuilder
from lepton_lab.widgets.network_builder_edits import Editor, first_of
from lepton_lab.widgets.network_builder_palette import palette
from lepton_lab.widgets.network_builder_preview import Preview


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch):
    monkeypatch.setattr(NetworkBuilder, "_default_esm", lambda self: "export default {}", raising=True)
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "export default {}")


@pytest.fixture(scope="module")
def data():
    return ll.load_dataset("mnist-sample")


@pytest.fixture
def builder(wire):
    return NetworkBuilder(
        NetworkSpec([ll.Conv2d(8, 3), ll.ReLU(), ll.Flatten(), ll.Linear(10)], input_shape=(1, 12, 12))
    )


def kinds(builder) -> list[str]:
    return [layer.kind for layer in builder.network.layers]


def test_an_edit_is_one_answer_and_one_state_with_shapes(wire, open_view, builder):
    view = open_view(builder)
    wire.clear()
    view.ok("edit", edit={"do": "set", "path": "conv2d_1", "values": {"out_channels": 16}})
    states = [state["state"] for state in wire.states if "state" in state]
    assert len(states) == 1
    first = states[0]["layers"][0]
    assert first["output"] == [16, 10, 10]
    assert first["parameters"] == 160
    assert states[0]["layers"][3]["parameters"] == 16_010
    assert builder.network["conv2d_1"].out_channels == 16
    assert len(wire.of("answer")) == 1


def test_layers_go_behind_the_selected_one_and_into_the_selected_list(open_view, builder):
    view = open_view(builder)
    view.ok("edit", edit={"do": "add", "kind": "MaxPool2d"}, selection=["relu_1"])
    assert kinds(builder) == ["Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear"]
    assert builder.selection == ["max_pool2d_1"]
    view.ok("edit", edit={"do": "wrap", "paths": ["relu_1"], "kind": "Parallel"})
    view.ok("edit", edit={"do": "add", "kind": "ReLU"}, selection=["parallel_1/branch_2/"])
    assert builder.selection == ["parallel_1/branch_2/relu_1"]
    assert builder.state["layers"][1]["lists"][1]["layers"][0]["kind"] == "ReLU"


def test_a_value_that_cannot_be_is_refused_and_changes_nothing(wire, open_view, builder):
    view, before = open_view(builder), builder.network
    wire.clear()
    error = view.call("edit", edit={"do": "set", "path": "conv2d_1", "values": {"kernel_size": 0}}).content["error"]
    assert "kernel_size" in error["detail"]
    assert builder.network == before
    assert not wire.states
    for edit in ({"do": "nothing"}, {"do": "set", "path": "conv2d_1"}, {"do": "remove", "paths": ["x"]}):
        assert not view.call("edit", edit=edit).content["ok"]
    assert builder.network == before


def test_a_broken_network_names_the_card_the_others_wait_and_the_fix_mends_it(open_view, builder):
    view = open_view(builder)
    view.ok("edit", edit={"do": "set", "path": "linear_1", "values": {"in_features": 99}})
    view.ok("edit", edit={"do": "add", "kind": "ReLU"}, selection=["linear_1"])
    state = builder.state
    assert [card["state"] for card in state["layers"]] == ["ok", "ok", "ok", "fault", "waits"]
    assert state["layers"][4]["waits"] == "linear_1"
    assert state["layers"][3]["expected"] == {"output": [10], "parameters": 8010}
    assert state["problem"]["path"] == "linear_1"
    assert "expects" in state["problem"]["title"]
    assert "800" in state["problem"]["title"]
    assert state["train"].startswith("Fix linear_1 first")
    view.ok("edit", edit={"do": "fix", "fix": json.loads(json.dumps(state["problem"]["fixes"][0]["fix"]))})
    assert builder.state["problem"] is None
    assert builder.network["linear_1"].in_features is None


def test_a_fault_inside_a_block_is_found_there(open_view, builder):
    view = open_view(builder)
    view.ok("edit", edit={"do": "wrap", "paths": ["conv2d_1"], "kind": "SubNetwork"})
    view.ok("edit", edit={"do": "set", "path": "sub_network_1/conv2d_1", "values": {"kernel_size": 50}})
    block = builder.state["layers"][0]
    assert (block["state"], block["lists"][0]["layers"][0]["state"]) == ("holds", "fault")
    assert builder.state["problem"]["path"] == "sub_network_1/conv2d_1"


def test_the_last_layer_has_to_suit_the_data(wire, open_view, data):
    builder = NetworkBuilder(data)
    assert builder.network.input_shape == (1, 28, 28)
    assert builder.state["train"] == "Add a layer first."
    view = open_view(builder)
    view.ok("edit", edit={"do": "add", "kind": "Flatten"})
    assert "10 classes" in builder.state["problem"]["title"]
    view.ok("edit", edit={"do": "fix", "fix": builder.state["problem"]["fixes"][0]["fix"]})
    assert builder.state["problem"] is None
    view.ok("edit", edit={"do": "set", "path": "head", "values": {"out_features": 7}})
    labels = [fix["label"] for fix in builder.state["problem"]["fixes"]]
    assert labels[0] == "Set out_features=10 in 'head'"
    assert "has to give 10 numbers" in builder.state["train"]


def test_train_calls_who_listens_and_says_why_not(wire, open_view, builder):
    view, calls = open_view(builder), []
    assert "Nobody listens" in builder.state["train"]
    assert not view.call("train").content["ok"]
    builder.on_train(lambda: calls.append(builder.network))
    assert builder.state["train"] == ""
    view.ok("train")
    assert calls == [builder.network]


def test_python_sets_and_hears(wire, open_view):
    builder = NetworkBuilder(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
    assert kinds(builder) == ["Linear", "ReLU", "Linear"]
    heard = []
    builder.on_change(heard.append)
    builder.network = [ll.Linear(3, input_shape=(5,))]
    assert builder.state["layers"][0]["output"] == [3]
    assert heard == []  # who set it knows
    open_view(builder).ok("edit", edit={"do": "undo"})
    assert kinds(builder) == ["Linear", "ReLU", "Linear"]
    assert heard == [builder.network]
    with pytest.raises(SpecError, match="cannot show this"):
        builder.network = 3
    with pytest.raises(SpecError, match="cannot show this"):
        NetworkBuilder("text")


def test_keys_of_one_number_are_undone_together(open_view, builder):
    view, before = open_view(builder), builder.network
    for value in (1, 12, 128):
        view.ok("edit", edit={"do": "set", "path": "conv2d_1", "values": {"out_channels": value}, "gesture": "g"})
    view.ok("edit", edit={"do": "undo"})
    assert builder.network == before
    view.ok("edit", edit={"do": "redo"})
    assert builder.network["conv2d_1"].out_channels == 128


def test_copy_and_paste_as_json_also_into_another_builder(wire, open_view, builder):
    text = open_view(builder).ok("copy", paths=["relu_1", "conv2d_1"])
    assert [layer["kind"] for layer in json.loads(text)["layers"]] == ["Conv2d", "ReLU"]
    other = NetworkBuilder(NetworkSpec([ll.Conv2d(2, 1)], input_shape=(1, 9, 9)))
    view = open_view(other)
    view.ok("edit", edit={"do": "paste", "text": text})
    assert [layer.name for layer in other.network.layers] == ["conv2d_1", "conv2d_2", "relu_1"]
    assert not view.call("edit", edit={"do": "paste", "text": "good day"}).content["ok"]


def test_code_json_drawing_source_and_templates(wire, open_view, builder, data):
    view = open_view(builder)
    assert "class Net(nn.Module)" in view.ok("code")
    assert NetworkSpec.from_json(view.ok("as_json")) == builder.network
    assert view.ok("drawing").startswith("<svg")
    view.ok("read", source="model = nn.Sequential(nn.Flatten(), nn.Linear(144, 5))")
    assert kinds(builder) == ["Flatten", "Linear"]
    builder.data = data
    view.ok("edit", edit={"do": "template", "name": "resnet_tiny"})
    assert builder.network.input_shape == (1, 28, 28)
    assert builder.folded
    assert "residual_1" in builder.folded
    view.ok("edit", edit={"do": "json", "text": NetworkSpec([ll.Linear(2)], input_shape=(3,)).to_json()})
    assert kinds(builder) == ["Linear"]


def test_own_layers_stand_under_mine():
    @ll.register_layer
    class Doubled(nn.Module):
        """Twice its input."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x

    try:
        found = palette()
        assert found["groups"][-1] == {"name": "Mine", "kinds": ["Doubled"]}
        assert found["kinds"]["Doubled"]["summary"] == "Twice its input."
    finally:
        LAYERS.remove("Doubled")


def test_every_kind_of_the_palette_can_be_added_as_it_is():
    for group in palette()["groups"]:
        for kind in group["kinds"]:
            assert first_of(kind).kind == kind


def test_the_preview_comes_by_itself_and_only_where_somebody_looks(wire, open_view, data):
    builder = NetworkBuilder(
        NetworkSpec([ll.Conv2d(4, 3), ll.Flatten(), ll.Linear(10)], input_shape=(1, 28, 28)), data=data
    )
    view = open_view(builder)
    assert not wire.of("preview")
    view.look()
    message = wire.wait(lambda: next(iter(wire.of("preview")), None))
    rows = {row["path"]: row for row in message.content["rows"]}
    assert rows["conv2d_1"]["n"] == 4
    assert rows["conv2d_1"]["height"] == 26
    assert rows["linear_1"]["kind"] == "bars"
    assert rows["linear_1"]["of"] == 10
    pixels, codes = message.array(0, np.uint8), message.array(1, np.uint8)
    assert pixels.size == 28 * 28
    assert pixels.max() == 255
    module = builder.network.build("cpu", seed=0).eval()
    with torch.no_grad():
        expected = module.conv2d_1(data.train.sample(0)[0].unsqueeze(0))[0].numpy()
    row = rows["conv2d_1"]
    drawn = codes[row["at"] : row["at"] + expected.size].reshape(expected.shape) / 255
    drawn = row["low"] + drawn * (row["high"] - row["low"])
    assert np.abs(drawn - expected).max() <= (row["high"] - row["low"]) / 255
    view.ok("edit", edit={"do": "remove", "paths": ["flatten_1"]})
    wire.wait(lambda: wire.of("preview")[-1].content["version"] == builder.state["version"])
    assert [row["path"] for row in wire.of("preview")[-1].content["rows"]] == ["conv2d_1"]
    view.ok("sample", step=1)
    wire.wait(lambda: wire.of("preview")[-1].content["sample"]["index"] == 1)
    answer = view.call("filters", path="conv2d_1")
    assert answer.content["result"]["of"] == [4, 1, 3, 3]
    assert answer.array(0, np.uint8).size == 4 * 9


def test_a_picture_waits_until_the_edits_rest_but_not_for_ever(data, monkeypatch):
    clock, made = [100.0], []
    monkeypatch.setattr(network_builder_preview, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    preview = Preview(made.append)
    network, sample = NetworkSpec([ll.Flatten()], input_shape=(1, 28, 28)), data.train.sample(0)[0]
    due = []
    for version in range(12):  # somebody types on and on
        preview.ask(version, network, sample)
        due.append(preview._due - clock[0])
        clock[0] += 0.1
    assert due[0] == due[1] > 0.1
    assert due[-1] <= 0
    assert not any(later > sooner for sooner, later in itertools.pairwise(np.round(due, 6)))
    while not made:  # the thread looks at the clock again by itself
        time.sleep(0.01)
    assert made[0].version <= 11
    preview.close()


def test_a_picture_that_somebody_waits_for_is_made_at_once(data, monkeypatch):
    monkeypatch.setattr(network_builder_preview, "time", SimpleNamespace(monotonic=lambda: 100.0))
    preview = Preview(lambda picture: done.set())
    network, sample = NetworkSpec([ll.Flatten()], input_shape=(1, 28, 28)), data.train.sample(0)[0]
    done = threading.Event()
    preview.ask(1, network, sample)
    preview.ask(1, network, sample, soon=True)
    assert done.wait(20)
    preview.close()


def test_closing_ends_the_preview(wire, open_view, data):
    builder = NetworkBuilder(NetworkSpec([ll.Flatten()], input_shape=(1, 28, 28)), data=data)
    open_view(builder).look()
    wire.wait(lambda: wire.of("preview"))
    thread = builder._preview._thread
    builder.close()
    if thread is not None:
        thread.join(10)
        assert not thread.is_alive()


KINDS = st.sampled_from(["Conv2d", "Linear", "ReLU", "Residual", "Parallel", "Repeat", "SubNetwork", "Flatten"])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_undo_gives_every_network_back_and_redo_brings_it_again(draws):
    editor = Editor(NetworkSpec(input_shape=(1, 8, 8)))
    history = [editor.network]
    for _ in range(draws.draw(st.integers(1, 12))):
        paths = [path for path, _ in editor.network.walk()]
        chosen = draws.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3)) if paths else []
        lists = [key for layer in editor.network.layers for key, _ in edits._lists(layer, "")]
        edit = draws.draw(
            st.sampled_from(
                [{"do": "add", "kind": draws.draw(KINDS), "into": draws.draw(st.sampled_from(["", *lists]))}]
                + ([] if not chosen else [
                    {"do": "remove", "paths": chosen},
                    {"do": "duplicate", "paths": chosen},
                    {"do": "wrap", "paths": chosen, "kind": draws.draw(KINDS)},
                    {"do": "unwrap", "path": chosen[0]},
                    {"do": "branch", "path": chosen[0]},
                    {"do": "move", "paths": chosen, "into": draws.draw(st.sampled_from(["", *lists])), "index": 0},
                    {"do": "shift", "paths": chosen, "to": draws.draw(st.sampled_from(["up", "down", "in", "out"]))},
                    {"do": "set", "path": chosen[0], "values": {"out_features": 3}},
                    {"do": "rename", "path": chosen[0], "name": draws.draw(st.sampled_from(["a", "b"]))},
                    {"do": "paste", "text": editor.copy(chosen)},
                ])
            )
        )  # fmt: skip
        before = editor.network
        try:
            editor.edit(edit)
        except LeptonError:
            assert editor.network == before
            continue
        known = {path for path, _ in editor.network.walk()}
        assert all(p in known or p.endswith("/") for p in editor.selection)
        assert len(known) == sum(1 for _ in editor.network.walk())
        if editor.network != before:
            history.append(editor.network)
    for network in reversed(history[:-1]):
        editor.undo()
        assert editor.network == network
    assert not editor.can_undo
    for network in history[1:]:
        editor.redo()
        assert editor.network == network
    assert not editor.can_redo
