"""The notebook does everything again, somewhere else, and gets the same numbers."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import lepton_lab as ll
from lepton_lab.errors import DataError
from lepton_lab.export import notebook as module, source_data
from lepton_lab.export.subject import trained
from lepton_lab.network import zoo
from tests.export.conftest import Case


def outputs(document: nbformat.NotebookNode) -> list[str]:
    return [
        str(output["data"]["text/plain"])
        for cell in document.cells
        for output in cell.get("outputs", ())
        if "text/plain" in output.get("data", {})
    ]


def test_does_it_again_with_the_same_numbers(case: Case, tmp_path: Path) -> None:
    folder = ll.export_notebook(case.run, tmp_path / "again").path
    document = nbformat.read(folder / "notebook.ipynb", 4)
    nbformat.validate(document)
    NotebookClient(document, timeout=200, resources={"metadata": {"path": str(folder)}}).execute()
    said = outputs(document)
    compared = ast.literal_eval(next(s for s in said if s.startswith("{'loss': 'then")))
    for text in compared.values():
        then, now = (float(part.split()[1]) for part in text.split(", "))
        assert now == pytest.approx(then, rel=0.02)
    assert any(f"Evaluation of '{case.name}'" in s for s in said)
    probabilities = ast.literal_eval(said[-1])
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-4)


def test_the_data_travel_beside_it_only_where_they_are_small(
    table_case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "data/people.csv" in ll.export_notebook(table_case.run, tmp_path / "a.zip").files
    monkeypatch.setattr(source_data, "MOST_BYTES", 10)
    made = ll.export_notebook(table_case.run, tmp_path / "b.zip")
    assert "data/people.csv" not in made.files
    assert any("data/people.csv" in note for note in made.notes)


def test_arrays_from_memory_travel_as_they_are(tmp_path: Path) -> None:
    import numpy as np

    x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    data = ll.from_arrays(x, (x[:, 0] > 0).astype(int), normalise="standard", name="points")
    run = ll.Trainer(zoo.mlp((4,), 2), epochs=1).start(data, name="points").wait()
    files, _ = module.notebook_files(trained(run))
    assert "data/prepared.safetensors" in files
    assert b"ll.from_arrays" in files["notebook.ipynb"]


def test_a_frame_from_memory_is_a_clear_error(home: Path, tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"a": range(40), "b": ["x", "y"] * 20, "kind": ["u", "v"] * 20})
    data = ll.load_table(frame, target="kind")
    run = ll.Trainer(zoo.mlp(data.sample_shape, 2), epochs=1).start(data, name="frame").wait()
    with pytest.raises(DataError, match="from memory"):
        ll.export_notebook(run, tmp_path / "n.zip")
