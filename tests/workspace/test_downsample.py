"""Long curves are thinned without losing a spike."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from lepton_lab.workspace.downsample import downsample


@given(st.integers(0, 5000), st.integers(4, 300), st.integers(0, 10))
def test_extremes_and_ends_are_kept(count, points, seed):
    rng = np.random.default_rng(seed)
    x, y = np.arange(count, dtype=float), rng.normal(size=count)
    y[rng.random(count) < 0.1] = np.nan
    few_x, few_y = downsample(x, y, points)
    assert len(few_x) <= max(points, 4) + 6
    assert (np.diff(few_x) > 0).all()
    np.testing.assert_array_equal(few_y, y[few_x.astype(int)])
    if count and not np.isnan(y).all():
        assert np.nanmax(few_y) == np.nanmax(y)
        assert np.nanmin(few_y) == np.nanmin(y)
        assert (few_x[0], few_x[-1]) == (0, count - 1)


def test_a_gap_stays_a_gap():
    y = np.ones(10_000)
    y[4000:6000] = np.nan
    few_x, few_y = downsample(np.arange(10_000.0), y, 100)
    assert np.isnan(few_y[(few_x > 4100) & (few_x < 5900)]).all()
    assert np.isnan(few_y).sum() >= 5


def test_infinity_is_an_extreme():
    y = np.zeros(10_000)
    y[1234], y[4321] = np.inf, -np.inf
    _, few = downsample(np.arange(10_000.0), y, 50)
    assert np.inf in few
    assert -np.inf in few
