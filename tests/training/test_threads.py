"""What training changes in a thread is put back."""

import subprocess
import sys

import pytest
import torch

from lepton_lab.training import Trainer, native
from lepton_lab.training.threads import training_thread


def denormals():
    return float(torch.full((1,), 1e-39) * 1.0) != 0.0


def test_denormals_count_again_afterwards():
    assert denormals()
    with training_thread(deterministic=False):
        assert not denormals()
    assert denormals()


def test_the_callers_thread_is_left_as_it_was(blobs, mlp):
    Trainer(mlp()).lr_find(blobs, steps=3)
    assert denormals()


def test_a_thread_that_flushes_goes_on_flushing():
    torch.set_flush_denormal(True)
    try:
        with training_thread(deterministic=False):
            pass
        assert not denormals()
    finally:
        torch.set_flush_denormal(False)


COUNT = """
import os, torch
from lepton_lab.training import native
torch.set_num_threads(2)
def workers():
    torch.ones(3_000_000).mul_(2)
    return len(os.listdir("/proc/self/task"))
before = len(os.listdir("/proc/self/task"))
team = workers()
native.dismiss_team()
after = len(os.listdir("/proc/self/task"))
print(before, team, after, workers())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
@pytest.mark.skipif(native._gnu_openmp() is None, reason="torch has another OpenMP here")
def test_a_team_is_dismissed_and_comes_back():
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    before, team, after, again = map(int, done.stdout.split())
    assert team == again > before
    assert after == before


def test_kept_memory_is_given_back_after_the_last_block():
    asked = []
    real, native._set = native._set, lambda *values: asked.append(values)
    try:
        with native.kept_memory():
            with native.kept_memory():
                first = len(asked)
            assert len(asked) == first
    finally:
        native._set = real
    assert asked[-1] == (native._TRIM_THRESHOLD, 64 * native._MIB)
