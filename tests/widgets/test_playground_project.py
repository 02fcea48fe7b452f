"""The playground on a project's data, network, settings and run, alone and as a part of the workbench."""

import numpy as np
import pytest
import torch

import lepton_lab as ll
from lepton_lab.errors import DataError
from lepton_lab.probes import decision_boundary
from lepton_lab.widgets.playground import Playground
from lepton_lab.widgets.playground_data import HALF, bundle_of
from lepton_lab.widgets.playground_network import portrait_of
from lepton_lab.widgets.playground_project import points_of, settings_of, why_not
from lepton_lab.widgets.workbench import Workbench
from lepton_lab.workspace.workspace import current_workspace


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "")
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def spirals():
    return ll.load_dataset("spirals")


def network(*layers):
    return ll.NetworkSpec(
        list(layers) or [ll.Linear(8, activation="tanh"), ll.Linear(2)], input_shape=(2,), name="mine"
    )


def trained(data, spec=None, **keys):
    trainer = ll.Trainer(spec or network(), lr=0.01, compile=False, threads=1)
    return trainer.start(data, epochs=2, batch_size=32, name="first", **keys).wait(60)


@pytest.fixture
def play(wire, open_view):
    made = []

    def start(*args, **keys):
        made.append(Playground(*args, **keys))
        return made[-1], open_view(made[-1])

    yield start
    for widget in made:
        widget.close()


def test_the_data_lie_in_the_plane_and_come_back_as_the_network_takes_them(spirals):
    points, frame = points_of(spirals)
    assert np.abs(points.x).max() <= HALF
    assert len(points) == len(spirals.train) + len(spirals.valid)  # the test set is not looked at
    assert points.valid.sum() == len(spirals.valid)
    x, y = next(spirals.train.batches(len(spirals.train)))
    assert frame.to_inputs(points.x[~points.valid]) == pytest.approx(x.numpy(), abs=1e-5)
    assert points.y[~points.valid].tolist() == y.tolist()
    again = bundle_of(points, frame)
    assert next(again.train.batches(9999))[0].numpy() == pytest.approx(x.numpy(), abs=1e-5)
    assert again.classes == spirals.classes


def test_many_points_are_thinned_and_that_is_said():
    x = np.random.default_rng(0).normal(size=(9000, 2)).astype(np.float32) * [1, 1000] + [0, 5000]
    points, frame = points_of(ll.from_arrays(x.astype(np.float32), (x[:, 0] > 0).astype(np.int64), test=0))
    assert 3900 < len(points) <= 4000
    assert "of 9,000 points" in points.said
    assert frame.scale.min() > 0


@pytest.mark.parametrize(
    ("data", "spec", "words"),
    [
        ("digits", None, "1 × 8 × 8"),
        ("iris", None, "a sample here is 4"),
        ("spirals", [ll.Conv2d(4, 3)], "cannot show this network yet"),
        ("spirals", [ll.Linear(2)], ""),
        ("blobs", None, ""),
    ],
)
def test_other_data_and_networks_are_refused_with_a_reason(data, spec, words):
    found = why_not(ll.load_dataset(data), network(*spec) if spec else None)
    assert (words in found) if words else found == ""


def test_a_regression_is_refused():
    x = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    data = ll.from_arrays(x, x[:, 0] * 2)
    assert "regression" in why_not(data, None)
    with pytest.raises(DataError, match="regression"):
        Playground(data=data)


def test_a_picture_of_the_plane_is_in_the_units_of_the_data(spirals):
    _, frame = points_of(spirals)
    module = network().build(seed=3)
    (x0, y0), (x1, y1) = frame.to_inputs(np.array([[-HALF, -HALF], [HALF, HALF]]))
    boundary = decision_boundary(module, ((x0, x1), (y0, y1)), 96)
    assert np.mean(portrait_of(module, frame).winner[::-1] == boundary.classes) > 0.999


def test_it_trains_a_projects_network_on_its_data_with_its_settings(play, wire, spirals):
    settings = {"epochs": 3, "lr": 0.02, "batch_size": 50, "optimizer": "rmsprop", "schedule": "cosine"}
    widget, view = play(network(), spirals, settings=settings, speed=0)
    assert widget.layers == [{"units": 8, "activation": "tanh"}]
    assert widget.settings["lr"] == 0.02
    about = view.ok("catch_up")
    assert about["project"]
    assert about["run"] == ""
    assert not about["adopts"]
    view.ok("play")
    wire.wait(lambda: widget._lessons.state()["epoch"] > 3)
    assert widget.run.status.batch_size == 50
    assert widget.run.settings["optimizer"] == "rmsprop"
    view.ok("generate", kind="xor", count=100, noise=0.0)
    assert len(widget._points) == 100
    view.ok("own_points")
    assert len(widget._points) == len(spirals.train) + len(spirals.valid)


def test_settings_of_a_project():
    assert settings_of({"epochs": 4, "probes": ["standard"], "optimizer": "adamw"})["weight_decay"] == 0.01
    assert settings_of({"optimizer": "sgd", "weight_decay": None})["weight_decay"] == 0.0
    assert "clip_norm" not in settings_of({"clip_norm": None})
    assert settings_of({"clip_norm": 1.0})["clip_norm"] == 1.0


@pytest.mark.parametrize("stored", [False, True])
def test_a_run_is_watched_and_a_copy_goes_on_from_its_weights(play, wire, spirals, stored):
    run = trained(spirals)
    shown = current_workspace().open_run(run.id) if stored else run
    widget, view = play(network(), spirals, run=shown, speed=0)
    assert widget.watching
    about = view.ok("catch_up")
    assert about["run"] == "first"
    assert about["rows"] == 2
    assert about["loss"] == pytest.approx(run.status.loss)
    portrait = wire.wait(lambda: wire.of("portrait"))[0]
    expected = portrait_of(run, points_of(spirals)[1])
    assert bytes(portrait.buffers[0]) == expected.winner.tobytes()
    view.ok("own_copy")
    assert not widget.watching
    for mine, theirs in zip(widget._lessons._module.parameters(), run.module.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    weights = [p.clone() for p in run.module.parameters()]
    view.ok("play")
    wire.wait(lambda: widget._lessons.state()["step"] > 20)
    assert all(torch.equal(a, b) for a, b in zip(weights, run.module.parameters(), strict=True))
    view.ok("pause")
    widget.watching = True
    assert view.ok("catch_up")["rows"] == 2


def test_a_live_run_is_followed(play, wire, spirals, fast_pump):
    trainer = ll.Trainer(network(), lr=0.01, compile=False, threads=1)
    run = trainer.start(spirals, epochs=100_000, batch_size=16, record=False, name="live")
    try:
        widget, view = play(run=run)
        assert widget._data is not None
        view.look()
        wire.wait(lambda: len({m.content["step"] for m in wire.of("portrait")}) > 2)
        wire.wait(lambda: [m for m in wire.of("rows") if m.content["until"] > 1])
        assert view.ok("catch_up")["state"] in ("running", "starting")
    finally:
        run.stop()


def test_a_try_does_not_wait_for_the_run_that_is_held(play, wire, spirals):
    trainer = ll.Trainer(network(), lr=0.01, compile=False, threads=1)
    runs = [trainer.start(spirals, epochs=100_000, batch_size=16, record=False) for _ in range(4)]
    try:
        for run in runs:
            run.pause()
        widget, view = play(network(), spirals, run=runs[0], speed=0)
        view.ok("own_copy")
        view.ok("play")
        wire.wait(lambda: widget._lessons.state()["step"] > 20)
    finally:
        for run in runs:
            run.stop()


def test_the_workbench_has_a_playground_for_points_of_a_plane(wire, open_view, spirals):
    bench = Workbench("plane", spirals, network())
    try:
        view = open_view(bench)
        assert bench.state["no_plane"] == ""
        assert len(view.ok("open_tab", tab="inspect")) == 3  # no maps without a run
        part = bench._parts.get("playground")
        assert part._data is spirals
        assert not part.watching
        view.ok("change", settings={"lr": 0.03})
        assert part.settings["lr"] == 0.03

        bench.network = network(ll.Linear(5, activation="relu"), ll.Linear(2))
        assert part.layers == [{"units": 5, "activation": "relu"}]
        inside = open_view(part)
        inside.ok("set_layers", layers=[{"units": 6, "activation": "tanh"}])
        inside.ok("set_training", name="lr", value=0.007)
        inside.ok("adopt")
        assert bench.network.layers[0].out_features == 6
        assert bench.network.name == "mine"
        assert bench.settings["lr"] == bench._work.settings["lr"] == 0.007
        assert part.layers == [{"units": 6, "activation": "tanh"}]

        run = bench.train(epochs=1, probes=None)
        run.wait(60)
        assert part.watching
        assert part.run is run
        assert len(view.ok("open_tab", tab="inspect")) == 4

        bench.network = network(ll.Conv2d(3, 3))
        assert bench._parts.get("playground") is None
        assert "cannot show this network" in bench.state["no_plane"]
        bench.data = ll.load_dataset("mnist-sample")
        assert "1 × 28 × 28" in bench.state["no_plane"]
        assert len(view.ok("open_tab", tab="inspect")) == 3
    finally:
        bench.close()
