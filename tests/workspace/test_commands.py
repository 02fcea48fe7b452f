"""The commands `train`, `runs` and `worker`, as a shell calls them."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

from lepton_lab.commands import runs, train, worker
from lepton_lab.errors import DataError, LeptonError, StoreError
from lepton_lab.network import Linear, NetworkSpec
from lepton_lab.training.status import RunState
from lepton_lab.workspace import Workspace
from tests.workspace import processes, trains

QUICK = ("--set", "compile=false", "--set", "threads=1", "--device", "cpu")


def shell(*words):
    """What `lepton-lab` does with these words."""
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    for command in (train, runs, worker):
        command.add_parser(subparsers)
    options = parser.parse_args([str(word) for word in words])
    return options.main(options)


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "net.json"
    trains.network().save(path)
    return path


def test_train_records_a_run_and_runs_lists_it(spec, workspace, capsys):
    assert shell("runs") == 0
    assert "No runs" in capsys.readouterr().out
    assert shell("train", spec, "--data", "digits", "--epochs", 2, "--name", "first", "--set", "ema=0.9", *QUICK) == 0
    out = capsys.readouterr().out
    assert "Epoch 2/2" in out
    assert "finished after 2 epochs" in out
    run = workspace.open_run("first")
    assert (run.state, run.settings["ema"]) == (RunState.FINISHED, 0.9)
    assert shell("runs") == 0
    assert "first finished" in " ".join(capsys.readouterr().out.split())
    assert shell("runs", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["state"], row["epoch"]) == ("first", "finished", 2)
    assert shell("runs", "--project", "other", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_train_takes_a_table(tmp_path, workspace, capsys):
    x = np.random.default_rng(0).normal(size=(300, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"]).assign(y=x @ [1.0, 2.0, 3.0])
    frame.to_csv(tmp_path / "table.csv", index=False)
    NetworkSpec([Linear(1)], input_shape=(3,)).save(tmp_path / "line.json")
    words = ("train", tmp_path / "line.json", "--data", tmp_path / "table.csv", "--quiet", *QUICK)
    assert shell(*words, "--target", "y", "--epochs", 1) == 0
    assert "Epoch" not in capsys.readouterr().out
    with pytest.raises(DataError, match="--target"):
        shell(*words)


def test_train_may_queue(spec, workspace, capsys, monkeypatch):
    monkeypatch.setattr("lepton_lab.workspace.elsewhere.ensure_worker", lambda w: True)
    assert (
        shell("train", spec, "--data", "digits", "--where", "worker", "--name", "later", "--project", "p", *QUICK) == 0
    )
    assert "Queued 'later'" in capsys.readouterr().out
    run = workspace.open_run("later")
    assert (run.state, run.project, run.data["name"]) == (RunState.QUEUED, "p", "digits")
    assert shell("worker", workspace.folder, "--idle", "0.2", "--slots", "1") == 0
    assert run.state is RunState.FINISHED


def test_wrong_calls_say_what_is_wrong(spec, tmp_path):
    with pytest.raises(LeptonError, match="Did you mean 'digits'"):
        shell("train", spec, "--data", "digit")
    with pytest.raises(LeptonError, match="optimizer 'adm'"):
        shell("train", spec, "--data", "digits", "--optimizer", "adm")
    with pytest.raises(SystemExit):
        shell("train", spec, "--data", "digits", "--set", "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        shell("runs", "--workspace", tmp_path / "file")


def _train(folder, spec):
    os.environ["LEPTON_WORKSPACE"] = str(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    raise SystemExit(shell("train", spec, "--data", "digits", "--epochs", 100_000, "--name", "long", *QUICK))


def test_ctrl_c_stops_and_keeps_the_best(spec, workspace):
    process = processes.in_process(_train, workspace.folder, spec)
    deadline = time.monotonic() + 60
    while workspace.runs().empty or workspace.open_run("long").status.epoch < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    process.join(30)
    assert process.exitcode == 130
    run = Workspace(workspace.folder).open_run("long")
    assert run.state is RunState.STOPPED
    assert "best" in {c.kind for c in run.checkpoints}
