"""The ONNX export runs in onnxruntime alone and says what torch says."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lepton_lab as ll
from lepton_lab.errors import TrainingError
from lepton_lab.export import to_onnx as module
from lepton_lab.export.subject import trained
from lepton_lab.network import zoo
from tests.export.conftest import Case
from tests.export.test_model import expected

onnxruntime = pytest.importorskip("onnxruntime")


def test_says_the_same_without_torch(case: Case, tmp_path: Path, alone: Callable[..., str]) -> None:
    made = ll.export_onnx(case.run, tmp_path / "onnx")
    assert made.difference is not None
    assert made.difference < 1e-5
    argument = case.argument
    if case.name == "table":  # the example reads values as they are in a program, not as they are in a file
        row = {**case.raw, "since": "2020-12-24", "price": 1234.5, "member": "true"}
        (tmp_path / "row.json").write_text(json.dumps(row))
        argument = str(tmp_path / "row.json")
    said = ast.literal_eval(alone(made.path, "example.py", argument, without="lepton_lab torch"))
    for name, share in zip(case.data.classes, expected(case)[0], strict=True):
        assert said[name] == pytest.approx(float(share), abs=1e-4)


def test_takes_any_number_of_samples_and_names_its_classes(table_case: Case, tmp_path: Path) -> None:
    made = ll.export_onnx(table_case.run, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(made.path)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["classes"]) == ["no", "yes"]
    names = {i.name: i.shape for i in session.get_inputs()}
    for count in (1, 5):
        fed = {
            "numbers": np.full((count, names["numbers"][1]), np.nan, np.float32),
            "categories": np.zeros((count, names["categories"][1]), np.int64),
        }
        found = session.run(None, fed)[0]
        assert found.shape == (count, 2)
        np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)


def test_states_its_operator_set(texts_case: Case, tmp_path: Path) -> None:
    import onnx

    made = ll.export_onnx(texts_case.run, tmp_path / "m.onnx")
    proto = onnx.load(made.path)
    onnx.checker.check_model(proto)
    assert {o.version for o in proto.opset_import if o.domain == ""} == {module.OPSET}
    assert f"operator set {module.OPSET}" in made.notes[0]


def test_a_file_that_says_something_else_is_not_handed_out(
    table_case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = module._run
    monkeypatch.setattr(module, "_run", lambda *a: real(*a) + 0.5)
    with pytest.raises(TrainingError, match="something else"):
        ll.export_onnx(table_case.run, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_layer_without_a_counterpart_is_a_clear_error(table_case: Case) -> None:
    import torch

    class Odd(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.special.bessel_j1(x)

    subject = trained(table_case.run)
    subject = replace(subject, module=torch.nn.Sequential(Odd(), subject.module))
    with pytest.raises(TrainingError, match="cannot be written as ONNX"):
        module.to_onnx(subject)


def test_two_classes_with_one_output(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype("float32")
    data = ll.from_arrays(x, (x[:, 0] > 0).astype(int), normalise="standard")
    run = ll.Trainer(zoo.mlp((4,), 1), epochs=1).start(data, name="one").wait()
    made = ll.export_onnx(run, tmp_path / "m.onnx")
    model = ll.load_model(ll.export_model(run, tmp_path / "m.safetensors"))
    found = onnxruntime.InferenceSession(made.path).run(None, {"samples": x[:3]})[0]
    np.testing.assert_allclose(found, model.predict(x[:3]), atol=1e-5)
    assert found.shape == (3, 2)
