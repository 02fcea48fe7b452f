"""Editing data that is loaded, making it again, and the code that does both."""

import numpy as np
import pandas as pd
import pytest
import torch

import lepton_lab as ll
from lepton_lab.data.edits import EDITS, made_again
from lepton_lab.data.reproduce import to_python
from lepton_lab.errors import DataError, UnknownNameError


@pytest.fixture
def tiny():
    """Six training samples: 0 and 1 equal, 2 and 3 equal with different targets, 4 blank, 5 is in the test too."""
    x = np.array([[1, 2], [1, 2], [3, 4], [3, 4], [5, 5], [6, 7]], np.float32)
    y = np.array([0, 0, 0, 1, 1, 1])
    return ll.from_arrays(x, y, test_data=(np.array([[6, 7], [8, 9]], np.float32), np.array([1, 0])), valid=0)


@pytest.mark.parametrize(
    ("edit", "left"),
    [
        ({"do": "remove_copies", "split": "train"}, [1, 3, 5, 6]),
        ({"do": "remove_conflicting", "split": "train"}, [1, 1, 5, 6]),
        ({"do": "remove_blank", "split": "train"}, [1, 1, 3, 3, 6]),
        ({"do": "remove_shared", "split": "train", "other": "test"}, [1, 1, 3, 3, 5]),
        ({"do": "remove_rows", "split": "train", "rows": [0, 4]}, [1, 3, 3, 6]),
        ({"do": "remove_not_finite", "split": "train"}, [1, 1, 3, 3, 5, 6]),
    ],
)
def test_each_edit_takes_out_what_it_names(tiny, edit, left):
    edited = tiny.edited(edit)
    assert edited.train.x[:, 0].tolist() == left
    assert edited.edits == (edit,)
    assert len(tiny.train) == 6
    assert len(edited.test) == 2


def test_every_edit_is_tried_above():
    marks = test_each_edit_takes_out_what_it_names.pytestmark[0].args[1]
    assert {edit["do"] for edit, _ in marks} == set(EDITS)


def test_samples_with_nan_go():
    x = np.ones((6, 2), np.float32)
    x[2, 1] = np.nan
    data = ll.from_arrays(x, [0, 1] * 3, valid=0, test=0, allow_nan=True)
    assert len(data.edited({"do": "remove_not_finite", "split": "train"}).train) == 5


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"do": "remove_everything", "split": "train"}, "remove_conflicting"),
        ({"do": "remove_copies", "split": "valid"}, "train"),
        ({"do": "remove_shared", "split": "train"}, "split"),
        ({"do": "remove_rows", "split": "train", "rows": [9]}, "0 to 5"),
        ({"do": "remove_rows", "split": "train", "rows": list(range(6))}, "nothing would be left"),
        ({"do": "remove_rows", "split": "train", "rows": [0, 1, 2]}, "one class"),
    ],
)
def test_what_cannot_be_taken_out_is_told(tiny, edit, words):
    with pytest.raises((DataError, UnknownNameError), match=words):
        tiny.edited(edit)


def test_a_split_of_which_nothing_is_left_is_gone(tiny):
    assert tiny.edited({"do": "remove_rows", "split": "test", "rows": [0, 1]}).test is None


def test_weights_stay_with_their_samples(tiny):
    edited = tiny.balanced("sampling").edited({"do": "remove_rows", "split": "train", "rows": [0]})
    assert torch.equal(edited.train.weights, tiny.balanced("sampling").train.weights[1:])


def test_repeated_samples_are_no_copies_to_remove(tiny):
    with pytest.raises(DataError, match="repeated already"):
        tiny.balanced("oversampling").edited({"do": "remove_copies", "split": "train"})


def test_edits_travel_with_the_source():
    data = ll.load_dataset("iris").edited({"do": "remove_copies", "split": "train"}).balanced("weights")
    again = ll.load_source(data.source)
    assert again.fingerprint == data.fingerprint
    assert again.edits == data.edits


def test_code_loads_the_same_data(tmp_path, monkeypatch):
    frame = pd.DataFrame({"a": np.arange(60) % 11, "b": np.arange(60) % 5, "y": ["no", "yes"] * 30})
    frame.to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    data = ll.load_table("t.csv", target="y", seed=3, stratified=False)
    data = data.edited({"do": "remove_copies", "split": "train"}).balanced("weights")
    code = to_python(data)
    assert code == (
        "data = ll.load_table('t.csv', target='y', seed=3, stratified=False)"
        ".edited({'do': 'remove_copies', 'split': 'train'}).balanced('weights')"
    )
    names = {"ll": ll}
    exec(code, names)
    assert names["data"].fingerprint == data.fingerprint
    assert to_python(ll.from_arrays(np.ones((9, 2), np.float32), [0, 1, 2] * 3)) == ""


def test_data_are_made_again_with_other_options_and_what_was_chosen_stays():
    data = ll.load_dataset("mnist-sample").with_augmentation("digits").balanced("weights")
    again = made_again(data, valid=0.3, seed=5)
    assert (len(again.train), len(again.valid), len(again.test)) == (1680, 720, 600)
    assert again.train.augmentation == data.train.augmentation
    assert again.balance == "weights"
    assert len(made_again(again, valid=None).valid) == len(data.valid)


def test_arrays_and_frames_are_split_again_from_memory():
    x = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    data = ll.from_arrays(x, np.arange(100) % 4, normalise="standard")
    again = made_again(data, valid=0.3, test=0.2)
    assert (len(again.train), len(again.valid), len(again.test)) == (50, 30, 20)
    assert not torch.equal(again.preprocessing.mean, data.preprocessing.mean)  # fitted anew on the new training part
    frame = pd.DataFrame(x, columns=list("abc")).assign(y=["u", "v"] * 50)
    assert len(made_again(ll.load_table(frame, target="y"), valid=0.4).valid) == 40


def test_data_that_nobody_can_make_again_say_so():
    from dataclasses import replace

    with pytest.raises(DataError, match="from memory"):
        made_again(replace(ll.load_dataset("iris"), source=None, recipe=None), valid=0.2)


@pytest.mark.parametrize("stratified", [True, False])
def test_a_split_heeds_classes_only_where_it_is_asked_to(stratified):
    data = ll.load_dataset("mnist-sample", valid=0.25, stratified=stratified)
    shares = torch.bincount(data.valid.targets(), minlength=10) / torch.bincount(
        torch.cat([data.train.targets(), data.valid.targets()]), minlength=10
    )
    assert (float(shares.max() - shares.min()) < 0.01) == stratified
