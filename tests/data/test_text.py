"""`load_text`: words as numbers, with a vocabulary of training words only."""

import pandas as pd
import pytest
import torch

from lepton_lab.data import Preprocessing, load_source, load_text
from lepton_lab.data.text import tokenise
from lepton_lab.errors import DataError, UnknownNameError

GOOD, BAD = "what a great film", "a terribly dull film"


def reviews(n=60):
    return pd.DataFrame(
        {"text": [f"{GOOD if i % 2 else BAD} {i}" for i in range(n)], "label": [i % 2 for i in range(n)]}
    )


def test_texts_become_padded_numbers():
    bundle = load_text(reviews(), valid=0.2, test=0.2)
    assert bundle.task == "binary"
    assert bundle.sample_dtype == "int64"
    assert bundle.sample_shape == (5,)
    x, _ = next(iter(bundle.train.batches(4)))
    assert x.dtype == torch.int64
    assert "film" in bundle.preprocessing.decode(x[0])
    assert int(x.max()) < bundle.preprocessing.index_count


def test_the_vocabulary_comes_from_training_alone():
    test = pd.DataFrame({"text": ["zebra zebra zebra film"] * 4, "label": [0, 1, 0, 1]})
    bundle = load_text(reviews(), test_source=test)
    assert "zebra" not in bundle.preprocessing.vocabulary
    assert bundle.preprocessing("zebra film")[0, 0] == 1
    assert bundle.report.find("many_unknown_words")


def test_tokens_are_words_numbers_and_signs():
    assert tokenise("Don't stop, Zoë — 42!") == ["don't", "stop", ",", "zoë", "—", "42", "!"]


@pytest.mark.parametrize("header", [True, False])
def test_columns_are_found_with_and_without_a_header(tmp_path, header):
    path = tmp_path / "r.tsv"
    reviews().to_csv(path, sep="\t", index=False, header=header)
    bundle = load_text(path)
    assert bundle.classes == ("0", "1")
    assert sum(map(len, bundle.splits.values())) == 60
    assert load_source(bundle.source).fingerprint == bundle.fingerprint


def test_long_texts_are_cut_and_the_empty_one_is_filling_only():
    bundle = load_text(reviews(), length=3)
    assert bundle.sample_shape == (3,)
    assert bundle.preprocessing("").tolist() == [[0, 0, 0]]


def test_saving_keeps_every_number(tmp_path):
    bundle = load_text(reviews())
    bundle.preprocessing.save(tmp_path)
    loaded = Preprocessing.load(tmp_path)
    assert torch.equal(loaded(["a great zebra", GOOD]), bundle.preprocessing(["a great zebra", GOOD]))


def test_rows_without_text_or_label_are_left_out():
    frame = reviews()
    frame.loc[3, "text"] = None
    frame.loc[4, "label"] = None
    bundle = load_text(frame)
    assert sum(map(len, bundle.splits.values())) == 58
    assert bundle.report.find("rows_without_text_or_label")


def test_what_is_no_text_is_refused():
    with pytest.raises(DataError, match="no column holds texts"):
        load_text(pd.DataFrame({"a": range(30), "b": range(30)}))
    with pytest.raises(UnknownNameError, match="Did you mean 'text'"):
        load_text(reviews(), text="txt")
    with pytest.raises(DataError, match="a string"):
        load_text(reviews()).preprocessing(3.5 and [3.5])
    with pytest.raises(DataError, match="nothing to tell apart"):
        load_text(reviews().assign(label=1))
