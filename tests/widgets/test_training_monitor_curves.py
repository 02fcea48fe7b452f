"""Blocks of a growing table: exact means and extremes, the same however the rows came, never many."""

import numpy as np
import pytest

from lepton_lab.widgets.training_monitor_curves import Curves


def rows(count, start=0, seed=0):
    random = np.random.default_rng(seed)
    loss = random.random(start + count)[start:]
    loss[::7] = np.nan
    at = np.arange(start + 1, start + count + 1, dtype=float)
    return {"step": at, "loss": loss, "lr": np.full(count, 0.1)}


def test_few_rows_stay_as_they_are():
    curves = Curves(("step",))
    curves.add(rows(5))
    assert (curves.level, curves.complete, curves.total) == (0, 5, 5)
    assert curves.names() == ["step", "loss", "lr"]
    np.testing.assert_allclose(curves.since()[1], rows(5)["loss"].astype(np.float32))


@pytest.mark.parametrize("gaps", [True, False])
@pytest.mark.parametrize("count", [1, 9, 100, 1003, 70_001])
def test_blocks_are_those_of_all_rows_at_once(count, gaps):
    whole, parts = Curves(("step",), most=50), Curves(("step",), most=50)
    data = rows(count)
    if not gaps:
        data["loss"] = np.nan_to_num(data["loss"], nan=0.5)
    whole.add(data)
    at, random = 0, np.random.default_rng(1)
    while at < count:
        more = int(random.integers(1, max(2, count // 5)))
        parts.add({name: values[at : at + more] for name, values in data.items()})
        at += more
    assert (whole.level, whole.complete) == (parts.level, parts.complete)
    np.testing.assert_allclose(whole.since(), parts.since(), rtol=1e-6)
    assert whole.complete <= 50


def test_a_block_keeps_mean_and_extremes_without_gaps():
    curves = Curves(("step",), most=1)
    curves.add({"step": np.arange(1.0, 6.0), "loss": np.array([4.0, np.nan, 8.0, 1.0, 7.0])})
    step, mean, low, high = curves.since()
    assert curves.names() == ["step", "loss", "low loss", "high loss"]
    assert (curves.level, curves.complete) == (2, 1)
    assert step.tolist() == [4, 5]
    np.testing.assert_allclose(mean, [13 / 3, 7])
    assert low.tolist() == [1, 7]
    assert high.tolist() == [8, 7]


def test_a_block_of_gaps_is_a_gap():
    curves = Curves(("step",), most=1)
    curves.add({"step": np.array([1.0, 2.0]), "loss": np.array([np.nan, np.nan])})
    assert np.isnan(curves.since()[1:]).all()


def test_whole_blocks_are_those_that_were_folded_row_by_row():
    rows = {"step": np.arange(1.0, 4097.0), "loss": np.random.default_rng(0).random(4096, np.float32)}
    quick, slow = Curves(("step",), most=64), Curves(("step",), most=64)
    quick.add(rows)
    for start in range(0, 4096, 3):
        slow.add({name: values[start : start + 3] for name, values in rows.items()})
    assert (quick.level, quick.complete, quick.total) == (slow.level, slow.complete, slow.total) == (6, 64, 4096)
    np.testing.assert_allclose(quick.since(), slow.since(), rtol=1e-6)
    blocks = rows["loss"].reshape(64, 64)
    np.testing.assert_allclose(quick.since()[1:], [blocks.mean(1), blocks.min(1), blocks.max(1)], rtol=1e-6)
    assert quick.since()[0].tolist() == list(range(64, 4097, 64))


def test_a_spike_is_never_lost():
    curves = Curves(("step",), most=100)
    data = rows(10_000)
    data["loss"][4321] = 99.0
    for start in range(0, 10_000, 250):
        curves.add({name: values[start : start + 250] for name, values in data.items()})
    assert curves.since()[curves.names().index("high loss")].max() == 99.0


def test_what_travels_gets_less_the_longer_a_run_is():
    curves, sent, level = Curves(("step",)), [], 0
    begin = 0
    for i in range(200):
        curves.add(rows(2000, 2000 * i))
        begin >>= curves.level - level
        level = curves.level
        sent.append(curves.since(begin).nbytes)
        begin = curves.complete
    assert sum(sent[-10:]) < 10_000  # a second of 20,000 rows, after 20 s
    assert curves.complete <= 1000
