"""The train page: what it says of a run in every state, and what its buttons do, with a worker that takes the queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

import lepton_lab as ll
from lepton_lab.app import train_says as says, words_train as words
from lepton_lab.app.train_facts import Facts, best_by, facts_of, facts_of_record, kind_of
from lepton_lab.app.train_page import TrainPage
from lepton_lab.app.train_worker import FIX, can_travel, fork_in_worker, others_before, resume_in_worker, tried_on
from lepton_lab.app.visit import Visit
from lepton_lab.doctor import Finding, Fix, Report
from lepton_lab.training.status import RunState, RunStatus
from lepton_lab.workspace.worker import Worker

DIGITS = Facts("multiclass", "digits", True, 2040, 360, "the value", 0.1, "")
PRICES = Facts("regression", "rows", False, 310, 66, "price", 66.5, "138")


@pytest.fixture(autouse=True)
def _no_front_end(monkeypatch):
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "export default {}")


@pytest.fixture(autouse=True)
def _no_process(monkeypatch):
    """The queue is served by the test itself, where it says so."""
    for module in ("lepton_lab.app.train_worker", "lepton_lab.app.train_page", "lepton_lab.workspace.elsewhere"):
        monkeypatch.setattr(f"{module}.ensure_worker", lambda workspace: False)


@pytest.fixture
def flowers(visit):
    """A project with a small table, ready to train."""
    data = ll.load_dataset("iris")
    network = ll.NetworkSpec([ll.Linear(8, activation="relu"), ll.Linear(3)], input_shape=tuple(data.sample_shape))
    visit.create("Flowers", data, network=network, settings={"epochs": 3, "lr": 0.01, "probes": None})
    return visit


@pytest.fixture
def shown(flowers, wire, open_view):
    """The page of that project, with a view of it."""
    made = TrainPage(flowers)
    made.browser = open_view(made)
    return made


def serve(workspace):
    """Works until the queue is empty."""
    Worker(workspace, slots=1, idle_s=0.0).serve()


def trained(shown):
    shown.browser.ok("train")
    serve(shown.visit.workspace)
    shown.pulse()
    return shown.run


def status(state, **values):
    return RunStatus(state=RunState(state), **values)


def finding(rule="overfit", severity="warning", **values):
    known = {"layer": None, "since_step": 10, "title": "The network memorises the training data (overfitting)"}
    return Finding(
        rule=rule, severity=severity, explanation="It is so.", why="Because.", source="Somebody",
        url="https://example.org", **{**known, **values},
    )  # fmt: skip


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "values", "others", "expected"),
    [
        ("queued", {}, 0, "Starting"),
        ("queued", {}, 1, "Waiting for another training"),
        ("queued", {}, 2, "Waiting for 2 others"),
        ("starting", {}, 2, "Starting"),
        ("running", {}, 0, "Beginning to learn"),
        ("running", {"epoch": 4, "metrics": {"val_accuracy": 0.96}}, 0, "Learning well"),
        ("running", {"epoch": 4, "metrics": {"val_accuracy": 0.2}}, 0, "Learning slowly"),
        ("running", {"epoch": 4, "metrics": {"val_accuracy": 0.1}}, 0, "Not learning yet"),
        ("paused", {"epoch": 4}, 0, "Paused"),
        ("finished", {"epoch": 4}, 0, "Finished"),
        ("stopped", {"epoch": 4}, 0, "Stopped"),
        ("interrupted", {"epoch": 4}, 0, "Interrupted: go on?"),
    ],
)
def test_the_headline_says_the_state_in_plain_words(state, values, others, expected):
    assert says.headline(DIGITS, status(state, **values), None, others=others) == expected


def test_while_it_trains_the_headline_is_what_the_doctor_found():
    running = status("running", epoch=5, metrics={"val_accuracy": 0.96})
    assert says.headline(DIGITS, running, finding()).startswith("Memorising: ")
    assert says.headline(DIGITS, running, finding("lr-too-low")) == "Learning slowly"
    assert says.headline(DIGITS, status("finished"), finding()) == "Finished"


@pytest.mark.parametrize("cause", ["nan", "memory", "data", "error"])
def test_a_failure_says_what_went_wrong_and_what_to_do(cause):
    told = says.why_failed(DIGITS, {"cause": cause, "title": "boom", "detail": "", "fix": "do this"})
    line = says.headline(DIGITS, status("failed"), None, told["cause"])
    assert line == f"Something went wrong: {words.FAILED[cause]['what']}"
    assert told["detail"]
    assert "{" not in told["detail"]


def test_accuracy_is_so_many_of_a_hundred_beside_a_guess():
    assert says.sentence(DIGITS, {"val_accuracy": 0.9604}) == [
        "Reads ", "96 of 100", " digits it has never seen. Guessing would give 10.",
    ]  # fmt: skip
    alone = says.sentence(replace(DIGITS, guess=None), {"accuracy": 0.5})
    assert alone == ["Gets ", "50 of 100", " digits right of those that it learns from."]
    assert says.sentence(DIGITS, {}) == []


def test_a_regression_is_said_in_the_targets_own_units():
    assert "".join(says.sentence(PRICES, {"val_mae": 52.81})) == (
        "Misses price by 52.8 on average, on rows it has never seen. Always saying 138 would miss by 66.5."
    )


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.96, "96"), (1.0, "100"), (0.9996, "99.9"), (0.9972, "99.7"), (0.0, "0"), (0.0004, "0.1"), (0.5, "50")],
)
def test_nearly_all_is_never_said_to_be_all(share, text):
    assert words.out_of_100(share) == text


def test_a_common_class_is_named_as_the_guess():
    data = ll.load_dataset("breast-cancer")
    assert facts_of(data).always in data.classes
    assert facts_of(data).guess > 0.55
    assert facts_of(ll.load_dataset("iris")).always == ""


def test_the_record_of_a_run_says_as_much_while_the_data_are_read():
    record = {
        "name": "mnist-sample",
        "task": "multiclass",
        "sample_shape": [1, 28, 28],
        "samples": {"train": 5, "valid": 2},
    }
    assert facts_of_record(record).noun == "digits"
    assert facts_of_record({**record, "name": "cats"}).noun == "pictures"
    assert facts_of_record({"sample_shape": [20], "sample_dtype": "int64"}).noun == "texts"


def test_kinds_of_networks_have_names():
    assert "CNN" in kind_of(ll.zoo.small_cnn((1, 28, 28), 10))
    assert "MLP" in kind_of(ll.zoo.mlp((4,), 3))
    assert "RNN" in kind_of(ll.zoo.lstm_classifier((20,), 2))


def test_only_fixes_that_are_plain_data_are_offered():
    data = ll.load_dataset("iris")
    assert can_travel(Fix("a", "settings", settings={"lr": 0.1}), data)
    assert can_travel(Fix("b", "data", data={"op": "balance"}, fresh=True), data)
    assert not can_travel(Fix("c", "data", data={"op": "standardise"}, fresh=True), data)
    assert not can_travel(Fix("d", "network", init="kaiming", fresh=True), data)


def test_a_tried_fix_is_compared_in_the_units_of_the_page():
    told = says.verdict(DIGITS, status("finished"), 0.958, 0.964, waits=False)
    assert told == {"text": "With the fix 96.4, before 95.8: keep it?", "ended": True, "better": True}
    assert says.verdict(PRICES, status("finished"), 40.0, 41.0, waits=False)["better"] is False
    assert "when the present training is over" in says.verdict(DIGITS, status("queued"), 0.9, None, waits=True)["text"]
    assert says.verdict(DIGITS, status("failed"), 0.9, None, waits=False)["better"] is False


# --- the page --------------------------------------------------------------------------------------------------------


def test_without_a_project_it_leads_to_the_start(visit, wire):
    view = TrainPage(visit).view
    assert view["missing"]["page"] == "start"
    assert "headline" not in view


def test_a_network_that_does_not_fit_says_why_and_leads_to_it(shown, flowers):
    flowers.use_network(ll.NetworkSpec([ll.Conv2d(4, 3)], input_shape=(4,)))
    assert shown.view["missing"]["page"] == "network"
    assert "Conv2d" in shown.view["missing"]["detail"]
    answer = shown.browser.call("train").content
    assert not answer["ok"]
    assert shown.run is None


def test_it_trains_in_the_queue_and_says_how_good_it_is(shown, flowers):
    assert shown.view["headline"] == "Ready to train"
    assert "106 rows" in shown.view["line"][2]
    shown.browser.ok("train")
    assert shown.view["headline"] == "Starting"
    assert shown.run.state is RunState.QUEUED
    serve(flowers.workspace)
    shown.pulse()
    assert shown.view["headline"] == "Finished"
    assert shown.view["line"][1].endswith("of 100")
    assert shown.run.settings["restore_best"] is True
    told = shown.browser.call("catch_up").content["result"]["runs"][0]
    assert told["status"]["epoch"] == 3


def test_another_page_of_the_project_shows_the_same(shown, flowers, wire):
    trained(shown)
    other = Visit(flowers.workspace)
    other.open(flowers.project_id, "train")
    second = TrainPage(other)
    assert second.run_id == shown.run_id  # at once, though the data are still being read
    wire.wait(lambda: other.work.data is not None and second.view["missing"] is None)
    assert second.view["headline"] == shown.view["headline"]
    assert second.view["line"] == shown.view["line"]


def test_one_that_waits_says_for_how_many(shown, flowers):
    shown.browser.ok("train")
    first = shown.run
    shown.browser.ok("train")
    assert others_before(flowers.workspace, shown.run_id) == 1
    assert others_before(flowers.workspace, first.id) == 0
    shown.seen()
    shown.pulse()
    shown.pulse()
    assert shown.view["headline"] == "Waiting for another training"
    shown.browser.ok("stop")
    shown.pulse()
    assert shown.view["headline"] == "Stopped"
    assert first.state is RunState.QUEUED


def test_it_goes_on_for_more_rounds_in_the_same_run(shown, flowers):
    run = trained(shown)
    shown.browser.ok("go_on", rounds=2)
    assert shown.run_id == run.id
    assert run.state is RunState.QUEUED
    serve(flowers.workspace)
    assert run.status.epoch == 5
    assert len(run.history.epochs) == 5


def test_the_best_round_is_the_best_of_what_is_shown(shown, flowers):
    trained(shown)
    assert shown.run.settings["monitor"] is None  # 22 samples have many ties
    assert best_by(DIGITS) == "val_accuracy"
    assert best_by(PRICES) == "val_mae"
    assert best_by(replace(PRICES, valid=0)) is None


def test_going_on_twice_queues_it_once(shown, flowers):
    run = trained(shown)
    resume_in_worker(run, epochs=4)
    resume_in_worker(run, epochs=9)
    assert run.settings["epochs"] == 4


def test_a_run_that_stopped_by_itself_goes_on_without_stopping_at_once(shown, flowers):
    flowers.change_settings({"patience": 0, "epochs": 30, "lr": 0.5})
    run = trained(shown)
    assert run.status.epoch < 30
    assert shown.view["headline"] == "Finished: it had stopped getting better"
    done = run.status.epoch
    shown.browser.ok("go_on", rounds=4)
    serve(flowers.workspace)
    assert run.status.epoch == 30 or run.status.epoch == done + 4


def test_after_nan_smaller_steps_go_on_in_a_new_run(shown, flowers):
    flowers.change_settings({"optimizer": "sgd", "lr": 1e30})
    broken = trained(shown)
    assert broken.state is RunState.FAILED
    shown.pulse()
    assert shown.view["headline"] == "Something went wrong: the numbers ran out of range (NaN)"
    assert shown.view["problem"]["lr"] == pytest.approx(1e29)
    shown.browser.ok("smaller_steps", lr=0.01)
    assert shown.run_id != broken.id
    serve(flowers.workspace)
    shown.pulse()
    assert shown.run.state is RunState.FINISHED
    assert flowers.work.settings["lr"] == 0.01


def test_a_fork_takes_the_weights_along(shown, flowers):
    run = trained(shown)
    new = fork_in_worker(run, "on", {"lr": 0.001, "epochs": 5})
    serve(flowers.workspace)
    assert new.status.epoch == 5
    assert new.parent == {"run": run.id, "step": run.status.step}
    assert new.history.epochs.since(0)[1]["loss"][0] == run.history.epochs.since(0)[1]["loss"][0]


def with_hint(shown, fix):
    """The page of a trained run in which the doctor found something with this fix."""
    run = trained(shown)
    shown._watch._report = (run.id, Report(run.name, "during", (finding(fixes=(fix,)),)))
    shown._watch._doctor._seen = (run.id, run.status.step, True, False)
    shown.pulse()
    return run


DROPOUT = Fix(
    "Put Dropout(0.3) before the last layer", "network", fresh=True,
    edits=({"op": "insert", "path": "linear_2", "place": "before", "layer": {"kind": "Dropout", "p": 0.3}},),
)  # fmt: skip


def test_a_fix_is_tried_compared_and_kept(shown, flowers):
    old = with_hint(shown, DROPOUT)
    hint = shown.view["hint"]
    assert hint["strong"] == "It begins to memorise"
    assert hint["fix"] == {"index": 0, "label": "add dropout"}
    shown.browser.ok("try_fix", rule="overfit", layer=None, fix=0)
    assert shown.run_id == old.id
    assert len(shown.compare) == 1
    assert shown.view["try"]["ended"] is False
    flowers.refresh()  # the newest run of the project is now the one that tries
    assert shown.run_id == old.id
    serve(flowers.workspace)
    shown.pulse()
    assert "keep it?" in shown.view["try"]["text"]
    second = Visit(flowers.workspace)
    second.open(flowers.project_id)
    assert TrainPage(second).view["try"] == shown.view["try"]
    tried = shown.tried
    shown.browser.ok("keep_fix")
    assert (shown.run_id, shown.compare) == (tried.id, [])
    assert FIX not in tried.tags
    assert [layer.kind for layer in flowers.work.network.layers] == ["Linear", "Dropout", "Linear"]


def test_a_fix_that_is_left_goes_away(shown, flowers):
    old = with_hint(shown, Fix("Stop after 3", "settings", settings={"patience": 3}, fresh=True))
    shown.browser.ok("try_fix", rule="overfit", layer=None, fix=0)
    tried = shown.tried
    shown.browser.ok("drop_fix")
    assert shown.run_id == old.id
    assert "try" not in shown.view
    assert tried_on(flowers.workspace, old.id) is None
    end = time.monotonic() + 10
    while tried.id in set(flowers.workspace.runs()["id"]) and time.monotonic() < end:
        time.sleep(0.01)
    assert list(flowers.workspace.runs()["id"]) == [old.id]
    assert flowers.work.settings.get("patience") is None


def test_it_shows_what_it_still_gets_wrong(shown, flowers, wire):
    flowers.change_settings({"epochs": 1, "lr": 1e-6})
    trained(shown)
    wire.wait(lambda: (shown.pulse(), shown.view.get("mistakes"))[1])
    told = shown.browser.ok("mistakes")
    assert told["of"] == len(flowers.work.data.valid)
    assert 0 < told["wrong"] <= told["of"]
    first = told["items"][0]
    assert first["said"] != first["right"]
    assert first["cells"][0][0] == flowers.work.data.preprocessing.feature_names[0]


def test_pictures_of_mistakes_come_as_bytes(visit, wire, open_view):
    visit.create("Digits", ll.load_dataset("mnist-sample"), settings={"epochs": 1, "lr": 1e-5, "probes": None})
    shown = TrainPage(visit)
    shown.browser = open_view(shown)
    trained(shown)
    wire.wait(lambda: (shown.pulse(), shown.view.get("mistakes"))[1])
    answer = shown.browser.call("mistakes")
    items = answer.content["result"]["items"]
    assert len(items) == len(answer.buffers) == 6
    assert len(answer.buffers[0]) == 28 * 28
    assert items[0]["sure"] >= items[5]["sure"]


def test_settings_are_kept_with_the_project(shown, flowers):
    shown.browser.ok("change", changes={"epochs": 7.0, "schedule": "cosine", "patience": 5, "restore_best": False})
    again = Visit(flowers.workspace)
    again.open(flowers.project_id)
    known = again.work.settings
    assert (known["epochs"], known["schedule"], known["patience"], known["restore_best"]) == (7, "cosine", 5, False)
    assert shown.settings["epochs"] == 7
    shown.browser.ok("change", changes={"schedule": "constant"})
    assert flowers.work.settings["schedule"] is None
    assert not shown.browser.call("change", changes={"device": "cuda"}).content["ok"]
    assert not shown.browser.call("change", changes={"epochs": -1}).content["ok"]
    assert flowers.work.settings["epochs"] == 7


def test_training_pictures_are_varied_on_order(visit, wire, open_view):
    visit.create("Digits", ll.load_dataset("mnist-sample"))
    shown = TrainPage(visit)
    assert shown.settings["augmentation"] is False
    open_view(shown).ok("augment", on=True)
    assert visit.work.data.train.augmentation[0]["kind"] == "affine"
    assert shown.settings["augmentation"] is True
    assert visit.work.project.data["augmentation"]


def test_a_table_has_no_pictures_to_vary(shown):
    assert shown.settings["augmentation"] is None


def test_a_network_that_changed_since_is_noticed(shown, flowers):
    trained(shown)
    assert shown.view["changed"] is False
    flowers.use_network(flowers.work.network.add(ll.Dropout(0.5)))
    assert shown.view["changed"] is True


def test_a_worker_that_is_killed_leaves_a_run_that_goes_on(shown, flowers):
    flowers.change_settings({"epochs": 100_000})
    shown.browser.ok("train")
    run = shown.run
    command = [sys.executable, "-m", "lepton_lab.commands.worker", str(flowers.workspace.folder), "--on-demand"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        shown.browser.wire.wait(lambda: run.status.epoch > 2, 90)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    shown.browser.wire.wait(lambda: (shown.pulse(), shown.view["headline"] == "Interrupted: go on?")[1], 30)
    assert shown.view["problem"]["cause"] == "interrupted"
    shown.browser.ok("go_on")
    assert run.state is RunState.QUEUED
    shown.browser.ok("stop")
    assert run.state is RunState.STOPPED
