"""Preprocessing is saved as JSON and arrays; what is damaged or newer is refused."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import lepton_lab.data
from lepton_lab.data import Preprocessing, from_arrays
from lepton_lab.errors import DataError, UnknownNameError


def large():
    x = np.random.default_rng(0).normal(size=(30, 5000)).astype(np.float32)
    return from_arrays(x, np.arange(30) % 2, normalise="standard"), x


def test_large_arrays_go_into_safetensors_and_come_back_equal(tmp_path):
    bundle, x = large()
    bundle.preprocessing.save(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"preprocessing.json", "preprocessing.safetensors"}
    assert torch.equal(Preprocessing.load(tmp_path)(x), bundle.preprocessing(x))
    assert torch.equal(Preprocessing.from_json(json.loads(json.dumps(bundle.preprocessing.to_json())))(x),
                       bundle.preprocessing(x))  # fmt: skip


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"schema_version": 99}, DataError, "newer version"),
        ({"kind": "arrayz"}, UnknownNameError, "arrays"),
        ({"settings": {}}, DataError, "damaged"),
        ({"arrays": {"mean": {"dtype": "object", "shape": [1], "values": [0]}}}, DataError, "damaged"),
        ({"arrays": {"mean": {"dtype": "float32", "shape": [3], "values": [0]}}}, DataError, "damaged"),
    ],
)
def test_damaged_documents_are_refused(change, error, says):
    document = {**large()[0].preprocessing.to_json(), **change}
    with pytest.raises(error, match=says):
        Preprocessing.from_json(document)


def test_damaged_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        Preprocessing.load(tmp_path)
    (tmp_path / "preprocessing.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        Preprocessing.load(tmp_path)
    bundle, _ = large()
    bundle.preprocessing.save(tmp_path)
    (tmp_path / "preprocessing.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(DataError, match="cannot be read"):
        Preprocessing.load(tmp_path)


def test_nothing_in_the_package_can_run_code_from_a_file():
    banned = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
    for path in Path(lepton_lab.data.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or "").split(".")[0]]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), path
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                assert not (isinstance(owner, ast.Name) and owner.id == "torch" and node.func.attr == "load"), path
            assert not banned & set(names), path
