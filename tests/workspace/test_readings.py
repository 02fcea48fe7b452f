"""What probes measure is kept with the run, and readers of any process see it by cursor."""

from __future__ import annotations

import sqlite3
import threading

import numpy as np
import pytest
import torch

import lepton_lab as ll
from lepton_lab.data import from_arrays
from lepton_lab.errors import StoreError, UnknownNameError
from lepton_lab.probes import FeatureMaps, ProbeLog, every
from lepton_lab.probes.log import Column, Measurement
from lepton_lab.training import LambdaCallback, Slots, Trainer
from lepton_lab.workspace import Feed, Workspace, schema
from tests.workspace import processes
from tests.workspace.trains import written

NORM = Column("grad_norm", ("a", "b"), "norm", (2,))
HIST = Column("grad_hist", ("a",), "share", (1, 3), (0.0, 1.0, 2.0, float("inf")))


def data():
    x = torch.randn(120, 6, generator=torch.Generator().manual_seed(0))
    return from_arrays(x, x[:, :3].argmax(1), valid=0, test=0)


def network():
    return ll.NetworkSpec([ll.Linear(8, activation="relu"), ll.Linear(3)], input_shape=(6,))


def train(workspace, epochs=2, callbacks=(), **options):
    options = {"probes": "standard", "probe_budget": None, **options}
    trainer = Trainer(network(), compile=False, threads=1, callbacks=callbacks, **options)
    return trainer.start(data(), epochs, 20, recorder=workspace.recorder(), slots=Slots(1))


def row(step, *layout):
    return Measurement(step, step / 10, layout, np.arange(sum(c.size for c in layout), dtype=np.float32) + step)


def same_series(a, b):
    assert a.quantities() == b.quantities()
    for name in a.quantities():
        one, other = a.series(name), b.series(name)
        assert (one.labels, one.unit, one.edges) == (other.labels, other.unit, other.edges)
        np.testing.assert_array_equal(one.steps, other.steps)
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.epochs, other.epochs)


def test_a_stored_run_has_the_same_readings(workspace):
    run = train(workspace, probes=["standard", "act_hist", FeatureMaps(schedule=every(4))]).wait()
    stored = workspace.open_run(run.id).probes
    same_series(run.probes, stored)
    assert len(stored) == len(run.probes) == 12
    assert stored.latest("grad_norm").step == 12
    assert stored.cost() == run.probes.cost()
    assert stored.cost().measured == 12
    assert stored.frames() == run.probes.frames() == [4, 8, 12]
    np.testing.assert_array_equal(stored.frame(8)["linear_1"], run.probes.frame(8)["linear_1"])
    readings, cursor = stored.since(10)
    assert {r.step for r in readings} == {11, 12}
    assert stored.since(cursor) == ([], cursor)
    with pytest.raises(UnknownNameError):
        stored.series("nothing")
    with pytest.raises(UnknownNameError):
        stored.frame(5)
    with pytest.raises(StoreError, match="read only"):
        stored.append(row(1, NORM))


def test_settings_name_the_probes_so_that_another_process_can_measure_them(workspace):
    run = train(workspace).wait()
    assert workspace.open_run(run.id).settings["probes"] == ["standard"]
    fork = workspace.open_run(run.id).fork(data=data(), epochs=3).wait()
    assert "grad_norm" in fork.probes.quantities()
    none = train(workspace, probes=None).wait()
    assert workspace.open_run(none.id).settings["probes"] is None
    assert len(workspace.open_run(none.id).probes) == 0


def test_the_feed_gives_readings_by_cursor(workspace, by_hand):
    run = by_hand("fed", history=None)
    run.probes = ProbeLog()
    recorder = workspace.recorder()
    recorder.attach(run)
    run.probes.append(row(1, NORM))
    run.probes.append(row(2, NORM, HIST))
    run.set_state(ll.RunState.FINISHED)
    recorder.detach(run)
    feed = Feed(workspace.open_run(run.id))
    update = feed.since()
    assert [(r.step, r.quantity) for r in update.readings] == [(1, "grad_norm"), (2, "grad_norm"), (2, "grad_hist")]
    assert update.readings[2].values.tolist() == [[4, 5, 6]]
    assert update.cursor.readings == 2
    assert feed.since(update.cursor).readings == []


def test_live_and_stored_feeds_say_the_same(workspace):
    run = train(workspace).wait()
    live, stored = Feed(run).since(), Feed(workspace.open_run(run.id)).since()
    assert not live.empty
    assert live.cursor.readings == stored.cursor.readings == 12
    assert [(r.step, r.quantity) for r in live.readings] == [(r.step, r.quantity) for r in stored.readings]
    for a, b in zip(live.readings, stored.readings, strict=True):
        np.testing.assert_array_equal(a.values, b.values)


def follow(folder, run_id, said):
    """Says the steps of the readings that another process's run gives, as they come."""
    feed = Feed(Workspace(folder).open_run(run_id))
    said.put("ready")
    for update in feed.follow():
        said.put(sorted({r.step for r in update.readings if r.quantity == "grad_norm"}))
    said.put("over")


def test_another_process_sees_readings_while_the_run_trains(workspace):
    goes_on, half = threading.Event(), threading.Event()

    def at_end(epoch, logs):
        if epoch == 0:
            half.set()
            goes_on.wait(30)

    run = train(workspace, callbacks=[LambdaCallback(on_epoch_end=at_end)])
    assert half.wait(30)
    said = processes.context.Queue()
    reader = processes.in_process(follow, workspace.folder, run.id, said)
    assert said.get(timeout=60) == "ready"
    seen = []
    while len(seen) < 6:
        seen += said.get(timeout=30)
    assert seen == [1, 2, 3, 4, 5, 6]
    assert not run.state.ended
    goes_on.set()
    while (more := said.get(timeout=30)) != "over":
        seen += more
    assert seen == list(range(1, 13))
    reader.join(30)
    run.wait()


def test_a_resumed_run_takes_back_what_it_measures_anew(workspace):
    run = train(
        workspace, epochs=4, callbacks=[written(workspace.folder)], probes=["grad_norm", FeatureMaps(schedule=every(3))]
    )
    run.wait()
    with workspace.database.write() as connection:  # as a killed process leaves it: the last rows were never written
        connection.execute("UPDATE runs SET state = 'stopped' WHERE id = ?", (run.id,))
    stored = workspace.open_run(run.id)
    feed, cursor = stored.feed, stored.feed.since().cursor
    paths = sorted((stored.folder / "checkpoints").glob("step-*.json"))
    went_on = int(paths[-2].stem.removeprefix("step-"))
    for part in (paths[-1], paths[-1].with_suffix(".safetensors")):
        part.unlink()
    before = stored.probes.series("grad_norm").steps.tolist()
    stored.resume(data())
    stored.wait(60)
    after = stored.probes.series("grad_norm").steps.tolist()
    assert after == before == list(range(1, 25))
    frames = stored.probes.frames()
    assert [step for step in frames if step <= went_on] == list(range(3, went_on + 1, 3))
    assert frames[-1] > went_on
    update = feed.since(cursor)
    assert update.reset
    assert [r.step for r in update.readings] == after


def test_an_older_store_gets_the_tables_of_probes(tmp_path, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        workspace = Workspace(tmp_path)
        with workspace.database.write() as connection:
            connection.execute("INSERT INTO projects (name, created, updated) VALUES ('kept', 1.0, 2.0)")
        old = Trainer(network(), compile=False, threads=1)
        workspace.close()
    assert sqlite3.connect(tmp_path / "lepton.db").execute("PRAGMA user_version").fetchone() == (1,)
    workspace = Workspace(tmp_path)
    assert workspace.projects()["name"].tolist() == ["kept"]
    run = old.start(data(), 1, 20, recorder=workspace.recorder(), slots=Slots(1), probes=["grad_norm"], name="new")
    run.wait()
    assert workspace.open_run("new").probes.quantities() == ["grad_norm"]
    workspace.close()


def test_damaged_readings_are_refused(workspace):
    run = train(workspace, epochs=1, probes=[*["grad_norm"], FeatureMaps(schedule=every(2))]).wait()
    with workspace.database.write() as connection:
        connection.execute("UPDATE readings SET data = ? WHERE run = ? AND number = 2", (b"abc", run.id))
        connection.execute("UPDATE frames SET data = ? WHERE run = ? AND step = 2", (b"abc", run.id))
    stored = workspace.open_run(run.id).probes
    with pytest.raises(StoreError, match="damaged"):
        stored.series("grad_norm")
    with pytest.raises(StoreError, match="damaged"):
        stored.frame(2)


def test_deleting_a_run_forgets_its_readings(workspace):
    run = train(workspace, probes=["grad_norm", FeatureMaps()]).wait()
    workspace.delete(run.id)
    for table in ("readings", "reading_layouts", "frames"):
        assert workspace.database.row(f"SELECT count(*) FROM {table}")[0] == 0
