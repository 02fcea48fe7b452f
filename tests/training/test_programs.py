"""The programs that users write run unchanged."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mnist_sequential", "Test accuracy: 0.9"),
        ("cifar_sequential", "Test accuracy"),
        ("cifar_module", "Accuracy of the network"),
        ("linear_regression", "Mean Squared Error: 0.00"),
        ("image_folder_module", "Accuracy on the test images"),
    ],
)
def test_it_runs(shared_programs, shared_data, tmp_path, name, says):
    environment = {
        **os.environ, "EPOCHS": "1", "SAMPLES": "600", "LEPTON_DATA": str(shared_data), "PLOT": str(tmp_path / "p.png"),
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(shared_programs / f"{name}.py")],
        capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert says in done.stdout
