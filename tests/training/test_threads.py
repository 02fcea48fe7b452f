"""What training changes in a thread is put back."""

import torch

from lepton_lab.training import Trainer
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
