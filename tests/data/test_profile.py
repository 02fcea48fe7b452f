"""A table's columns looked at and cleaned."""

import threading

import numpy as np
import pandas as pd
import pytest

import lepton_lab as ll
from lepton_lab.data import Preprocessing
from lepton_lab.data.checks import examine
from lepton_lab.data.cleaning import cleaned, remedy, unbalanced
from lepton_lab.data.images_reader import LoadingCancelledError, Watch
from lepton_lab.data.profile import BINS, profile_table
from lepton_lab.errors import DataError, UnknownNameError


@pytest.fixture
def messy():
    rng = np.random.default_rng(0)
    n = 500
    size = rng.normal(0, 1, n)
    return pd.DataFrame(
        {
            "size": size,
            "noise": rng.normal(0, 1, n),
            "town": rng.choice(["Bonn", "bonn ", "BONN", "Ulm"], n, p=[0.5, 0.1, 0.1, 0.3]),
            "gaps": np.where(rng.random(n) < 0.5, np.nan, rng.random(n)),
            "seen": pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 90, n), unit="D"),
            "same": "x",
            "row_id": np.arange(n),
            "big": np.where(size > 0, "yes", "no"),
        }
    )


def columns(data):
    return {column.name: column for column in profile_table(data).columns}


def test_shapes_of_columns(messy):
    found = columns(ll.load_table(messy, target="big"))
    assert found["size"].histogram == tuple(np.histogram(messy["size"], BINS)[0])
    assert float(found["size"].middle) == pytest.approx(messy["size"].median(), rel=1e-4)
    assert found["gaps"].missing == pytest.approx(messy["gaps"].isna().mean())
    assert (found["seen"].kind, found["seen"].low) == ("date", str(messy["seen"].min().date()))
    assert dict(found["town"].top)["Ulm"] == pytest.approx((messy["town"] == "Ulm").mean())
    assert found["big"].role == "target"
    assert [found[n].role for n in ("same", "row_id")] == ["left out"] * 2


def test_what_a_column_tells_of_the_target(messy):
    found = columns(ll.load_table(messy, target="big"))
    assert found["size"].tells > 0.8
    assert found["noise"].tells < 0.03
    assert found["row_id"].tells is None
    messy["y"] = messy["size"] ** 2 + 0.01 * messy["noise"]
    found = columns(ll.load_table(messy, target="y"))
    assert found["size"].tells > 0.5  # no correlation, and yet it tells
    assert found["noise"].tells < 0.05


def test_what_is_suggested(messy):
    messy["leak"] = np.where(messy["big"] == "yes", 7.0, 3.0)
    found = columns(ll.load_table(messy, target="big"))
    assert [(i.severity, i.change) for i in found["leak"].issues] == [("error", "leave_out")]
    assert [i.change for i in found["gaps"].issues] == ["mark"]
    assert [i.change for i in found["town"].issues] == ["join"]
    assert dict(found["town"].issues[0].words) == {"BONN": "Bonn", "bonn ": "Bonn"} or "Bonn" in set(
        found["town"].issues[0].words.values()
    )
    assert [i.change for i in found["row_id"].issues] == ["use"]
    assert found["noise"].issues == ()


def test_cleaning_is_carried_out_and_travels_with_the_preprocessing(messy):
    data = ll.load_table(messy, target="big")
    words = dict(columns(data)["town"].issues[0].words)
    now = cleaned(
        data, [("join", "town"), ("mark", "gaps"), ("leave_out", "noise"), ("use", "row_id")], {"town": words}
    )
    names = now.preprocessing.feature_names
    assert [n for n in names if n.startswith("town")] == ["town = Bonn", "town = Ulm", "town = other"]
    assert "gaps was missing" in names
    assert "noise" not in names
    assert "row_id" in names
    assert columns(now)["town"].issues == columns(now)["gaps"].issues == ()
    served = Preprocessing.from_json(now.preprocessing.to_json())
    row = {"size": 1, "town": "BONN", "gaps": None, "seen": "2024-03-05", "row_id": 3}
    x = dict(zip(names, served(row)[0].tolist(), strict=True))
    assert x["town = Bonn"] == 1
    assert x["gaps was missing"] > 0
    assert dict(zip(names, served({**row, "gaps": 0.5})[0].tolist(), strict=True))["gaps was missing"] == 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ([("burn", "size")], UnknownNameError),
        ([("leave_out", "sise")], UnknownNameError),
        ([("leave_out", n) for n in ("size", "noise", "town", "gaps", "seen")], DataError),
        ([("mark", "row_id")], DataError),
    ],
)
def test_cleaning_that_cannot_be_is_told(messy, changes, error):
    with pytest.raises(error):
        cleaned(ll.load_table(messy, target="big"), changes)


def test_only_tables_have_columns():
    with pytest.raises(DataError, match="not made of a table"):
        profile_table(ll.load_dataset("mnist-sample"))
    with pytest.raises(DataError, match="not made of a table"):
        cleaned(ll.load_dataset("mnist-sample"), [("leave_out", "x")])


def test_unequal_classes_are_weighted_and_weighted_no_longer():
    data = ll.from_arrays(np.random.default_rng(0).random((120, 2)).astype(np.float32), [0] * 100 + [1] * 20)
    finding = data.report.find("imbalanced_classes")[0]
    now = remedy(data, finding).apply(data)
    assert now.balance == "weights"
    assert remedy(now, finding) is None
    assert unbalanced(now).balance == ""
    with pytest.raises(DataError, match="evened out by sampling"):
        unbalanced(data.balanced("sampling"))


def test_the_report_tells_how_far_it_is_and_can_be_cancelled():
    data = ll.load_dataset("mnist-sample")
    told = []
    examine(data, Watch(lambda done, total: told.append((done, total))))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(LoadingCancelledError):
        examine(data, Watch(None, cancel))
