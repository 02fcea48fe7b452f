"""`TryIt`: drawings, photos, rows, texts and samples of the data, answered with present weights, within limits."""

import io
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import lepton_lab as ll
from lepton_lab.errors import DataError, UnsafeDataError
from lepton_lab.training.callbacks import LambdaCallback
from lepton_lab.widgets.feature_map_viewer_pins import MAX_UPLOAD
from lepton_lab.widgets.feature_map_viewer_source import Source
from lepton_lab.widgets.try_it import TryIt
from lepton_lab.widgets.try_it_drawing import hand_of, ink_of_photo, placed
from lepton_lab.widgets.try_it_form import fields_of, row_of, sample_of
from lepton_lab.widgets.try_it_rows import answer_rows
from lepton_lab.widgets.try_it_samples import drawn, example, kind_of, of_file, of_text
from lepton_lab.workspace.stored import StoredRun
from lepton_lab.workspace.workspace import current_workspace


@pytest.fixture(autouse=True)
def workspace(monkeypatch, tmp_path):
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "")


@pytest.fixture(scope="module")
def digits():
    return ll.load_dataset("mnist-sample")


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    n = 200
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "height": rng.normal(1.7, 0.1, n).round(2),
            "town": rng.choice(["Rome", "Oslo", "Lima"], n, p=[0.2, 0.6, 0.2]),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1000, n), "D"),
        }
    )
    frame.loc[::10, "height"] = np.nan
    frame["member"] = np.where(frame.age > 50, "yes", "no")
    return ll.load_table(frame, target="member")


@pytest.fixture(scope="module")
def words():
    texts = [
        "what a good good film",
        "such a bad bad film",
        "good work",
        "bad work",
        "a fine good day",
        "a sad bad day",
    ]
    frame = pd.DataFrame({"text": texts * 10, "label": ["plus", "minus"] * 30})
    return ll.load_text(frame)


def linear(data):
    layers = [ll.Linear(16, activation="relu"), ll.Linear(data.target_size)]
    return ll.NetworkSpec(
        [ll.Flatten(), *layers] if len(data.sample_shape) > 1 else layers, input_shape=data.sample_shape
    )


def trainer(data, callback=None, **settings):
    callbacks = [LambdaCallback(on_train_batch_end=callback)] if callback else []
    keys = {"lr": 0.01, "compile": False, "threads": 1, "log_every": 1, **settings}
    return ll.Trainer(linear(data), callbacks=callbacks, **keys)


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEPTON_WORKSPACE", str(tmp_path_factory.mktemp("workspace")))
        yield trainer(digits).start(digits, epochs=4, batch_size=32, record=False, name="digits").wait(120)


def bytes_of(image, kind="PNG", **keys):
    buffer = io.BytesIO()
    image.save(buffer, kind, **keys)
    return buffer.getvalue()


def big(digit, side=280):
    """A digit of the data as if it had been drawn on a large sheet, somewhere."""
    image = np.asarray(Image.fromarray(digit.numpy()).resize((side, side), Image.Resampling.BICUBIC))
    return np.pad(image, ((40, 0), (0, 70)))


# --- drawings ----------------------------------------------------------------------------------------------------


def test_the_data_say_how_they_show_what_was_drawn(digits):
    hand = hand_of(digits)
    assert (hand.ground, hand.ink, hand.box) == (0, 255, 20)
    x, y = digits.train.tensors()
    light = ll.from_arrays(255 - x.numpy(), y.numpy(), name="ink on paper")
    assert (hand_of(light).ground, hand_of(light).ink) == (255, 0)
    noise = torch.randint(0, 255, (50, 1, 28, 28), dtype=torch.uint8)
    assert hand_of(ll.from_arrays(noise, torch.arange(50) % 2)).box == 0
    colours = torch.randint(0, 255, (50, 3, 8, 8), dtype=torch.uint8)
    assert hand_of(ll.from_arrays(colours, torch.arange(50) % 2)) is None


def test_a_drawing_lies_where_mnist_puts_its_digits(digits):
    hand, images = hand_of(digits), digits.valid.tensors()[0][:60, 0]
    ours = np.stack([placed(big(image), (28, 28), hand) for image in images])
    theirs = images.numpy() / 255
    away = np.abs(ours - theirs).mean()
    moved = np.abs(np.roll(ours, 2, axis=2) - theirs).mean()
    assert away < 0.04 < moved
    rows, columns = np.mgrid[:28, :28]
    for image in ours:
        assert [(image * at).sum() / image.sum() for at in (rows, columns)] == pytest.approx([14, 14], abs=0.6)
        assert image.max() == 1


def test_a_drawing_is_inverted_as_the_data_are(digits):
    x, y = digits.train.tensors()
    light = ll.from_arrays(255 - x.numpy(), y.numpy())
    digit = big(digits.valid.tensors()[0][0, 0])
    dark, bright = (drawn(d, hand_of(d), digit, "s").seen[0].astype(int) for d in (digits, light))
    assert np.abs(dark + bright - 255).max() <= 1
    assert dark[0, 0] == 0


def test_a_drawing_is_prepared_as_a_stored_sample_is(digits):
    asked = drawn(digits, hand_of(digits), big(digits.valid.tensors()[0][3, 0]), "s")
    assert torch.equal(asked.x, digits.prepare(torch.from_numpy(asked.seen)[None])[0])


def test_images_of_floats_get_the_range_that_they_have():
    x = np.zeros((80, 1, 12, 12), np.float32)
    x[:, 0, 3:9, 5:7] = 16
    data = ll.from_arrays(x, np.arange(80) % 2, normalise="none")
    asked = drawn(data, hand_of(data), np.full((40, 10), 255, np.uint8), "s")
    assert (float(asked.x.min()), float(asked.x.max())) == (0, 16)
    assert asked.seen.max() == 255


@pytest.mark.parametrize("ink", [np.zeros((20, 20), np.uint8), np.full((1, 1), 255, np.uint8)])
def test_nothing_and_a_dot_are_drawings_too(digits, ink):
    cover = placed(ink, (28, 28), hand_of(digits))
    assert cover.shape == (28, 28)
    assert np.isfinite(cover).all()


@pytest.mark.parametrize("flip", [False, True], ids=["dark on light", "light on dark"])
def test_a_photo_of_a_digit_is_read_like_a_drawing(digits, run, flip):
    x, y = digits.valid.tensors()
    right = 0
    slope = np.linspace(0, 60, 360)[None]
    for i in range(30):
        ink = np.pad(np.asarray(Image.fromarray(x[i, 0].numpy()).resize((240, 240))), ((30, 30), (60, 60))) / 255
        grey = 190 + slope[:, :360] - ink * 150
        photo = Image.fromarray((255 - grey if flip else grey).clip(0, 255).astype(np.uint8)).convert("RGB")
        asked = of_file(digits, hand_of(digits), bytes_of(photo, "JPEG"), "s", tidy=True)
        right += int(run.predict(asked.x[None]).argmax()) == int(y[i])
    assert right >= 22


def test_an_empty_photo_says_that_nothing_stands_out():
    with pytest.raises(DataError, match="nothing stands out"):
        ink_of_photo(bytes_of(Image.new("L", (200, 200), 180)), 10**6)


def test_photos_are_turned_by_their_exif(digits):
    picture = Image.new("L", (60, 20), 255)
    picture.paste(0, (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right
    seen = of_file(digits, hand_of(digits), bytes_of(picture, "JPEG", exif=exif), "s", tidy=False).seen[0]
    assert seen[:8].mean() < 60 < 200 < seen[12:].mean()


def test_files_are_refused_within_limits(digits, words):
    hand = hand_of(digits)
    with pytest.raises(UnsafeDataError, match="too large"):
        of_file(digits, hand, b"x" * (MAX_UPLOAD + 1), "s", tidy=True)
    for tidy in (True, False):
        with pytest.raises(UnsafeDataError, match="too many pixels"):
            of_file(digits, hand, bytes_of(Image.new("1", (20_000, 20_000))), "s", tidy=tidy)
        with pytest.raises(DataError, match="not an image"):
            of_file(digits, hand, b"%PDF-1.7", "s", tidy=tidy)
        with pytest.raises(DataError, match="empty"):
            of_file(digits, hand, b"", "s", tidy=tidy)
    with pytest.raises(DataError, match="pictures"):
        of_file(words, None, bytes_of(Image.new("L", (9, 9))), "s", tidy=True)


def test_colour_pictures_go_through_the_fitted_preprocessing():
    rng = np.random.default_rng(0)
    data = ll.from_arrays(rng.integers(0, 255, (40, 16, 16, 3), np.uint8).transpose(0, 3, 1, 2), np.arange(40) % 2)
    assert kind_of(data) == "image"
    asked = of_file(data, None, bytes_of(Image.new("RGB", (64, 48), (255, 0, 0))), "s", tidy=True)
    assert asked.seen.shape == (3, 16, 16)
    assert (asked.seen[0] == 255).all()
    assert torch.equal(asked.x, data.prepare(torch.from_numpy(asked.seen)[None])[0])


# --- rows and texts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encode", ["onehot", "indices"])
def test_a_form_has_a_field_a_feature_with_usual_values(people, encode):
    data = people if encode == "onehot" else people.recipe(encode="indices")
    fields = {f["name"]: f for f in fields_of(data)}
    assert list(fields) == ["age", "height", "town", "since"]
    assert {n: f["kind"] for n, f in fields.items()} == {
        "age": "number", "height": "number", "town": "choice", "since": "date",
    }  # fmt: skip
    assert fields["town"]["choices"] == ["Lima", "Oslo", "Rome"]
    assert fields["town"]["value"] == "Oslo"
    assert (fields["age"]["low"], fields["age"]["high"]) == (18, 79)
    assert fields["age"]["value"] == pytest.approx(49, abs=8)
    assert fields["age"]["step"] == (1 if encode == "onehot" else "any")
    assert fields["since"]["low"] >= "2020-01-01"
    assert sample_of(data, {n: f["value"] for n, f in fields.items()}).shape == data.sample_shape


def test_a_row_of_the_data_fills_the_form_and_means_the_same(people):
    for index in range(len(people.valid)):
        values = row_of(people, people.valid, index)
        assert sample_of(people, values).numpy() == pytest.approx(people.valid.sample(index)[0].numpy(), abs=2e-3)


def test_an_empty_field_is_a_missing_value_and_a_word_is_no_number(people):
    full = row_of(people, people.valid, 0)
    missing = sample_of(people, {**full, "age": "", "town": None})
    assert torch.isfinite(missing).all()
    assert not torch.equal(missing, sample_of(people, full))
    with pytest.raises(DataError, match="age"):
        sample_of(people, {**full, "age": "old"})


def test_points_of_a_plane_are_two_numbers():
    data = ll.load_dataset("moons")
    assert kind_of(data) == "form"
    assert [f["name"] for f in fields_of(data)] == ["x1", "x2"]
    assert sample_of(data, {"x1": 0.5, "x2": "-1"}).tolist() == data.prepare(torch.tensor([[0.5, -1.0]]))[0].tolist()
    with pytest.raises(DataError, match="x2 is not a number"):
        sample_of(data, {"x1": 0.5, "x2": "up"})


def test_a_text_says_how_many_of_its_words_are_known(words):
    asked = of_text(words, "good zebra film", "s")
    assert asked.told == {"known": 2, "words": 3}
    with pytest.raises(DataError, match="no text"):
        of_text(words, "  ", "s")


def test_an_example_is_of_the_validation_samples_and_tells_the_truth(digits, people, words):
    asked = example(digits, "s", "7")
    assert asked.told["truth"] == "7"
    assert not asked.told["learnt"]
    assert asked.seen.shape == (1, 28, 28)
    assert set(example(people, "s").told["values"]) == {"age", "height", "town", "since"}
    assert example(words, "s").told["text"]
    with pytest.raises(ll.LeptonError, match="class"):
        example(digits, "s", "eleven")


def test_rows_of_a_file_are_answered_and_compared_with_its_own_column(people):
    def ask(x):
        return torch.tensor([[0.25, 0.75]]).repeat(len(x), 1)

    rows = "age,height,town,since,member\n30,1.7,Oslo,2020-05-05,yes\n60,,Rome,2021-01-01,no\n"
    found = answer_rows(people, "x.CSV", rows.encode(), ask)
    told = found.to_json()
    assert told["columns"][:3] == ["predicted", "probability", "age"]
    assert told["rows"][1][:4] == ["yes", "0.75", "60", ""]
    assert (told["count"], told["right"]) == (2, 1)
    again = pd.read_csv(io.BytesIO(found.csv()))
    assert list(again["predicted"]) == ["yes", "yes"]
    assert list(again.columns[-2:]) == ["probability of no", "probability of yes"]


def test_files_that_are_no_rows_are_refused_in_plain_words(people):
    for name, content, said in (
        ("x.pdf", b"%PDF", "no table"),
        ("x.csv", b"", "empty"),
        ("x.csv", b"a,b\n1,2\n", "columns are missing"),
        ("x.csv", b"x" * (MAX_UPLOAD + 1), "too large"),
    ):
        with pytest.raises(DataError, match=said) as caught:
            answer_rows(people, name, content, lambda x: x)
        assert "/tmp" not in str(caught.value)


# --- the widget --------------------------------------------------------------------------------------------------


def ask_drawing(view, ink, sample="one"):
    answer = view.call("ask_drawing", [ink.tobytes()], sample=sample, height=ink.shape[0], width=ink.shape[1])
    assert answer.content["ok"], answer.content["error"]
    return answer


def test_a_drawing_is_answered_with_probabilities_and_what_is_seen(wire, open_view, run, digits):
    view = open_view(TryIt(run))
    about = view.ok("catch_up")
    assert (about["kind"], about["hand"], about["shape"]) == ("image", {"cut": True, "light": True}, [1, 28, 28])
    answer = ask_drawing(view, big(digits.valid.tensors()[0][0, 0]))
    assert answer.content["result"]["seen"] == [1, 28, 28]
    seen = torch.from_numpy(answer.array(1, np.uint8).reshape(1, 1, 28, 28).copy())
    assert answer.array(0) == pytest.approx(run.predict(digits.prepare(seen))[0].numpy(), abs=1e-6)
    assert answer.array(0).sum() == pytest.approx(1)
    assert answer.content["result"]["origin"]["kind"] == "last"


def test_the_answer_comes_again_when_the_network_has_learnt(wire, open_view, digits, fast_pump):
    go, at = threading.Event(), threading.Event()

    def brake(batch, logs):
        at.set()
        go.wait(60)

    run = trainer(digits, brake).start(digits, epochs=3, batch_size=64, record=False)
    at.wait(60)
    threading.Timer(0.3, go.set).start()
    widget = TryIt(run)
    view = open_view(widget)
    view.look()
    first = ask_drawing(view, big(digits.valid.tensors()[0][0, 0]))
    again = wire.wait(lambda: [m for m in wire.of("guess") if m.content.get("sample") == "one"])
    assert not np.array_equal(first.array(0), again[-1].array(0))
    run.wait(60)
    wire.wait(lambda: [m for m in wire.of("state") if m.content["origin"]["kind"] == "last"])
    last = wire.wait(lambda: [m for m in wire.of("guess") if m.content.get("origin", {}).get("kind") == "last"])[-1]
    assert last.array(0) == pytest.approx(run.predict(widget._asked.x[None])[0].numpy(), abs=1e-6)


def test_a_stroke_does_not_wait_for_the_training(wire, open_view, digits):
    go, at = threading.Event(), threading.Event()
    steps = iter(range(10**6))

    def brake(batch, logs):
        if next(steps) == 12:
            at.set()
            go.wait(60)

    run = trainer(digits, brake).start(digits, epochs=50, batch_size=64, record=False)
    view = open_view(TryIt(run))
    ink = big(digits.valid.tensors()[0][0, 0])
    ask_drawing(view, ink, "first")
    at.wait(60)
    assert ask_drawing(view, ink, "while it stands still").array(0).sum() == pytest.approx(1)
    assert not run.state.ended
    go.set()
    run.stop()
    run.wait(60)


def test_a_run_of_a_worker_is_asked_with_the_weights_of_this_moment(wire, open_view, digits, fast_pump, monkeypatch):
    monkeypatch.setattr("lepton_lab.workspace.live.LIVE_S", 0.02)
    run = trainer(digits).start(digits, epochs=400, batch_size=64, name="far")
    stored = StoredRun(current_workspace(), run.id)
    source = Source(stored, digits, untrained=True)
    assert source.origin().kind in ("untrained", "live", "checkpoint")
    wire.wait(lambda: source.origin().kind == "live")
    run.pause()
    wire.wait(lambda: source.origin().step == run.status.step and str(run.status.state) == "paused")
    x = digits.valid.sample(0)[0][None]
    ours = source.examine(lambda module, _: module(x).detach().clone())
    assert torch.equal(ours, run.between_batches(lambda: run.module.eval()(x).detach()))
    before = source.origin().step
    run.resume()
    wire.wait(lambda: source.origin().step > before)
    assert not torch.equal(ours, source.examine(lambda module, _: module(x).detach().clone()))
    run.stop()
    run.wait(60)
    assert source.origin().kind in ("best", "last")
    assert torch.equal(source.examine(lambda module, _: module(x).detach().clone()), run.module.eval()(x).detach())


def test_a_network_that_has_not_begun_guesses_and_says_so(wire, open_view, digits):
    run = trainer(digits).start(digits, epochs=1, batch_size=64, name="gone").wait(60)
    for path in (run.folder / "checkpoints").iterdir():
        path.unlink()
    widget = TryIt(None, digits)
    widget._source = Source(StoredRun(current_workspace(), run.id), digits, untrained=True)
    answer = ask_drawing(open_view(widget), big(digits.valid.tensors()[0][0, 0]))
    assert answer.content["result"]["origin"]["kind"] == "untrained"
    assert answer.array(0).max() < 0.6


def test_without_a_run_the_sheet_is_there_and_nothing_answers(wire, open_view, digits):
    view = open_view(TryIt(data=digits))
    about = view.ok("catch_up")
    assert about["kind"] == "image"
    assert about["state"]["kind"] == "none"
    assert len(ask_drawing(view, big(digits.valid.tensors()[0][0, 0])).array(0)) == 0
    assert open_view(TryIt()).ok("catch_up")["kind"] == "none"


def test_another_run_is_asked_after_use(wire, open_view, run, digits):
    widget = TryIt(data=digits)
    view = open_view(widget)
    widget.use(run, digits)
    assert wire.of("changed")
    assert view.ok("catch_up")["state"]["kind"] == "last"
    assert widget.run is run
    widget.run = None
    assert view.ok("catch_up")["state"]["kind"] == "none"
    assert widget.data is digits


@pytest.mark.parametrize("outputs", [1, 2])
def test_two_classes_have_two_probabilities_whatever_the_outputs(wire, open_view, people, outputs):
    module = torch.nn.Sequential(torch.nn.Linear(people.sample_shape[0], outputs))
    view = open_view(TryIt(module, people))
    answer = view.call("ask_values", sample="a", values=row_of(people, people.valid, 0))
    assert len(answer.array(0)) == 2
    assert answer.array(0).sum() == pytest.approx(1)


def test_forms_texts_and_rows_are_asked_over_the_wire(wire, open_view, people, words):
    view = open_view(TryIt(torch.nn.Linear(people.sample_shape[0], 2), people))
    about = view.ok("catch_up")
    assert [f["name"] for f in about["fields"]] == ["age", "height", "town", "since"]
    rows = "age,height,town,since\n" + "30,1.7,Oslo,2020-05-05\n" * 60
    told = view.ok("ask_rows", [rows.encode()], name="C:\\my\\rows.csv")
    assert (told["count"], len(told["rows"]), told["name"]) == (60, 50, "rows.csv")
    taken = view.call("take_rows")
    assert len(pd.read_csv(io.BytesIO(bytes(taken.buffers[0])))) == 60
    example_ = view.ok("ask_example", sample="e")
    assert example_["truth"] in ("yes", "no")
    network = ll.NetworkSpec(
        [ll.Embedding(words.preprocessing.index_count, 4), ll.Flatten(), ll.Linear(2)], input_shape=words.sample_shape
    )
    view = open_view(TryIt(network.build(), words))
    assert view.ok("ask_text", sample="t", text="a good film")["words"] == 3


def test_a_regression_answers_with_values_and_their_range(wire, open_view):
    data = ll.load_dataset("diabetes")
    view = open_view(TryIt(torch.nn.Linear(10, 1), data))
    about = view.ok("catch_up")
    assert about["targets"] == ["target"]
    assert about["ends"][0][0] < about["ends"][1][0]
    answer = view.call("ask_example", sample="r")
    assert len(answer.array(0)) == 1
    assert isinstance(answer.content["result"]["truth"][0], float)


def test_what_cannot_be_asked_is_refused_in_plain_words(wire, open_view, run, digits):
    view = open_view(TryIt(run))
    for op, keys, buffers, said in (
        ("ask_drawing", {"sample": "a", "height": 10, "width": 10}, [b"x" * 99], "another size"),
        ("ask_drawing", {"sample": "a", "height": 10**5, "width": 10**5}, [b"x"], "another size"),
        ("ask_file", {"sample": "a", "name": "../../etc/a.png"}, [b"%PDF"], "a.png: the file is not an image"),
        ("ask_file", {"sample": "a", "name": "a.png"}, [], "one file"),
        ("ask_rows", {"name": "a.csv"}, [], "one file"),
        ("take_rows", {}, [], "no rows"),
    ):
        answer = view.call(op, buffers, **keys).content
        assert not answer["ok"]
        assert said in answer["error"]["title"]
    mute = open_view(TryIt())
    assert "nothing is there" in mute.call("ask_text", sample="a", text="b").content["error"]["title"]


def test_the_network_is_left_as_it_was(wire, open_view, digits):
    module = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.BatchNorm1d(784), torch.nn.Dropout(), torch.nn.Linear(784, 10)
    )
    before = {k: v.clone() for k, v in module.state_dict().items()}
    state = torch.get_rng_state()
    view = open_view(TryIt(module, digits))
    first = ask_drawing(view, big(digits.valid.tensors()[0][0, 0])).array(0).copy()
    assert np.array_equal(first, ask_drawing(view, big(digits.valid.tensors()[0][0, 0])).array(0))
    assert torch.equal(state, torch.get_rng_state())
    assert module.training
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())


def test_the_still_picture_says_the_answer(wire, open_view, run, digits):
    widget = TryIt(run)
    assert widget.still() is None
    ask_drawing(open_view(widget), big(digits.valid.tensors()[0][0, 0]))
    assert "% sure" in widget.still()
    assert "data:image/png" in widget.still()
    widget.close()
