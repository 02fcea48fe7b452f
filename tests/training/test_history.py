"""The history: what goes in comes out, by cursor, however long it gets."""

import math
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lepton_lab.errors import UnknownNameError
from lepton_lab.training import History, Table, history as module

FLOATS = st.floats(width=32, allow_nan=False)
ROWS = st.lists(st.tuples(st.floats(allow_nan=False), FLOATS), max_size=60)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, cursor=st.integers(-3, 70), chunk=st.integers(1, 9))
def test_since_gives_what_was_appended(rows, cursor, chunk):
    old, module._ROWS_PER_CHUNK = module._ROWS_PER_CHUNK, chunk
    try:
        table = Table(("a", "b"), single=("b",))
        for row in rows:
            table.append(row)
        after, columns = table.since(cursor)
        expected = rows[max(0, cursor) :]
        assert len(table) == len(rows)
        assert after == max(len(rows), cursor)
        assert columns["a"].tolist() == [r[0] for r in expected]
        assert columns["b"].tolist() == [r[1] for r in expected]
    finally:
        module._ROWS_PER_CHUNK = old


@settings(max_examples=30, deadline=None)
@given(rows=ROWS, reads=st.lists(st.integers(0, 20), max_size=8))
def test_reading_in_pieces_misses_nothing(rows, reads):
    table, cursor, seen = Table(("a", "b")), 0, []
    pending = iter(rows)
    for count in [*reads, len(rows)]:
        for _, row in zip(range(count), pending, strict=False):
            table.append(row)
        cursor, columns = table.since(cursor)
        seen += columns["a"].tolist()
    assert seen == [r[0] for r in rows]


def test_a_row_of_another_width_is_refused_and_changes_nothing():
    table = Table(("a", "b"))
    with pytest.raises(ValueError, match=r"expected 2 values"):
        table.append((1.0,))
    with pytest.raises(TypeError):
        table.append((1.0, "x"))
    assert len(table) == 0


def test_readers_beside_a_writer_see_whole_rows():
    table = Table(("a", "b"))
    done = threading.Event()

    def write():
        for i in range(30_000):
            table.append((i, -i))
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    cursor, seen = 0, []
    while not done.is_set() or cursor < 30_000:
        cursor, columns = table.since(cursor)
        assert (columns["a"] == -columns["b"]).all()
        seen.append(columns["a"])
    thread.join()
    assert np.array_equal(np.concatenate(seen), np.arange(30_000.0))


def test_appending_stays_cheap_and_small():
    history = History(["accuracy"])
    row = (1, 0.5, 0.1, 0.2, 1e-3, math.nan, 1e4, 0.9)

    def cost(rows):
        best = math.inf
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(rows):
                history.steps.append(row)
            best = min(best, time.perf_counter() - start)
        return best / rows

    early = cost(5_000)
    for _ in range(100_000):
        history.steps.append(row)
    late = cost(5_000)
    assert late < 3 * early + 2e-6
    assert history.steps.nbytes() <= 8 * len(history.steps) * len(row)


def test_it_reads_as_keras_does():
    history = History(["accuracy"], validation=True)
    history.epochs.append((1, 0.9, 0.5, 1.0, 0.4, 1e-3, 2.0))
    history.epochs.append((2, 0.8, 0.6, 0.9, 0.5, 1e-3, 4.0))
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy", "lr"]
    assert history["val_loss"] == history.history["val_loss"] == [1.0, 0.9]
    assert history.epoch == [0, 1]
    assert "val_accuracy" in history
    assert list(history.to_frame()["epoch"]) == [1, 2]
    with pytest.raises(UnknownNameError, match=r"val_loss"):
        history["val_los"]


def test_a_restored_history_is_the_same_and_can_be_cut():
    history = History(["accuracy"])
    for step in range(1, 11):
        history.steps.append((step, step / 5, 0.1, 0.2, 1e-3, math.nan, 1e4, 0.5))
    history.epochs.append((1, 0.9, 0.5, 1e-3, 2.0))
    history.epochs.append((2, 0.8, 0.6, 1e-3, 4.0))
    history.add_event("set", "set lr", lr=0.1)
    again = History.restore(history.to_json(), history.steps.since(0)[1], history.epochs.since(0)[1])
    assert again.history == history.history
    assert again.events == history.events
    cut = history.truncated(step=6, epoch=1)
    assert len(cut.steps) == 6
    assert cut.epoch == [0]


def test_events_come_by_cursor():
    history = History()
    history.add_event("a", "first")
    cursor, events = history.events_since(0)
    history.add_event("b", "second")
    assert [e["kind"] for e in events] == ["a"]
    assert [e["kind"] for e in history.events_since(cursor)[1]] == ["b"]


def test_many_rows_at_once_are_the_rows_one_by_one():
    one, many = Table(("a", "b"), single=("b",)), Table(("a", "b"), single=("b",))
    for table in (one, many):
        table.append((-1.0, -2.0))
    a, b = np.arange(10_000.0), np.arange(10_000.0) / 3
    for row in zip(a.tolist(), b.tolist(), strict=True):
        one.append(row)
    many.extend({"a": a[:5000], "b": b[:5000]})
    many.extend({"a": a[5000:], "b": b[5000:]})
    many.extend({})
    for name, values in one.since(0)[1].items():
        np.testing.assert_array_equal(values, many.since(0)[1][name])
    assert len(one) == len(many) == 10_001
    many.extend({"a": [1.0]})
    assert np.isnan(many.since(10_001)[1]["b"][0])


def test_a_million_rows_are_taken_in_at_once():
    table, column = Table(("a", "b", "c")), np.zeros(1_000_000)
    begin = time.perf_counter()
    table.extend({"a": column, "b": column, "c": column})
    assert time.perf_counter() - begin < 1.0
    assert len(table) == 1_000_000
