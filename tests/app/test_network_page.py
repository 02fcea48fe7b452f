"""The network page on the wire: what is on offer for which data, what a choice does, and the builder below."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lepton_lab import Conv2d, Flatten, Linear, NetworkSpec, Trainer, load_dataset
from lepton_lab.app import network_speed, words_network
from lepton_lab.app.examples import example
from lepton_lab.app.network_offers import drawing, offers
from lepton_lab.app.network_page import NetworkPage
from lepton_lab.app.network_speed import Speed
from lepton_lab.network import templates, zoo


@pytest.fixture(scope="module")
def digits():
    return load_dataset("mnist-sample")


@pytest.fixture(scope="module")
def iris():
    return load_dataset("iris")


@pytest.fixture(autouse=True)
def measured(workspace):
    """Nobody measures in a test: what was measured lies there."""
    speed = Speed(network_speed.machine(), (1e-4, 1e-9, 1e-11, 1e-5, 1e-9), 0.1)
    speed.write(workspace.folder)
    return speed


@pytest.fixture
def page(visit, wire, digits):
    visit.create("Digits", digits, page="network")
    page = NetworkPage(visit)
    ready(page, wire)
    yield page
    page.close()


def ready(page, wire, found=lambda state: state.get("templates")):
    return wire.wait(lambda: page.state if found(page.state) else None)


def current(state):
    return [(t["name"], s["size"]) for t in state["templates"] for s in t["sizes"] if s["current"]]


def test_without_data_nothing_is_on_offer(visit, wire, open_view):
    page = NetworkPage(visit)
    state = ready(page, wire, lambda state: state)
    assert (state["templates"], state["now"]) == ([], None)
    assert not open_view(page).call("choose", template="plain", size="small").content["ok"]


def test_every_template_has_words_and_costs(page, visit, measured):
    state = page.state
    assert [t["name"] for t in state["templates"]] == ["convolutional", "residual", "mobile", "plain"]
    for template in state["templates"]:
        assert template["title"]
        assert template["text"].endswith(".")
        sizes = template["sizes"]
        assert [s["size"] for s in sizes] == ["small", "medium", "large"]
        for part in ("parameters", "memory", "seconds"):
            values = [s[part] for s in sizes]
            assert values == sorted(values)
            assert values[0] > 0
    assert current(state) == [("convolutional", "medium")]
    assert (state["now"]["name"], state["measured"], state["samples"]) == ("Pattern finder, medium", True, 2040)
    medium = state["templates"][0]["sizes"][1]
    network, data = visit.work.network, visit.work.data
    expected = measured.step_seconds(network, network.infer_shapes(), 32) * (2040 + len(data.valid) / 3) / 32
    assert medium["seconds"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((1, 9, 9), "float32"), ((3,), "float32"), ((2,), "float32"), ((5,), "int64"), ((6, 2), "float32")],
)
def test_every_template_of_every_form_has_words(shape, dtype):
    form = templates.form_of(shape, dtype)
    for template in templates.templates(shape, 2, dtype):
        assert (form, template.name) in words_network.WHAT


def test_a_choice_replaces_the_network_and_is_taken_back(page, visit, open_view, wire):
    view, before = open_view(page), visit.work.network
    assert view.ok("choose", template="residual", size="small") == ("In use now: Deep pattern finder, small.")
    assert visit.work.network.name == "resnet_quick"
    assert NetworkSpec.from_dict(visit.work.project.network) == visit.work.network
    state = ready(page, wire, lambda state: state["undo"])
    assert (state["undo"], current(state)) == ("Pattern finder, medium", [("residual", "small")])
    view.ok("choose", template="plain", size="large")
    view.ok("undo")
    view.ok("undo")
    assert visit.work.network == before
    assert view.ok("undo") == ""
    ready(page, wire, lambda state: not state["undo"] and current(state) == [("convolutional", "medium")])


def test_what_was_built_by_hand_is_not_taken_back(page, visit, open_view, wire):
    view = open_view(page)
    view.ok("choose", template="plain", size="small")
    own = NetworkSpec([Flatten(), Linear(7, activation="relu"), Linear(10)], input_shape=(1, 28, 28))
    visit.use_network(own)
    state = ready(page, wire, lambda state: state["now"]["name"] == words_network.OWN)
    assert (state["undo"], current(state)) == ("", [])
    assert view.ok("undo") == ""
    assert visit.work.network == own


def test_a_network_that_does_not_fit_is_mended_in_the_page(page, visit, open_view, wire):
    visit.use_network(NetworkSpec([Conv2d(4, 3), Flatten(), Linear(10, in_features=99)], input_shape=(1, 28, 28)))
    state = ready(page, wire, lambda state: state["problem"])
    assert state["now"]["costs"] is None
    assert state["problem"]["fixes"]
    open_view(page).ok("fix", number=0)
    state = ready(page, wire, lambda state: state["problem"] is None and state["now"]["costs"])
    assert visit.work.network.check().ok
    assert not open_view(page).call("fix", number=0).content["ok"]


def test_an_ending_of_another_size_is_said(page, visit, wire):
    visit.use_network(NetworkSpec([Flatten(), Linear(3)], input_shape=(1, 28, 28)))
    state = ready(page, wire, lambda state: state["problem"])
    assert "has 10 classes" in state["problem"]["title"]


def test_the_builder_shares_the_network(page, visit, open_view, wire):
    view = open_view(page)
    assert page.builder == ""
    view.ok("build")
    builder = page._builder
    assert page.builder == builder.ref
    assert (builder.network, builder.data) == (visit.work.network, visit.work.data)
    view.ok("choose", template="plain", size="small")
    assert builder.network == visit.work.network
    open_view(builder).ok("edit", edit={"do": "set", "path": "linear_1", "values": {"out_features": 48}})
    assert visit.work.network.layers[1].out_features == 48
    state = ready(page, wire, lambda state: state["now"]["name"] == words_network.OWN)
    assert state["undo"] == ""
    view.ok("build")
    assert page.builder == builder.ref


def test_another_project_has_its_own_offers_and_builder(page, visit, open_view, wire, iris):
    view = open_view(page)
    view.ok("choose", template="plain", size="small")
    view.ok("build")
    visit.create("Flowers", iris, page="network")
    assert page.builder == ""
    state = ready(page, wire, lambda state: state["form"] == "table")
    assert (state["project"], current(state), state["undo"]) == ("Flowers", [("plain", "medium")], "")
    (linear,) = next(t["sizes"] for t in state["templates"] if t["name"] == "linear")
    assert (linear["size"], linear["parameters"]) == ("", 15)
    view.ok("choose", template="linear", size="")
    ready(page, wire, lambda state: state["now"]["name"] == "One weighted sum")


def test_train_leads_to_training(page, visit, open_view):
    open_view(page).ok("train")
    assert visit.page == "train"


def test_a_machine_that_was_not_measured_is_measured_beside(
    visit, wire, workspace, open_view, monkeypatch, digits, fast_pump, measured
):
    (workspace.folder / network_speed.FILE).unlink()
    ended = []

    class Program:
        def __init__(self, program, **_):
            self.program = program

        def poll(self):
            return 0 if ended else None

        def terminate(self):
            ended.append("terminated")

    started = []
    monkeypatch.setattr("subprocess.Popen", lambda program, **keys: started.append(Program(program)) or started[-1])
    visit.create("Digits", digits, page="network")
    page = NetworkPage(visit)
    state = ready(page, wire)
    assert (state["measured"], state["now"]["costs"]["seconds"]) == (False, None)
    assert started == []  # nobody looks
    open_view(page).look()
    assert started[0].program[-2:] == ["lepton_lab.app.network_speed", str(workspace.folder)]
    measured.write(workspace.folder)
    ended.append("done")
    ready(page, wire, lambda state: state["measured"] and state["now"]["costs"]["seconds"])
    page.close()
    assert ended == ["done"]


# --- estimates ---------------------------------------------------------------------------------------------------


def test_prices_are_found_again():
    rng = np.random.default_rng(0)
    rows = rng.uniform(1, 100, (12, 5)) * [1, 1e4, 1e6, 1, 1e4]
    prices = np.array([1e-4, 1e-9, 1e-11, 1e-5, 1e-9])
    speed = network_speed.fit(rows, rows @ prices)
    np.testing.assert_allclose(speed.prices, prices, rtol=1e-6)
    assert speed.error < 1e-6


def test_measuring_trains_with_the_real_engine():
    tried = [lambda: zoo.mlp((4,), 3, hidden=(8,)), lambda: zoo.small_cnn((1, 8, 8), 10, width=4)]
    speed = network_speed.measure(tried)
    assert speed.machine == network_speed.machine()
    assert len(speed.prices) == len(network_speed.PARTS)
    assert max(speed.prices) > 0


def test_a_round_grows_with_what_it_does(measured):
    small, large = zoo.small_cnn(width=8), zoo.small_cnn(width=32)
    seconds = [measured.round_seconds(n, n.infer_shapes(), 32, 3200) for n in (small, large)]
    assert seconds[0] < seconds[1]
    twice = measured.round_seconds(small, small.infer_shapes(), 32, 6400)
    assert twice == pytest.approx(2 * seconds[0])
    checked = measured.round_seconds(small, small.infer_shapes(), 32, 3200, 3200)
    assert seconds[0] < checked < twice
    assert measured.round_seconds(small, small.infer_shapes(), 32, 3) > 0  # a batch is not larger than the data
    step, short = (zoo.lstm_classifier((n, 8)) for n in (64, 8))
    assert measured.step_seconds(step, step.infer_shapes(), 1) > measured.step_seconds(short, short.infer_shapes(), 1)


@pytest.mark.parametrize("text", ["", "[]", '{"machine": "here", "prices": [1], "error": 0}', "{"])
def test_a_measurement_of_another_machine_or_a_broken_one_is_passed_over(tmp_path, text, measured):
    measured.write(tmp_path)
    assert Speed.read(tmp_path) == measured
    (tmp_path / network_speed.FILE).write_text(text)
    assert Speed.read(tmp_path) is None


def test_the_program_measures_once(tmp_path, monkeypatch, measured):
    calls = []
    monkeypatch.setattr(network_speed, "measure", lambda: calls.append(1) or measured)
    monkeypatch.setattr("os.nice", lambda by: by)
    lock = tmp_path / f"{network_speed.FILE}.lock"
    lock.touch()
    assert network_speed.main([str(tmp_path)]) == 0  # another process is at it
    assert network_speed.measure_beside(tmp_path) is None
    assert not calls
    lock.unlink()
    assert network_speed.main([str(tmp_path)]) == 0
    assert json.loads((tmp_path / network_speed.FILE).read_text())["machine"] == measured.machine
    assert not lock.exists()


# --- what templates are worth --------------------------------------------------------------------------------------


def test_drawings_say_what_stands_where():
    blocks = drawing(zoo.small_cnn((1, 28, 28), width=16).infer_shapes())
    assert [(b["side"], b["width"], b["kind"]) for b in blocks] == [
        (28, 1, "input"), (14, 16, "layer"), (7, 32, "layer"), (0, 128, "layer"), (0, 10, "layer"),
    ]  # fmt: skip
    blocks = drawing(zoo.resnet_quick((3, 32, 32)).infer_shapes())
    assert [b["side"] for b in blocks if b["kind"] == "skip"] == [16, 8, 4]
    assert [(b["side"], b["width"], b["kind"]) for b in blocks[-2:]] == [(0, 256, "layer"), (0, 10, "layer")]
    assert len(drawing(zoo.mlp((4,), hidden=[8] * 40).infer_shapes())) == 12


@pytest.mark.parametrize("index", [1, 4])  # the medium sizes of the two layered templates
def test_a_table_template_learns_iris(iris, index):
    offer = offers(iris)[index]
    run = Trainer(offer.network, epochs=60, batch_size=16, lr=3e-3, optimizer="adam", seed=0, compile=False, threads=1)
    metrics = run.start(iris, record=False).wait().status.metrics
    assert metrics["val_accuracy"] >= 0.9


def test_values_are_predicted_in_their_unit_whichever_template_is_chosen(page, visit, wire):
    visit.create("Progress", load_dataset("diabetes"))
    assert ready(page, wire, lambda state: current(state) == [("plain", "medium")])
    for name, size in (("residual", "small"), ("linear", "")):
        page.choose(name, size)
        said = visit.work.network.build(seed=0).eval()(visit.work.data.train.tensors()[0])
        assert 100 < said.mean() < 200  # the targets: 152 in the mean, deviation 77


def test_the_network_of_an_example_is_not_called_the_visitor_s_own(page, visit, wire):
    one = example("spirals")
    visit.create(one.called, one.load(), network=one.network)
    assert ready(page, wire, lambda state: state["now"]["name"] == words_network.EXAMPLE)
    page.choose("plain", "small")
    assert ready(page, wire, lambda state: state["now"]["name"] == "Plain layers, small")
