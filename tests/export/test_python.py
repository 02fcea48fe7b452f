"""The Python export runs without Lepton Lab: it predicts as the run did, reads the same data, and trains."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import lepton_lab as ll
from lepton_lab.errors import TrainingError
from lepton_lab.network import zoo
from tests.export.conftest import Case
from tests.export.test_model import expected

READ = """
from data import load
from predict import CLASSES
from safetensors.torch import save_file
parts = {p: load(p, CLASSES) for p in ("train", "valid", "test")}
save_file({f"{p}/{n}": t.contiguous() for p, pair in parts.items() for n, t in zip("xy", pair)}, "read.safetensors")
"""


@pytest.fixture
def folder(case: Case, tmp_path: Path) -> Path:
    return ll.export_python(case.run, tmp_path / "python").path


def test_predicts_a_raw_sample(case: Case, folder: Path, alone: Callable[..., str]) -> None:
    said = alone(folder, "predict.py", case.argument)
    shown = {name: float(share) for name, share in re.findall(r"(\w+) ([\d.]+)%", said)}
    for name, share in zip(case.data.classes, expected(case)[0], strict=True):
        assert shown[name] == pytest.approx(100 * float(share), abs=0.06)


def test_trains_on_the_same_samples(case: Case, folder: Path, alone: Callable[..., str]) -> None:
    (folder / "check.py").write_text(READ + "\nfrom train import main\nmain()\n", encoding="utf-8")
    said = alone(folder, "check.py", "--epochs", "2")
    found = load_file(folder / "read.safetensors")
    for part, split in case.data.splits.items():
        x, y = split.tensors()
        torch.testing.assert_close(found[f"{part}/x"], x, rtol=0, atol=1e-5)
        assert found[f"{part}/y"].tolist() == y.tolist()
    scores = {part: float(loss) for part, loss in re.findall(r"^(\w+): loss ([\d.]+)", said, re.MULTILINE)}
    assert scores["valid"] < 0.75  # two classes: guessing gives 0.69
    weights = load_file(folder / "trained.safetensors")
    assert {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in case.run.weights("best").items()}


def test_data_with_a_name_travel_prepared(tmp_path: Path, alone: Callable[..., str]) -> None:
    data = ll.load_dataset("iris")
    settings = {"epochs": 1, "class_weights": "balanced", "weight_decay": 0.25, "decay_biases": False}
    run = ll.Trainer(zoo.mlp(data.sample_shape, 3), **settings).start(data, name="iris").wait()
    made = ll.export_python(run, tmp_path / "p")
    code = (tmp_path / "p" / "train.py").read_text(encoding="utf-8")
    assert (
        code.index("p.dim() > 1") < code.index('p.dim() <= 1], "weight_decay": 0.0') < code.index("weight_decay=0.25")
    )
    assert "data/prepared.safetensors" in made.files
    assert "epoch 1" in alone(made.path, "train.py", "--epochs", "1")


def test_a_regression_predicts_values(home: Path, tmp_path: Path, alone: Callable[..., str]) -> None:
    path = tmp_path / "line.csv"
    path.write_text("a,b,y\n" + "\n".join(f"{i},{i % 7},{2.5 * i + 1}" for i in range(80)))
    data = ll.load_table(path, target="y")
    run = ll.Trainer(zoo.mlp(data.sample_shape, 1), epochs=1).start(data, name="line").wait()
    folder = ll.export_python(run, tmp_path / "p").path
    said = alone(folder, "predict.py", '{"a": 3, "b": null}')
    value = float(said.split("y = ")[1])
    assert value == pytest.approx(
        ll.load_model(ll.export_model(run, tmp_path / "m")).predict({"a": 3, "b": None}).item()
    )
    assert "error" in alone(folder, "train.py", "--epochs", "1")


def test_says_which_settings_a_script_does_not_follow(table_case: Case, tmp_path: Path) -> None:
    network = ll.NetworkSpec.from_dict(table_case.run.network)
    run = ll.Trainer(network, epochs=1, ema=0.9, schedule="plateau").start(table_case.data, name="x").wait()
    notes = ll.export_python(run, tmp_path / "p").notes
    assert any("moving average" in note for note in notes)
    assert any("plateau" in note for note in notes)


def test_an_optimizer_without_a_script_is_refused(table_case: Case, tmp_path: Path) -> None:
    network = ll.NetworkSpec.from_dict(table_case.run.network)
    run = ll.Trainer(network, epochs=1, batch_size=256, optimizer="lbfgs").start(table_case.data, name="x").wait()
    with pytest.raises(TrainingError, match="lbfgs"):
        ll.export_python(run, tmp_path / "p")
    assert not (tmp_path / "p").exists()
