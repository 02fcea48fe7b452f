"""`Playground`: points, a network of one's own, and a training that takes both up as they change."""

import numpy as np
import pytest
import torch

import lepton_lab as ll
from lepton_lab.errors import DataError, SpecError, UnknownNameError
from lepton_lab.probes import decision_boundary
from lepton_lab.widgets.playground import Playground
from lepton_lab.widgets.playground_data import HALF, KINDS, MAX_POINTS, Points, bundle_of, generate, pasted
from lepton_lab.widgets.playground_network import layers_of_spec, portrait_of, spec_of
from lepton_lab.widgets.playground_training import OPTIMIZERS


@pytest.fixture(autouse=True)
def bundle(monkeypatch):
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "")
    torch.set_num_threads(1)


@pytest.fixture
def play(wire, open_view):
    opened = []

    def start(**keys):
        widget = Playground(**keys)
        opened.append(widget)
        return widget, open_view(widget)

    yield start
    for widget in opened:
        widget.close()


@pytest.mark.parametrize("kind", KINDS)
def test_generated_points_lie_in_the_plane_and_are_balanced(kind):
    points = generate(kind, 200, 0.2, seed=3)
    assert points.x.shape == (200, 2)
    assert np.abs(points.x).max() <= HALF
    assert np.bincount(points.y).tolist() == [100, 100]
    assert generate(kind, 200, 0.2, seed=3).x.tolist() == points.x.tolist()


def test_forms_that_a_line_cannot_part_are_learnt_by_a_small_network():
    points = generate("xor", 300, 0.0)
    assert ((points.x[:, 0] * points.x[:, 1] > 0) != (points.y == 1)).mean() in (0.0, 1.0)
    bundle = bundle_of(points)
    assert len(bundle.train) + len(bundle.valid) == 300


def test_pasted_tables():
    found = pasted("x;y;kind\n1,5;0;a".replace(",", ".") + "\n-2;3;b\n0;0;a")
    assert found.y.tolist() == [0, 1, 0]
    assert found.x[1].tolist() == [-2, 3]
    far = pasted("100 0 cat\n200 5 dog\n150 2 cat")
    assert np.abs(far.x).max() <= HALF
    assert "scaled from 100" in far.said
    assert "0 is cat" in far.said
    for text, words in (
        ("", "nothing"),
        ("1,2\n3,4", "line 1"),
        ("1,2,a\nx,4,b", "line 2"),
        ("1,2,a\n2,3,a", "cannot be used"),
    ):
        with pytest.raises(DataError) as error:
            pasted(text)
        assert words in str(error.value)
    with pytest.raises(DataError, match="too long"):
        pasted("1,2,a\n" * 200_000)


def test_points_are_bounded():
    points = generate("moons", 100)
    with pytest.raises(DataError, match="outside"):
        points.added(np.array([[7.0, 0.0]], np.float32), np.array([0]))
    with pytest.raises(DataError, match="no such class"):
        points.added(np.zeros((1, 2), np.float32), np.array([9]))
    with pytest.raises(DataError, match="room"):
        points.added(np.zeros((MAX_POINTS, 2), np.float32), np.zeros(MAX_POINTS, int))
    with pytest.raises(DataError, match="nothing to tell apart"):
        bundle_of(Points.of(np.zeros((9, 2), np.float32), np.zeros(9, int)))
    with pytest.raises(UnknownNameError, match="spirals"):
        generate("spiral")


def test_lists_of_layers_are_specifications_and_back():
    layers = [{"units": 5, "activation": "relu"}, {"units": 3, "activation": "none"}]
    spec = spec_of(layers, 3)
    assert layers_of_spec(spec) == layers
    assert layers_of_spec(ll.NetworkSpec([ll.Linear(4), ll.Dropout(0.5), ll.Linear(2)], input_shape=(2,))) is None
    for bad in ([{"units": 0}], [{"units": 3.5}], [{"units": 4}] * 9):
        with pytest.raises(SpecError):
            spec_of(bad, 2)
    with pytest.raises(UnknownNameError, match="tanh"):
        spec_of([{"units": 3, "activation": "tan"}], 2)


def test_the_picture_is_what_the_network_says():
    module = spec_of([{"units": 4, "activation": "tanh"}], 2).build(seed=1)
    portrait = portrait_of(module)
    boundary = decision_boundary(module, ((-HALF, HALF), (-HALF, HALF)), 96)
    assert np.array_equal(portrait.winner[::-1], boundary.classes)
    _name, pictures, largest, count = portrait.neurons[0]
    assert (count, pictures.shape) == (4, (4, 24, 24))
    corner = torch.tensor([[-HALF, HALF]])
    value = torch.tanh(module[0](corner))[0, 2]
    shown = (int(pictures[2, 0, 0]) - 128) / 127 * largest[2]
    assert shown == pytest.approx(float(value), abs=float(largest[2]) / 100)
    assert [w.shape for w in portrait.weights] == [(4, 2), (2, 4)]
    assert module.training


def test_it_trains_pauses_steps_and_begins_anew(play, wire, fast_pump):
    widget, view = play(data="blobs", speed=0, settings={"lr": 0.05})
    view.look()
    first = wire.wait(lambda: wire.of("portrait"))[-1]
    view.ok("play")
    late = wire.wait(lambda: [m for m in wire.of("portrait") if m.content["step"] > 50])[-1]
    assert bytes(late.buffers[0]) != bytes(first.buffers[0])
    assert wire.wait(lambda: [m for m in wire.of("rows") if m.content["until"] > 3])
    view.ok("pause")
    wire.wait(lambda: widget._lessons.state()["state"] == "paused")
    before = widget._lessons.state()["step"]
    view.ok("step")
    wire.wait(lambda: widget._lessons.state()["step"] == before + 1)
    answer = view.call("catch_up")
    about = answer.content["result"]
    epochs, losses = answer.array(3, np.float64), answer.array(4, np.float64)
    assert len(epochs) == about["rows"] >= 3
    assert losses[-1] < losses[0]
    view.ok("reset")
    assert view.ok("catch_up")["rows"] == 0
    assert widget._lessons.state()["state"] == "new"


def test_new_points_are_taken_up_with_the_weights_that_it_has(play, wire):
    widget, view = play(data="blobs", speed=0, settings={"lr": 0.02})
    view.ok("play")
    wire.wait(lambda: widget._lessons.state()["step"] > 30)
    run = widget.run
    view.ok("draw", [np.array([[1, 1], [-1, -1]], np.float32).tobytes(), bytes([0, 1])])
    assert widget.run is not run
    assert run.state.ended
    epoch = widget._lessons.state()["epoch"]
    wire.wait(lambda: widget._lessons.state()["epoch"] > epoch)
    assert len(widget._points) == 302
    view.ok("erase", x=1.0, y=1.0, radius=0.1)
    assert len(widget._points) == 301
    weights = {k: v.clone() for k, v in widget._lessons._module.state_dict().items()}
    widget._lessons.pause()
    assert all(torch.isfinite(v).all() for v in weights.values())


def test_the_weights_survive_a_change_of_points_exactly(play, wire):
    widget, view = play(data="moons", speed=0)
    view.ok("play")
    wire.wait(lambda: widget._lessons.state()["step"] > 10)
    view.ok("pause")
    wire.wait(lambda: widget._lessons.state()["state"] == "paused")
    kept = {k: v.clone() for k, v in widget._lessons._module.state_dict().items()}
    view.ok("generate", kind="xor", count=100, noise=0.0)
    widget._lessons._end()
    now = widget._lessons._module.state_dict()
    assert all(torch.equal(kept[name], now[name]) for name in kept)


def test_layers_are_edited_and_the_code_follows(play):
    widget, view = play(data="xor")
    view.ok("set_layers", layers=[{"units": 7, "activation": "relu"}])
    about = view.ok("catch_up")
    assert "nn.Linear(2, 7)" in about["code"]
    compile(about["code"], "code", "exec")
    assert widget.layers == [{"units": 7, "activation": "relu"}]
    error = view.call("set_layers", layers=[{"units": 500, "activation": "relu"}]).content["error"]
    assert "1 to 64" in error["detail"]
    assert "nn.Linear(2, 7)" in view.ok("catch_up")["code"]


def test_a_network_of_ones_own(play):
    spec = ll.NetworkSpec([ll.Linear(6), ll.BatchNorm1d(), ll.Linear(2)])
    widget, view = play(network=spec)
    assert view.ok("catch_up")["own"]
    assert "BatchNorm1d" in view.ok("catch_up")["code"]
    view.ok("play")
    widget._lessons.pause()
    with pytest.raises(SpecError, match="two inputs"):
        Playground(ll.NetworkSpec([ll.Linear(2)], input_shape=(3,)))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_settings_change_while_it_trains(play, wire, name):
    widget, view = play(data="circles", speed=0)
    view.ok("set_training", name="optimizer", value=name)
    view.ok("play")
    wire.wait(lambda: widget._lessons.state()["step"] > 5)
    view.ok("set_training", name="lr", value=0.003)
    view.ok("set_training", name="batch_size", value=30)
    wire.wait(lambda: widget.run.status.lr == 0.003 and widget.run.status.batch_size == 30)
    assert widget.settings["lr"] == 0.003
    assert not view.call("set_training", name="lr", value=-1).content["ok"]
    assert not view.call("set_training", name="colour", value=1).content["ok"]


def test_a_third_class_makes_a_network_of_three_outputs(play):
    _widget, view = play(data="blobs")
    view.ok("draw", [np.array([[0, 5]] * 6, np.float32).tobytes(), bytes([2] * 6)])
    assert "nn.Linear(4, 3)" in view.ok("catch_up")["code"]
    assert view.ok("catch_up")["classes"] == 3


def test_too_few_points_say_what_to_do(play):
    widget, view = play(data="")
    error = view.call("play").content["error"]
    assert "Draw points" in error["fix"]
    assert widget._lessons.state()["state"] == "new"


def test_pace_holds_the_training_back_and_can_be_changed(play, wire):
    widget, view = play(data="blobs", speed=0.001)
    view.ok("play")
    wire.wait(lambda: widget._lessons.state()["epoch"] == 1 or widget.run.status.epoch >= 1)
    widget.speed = 0.0
    wire.wait(lambda: widget._lessons.state()["epoch"] > 20)
    view.ok("pause")


def test_closing_ends_the_training(play, wire):
    widget, view = play(data="blobs", speed=0)
    view.ok("play")
    run = widget.run
    widget.close()
    run.wait(20)
    assert run.state.ended


def test_the_still_is_one_picture(play, wire):
    widget, _view = play(data="spirals")
    wire.wait(lambda: widget._portrait is not None)
    picture = widget.still()
    assert picture.count("data:image/png") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_held_back_points_lie_among_the_others(kind):
    points = generate(kind, 400, 0.0)
    radius = np.linalg.norm(points.x, axis=1)
    apart = abs(radius[points.valid].mean() - radius[~points.valid].mean())
    assert apart < 0.6
    assert 80 < points.valid.sum() < 160
