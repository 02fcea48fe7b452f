"""`from_arrays`: what it accepts, what it guesses, what it refuses."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import Dataset, TensorDataset

from lepton_lab.data import Task, from_arrays, to_categorical
from lepton_lab.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype(np.float32)
LABELS = np.arange(60) % 3


@pytest.mark.parametrize(
    ("y", "task", "size"),
    [
        (LABELS, Task.MULTICLASS, 3),
        (LABELS.astype(np.uint8)[:, None], Task.MULTICLASS, 3),
        (torch.from_numpy(LABELS % 2), Task.BINARY, 2),
        (to_categorical(LABELS), Task.MULTICLASS, 3),
        (np.array(["no", "yes"])[LABELS % 2], Task.BINARY, 2),
        (LABELS % 2 == 0, Task.BINARY, 2),
        ((LABELS % 2).astype(np.float32), Task.BINARY, 2),
        (RNG.normal(size=60), Task.REGRESSION, 1),
        (RNG.normal(size=(60, 4)), Task.REGRESSION, 4),
        (np.tile([[1, 0, 1], [0, 0, 1]], (30, 1)), Task.MULTILABEL, 3),
        (pd.Series(["a", "b", "c"] * 20), Task.MULTICLASS, 3),
    ],
)
def test_the_task_is_guessed_from_the_targets(y, task, size):
    bundle = from_arrays(X, y)
    assert (bundle.task, bundle.target_size) == (task, size)
    x, targets = next(iter(bundle.train.batches(8)))
    assert x.dtype == torch.float32
    assert x.shape == (8, 3)
    assert targets.shape == ((8,) if task.is_classification else (8, size))
    assert targets.dtype == (torch.int64 if task.is_classification else torch.float32)


def test_class_numbers_stay_what_they_are_even_if_some_are_absent():
    bundle = from_arrays(X, np.where(LABELS == 1, 4, LABELS), valid=0, test=0)
    assert bundle.classes == ("0", "1", "2", "3", "4")
    assert set(bundle.train.targets().tolist()) == {0, 2, 4}
    assert bundle.report.find("empty_class")


def test_other_numbers_become_classes_in_order():
    bundle = from_arrays(X, np.where(LABELS % 2, 1, -1), valid=0, test=0)
    assert bundle.classes == ("-1", "1")
    assert bundle.train.targets().tolist()[:2] == [0, 1]


def test_given_validation_and_test_are_kept_as_they_are():
    bundle = from_arrays(X, LABELS, validation_data=(X[:9], LABELS[:9]), test_data=(X[:5], LABELS[:5]))
    assert [len(s) for s in bundle.splits.values()] == [60, 9, 5]
    assert bundle.report.find("duplicates_across_splits")


def test_bytes_stay_bytes_until_they_are_used():
    images = RNG.integers(0, 256, (60, 1, 4, 4), dtype=np.uint8)
    bundle = from_arrays(images, LABELS, valid=0, test=0, normalise="standard")
    stored, _ = bundle.train.tensors()
    assert stored.dtype == torch.uint8
    prepared = bundle.prepare(stored)
    assert abs(float(prepared.mean())) < 1e-5
    assert float(prepared.std()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("wrap", [lambda x, y: TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), "plain"])
def test_any_torch_dataset_is_read(wrap):
    class Pairs(Dataset):
        def __len__(self):
            return len(X)

        def __getitem__(self, i):
            return X[i], int(LABELS[i])

    bundle = from_arrays(Pairs() if wrap == "plain" else wrap(X, LABELS), valid=0.2, test=0)
    assert len(bundle.train) == 48
    assert bundle.classes == ("0", "1", "2")


def test_batches_shuffle_by_the_generator_and_hold_every_sample_once():
    bundle = from_arrays(np.arange(50, dtype=np.float32), LABELS[:50], valid=0, test=0)

    def order(seed):
        generator = torch.Generator().manual_seed(seed)
        return torch.cat([x for x, _ in bundle.train.batches(16, shuffle=True, generator=generator)]).flatten().tolist()

    assert order(1) == order(1) != order(2)
    assert sorted(order(1)) == list(range(50))
    assert [len(x) for x, _ in bundle.train.batches(16)] == [16, 16, 16, 2]
    assert [len(x) for x, _ in bundle.train.batches(16, drop_last=True)] == [16, 16, 16]
    x, y = bundle.train.sample(-1)
    assert (float(x), int(y)) == (49.0, LABELS[49])


def test_class_weights_even_classes_out():
    y = np.array([0] * 45 + [1] * 15)
    bundle = from_arrays(X, y, valid=0, test=0)
    counts = bundle.class_counts()
    assert counts.tolist() == [45, 15]
    assert torch.allclose(counts * bundle.class_weights(), torch.tensor([30.0, 30.0]))


@pytest.mark.parametrize(
    ("x", "y", "options", "says"),
    [
        (X, LABELS[:50], {}, "60 targets"),
        (X[:0], LABELS[:0], {}, "no samples"),
        (X, np.zeros(60, int), {}, "nothing to tell apart"),
        (X, np.full(60, "a"), {}, "nothing to tell apart"),
        (np.where(X > 2, np.nan, X), LABELS, {}, "NaN or infinite"),
        (X, np.where(LABELS == 1, np.nan, LABELS), {"task": "classification"}, "NaN or infinite"),
        (X, np.where(LABELS == 1, np.nan, X[:, 0]), {}, "NaN or infinite"),
        (X, LABELS + 5, {"classes": ["a", "b", "c"]}, "outside the classes"),
        (X, -LABELS, {"classes": ["a", "b", "c"]}, "outside the classes"),
        (X, np.array(["a", "b", "x"])[LABELS], {"classes": ["a", "b", "c"]}, "'x'"),
        (X, LABELS, {"validation_data": (X[:, :2], LABELS)}, r"\(N, 3\)"),
        (np.array([["a", "b"]] * 60), LABELS, {}, "load_table"),
        ([[1, 2], [3]], [0, 1], {}, "inhomogeneous|one shape|not all numbers"),
        (X + 1j, LABELS, {}, "complex"),
        (X, LABELS, {"valid": 0.2, "validation_data": (X, LABELS)}, "given twice"),
        (X, LABELS, {"task": "clustering"}, "clustering"),
        (X, LABELS, {"normalise": "standart"}, "Did you mean 'standard'"),
        (X, np.full((60, 2), 0.5), {"task": "multilabel"}, "0 or 1"),
        (X, None, {}, "no targets"),
    ],
)
def test_what_cannot_be_learnt_is_refused_with_a_reason(x, y, options, says):
    with pytest.raises(ValueError, match=says):
        from_arrays(x, y, **options)


def test_nan_is_let_through_on_request_and_reported():
    x = X.copy()
    x[7, 1] = np.nan
    bundle = from_arrays(x, LABELS, allow_nan=True, valid=0, test=0)
    (finding,) = bundle.report.find("not_finite")
    assert finding.severity == "error"
    assert finding.evidence["rows"] == [7]


def test_token_numbers_stay_whole():
    bundle = from_arrays(RNG.integers(0, 9, (60, 5)), LABELS, sample_dtype="int64")
    assert bundle.sample_dtype == "int64"
    assert next(iter(bundle.train.batches(4)))[0].dtype == torch.int64


def test_the_callers_arrays_are_not_touched():
    x, y = X.copy(), LABELS.copy()
    from_arrays(x, y, normalise="standard").train.sample(0)
    assert (x == X).all()
    assert (y == LABELS).all()


def test_a_prediction_of_another_shape_names_both():
    bundle = from_arrays(X, LABELS)
    with pytest.raises(DataError, match=r"\(N, 3\).*\(2, 4\)"):
        bundle.preprocessing(np.zeros((2, 4)))


@pytest.mark.gpu
def test_a_split_stays_on_the_gpu_once_it_is_there():
    split = from_arrays(X, LABELS, valid=0, test=0, normalise="standard").train
    on_gpu = [x for x, _ in split.batches(16, device="cuda", shuffle=True)]
    assert all(x.is_cuda for x in on_gpu)
    assert split.on_device("cuda")[0].data_ptr() == split.on_device("cuda")[0].data_ptr()
    assert torch.allclose(torch.cat([x for x, _ in split.batches(16, device="cuda")]).cpu(), split.preprocessing(X))
    split.release()
