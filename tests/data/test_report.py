"""The report finds what is wrong with crafted bad data, and stays silent on good data."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings, strategies as st

from lepton_lab.data import from_arrays, load_dataset, load_table
from lepton_lab.data.checks import row_hashes

RNG = np.random.default_rng(1)


def features(n=300):
    return RNG.normal(size=(n, 4)).astype(np.float32), np.arange(n) % 2


def test_good_data_has_no_findings_and_says_what_was_checked():
    report = from_arrays(*features()).report
    assert report.findings == ()
    assert "duplicates across splits" in report.clean
    assert report.counts == {"train": 210, "valid": 45, "test": 45}
    assert sum(report.balance["train"].values()) == 210


def test_duplicates_within_and_across_splits_are_counted_and_shown():
    x, y = features()
    x[5] = x[6]
    valid = np.concatenate([x[:3], RNG.normal(size=(7, 4)).astype(np.float32)]), np.arange(10) % 2
    report = from_arrays(x, y, validation_data=valid).report
    (within,) = report.find("duplicates_within_split")
    assert within.evidence["pairs"] == [[5, 6]]
    (across,) = report.find("duplicates_across_splits")
    assert across.evidence["splits"] == ["train", "valid"]
    assert across.evidence["pairs"] == [[0, 0], [1, 1], [2, 2]]
    assert "30.00%" in across.message
    assert report.find("conflicting_targets")


def test_a_leak_is_named():
    x, y = features()
    x[:, 2] = y + RNG.normal(0, 0.01, len(y))
    (leak,) = from_arrays(x, y, valid=0, test=0).report.find("leaking_feature")
    assert leak.evidence["feature"] == "feature 2"
    z = x[:, 0].astype(np.float64)
    (leak,) = from_arrays(x, z * 3 + 1, valid=0, test=0).report.find("leaking_feature")
    assert leak.evidence["feature"] == "feature 0"


def test_what_makes_a_result_untrue_stands_before_copies_within_a_split():
    x, y = features()
    x[:, 2] = y
    x[5] = x[7]
    findings = from_arrays(x, y, validation_data=(x[:9], y[:9])).report.findings
    codes = [finding.code for finding in findings if finding.severity == "warning"]
    assert codes[:2] == ["leaking_feature", "duplicates_across_splits"]
    assert [f.code for f in findings].index("duplicates_within_split") > 1


def test_a_useful_feature_is_no_leak():
    x, y = features(1000)
    x[:, 2] += 3 * y
    assert not from_arrays(x, y).report.find("leaking_feature")


def test_constant_features_uneven_classes_and_blank_images_are_named():
    x, _ = features()
    x[:, 1] = 4
    report = from_arrays(x, (np.arange(300) % 30 == 0).astype(int), valid=0, test=0).report
    assert report.find("constant_feature")[0].evidence["features"] == ["feature 1"]
    assert report.find("imbalanced_classes")[0].evidence["fewest"] == "1"
    images = RNG.integers(0, 255, (100, 1, 6, 6), dtype=np.uint8)
    images[3] = 9
    blank = from_arrays(images, np.arange(100) % 2, valid=0, test=0).report.find("blank_samples")
    assert blank[0].evidence["rows"] == [3]


def test_a_class_that_only_the_test_has_is_an_error():
    x, y = features()
    report = from_arrays(x, y, test_data=(x[:3] + 1, [0, 1, 2]), valid=0).report
    (finding,) = report.find("empty_class")
    assert finding.severity == "error"
    assert report.findings[0] is finding


def test_the_report_reads_as_text_table_and_html():
    report = load_dataset("iris").report
    assert "Report on iris" in str(report)
    assert list(report.to_frame().columns) == ["severity", "code", "message", "suggestion"]
    assert report.balance_frame().shape == (3, 3)
    page = report._repr_html_()
    assert "setosa" in page
    assert "<script" not in page


def test_names_from_files_cannot_inject_html():
    frame = pd.DataFrame({"<b>x</b>": np.arange(40.0) ** 1.5, "target": ["<script>alert(1)</script>", "b"] * 20})
    bundle = load_table(frame, target="target", name="<img src=x>")
    page = bundle._repr_html_()
    assert "<script>" not in page
    assert "<img" not in page


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_hashes_agree_with_equality(data):
    width = data.draw(st.integers(1, 20))
    dtype = data.draw(st.sampled_from([torch.uint8, torch.float32, torch.int64]))
    rows = data.draw(st.lists(st.lists(st.integers(0, 2), min_size=width, max_size=width), min_size=1, max_size=40))
    x = torch.tensor(rows).to(dtype)
    if dtype == torch.float32:
        x = x - 1  # also -1: sign bits alone must tell rows apart
    hashes = row_hashes(x)
    for i in range(len(rows)):
        for j in range(i):
            assert (hashes[i] == hashes[j]) == (rows[i] == rows[j])


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_signed_zeros_are_one_value(sign):
    assert row_hashes(torch.tensor([[0.0, 1.0]])) == row_hashes(torch.tensor([[sign * 0.0, 1.0]]))


def test_a_column_of_words_that_repeats_the_target_is_a_leak_and_its_unused_slot_is_no_constant():
    kinds = np.array(["barolo", "barbera", "grignolino"])[RNG.integers(0, 3, 200)]
    table = pd.DataFrame({"alcohol": RNG.normal(size=200), "grade": np.char.upper(kinds), "wine": kinds})
    report = load_table(table, target="wine").report
    (leak,) = report.find("leaking_feature")
    assert leak.evidence["feature"] == "grade"
    assert not report.find("constant_feature")
