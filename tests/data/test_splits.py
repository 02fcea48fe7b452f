"""Splits: every sample once, seeded, and with the same shares of the classes."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lepton_lab.data import split_indices
from lepton_lab.errors import DataError

shares = st.one_of(st.floats(0, 0.4), st.integers(0, 20))


@settings(max_examples=60, deadline=None)
@given(count=st.integers(50, 400), classes=st.integers(1, 6), valid=shares, test=shares, seed=st.integers(0, 9))
def test_every_sample_is_in_exactly_one_split(count, classes, valid, test, seed):
    labels = np.random.default_rng(seed).integers(0, classes, count)
    for given_labels in (None, labels):
        split = split_indices(count, valid=valid, test=test, labels=given_labels, seed=seed)
        together = np.concatenate([split.train, split.valid, split.test])
        assert sorted(together.tolist()) == list(range(count))
        again = split_indices(count, valid=valid, test=test, labels=given_labels, seed=seed)
        assert (again.train == split.train).all()
        assert (again.valid == split.valid).all()


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(20, 120), min_size=2, max_size=6), seed=st.integers(0, 99))
def test_each_split_has_the_same_shares_of_the_classes(counts, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    split = split_indices(len(labels), valid=0.2, test=0.2, labels=labels, seed=seed)
    for rows in (split.valid, split.test):
        got = np.bincount(labels[rows], minlength=len(counts))
        assert np.abs(got - np.array(counts) * len(rows) / len(labels)).max() <= 2


def test_another_seed_gives_another_split():
    assert (split_indices(100, seed=0).valid != split_indices(100, seed=1).valid).any()


def test_a_class_too_small_to_divide_is_trained_on_and_reported():
    labels = np.array([0] * 50 + [1] * 50 + [2])
    split = split_indices(101, valid=0.2, test=0.2, labels=labels)
    assert 100 in split.train
    assert [f.code for f in split.findings] == ["class_too_small_to_split"]


def test_a_split_smaller_than_the_number_of_classes_is_reported():
    split = split_indices(100, valid=3, labels=np.arange(100) % 10)
    assert len(split.valid) == 3
    assert split.findings[0].code == "split_not_stratified"


@pytest.mark.parametrize(("valid", "test"), [(0.5, 0.5), (100, 0), (-0.1, 0), (float("nan"), 0), (1.5, 0), (True, 0)])
def test_impossible_sizes_are_refused(valid, test):
    with pytest.raises(DataError, match=r"Expected"):
        split_indices(100, valid=valid, test=test)
