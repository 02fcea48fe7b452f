"""Columns on disk are the columns that were appended, however they were cut into chunks and merged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from lepton_lab.errors import StoreError
from lepton_lab.workspace import chunks
from lepton_lab.workspace.database import Database

NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True, width=64),
    st.floats(allow_nan=True, width=32),
    st.integers(0, 1000).map(float),
)


def new_run(database: Database, name: str = "a") -> str:
    with database.write() as connection:
        connection.execute("INSERT INTO runs (id, name, state, created) VALUES (?, ?, 'running', 0)", (name, name))
    return name


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "lepton.db")
    yield database
    database.close()


@given(st.lists(NUMBERS, min_size=1, max_size=50), st.lists(NUMBERS, min_size=1, max_size=50))
def test_encoding_is_exact(a, b):
    rows = min(len(a), len(b))
    columns = {"loss": np.array(a[:rows]), "lr": np.array(b[:rows]), "step": np.arange(rows, dtype=float)}
    back = chunks.decode(*chunks.encode(columns), rows)
    assert list(back) == list(columns)
    for name, values in columns.items():
        np.testing.assert_array_equal(back[name], values)


def test_columns_take_only_the_bytes_they_need():
    rows = 1000
    single = np.random.default_rng(0).normal(size=rows).astype(np.float32).astype(np.float64)
    double = np.random.default_rng(0).normal(size=rows)
    size = {
        name: len(chunks.encode({name: values})[1])
        for name, values in {
            "step": np.arange(5.0, rows + 5),
            "lr": np.full(rows, 1e-3),
            "nan": np.full(rows, np.nan),
            "loss": single,
            "time": double,
        }.items()
    }
    assert size == {"step": 0, "lr": 0, "nan": 0, "loss": 4 * rows, "time": 8 * rows}


def test_a_short_blob_is_an_error():
    head, data = chunks.encode({"loss": np.array([1.1, 2.2, 3.7])})
    with pytest.raises(StoreError, match="damaged"):
        chunks.decode(head, data[:-1], 3)


def test_pieces_are_the_rows_without_being_put_together(database, monkeypatch):
    monkeypatch.setattr(chunks, "FINAL_ROWS", 100)
    run, random = new_run(database), np.random.default_rng(0)
    rows = {"step": np.arange(250.0), "loss": random.random(250, np.float32).astype(float), "lr": random.random(250)}
    with database.write() as connection:
        chunks.append(connection, run, "steps", 0, rows)
    for since in (0, 30, 249, 250):
        with database.read() as connection:
            after, pieces, lengths = chunks.pieces(connection, run, "steps", since)
            read = chunks.read(connection, run, "steps", since)
        assert after == read[0] == 250
        assert sum(lengths) == 250 - since
        assert all(
            n <= 100 and {len(v) for v in piece.values()} == {n} for piece, n in zip(pieces, lengths, strict=True)
        )
        if pieces:
            assert {piece["loss"].dtype for piece in pieces} == {np.dtype("f4")}
        for name, values in chunks.join(pieces, lengths).items():
            np.testing.assert_array_equal(values, rows[name][since:])
            np.testing.assert_array_equal(values, read[1][name])


BATCHES = st.lists(st.one_of(st.integers(1, 3), st.integers(1, 400)), min_size=1, max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(batches=BATCHES, cuts=st.lists(st.floats(0, 1), max_size=4), final=st.sampled_from([50, 500, 65_536]))
def test_any_cursor_continues_where_it_stopped(tmp_path_factory, batches, cuts, final):
    database = Database(tmp_path_factory.mktemp("db") / "lepton.db")
    patch = pytest.MonkeyPatch()
    patch.setattr(chunks, "FINAL_ROWS", final)
    run, model, cursor, seen = new_run(database), [], 0, []
    rng = np.random.default_rng(len(batches))
    for number, rows in enumerate(batches):
        values = rng.normal(size=rows)
        with database.write() as connection:
            chunks.append(
                connection, run, "steps", len(model), {"step": np.arange(len(model), len(model) + rows), "v": values}
            )
        model += values.tolist()
        if number % 3 == 0:
            cursor, new = chunks.read(database.connection(), run, "steps", cursor)
            seen += new["v"].tolist()
    cursor, new = chunks.read(database.connection(), run, "steps", cursor)
    seen += new.get("v", np.array([])).tolist()
    assert seen == model
    assert cursor == chunks.row_count(database.connection(), run, "steps") == len(model)
    for cut in cuts:
        since = int(cut * len(model))
        _, part = chunks.read(database.connection(), run, "steps", since)
        assert part.get("v", np.array([])).tolist() == model[since:]
    keep = int((cuts or [0.5])[0] * len(model))
    with database.write() as connection:
        chunks.truncate(connection, run, "steps", keep)
        chunks.append(connection, run, "steps", keep, {"step": np.array([keep]), "v": np.array([7.0])})
    _, whole = chunks.read(database.connection(), run, "steps")
    assert whole["v"].tolist() == [*model[:keep], 7.0]
    assert whole["step"].tolist() == list(range(keep + 1))
    patch.undo()
    database.close()


def test_many_small_writes_end_in_few_chunks(database):
    run = new_run(database)
    with database.write() as connection:
        for row in range(3000):
            chunks.append(connection, run, "steps", row, {"v": np.array([row * 1.1])})
    assert database.row("SELECT count(*) FROM chunks")[0] < 64
    _, whole = chunks.read(database.connection(), run, "steps")
    np.testing.assert_array_equal(whole["v"], np.arange(3000) * 1.1)


def test_a_column_that_begins_later_is_nan_before(database):
    run = new_run(database)
    with database.write() as connection:
        chunks.append(connection, run, "epochs", 0, {"loss": np.array([1.0, 2.0])})
        chunks.append(connection, run, "epochs", 2, {"loss": np.array([3.0]), "val_loss": np.array([4.0])})
    _, whole = chunks.read(database.connection(), run, "epochs")
    np.testing.assert_array_equal(whole["val_loss"], [np.nan, np.nan, 4.0])
