"""The start page: what the examples say is true, one click makes a project that can be trained, and work goes on."""

import base64
import gzip
import os
import struct
import subprocess
import sys

import numpy as np
import pytest

from lepton_lab.app import examples
from lepton_lab.app.network_speed import PARTS, Speed, machine
from lepton_lab.app.start_page import StartPage
from lepton_lab.data import load_dataset


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "export default {}")
    monkeypatch.setenv("LEPTON_DATA", str(tmp_path / "no-data"))


def test_the_sample_of_mnist_stands_in_and_its_true_counts_are_said(visit):
    page = StartPage(visit)
    digits, flowers, spirals = page.examples
    data = load_dataset("mnist-sample")
    count = sum(len(split) for split in data.splits.values())
    assert digits["detail"] == f"{count:,} images, 10 classes"
    assert flowers["detail"] == "150 rows, 3 species"
    assert spirals["detail"] == "1,000 points, 2 classes"
    assert [one["seconds"] for one in page.examples] == [None, None, None]
    assert len(digits["digits"]) == 4
    image = np.frombuffer(base64.b64decode(digits["digits"][0]), np.uint8).reshape(1, 28, 28)
    stored = np.concatenate([split.tensors()[0].numpy() for split in data.splits.values()])
    assert (stored == image).all(axis=(1, 2, 3)).any()
    assert {k for _, _, k in flowers["points"]} == {0, 1, 2}


def test_all_of_mnist_is_counted_by_its_headers(monkeypatch, tmp_path):
    folder = tmp_path / "sets" / "mnist"
    folder.mkdir(parents=True)
    for part, count in (("train", 60_000), ("t10k", 10_000)):
        for kind in ("images-idx3", "labels-idx1"):
            with gzip.open(folder / f"{part}-{kind}-ubyte.gz", "wb") as file:
                file.write(struct.pack(">II", 2051, count))
    monkeypatch.setenv("LEPTON_DATA", str(folder.parent))
    one = examples.example("digits")
    assert one.detail == "70,000 images, 10 classes"
    assert one.data[0] == "mnist"
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert examples.example("digits").data[0] == "mnist-sample"


@pytest.mark.parametrize(("name", "title"), [("digits", "Digits"), ("flowers", "Flowers"), ("spirals", "Spirals")])
def test_a_click_makes_a_project_that_can_be_trained(name, title, visit, wire, open_view):
    page = StartPage(visit)
    project = open_view(page).ok("start", name=name)["project"]
    assert (visit.page, visit.project_id, visit.title) == ("train", project, title)
    work = visit.work
    assert work.waiting() is None
    assert work.network.input_shape == tuple(work.data.sample_shape)
    assert work.network.infer_shapes().output.shape == (work.data.target_size,)
    example = examples.example(name)
    assert (len(work.data.train), len(work.data.valid)) == example.samples
    assert page.loading == ""
    assert visit.workspace.project_by_id(project).about["door"] == "example"


def test_an_unknown_example_is_refused(visit, open_view):
    answer = open_view(StartPage(visit)).call("start", name="weather").content
    assert answer["error"]["title"] == "There is no such example"


def test_projects_are_listed_and_opened_again(visit, open_view):
    page = StartPage(visit)
    assert (page.work, page.total) == ([], 0)
    view = open_view(page)
    view.ok("start", name="flowers")
    visit.work.change_settings({"epochs": 3})
    visit.work.start().wait(60)
    flowers = visit.project_id
    for _ in range(3):
        view.ok("start", name="spirals")
    visit.workspace.project_by_id(flowers).settings = {"epochs": 5}  # touched last
    visit.go("start")
    page.pulse()
    assert [row["title"] for row in page.work] == ["Flowers", "Spirals 3", "Spirals 2"]
    assert page.total == 4
    row = page.work[0]
    assert row["data"] == {"name": "Iris", "form": "rows", "samples": 150, "classes": 3}
    assert row["run"]["state"] == "finished"
    assert row["run"]["metric"] == "val_accuracy"
    assert 0 <= row["run"]["best"] <= 1
    assert len(row["run"]["spark"]) == 3
    view.ok("open_project", project=flowers)
    assert (visit.project_id, visit.page) == (flowers, "train")


def test_times_come_from_what_the_workspace_measured(visit, wire, open_view, fast_pump, monkeypatch):
    started = []

    def start(program, **_):
        started.append(program)
        return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    monkeypatch.setattr("lepton_lab.app.network_speed.subprocess.Popen", _replaced(start))
    monkeypatch.setattr("lepton_lab.app.start_page._EVERY_S", 0.01)
    page = StartPage(visit)
    view = open_view(page)
    view.look()
    view.look()
    assert [program[1:] for program in started] == [["-m", "lepton_lab.app.network_speed", str(visit.workspace.folder)]]
    prices = (1e-5, 1e-9, 1e-11, 1e-4, 1e-9)
    assert len(prices) == len(PARTS)
    speed = Speed(machine(), prices, 0.1)
    speed.write(visit.workspace.folder)
    wire.wait(lambda: page.examples[0]["seconds"])
    digits = examples.example("digits")
    assert page.examples[0]["seconds"] == digits.seconds(speed) > 0
    measuring = page._measuring
    page.close()
    assert measuring.wait(20) != 0


_started = subprocess.Popen


def _replaced(start):
    def popen(program, **keys):
        return start(program, **keys) if "lepton_lab.app.network_speed" in program else _started(program, **keys)

    return popen


def test_the_foot_says_workspace_and_free_memory(visit):
    page = StartPage(visit)
    assert page.machine["workspace"] == visit.workspace.folder.name
    assert (
        f"of {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB free" in page.machine["device"]
    )
