"""`FeatureMapViewer`: pinned samples, maps of present and earlier weights, favourites, within limits."""

import io
import sys
import threading
import time

import numpy as np
import pytest
import torch
from PIL import Image

import lepton_lab as ll
from lepton_lab.errors import DataError, UnsafeDataError
from lepton_lab.probes import FeatureMaps, feature_maps
from lepton_lab.probes.layers import Layers
from lepton_lab.widgets.feature_map_viewer import FeatureMapViewer
from lepton_lab.widgets.feature_map_viewer_maps import filters_of, look_at_sample, packed, unit_of
from lepton_lab.widgets.feature_map_viewer_pins import MAX_UPLOAD, drawn, from_data, uploaded
from lepton_lab.widgets.feature_map_viewer_time import Past
from lepton_lab.workspace.stored import StoredRun
from lepton_lab.workspace.workspace import current_workspace


@pytest.fixture(autouse=True)
def workspace(monkeypatch, tmp_path):
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "")


@pytest.fixture(scope="module")
def digits():
    return ll.load_dataset("mnist-sample")


def cnn():
    return ll.NetworkSpec(
        [ll.Conv2d(4, 3, activation="relu"), ll.MaxPool2d(2), ll.Flatten(), ll.Linear(10)], input_shape=(1, 28, 28)
    )


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEPTON_WORKSPACE", str(tmp_path_factory.mktemp("workspace")))
        trainer = ll.Trainer(cnn(), lr=0.01, compile=False, threads=1)
        yield trainer.start(digits, epochs=1, batch_size=64, record=False, name="digits").wait(120)


def maps(wire, found=lambda content: True):
    return wire.wait(lambda: [m for m in wire.of("maps") if found(m.content)])[-1]


def layer(message, name):
    return next(one for one in message.content["layers"] if one["name"] == name)


def decoded(message, name):
    about = layer(message, name)
    height, width = about["size"]
    codes = np.frombuffer(message.buffers[about["buffer"]], np.uint8).reshape(-1, height, width)
    lows, highs = np.array(about["lows"]), np.array(about["highs"])
    return codes / 255 * (highs - lows)[:, None, None] + lows[:, None, None], about


def test_maps_are_those_of_the_present_weights(wire, open_view, run, digits):
    widget = FeatureMapViewer(run)
    open_view(widget).ok("catch_up")
    message = maps(wire)
    values, about = decoded(message, "conv2d_1_relu")
    pin = next(p for p in widget._pins if p.id == widget.pin)
    wanted = feature_maps(run, pin.sample[None])["conv2d_1_relu"][0].numpy()[about["units"]]
    assert values == pytest.approx(wanted, abs=float(wanted.max()) / 255)
    assert about["kind"] == "maps"
    assert about["shape"] == [4, 26, 26]
    assert about["high"] == pytest.approx(wanted.max())
    assert "conv2d_1" not in [one["name"] for one in message.content["layers"]]
    output, about = decoded(message, "output")
    assert about["kind"] == "probabilities"
    assert output.sum() == pytest.approx(1, abs=0.02)


def test_the_first_pins_are_of_different_classes(wire, open_view, run):
    widget = FeatureMapViewer(run)
    view = open_view(widget)
    maps(wire)
    answer = view.call("catch_up")
    pins = answer.content["result"]["pins"]
    assert [p["label"].split(",")[0] for p in pins] == ["0", "1", "2", "3"]
    assert pins[0]["picture"] == [1, 28, 28]
    assert answer.array(0, np.uint8).max() > 100
    assert "test" not in answer.content["result"]["splits"]


def test_samples_are_pinned_from_data_drawn_uploaded_and_taken_away(wire, open_view, run, digits):
    widget = FeatureMapViewer(run)
    view = open_view(widget)
    maps(wire)
    view.ok("pin_from_data", split="train", label="7")
    assert widget._selected().label.startswith("7, train")
    view.ok("pin_from_data", split="train", index=5)
    assert torch.equal(widget._selected().sample, digits.train.sample(5)[0])
    drawing = np.zeros((28, 28), np.uint8)
    drawing[4:24, 13:15] = 255
    view.ok("pin_drawn", [drawing.tobytes()])
    assert widget._selected().origin == "drawn"
    assert torch.equal(widget._selected().sample, digits.prepare(torch.from_numpy(drawing)[None, None])[0])
    view.ok("pin_uploaded", [png(np.full((50, 40), 255, np.uint8))], name="C:\\x\\page.png", invert=True)
    pin = widget._selected()
    assert pin.label == "page.png"
    assert pin.picture.shape == (1, 28, 28)
    view.ok("unpin", pin=pin.id)
    assert pin.id not in [p.id for p in widget._pins]
    assert widget.pin in [p.id for p in widget._pins]
    for refused in (
        {"split": "test"}, {"split": "train", "label": "eleven"}, {"split": "train", "index": 10**9},
    ):  # fmt: skip
        assert not view.call("pin_from_data", **refused).content["ok"]


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_uploads_are_checked_and_limited(digits):
    with pytest.raises(UnsafeDataError, match="too large"):
        uploaded(digits, "x.png", b"\0" * (MAX_UPLOAD + 1))
    with pytest.raises(DataError, match="not an image"):
        uploaded(digits, "x.png", b"print('hello')")
    bomb = png(np.zeros((6000, 6000), np.uint8))
    assert len(bomb) < MAX_UPLOAD
    with pytest.raises(UnsafeDataError):
        uploaded(digits, "x.png", bomb)
    with pytest.raises(DataError, match="another size"):
        drawn(digits, np.zeros(10, np.uint8))
    table = ll.from_arrays(np.zeros((20, 3), np.float32), np.arange(20) % 2, valid=0, test=0)
    with pytest.raises(DataError, match="no images"):
        uploaded(table, "x.png", png(np.zeros((4, 4), np.uint8)))
    with pytest.raises(DataError, match="further"):
        from_data(digits, "train", "3", -1, [f"3, train {i}" for i in range(len(digits.train))])


def test_maps_change_while_it_trains_and_earlier_ones_can_be_seen(wire, open_view, fast_pump, monkeypatch, digits):
    monkeypatch.setattr("lepton_lab.widgets.feature_map_viewer.PERIOD_S", 0.01)
    run = ll.Trainer(cnn(), lr=0.01, compile=False, threads=1).start(digits, epochs=400, batch_size=64, record=False)
    try:
        widget = FeatureMapViewer(run, scale="layer")
        view = open_view(widget)
        view.look()
        first = maps(wire, lambda c: c["step"] > 0)
        early, about = decoded(first, "conv2d_1_relu")
        later = maps(wire, lambda c: c["step"] > first.content["step"] + 60 and len(c["steps"]) > 2)
        late, after = decoded(later, "conv2d_1_relu")
        assert about["units"] == after["units"]  # pictures keep their places
        assert np.abs(late - early).max() > 1e-3
        then = first.content["step"]
        kept = next(s for s in later.content["steps"] if s >= then)
        widget.at = kept
        back = maps(wire, lambda c: c["step"] == kept)
        again, _ = decoded(back, "conv2d_1_relu")
        if kept == then:
            assert again == pytest.approx(early, abs=1e-4)
        film = view.call("film", layer="conv2d_1_relu", unit=0)
        assert film.content["result"]["steps"] == sorted(set(film.content["result"]["steps"]))
        assert len(film.buffers) == len(film.content["result"]["steps"]) <= 7
        assert film.array(0).size == 26 * 26
    finally:
        run.stop()
        run.wait(60)


def test_nothing_is_looked_at_while_nobody_looks(wire, open_view, run, fast_pump):
    widget = FeatureMapViewer(run)
    view = open_view(widget)
    maps(wire)
    view.look()
    view.look(False)
    for thread in [t for t in threading.enumerate() if t.name == "lepton-views"]:
        thread.join(5)
    wire.clear()
    widget._seen_at = None
    assert not widget.visible
    assert wire.of("maps") == []


def test_favourites_filters_and_the_map_of_samples(wire, open_view, run):
    widget = FeatureMapViewer(run)
    view = open_view(widget)
    maps(wire)
    answer = view.call("exciting", layer="conv2d_1_relu", unit=1, k=4)
    values = [s["value"] for s in answer.content["result"]["samples"]]
    assert values == sorted(values, reverse=True)
    assert len(answer.buffers) == 4
    assert len(answer.buffers[0]) == 784
    filters = view.call("filters", layer="conv2d_1_relu", unit=1)
    weight = run.module[0].weight[1].detach().numpy()
    assert filters.content["result"]["shape"] == [1, 3, 3]
    assert filters.array(0).reshape(1, 3, 3) == pytest.approx(weight)
    assert view.ok("filters", layer="max_pool2d_1", unit=0) is None
    view.ok("map_of_samples", count=100)
    points = wire.wait(lambda: wire.of("plane"))[-1]
    assert points.array(0).size == 200
    assert points.array(1, np.int32).max() == 9
    assert 0 < points.content["explained"] <= 1.001
    assert points.content["method"] == "pca"


def test_a_map_by_umap_goes_on_from_the_last_one_and_says_how_to_install_it(wire, open_view, run, monkeypatch):
    made = []

    class Umap:
        def __init__(self, **options):
            made.append(options)

        def fit_transform(self, hidden):
            return hidden[:, :2]

    module = type(sys)("umap")
    module.UMAP = Umap
    monkeypatch.setitem(sys.modules, "umap", module)
    view = open_view(FeatureMapViewer(run))
    for i in range(2):
        view.ok("map_of_samples", count=50, method="umap")
        wire.wait(lambda i=i: len(wire.of("plane")) == i + 1)
    assert made[0]["init"] == "spectral"
    assert np.array_equal(made[1]["init"], wire.of("plane")[0].array(0).reshape(50, 2))
    assert wire.of("plane")[-1].content["wait"] >= 2
    monkeypatch.setitem(sys.modules, "umap", None)
    view.ok("map_of_samples", method="umap")
    problem = wire.wait(lambda: wire.of("no-plane"))[-1].content["problem"]
    assert "pip install 'lepton-lab[umap]'" in problem["fix"]
    view.ok("map_of_samples", method="pca")
    wire.wait(lambda: len(wire.of("plane")) == 3)


def test_rows_of_an_embedding_are_laid_out_by_their_words(wire, open_view, tmp_path):
    lines = [f"{a} {b} fine\t1" for a in ("good", "great") for b in ("film", "book", "play")] * 8
    lines += [f"{a} {b} dull\t0" for a in ("bad", "poor") for b in ("film", "book", "play")] * 8
    (tmp_path / "texts.tsv").write_text("text\tlabel\n" + "\n".join(lines))
    data = ll.load_text(tmp_path / "texts.tsv", text="text", label="label", min_count=1)
    layers = [ll.Embedding(data.preprocessing.index_count, 4), ll.Flatten(), ll.Linear(2)]
    spec = ll.NetworkSpec(layers, input_shape=data.sample_shape, input_dtype="int64")
    module = spec.build(seed=0)
    view = open_view(FeatureMapViewer(module, data))
    view.ok("map_of_samples")
    (label,) = wire.wait(lambda: wire.of("plane"))[-1].content["embeddings"]
    view.ok("map_of_samples", count=5, layer=label)
    plane = wire.wait(lambda: len(wire.of("plane")) == 2 and wire.of("plane"))[-1]
    assert plane.content["names"] == list(data.preprocessing.vocabulary[:5])
    rows = next(m for m in module.modules() if isinstance(m, torch.nn.Embedding)).weight[2:7].detach().numpy()
    points = plane.array(0).reshape(5, 2)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert (apart <= np.linalg.norm(rows[:, None] - rows[None], axis=2) + 1e-5).all()  # a projection


class Odd(torch.nn.Module):
    """Recurrent, then attention."""

    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.GRU(3, 8, batch_first=True)
        self.attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = torch.nn.Linear(8, 2)

    def forward(self, x):
        y, _ = self.rnn(x)
        z, _ = self.attention(y, y, y)
        return self.out(z.mean(1))


def test_recurrent_layers_show_states_and_attention_shows_maps(wire, open_view):
    x = torch.randn(2, 5, 3)
    widget = FeatureMapViewer(Odd(), samples=x)
    open_view(widget).ok("catch_up")
    message = maps(wire)
    assert layer(message, "rnn")["kind"] == "states"
    assert layer(message, "rnn")["shape"] == [8, 5]
    attention, about = decoded(message, "attention attention")
    assert about["kind"] == "attention"
    assert about["shape"] == [2, 5, 5]
    assert attention.sum(-1) == pytest.approx(np.ones((2, 5)), abs=0.03)


def stored_run(data, probes=None):
    """A finished run of two epochs, the second of which began when the checkpoint of the first was written."""
    folder = current_workspace().folder

    def written(epoch, logs):
        until = time.monotonic() + 60
        while epoch and not list(folder.rglob("step-*.json")) and time.monotonic() < until:
            time.sleep(0.01)

    told = ll.LambdaCallback(on_epoch_begin=written)
    trainer = ll.Trainer(cnn(), lr=0.01, compile=False, threads=1, probes=probes, callbacks=[told])
    run_id = trainer.start(data, epochs=2, batch_size=64).wait(120).id
    return StoredRun(current_workspace(), run_id)


def test_a_run_of_the_store_shows_its_last_checkpoint(wire, open_view, digits):
    stored = stored_run(digits)
    widget = FeatureMapViewer(stored)
    view = open_view(widget)
    message = maps(wire)
    assert message.content["checkpoint"]
    assert message.content["step"] == message.content["now"] == stored.status.step
    assert message.content["state"] == "finished"
    assert len(message.content["steps"]) >= 2  # the checkpoints of both epochs
    earlier = message.content["steps"][0]
    assert earlier < message.content["now"]
    widget.at = earlier
    maps(wire, lambda c: c["step"] == earlier)
    assert view.ok("catch_up")["splits"] == {"train": len(digits.train), "valid": len(digits.valid)}


def test_where_the_data_is_gone_the_maps_that_the_run_kept_are_shown(wire, open_view, digits):
    stored = stored_run(ll.from_arrays(*digits.train.tensors()), FeatureMaps(layers=["conv2d_1_relu"]))
    widget = FeatureMapViewer(stored)
    view = open_view(widget)
    message = maps(wire)
    assert widget._selected().origin == "kept"
    assert [one["name"] for one in message.content["layers"]] == ["conv2d_1_relu"]
    assert message.content["steps"] == stored.probes.frames()
    values, about = decoded(message, "conv2d_1_relu")
    frame = stored.probes.frame(message.content["step"])["conv2d_1_relu"][0]
    assert values == pytest.approx(frame[about["units"]], abs=float(frame.max()) / 100)
    assert len(view.ok("catch_up")["pins"]) == 4
    assert not view.call("pin_from_data", split="train").content["ok"]


def test_weights_of_the_past_stay_within_bounds():
    past = Past(None)
    module = torch.nn.Linear(4, 4)
    for step in range(1, 3000):
        with torch.no_grad():
            module.weight.fill_(step)
        past.keep(step, module)
    steps = past.steps()
    assert 12 <= len(steps) <= 48
    assert steps[0] == 1
    assert float(past.module_at(steps[5], module).weight.detach()[0, 0]) == steps[5]
    with pytest.raises(DataError, match="kept"):
        past.module_at(2999_000, module)


def test_large_maps_are_averaged_and_say_so():
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 80, 3, padding=1))
    known = Layers.of(module)
    sight = look_at_sample(module, known, torch.randn(1, 1, 64, 64), 7)
    about, buffers = packed(sight, {})
    assert about["layers"][0]["averaged"]
    assert about["layers"][0]["size"] == [32, 32]
    assert buffers[0].shape[1] == 8
    opened, more = packed(sight, {}, opened="0")
    assert len(opened["layers"][0]["units"]) == more[0].shape[1] == 64
    assert unit_of(sight, "0", 79).shape[-1] == 64
    with pytest.raises(DataError, match="no unit"):
        unit_of(sight, "0", 80)
    assert filters_of(known, "0", 3, ())[0].shape == (1, 3, 3)


def test_the_still_holds_pictures_and_no_script(wire, open_view, run):
    widget = FeatureMapViewer(run)
    open_view(widget).ok("catch_up")
    maps(wire)
    picture = widget.still()
    assert picture.count("data:image/png") >= 4
    assert "<script" not in picture
