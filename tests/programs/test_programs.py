"""The programs that users write run unchanged; what they need of the API is a promise."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXPECTED = {
    "cifar_module": r"Accuracy of the network on the 10000 test images: (\d+\.\d+)%",
    "cifar_sequential": r"Test accuracy: (\d+\.\d+)%",
    "image_folder_module": r"Accuracy on the test images: (\d+\.\d+)%",
    "linear_regression": r"Mean Squared Error: (\d+\.\d+)",
    "mnist_sequential": r"Test accuracy: (0\.\d+)",
}
"""The line that each program ends with; its figure is compared with `FLOOR`."""

FLOOR = {
    "cifar_module": 10.5,
    "cifar_sequential": 10.5,
    "image_folder_module": 10.5,
    "linear_regression": 0.005,
    "mnist_sequential": 0.9,
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the decoded images of all programs."""
    return tmp_path_factory.mktemp("cache")


def test_every_program_is_tested(shared_programs: Path) -> None:
    assert {path.stem for path in shared_programs.glob("*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_program_runs_unchanged(
    name: str, shared_programs: Path, shared_data: Path, tmp_path: Path, cache: Path
) -> None:
    plot = tmp_path / "plot.png"
    environment = {
        **os.environ,
        "LEPTON_DATA": str(shared_data),
        "LEPTON_CACHE": str(cache),
        "EPOCHS": "1",
        "SAMPLES": "3000",
        "PLOT": str(plot),
    }
    command = [sys.executable, str(shared_programs / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.search(EXPECTED[name], done.stdout)
    assert found, done.stdout
    assert float(found[1]) >= FLOOR[name]
    if name == "image_folder_module":
        assert plot.stat().st_size > 10_000
        assert "training in the background: " in done.stdout
