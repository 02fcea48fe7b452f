"""Reading of odd tables, rows that are left out, and parts of large tables."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from lepton_lab.data import load_source, load_table
from lepton_lab.data.table_reading import read_table
from lepton_lab.data.table_sample import sample_table
from lepton_lab.data.table_text import is_header, read_head, what_it_is
from lepton_lab.errors import DataError

ROWS = [(f"n{i}", i, "ab"[i % 2]) for i in range(50)]


@pytest.fixture
def file(tmp_path):
    def write(content, name="t.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def lines(rows=ROWS, mark=","):
    return "".join(mark.join(map(str, row)) + "\n" for row in rows)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1"])
def test_encodings_are_found(file, encoding):
    table = read_table(file("Größe,wert,y\n" + lines(), encoding=encoding))
    assert list(table.columns) == ["Größe", "wert", "y"]
    assert len(table) == 50


def test_an_encoding_that_shows_late_is_found_and_a_wrong_one_refused(file):
    late = file("name,y\n" + lines([("plain", "ab"[i % 2]) for i in range(200_000)]) + "Größe,a\n", encoding="latin-1")
    assert set(read_table(late).columns["name"]) == {"plain", "Größe"}
    with pytest.raises(DataError, match="another encoding"):
        read_table(late, encoding="utf-8")


def test_a_quotation_mark_that_is_never_closed_swallows_nothing(file):
    open_one = file('name,height,y\n"Bob,3,a\n' + lines())
    assert read_table(open_one).notes["quotes"] is False
    assert len(read_table(open_one)) == 51
    whole = file("name,height,y\n" + lines() + '"Smith, John\nJunior",3,a\n')
    assert read_table(whole).notes["quotes"] is True
    assert "Smith, John\nJunior" in set(read_table(whole).columns["name"])
    assert 'Junior"' in set(read_table(whole, quotes=False).columns["name"])


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ([["a", "b"], ["1", "2"]], True),
        ([["5.1", "3"], ["1", "2"]], False),
        ([["5.1", "setosa"], ["1", "setosa"], ["2", "virginica"]], False),
        ([["country", "2019"], ["DE", "3"]], True),
        ([["2019", "total"], ["1", "3"]], True),
    ],
)
def test_a_header_is_told_from_data(rows, header):
    assert is_header(rows) is header


def test_rows_that_all_have_another_width_are_explained(file):
    with pytest.raises(DataError, match="as many values as the first"):
        read_table(file("a,b\n" + lines()))


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"%PDF-1.7 ", "pdf"),
        (b"PK\x03\x04rubbish", "zip"),
        (b"\xd0\xcf\x11\xe0", "old_office"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\xff\xd8\xff\xe1", "picture"),
        (b"  <!DOCTYPE html>", "web_page"),
        (b'[{"a": 1}]', "json"),
        (b"a,b\n1,2\n", "text"),
    ],
)
def test_a_file_is_known_by_its_beginning(file, start, kind):
    path = file(start + b"\n" * 20)
    assert what_it_is(path) == kind
    if kind not in ("text", "json"):
        with pytest.raises(DataError, match="not text"):
            read_head(path)


def test_parquet_is_read_whatever_it_is_called(tmp_path):
    path = tmp_path / "t.csv"
    parquet.write_table(pa.table({"a": [1, 2, 3], "y": ["p", "q", "p"]}), path)
    assert list(read_table(path).columns) == ["a", "y"]


def test_words_stay_words_or_become_numbers_as_asked(file):
    words = ["unknown", "none seen", "many"] + ["plenty"] * 2
    path = file(
        "code,size,y\n"
        + "".join(f"{i % 7 if i else 'K1'},{i if i % 6 else words[i % 5]},{'ab'[i % 2]}\n" for i in range(60))
    )
    plain = load_table(path, target="y", features=["code", "size"])
    assert {c.name: c.kind for c in plain.columns}["code"] == "category"
    asked = load_table(path, target="y", numeric=["code"], categorical=["size"], features=["code", "size"])
    kinds = {c.name: c.kind for c in asked.columns}
    assert (kinds["code"], kinds["size"]) == ("number", "category")
    again = load_source(asked.source)
    assert again.fingerprint == asked.fingerprint
    assert "plenty" in dict(next(c.top for c in again.columns if c.name == "size"))


def test_copies_of_rows_are_left_out_before_the_split(file):
    path = file("x,y\n" + "".join(f"{i % 40 * 1.5},{'ab'[i % 2]}\n" for i in range(120)))
    whole, once = load_table(path), load_table(path, drop_duplicates=True)
    assert sum(len(s) for s in whole.splits.values()) == 120
    assert sum(len(s) for s in once.splits.values()) == 40
    assert once.report.find("duplicate_rows")
    assert not once.report.find("duplicates_across_splits")
    assert load_source(once.source).fingerprint == once.fingerprint
    assert "drop_duplicates" not in whole.source["args"]


def test_rare_classes_are_left_out_with_their_rows(file):
    rows = [(i * 1.5, "abc"[i % 3]) for i in range(60)] + [(3.5, "once"), (4.5, "twice"), (5.5, "twice")]
    data = load_table(file("x,y\n" + lines(rows)), min_class_rows=5)
    assert data.classes == ("a", "b", "c")
    assert sum(len(s) for s in data.splits.values()) == 60
    with pytest.raises(DataError, match="fewer than 50 rows"):
        load_table(file("x,y\n" + lines(rows)), min_class_rows=50)
    with pytest.raises(DataError, match="no classes to leave out"):
        load_table(
            file("x,y\n" + lines([(i, i * 1.25) for i in range(60)])), task="regression", min_class_rows=2, target="x"
        )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_part_of_a_large_text_is_spread_evenly(file, tmp_path, encoding):
    path = file("größe,nr,y\n" + lines([(f"ä{i:06d}", i, "ab"[i % 2]) for i in range(60_000)]), encoding=encoding)
    part = sample_table(path, tmp_path / "part", max_bytes=path.stat().st_size // 8)
    table = read_table(part.path)
    assert list(table.columns) == ["größe", "nr", "y"]
    assert not [f for f in table.findings if f.code == "rows_skipped"]
    assert part.path.stat().st_size < path.stat().st_size / 7
    assert part.rows == pytest.approx(60_000, rel=0.01)
    spread = np.histogram(table.columns["nr"].to_numpy(np.float64), bins=10, range=(0, 60_000))[0]
    assert spread.min() > 0.7 * spread.max()


def test_a_part_of_a_large_parquet_file_takes_row_groups_from_all_over(tmp_path):
    frame = pd.DataFrame({"nr": np.arange(100_000), "x": np.random.default_rng(0).normal(size=100_000)})
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=2_000)
    part = sample_table(tmp_path / "t.parquet", tmp_path / "part", max_bytes=300_000)
    nr = read_table(part.path).columns["nr"]
    assert part.rows == 100_000
    assert 10_000 <= len(nr) <= 30_000
    assert (nr.min(), nr.max()) == (0, 99_999)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1" + b"\0" * 500)
    with pytest.raises(DataError, match="Parquet file cannot be read"):
        sample_table(tmp_path / "bad.parquet", tmp_path / "part2", max_bytes=100)
