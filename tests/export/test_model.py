"""The trained model leaves the workspace and predicts raw samples as the run did."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import lepton_lab as ll
from lepton_lab.errors import CheckpointError, TrainingError, UnsafeDataError
from lepton_lab.export import Cancelled, safe_name
from tests.export.conftest import Case


def expected(case: Case) -> np.ndarray:
    """What the run says of the raw sample with its best weights."""
    module = ll.NetworkSpec.from_dict(case.run.network).build(seed=0).eval()
    module.load_state_dict(case.run.weights("best"))
    with torch.inference_mode():
        return module(case.data.preprocessing(case.raw)).softmax(1).numpy()


@pytest.mark.parametrize("name", ["model.zip", "model", "alone.safetensors"])
def test_model_predicts_raw_samples(case: Case, name: str, tmp_path: Path) -> None:
    made = ll.export_model(case.run, tmp_path / name)
    model = ll.load_model(made)
    assert model.classes == case.data.classes
    assert model.task == "binary"
    np.testing.assert_allclose(model.predict(case.raw), expected(case), atol=1e-6)
    assert model.label(case.raw) == [case.data.classes[int(expected(case).argmax())]]


def test_model_says_in_json_what_it_is(table_case: Case, tmp_path: Path) -> None:
    folder = ll.export_model(table_case.run, tmp_path / "m").path
    about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert about["classes"] == ["no", "yes"]
    assert about["training"]["seed"] == 0
    network = ll.NetworkSpec.load(folder / "network.json")
    assert network.infer_shapes().output.shape == (2,)
    assert "ll.load_model" in (folder / "README.md").read_text(encoding="utf-8")
    assert not any(p.suffix in (".pt", ".pkl", ".bin") for p in folder.iterdir())


def test_sequential_files_load_too(tmp_path: Path) -> None:
    model = ll.Sequential([ll.Linear(2)], input_shape=3)
    model.save(tmp_path / "s.safetensors")
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    np.testing.assert_allclose(ll.load_model(tmp_path / "s.safetensors").predict(x), model.predict(x), rtol=1e-6)


def test_sequential_reads_an_exported_model(table_case: Case, tmp_path: Path) -> None:
    made = ll.export_model(table_case.run, tmp_path / "m.safetensors")
    read = ll.Sequential.load(made.path)
    model = ll.load_model(made)
    logits = torch.from_numpy(read.predict(table_case.raw))
    np.testing.assert_allclose(logits.softmax(1).numpy(), model.predict(table_case.raw), rtol=1e-5)


def test_exports_a_run_of_the_store(table_case: Case, tmp_path: Path) -> None:
    workspace = ll.Workspace(tmp_path / "w")
    trainer = ll.Trainer(ll.NetworkSpec.from_dict(table_case.run.network), epochs=1, batch_size=32)
    trainer.start(table_case.data, recorder=workspace.recorder()).wait()
    stored = workspace.open_run(str(workspace.runs()["id"].iloc[0]))
    model = ll.load_model(ll.export_model(stored, tmp_path / "m.zip"))
    assert model.predict(table_case.raw).shape == (1, 2)


def test_refuses_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no saved model"):
        ll.load_model(tmp_path / "nothing")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("other.txt", "x")
    with pytest.raises(CheckpointError, match="holds no model"):
        ll.load_model(tmp_path / "z.zip")
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../model.safetensors", "x")
    with pytest.raises(UnsafeDataError):
        ll.load_model(tmp_path / "bad.zip")


def test_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="only a run"):
        ll.export_model(torch.nn.Linear(2, 2), tmp_path / "x")


def test_a_cancelled_export_leaves_nothing(table_case: Case, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        ll.export_model(table_case.run, tmp_path / "m.zip", progress=lambda share: share < 0.9)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Digits", "Digits.zip"),
        ("cats/dogs \\ 🎉 v1.2", "cats-dogs-v1.2.zip"),
        ("../../etc/passwd", "etc-passwd.zip"),
        ("Blätter", "Blätter.zip"),
        ("手書き", "手書き.zip"),
        ("🎉🎉", "project.zip"),
        ("con", "project-con.zip"),
        (".hidden", "hidden.zip"),
        ("a\x00b\nc", "a-b-c.zip"),
    ],
)
def test_file_names_are_safe(title: str, name: str) -> None:
    assert safe_name(title, ".zip") == name


def test_long_names_fit_into_a_file_system() -> None:
    assert len(safe_name("手" * 500, ".zip").encode()) < 255
