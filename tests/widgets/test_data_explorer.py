"""The data explorer over the wire: what it sends for every form of data, and what its orders do."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import lepton_lab as ll
from lepton_lab.widgets.data_explorer import DataExplorer


@pytest.fixture(autouse=True)
def _module(monkeypatch):
    from lepton_lab.widgets import _bundles

    monkeypatch.setattr(_bundles, "bundle", lambda name: "export default {}")
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "export default {}")


@pytest.fixture(scope="module")
def digits():
    return ll.load_dataset("mnist-sample")


@pytest.fixture
def churn(tmp_path):
    rng = np.random.default_rng(0)
    n = 400
    age = rng.normal(40, 12, n).round(1)
    stays = age > 38
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "age": age,
            "country": rng.choice(["DE", "de", "FR", "IT"], n, p=[0.4, 0.1, 0.3, 0.2]),
            "income": np.where(rng.random(n) < 0.4, np.nan, rng.normal(40_000, 9_000, n).round()),
            "fee": rng.gamma(2, 10, n).round(2),
            "currency": "EUR",
            "cancel_code": np.where(stays, 0, rng.integers(1, 5, n)),
            "churned": np.where(stays, "no", "yes"),
        }
    )
    path = tmp_path / "churn.csv"
    frame.to_csv(path, sep=";", index=False)
    return path


def ready(view, op, **args):
    """What an order gives once the job behind it is through."""
    said = len(view.wire.of(op))
    first = view.ok(op, **args)
    if first is not None:
        return first
    view.wire.wait(lambda: len(view.wire.of(op)) > said)
    return view.ok(op, **args)


def changed(view, op, **args):
    """Gives an order that loads data again, and waits for the new version."""
    before = view.widget.version
    view.ok(op, **args)
    view.wire.wait(lambda: view.widget.version > before)
    return view.widget.data


def test_without_data_there_is_nothing_and_it_says_what_to_do(wire, open_view):
    view = open_view(DataExplorer())
    assert view.ok("overview") is None
    error = view.call("samples", split="train").content["error"]
    assert "explorer.data" in error["fix"]


def test_images_come_as_one_message_of_bytes(wire, open_view, digits):
    view = open_view(DataExplorer(digits))
    about = view.ok("overview")
    assert about["form"] == "image"
    assert about["counts"] == {"train": 2040, "valid": 360, "test": 600}
    assert about["code"] == "data = ll.load_dataset('mnist-sample')"
    assert about["split"]["test"] is None
    assert about["split"]["valid"] == pytest.approx(0.15)
    answer = view.call("samples", split="train")
    found = answer.content["result"]
    assert [group["name"] for group in found["groups"]] == list("0123456789")
    assert sum(group["count"] for group in found["groups"]) == 2040
    assert len(answer.buffers) == 1
    images = answer.array(0, np.uint8).reshape(120, found["height"], found["width"], found["channels"])
    rows = [row for group in found["groups"] for row in group["rows"]]
    raw = view.call("samples", split="train", prepared=False).array(0, np.uint8).reshape(images.shape)
    assert np.array_equal(raw[..., 0], digits.train.tensors()[0][rows, 0].numpy())
    assert np.abs(images.astype(int) - raw).max() <= 1  # normalising moves the scale, not the picture


def test_other_samples_are_of_the_same_class(wire, open_view, digits):
    view = open_view(DataExplorer(digits))
    first, other = (view.ok("samples", split="valid", seed=seed)["groups"] for seed in (0, 5))
    assert first != other
    for number, group in enumerate(other):
        assert (digits.valid.targets()[group["rows"]] == number).all()


def test_colour_images_are_scaled_down_and_keep_their_colours(wire, open_view):
    x = torch.zeros(40, 3, 64, 96, dtype=torch.uint8)
    x[:, 0] = 200
    view = open_view(DataExplorer(ll.from_arrays(x, np.arange(40) % 2)))
    answer = view.call("samples", split="train", prepared=False)
    found = answer.content["result"]
    assert (found["height"], found["width"], found["channels"]) == (21, 32, 3)
    assert answer.array(0, np.uint8).reshape(-1, 3)[0].tolist() == [200, 0, 0]


def test_the_report_is_made_beside_and_announced(wire, open_view, digits):
    twice = digits.train.tensors()[0][:5]
    data = ll.from_arrays(
        torch.cat([digits.train.tensors()[0][:300], twice]),
        torch.cat([digits.train.tensors()[1][:300], digits.train.tensors()[1][:5]]),
        test_data=(twice, digits.train.tensors()[1][:5]),
        valid=0,
        classes=list("0123456789"),
    )
    view = open_view(DataExplorer(data))
    assert view.ok("report") is None
    wire.wait(lambda: wire.of("report"))
    answer = view.call("report")
    found = answer.content["result"]
    codes = [f["code"] for f in found["findings"]]
    across = codes.index("duplicates_across_splits")
    beside = found["findings"][across]["beside"]
    pairs = answer.array(beside["buffer"], np.uint8).reshape(beside["pairs"], 2, beside["height"], beside["width"], 1)
    assert np.array_equal(pairs[:, 0], pairs[:, 1])
    assert {m.content["state"] for m in wire.of("job")} >= {"running", "done"}

    shown = view.call("finding", at=across)
    sides = shown.content["result"]["sides"]
    assert [side["rows"] for side in sides][1] == [0, 1, 2, 3, 4]
    assert np.array_equal(shown.array(0, np.uint8), shown.array(1, np.uint8))

    told = []
    view.widget.on_change(told.append)
    now = changed(view, "remedy", at=across)
    assert len(now.train) == 295
    assert told == [now]
    assert view.ok("overview")["undo"] == 1
    assert "report" not in now.__dict__
    assert "duplicates_across_splits" not in [f["code"] for f in ready(view, "report")["findings"]]
    view.ok("undo")
    assert view.widget.data is data
    assert told[-1] is data
    assert view.ok("overview")["undo"] == 0


def test_a_finding_of_other_data_is_refused(wire, open_view, digits):
    view = open_view(DataExplorer(digits))
    error = view.call("remedy", at=0).content["error"]
    assert "other data" in error["title"]


def test_splitting_anew_keeps_the_test_and_can_be_undone(wire, open_view, digits):
    view = open_view(DataExplorer(digits))
    now = changed(view, "resplit", valid=0.3, seed=4, stratified=False)
    assert (len(now.train), len(now.valid), len(now.test)) == (1680, 720, 600)
    about = view.ok("overview")
    assert about["split"]["seed"] == 4
    assert not about["split"]["stratified"]
    assert "valid=0.3" in about["code"]
    assert "stratified=False" in about["code"]
    view.ok("undo")
    assert view.widget.data is digits


def test_a_split_that_cannot_be_is_told_and_changes_nothing(wire, open_view, digits):
    view = open_view(DataExplorer(digits))
    view.ok("resplit", valid=0.9, test=0.5, seed=0, stratified=True)
    failed = wire.wait(lambda: [m for m in wire.of("job") if m.content["state"] == "failed"])[0]
    assert "test set" in failed.content["error"]["title"]
    assert view.widget.data is digits


def test_augmentation_is_tried_then_chosen(wire, open_view, digits):
    view = open_view(DataExplorer(digits))
    steps = [{"kind": "affine", "degrees": 30, "translate": 0.1, "scale": [1, 1], "shear": 0}]
    answer = view.call("preview", steps=steps, row=7, seed=1)
    found = answer.content["result"]
    images = answer.array(0, np.uint8).reshape(7, 28, 28)
    assert np.array_equal(images[0], digits.train.tensors()[0][7, 0].numpy())
    assert all(not np.array_equal(images[0], other) for other in images[1:])
    assert all(abs(draw[0]["degrees"]) <= 30 for draw in found["drawn"])
    assert view.widget.data is digits  # only tried
    for degrees in (10, 20):
        view.ok("augment", steps=[{**steps[0], "degrees": degrees}])
    assert view.widget.data.train.augmentation[0]["degrees"] == 20
    view.ok("undo")  # moving a slider to and fro is one step
    assert view.widget.data is digits


def test_the_report_tells_that_a_mirrored_digit_is_another(wire, open_view, digits):
    found = ready(open_view(DataExplorer(digits)), "report")
    name, before, after = found["mirror"]
    assert name in "234567"
    assert before - after > 0.3


def test_a_messy_table_is_cleaned_by_its_suggestions(wire, open_view, churn):
    data = ll.load_table(churn, target="churned")
    view = open_view(DataExplorer(data))
    about = ready(view, "columns")
    columns = {column["name"]: column for column in about["columns"]}
    assert about["rows"] == 400
    assert about["notes"]["delimiter"] == ";"
    assert columns["customer_id"]["role"] == "left out"
    assert columns["customer_id"]["issues"][0]["change"] == "use"
    assert sum(columns["age"]["histogram"]) == 400
    assert columns["income"]["missing"] == pytest.approx(0.4, abs=0.1)
    assert columns["cancel_code"]["tells"] > 0.95
    assert columns["churned"]["tells"] is None
    asked = [
        [issue["change"], name] for name in ("country", "income", "cancel_code") for issue in columns[name]["issues"]
    ]
    assert asked == [["join", "country"], ["mark", "income"], ["leave_out", "cancel_code"]]
    now = changed(view, "clean", changes=asked)
    assert now.preprocessing.feature_names == (
        "age", "country = DE", "country = FR", "country = IT", "country = other", "income", "income was missing", "fee",
    )  # fmt: skip
    again = ll.load_source(now.source)
    assert again.fingerprint == now.fingerprint
    assert "join={'country': {'de': 'DE'}}" in view.ok("overview")["code"]
    row = {"age": 30, "country": "de", "income": None, "fee": 3}
    assert torch.equal(now.preprocessing(row), now.preprocessing({**row, "country": "DE"}))
    view.ok("undo")
    assert view.widget.data is data


def test_rows_of_a_table_come_in_the_units_of_the_file(wire, open_view, churn):
    found = open_view(DataExplorer(ll.load_table(churn, target="churned"))).ok("samples", split="train")
    first = dict(zip(found["columns"], found["cells"][0], strict=True))
    frame = pd.read_csv(churn, sep=";")
    alike = frame[
        np.isclose(frame["age"], float(first["age"]), atol=0.01)
        & np.isclose(frame["fee"], float(first["fee"]), atol=0.01)
    ]
    assert first["country"] in set(alike["country"])


def test_another_target_makes_a_regression(wire, open_view, churn):
    view = open_view(DataExplorer(ll.load_table(churn, target="churned")))
    now = changed(view, "retarget", target="fee")
    assert now.task == "regression"
    found = view.ok("samples", split="train")
    assert found["regression"]
    assert len(found["groups"]) == 4
    assert sum(group["count"] for group in found["groups"]) == len(now.train)


def test_texts_come_as_words(wire, open_view):
    frame = pd.DataFrame({"text": ["what a good film", "what a bad film"] * 60, "label": [1, 0] * 60})
    found = open_view(DataExplorer(ll.load_text(frame))).ok("samples", split="train")
    assert found["form"] == "text"
    assert set(found["texts"]) == {"what a good film", "what a bad film"}


def test_sounds_come_as_waves_and_spectrograms(wire, open_view, tmp_path):
    import wave

    for i in range(24):
        tone = (np.sin(np.arange(2000) * (0.1 + 0.4 * (i % 2))) * 9000).astype("<i2")
        with wave.open(str(tmp_path / f"{'low' if i % 2 == 0 else 'high'}_{i}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(tone.tobytes())
    view = open_view(DataExplorer(ll.load_audio(tmp_path)))
    answers = {prepared: view.call("samples", split="train", prepared=prepared) for prepared in (True, False)}
    for answer in answers.values():
        found = answer.content["result"]
        rows = sum(len(group["rows"]) for group in found["groups"])
        assert answer.array(0, np.uint8).size == rows * found["height"] * found["width"]
    spectrogram, waves = (answers[p].array(0, np.uint8) for p in (True, False))
    assert set(np.unique(waves)) == {0, 255}
    assert len(np.unique(spectrogram)) > 20


def test_data_that_stream_show_samples_and_say_so(wire, open_view, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for i in range(12):
            Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(tmp_path / name / f"{i}.png")
    data = ll.load_images(tmp_path, memory_cap=1000, cache=False)
    view = open_view(DataExplorer(data))
    assert view.ok("overview")["memory"]["where"] == "disk"
    answer = view.call("samples", split="train", prepared=False)
    found = answer.content["result"]
    assert answer.array(0, np.uint8).size == sum(len(g["rows"]) for g in found["groups"]) * 32 * 32 * 3
    assert ready(view, "report")["mirror"] is None
    assert view.call("preview", steps=[{"kind": "flip", "p": 1}], row=0).content["ok"]


def test_setting_other_data_redraws_and_forgets_what_was(wire, open_view, digits):
    told = []
    widget = DataExplorer(digits)
    widget.on_change(told.append)
    view = open_view(widget)
    view.ok("weigh", on=True)
    assert widget.data.balance == "weights"
    assert told == [widget.data]
    iris = ll.load_dataset("iris")
    before = widget.version
    widget.data = iris
    assert widget.version == before + 1
    assert {"version": before + 1} in wire.states
    assert told[-1] is not iris  # only what a person does is told
    assert view.ok("overview")["undo"] == 0
    widget.data = iris
    assert widget.version == before + 1


def test_cancelling_leaves_the_data_alone(wire, open_view, digits, monkeypatch):
    import threading

    go = threading.Event()

    def slow(data, **asked):
        go.wait(10)
        return ll.load_dataset("iris")

    monkeypatch.setattr("lepton_lab.widgets.data_explorer.made_again", slow)
    view = open_view(DataExplorer(digits))
    view.ok("reread")
    view.ok("cancel", name="read")
    go.set()
    assert [m.content["state"] for m in wire.of("job")][-1] == "cancelled"
    assert view.ok("overview")["name"] == "mnist-sample"


def test_what_stays_in_a_saved_notebook_is_a_sheet_of_samples(digits, wire):
    still = DataExplorer(digits).still()
    assert still.startswith('<img alt="Samples of mnist-sample" src="data:image/png;base64,')
    assert len(still) < 200_000


def test_closing_lets_the_data_go(wire, digits):
    widget = DataExplorer(digits)
    widget.close()
    assert widget.data is None
