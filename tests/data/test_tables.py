"""`load_table` on tables as people have them."""

import numpy as np
import pandas as pd
import pytest
import torch

from lepton_lab.data import Preprocessing, load_source, load_table
from lepton_lab.data.table_words import parse_numbers
from lepton_lab.errors import DataError, UnknownNameError, UnsafeDataError

RNG = np.random.default_rng(0)


def people(n=200):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "age": rng.integers(18, 90, n),
            "income": rng.normal(40_000, 9_000, n).round(2),
            "city": np.array(["Bonn", "Köln", "Łódź"])[rng.integers(0, 3, n)],
            "joined": pd.date_range("2020-01-01", periods=n, freq="D").strftime("%Y-%m-%d"),
            "empty": [None] * n,
            "same": 7,
            "churned": np.array(["no", "yes"])[rng.integers(0, 2, n)],
        }
    )


@pytest.fixture
def csv(tmp_path):
    def write(text, name="data.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


def test_a_table_becomes_scaled_numbers_and_says_what_it_left_out(tmp_path):
    people().to_csv(tmp_path / "people.csv", index=False)
    bundle = load_table(tmp_path / "people.csv")
    assert bundle.target_names == ("churned",)
    assert bundle.classes == ("no", "yes")
    assert bundle.preprocessing.feature_names == (
        "age", "income", "city = Bonn", "city = Köln", "city = Łódź", "city = other", "joined",
    )  # fmt: skip
    codes = {f.code for f in bundle.report.findings}
    assert {"id_column", "constant_column", "empty_column", "target_guessed"} <= codes
    x, _ = bundle.train.tensors()
    assert torch.allclose(x[:, :2].mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(x[:, :2].std(0, correction=0), torch.ones(2), atol=1e-4)
    roles = {c.name: (c.kind, c.role) for c in bundle.report.columns}
    assert roles["joined"] == ("date", "feature")
    assert roles["churned"][1] == "target"
    assert len(bundle.report.columns_frame()) == 8
    assert load_source(bundle.source).fingerprint == bundle.fingerprint


def test_scaling_is_that_of_scikit_learn_on_training_rows():
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    frame = people()
    frame.loc[::7, "income"] = np.nan
    bundle = load_table(frame, features=["age", "income"], valid=0.2, test=0.2)
    reference = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    raw = frame[["age", "income"]]
    everything = bundle.preprocessing(raw)
    train = bundle.train.tensors()[0]
    rows = [int((everything - row).abs().sum(1).argmin()) for row in train]
    expected = reference.fit(raw.iloc[rows]).transform(raw)
    assert np.allclose(everything.numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiter_and_encoding_are_found(csv, delimiter, encoding):
    frame = people().drop(columns=["empty"]).replace("Łódź", "Málaga")
    text = frame.to_csv(index=False, sep=delimiter)
    bundle = load_table(csv(text, encoding=encoding))
    assert [c.name for c in bundle.columns] == list(frame.columns)
    top = {word for c in bundle.columns if c.name == "city" for word, _ in c.top}
    assert top == {"Bonn", "Köln", "Málaga"}


def test_decimal_commas_thousands_and_percent_are_read(csv):
    rows = "\n".join(f"{i},5;1.{i:03d},25;{i} %;{'ja' if i % 2 else 'nein'}" for i in range(40))
    bundle = load_table(csv("a;b;c;ziel\n" + rows), target="ziel")
    by_name = {c.name: c for c in bundle.columns}
    assert (by_name["a"].low, by_name["a"].high) == (0.5, 39.5)
    assert (by_name["b"].low, by_name["b"].high) == (1000.25, 1039.25)
    assert by_name["c"].high == 39
    assert parse_numbers(["1,234.5", "2,000"]).tolist() == [1234.5, 2000.0]


def test_duplicate_headers_are_renamed(csv):
    bundle = load_table(csv("a,a,y\n" + "\n".join(f"{i * 1.5},{i % 5},{i % 2}" for i in range(40))), target="y")
    assert [c.name for c in bundle.columns] == ["a", "a_2", "y"]
    assert bundle.report.find("duplicate_headers")


def test_a_file_without_a_header_gets_names(csv):
    bundle = load_table(csv("\n".join(f"{i * 1.5},{i % 2}" for i in range(40))))
    assert [c.name for c in bundle.columns] == ["column_1", "column_2"]
    assert sum(map(len, bundle.splits.values())) == 40


def test_a_late_surprise_in_a_column_of_numbers_is_reported_not_fatal(csv):
    rows = [f"{i},{i * 0.5},{i % 2}" for i in range(500)]
    rows[450] = "450,broken,0"
    bundle = load_table(csv("k,x,y\n" + "\n".join(rows)), target="y")
    (finding,) = bundle.report.find("mixed_types")
    assert finding.evidence["words"] == ["broken"]
    assert {c.name: c.missing for c in bundle.columns}["x"] == 1


def test_rows_of_another_width_are_skipped_and_counted(csv):
    rows = [f"{i},{i * 0.5},{i % 2}" for i in range(50)]
    rows[10] = "1,2,3,4"
    bundle = load_table(csv("k,x,y\n" + "\n".join(rows)), target="y")
    (finding,) = bundle.report.find("rows_skipped")
    assert "1 rows" in finding.message
    assert sum(map(len, bundle.splits.values())) == 49


def test_rows_without_a_target_are_dropped_with_a_finding():
    frame = people()
    frame.loc[[3, 5], "churned"] = None
    bundle = load_table(frame)
    assert sum(map(len, bundle.splits.values())) == 198
    assert bundle.report.find("rows_without_target")[0].evidence["rows"] == [3, 5]


@pytest.mark.parametrize(
    ("column", "task"),
    [("churned", "binary"), ("city", "multiclass"), ("income", "regression"), ("age", "regression")],
)
def test_the_task_is_guessed(column, task):
    assert load_table(people(), target=column).task == task


def test_the_task_can_be_said():
    assert load_table(people(), target="age", task="classification").task == "multiclass"
    assert load_table(people().assign(same=np.arange(200) % 3), target="same", task="regression").task == "regression"


def test_parquet_and_frames_give_what_csv_gives(tmp_path):
    frame = people().drop(columns="empty")
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    bundles = [load_table(tmp_path / "t.csv"), load_table(tmp_path / "t.parquet"), load_table(frame)]
    x = [b.train.tensors()[0] for b in bundles]
    assert torch.allclose(x[0], x[1], atol=1e-4)
    assert torch.allclose(x[0], x[2], atol=1e-4)
    assert bundles[2].source is None


def test_a_given_test_table_is_kept():
    bundle = load_table(people(), test_table=people().head(30))
    assert [len(s) for s in bundle.splits.values()] == [170, 30, 30]
    assert bundle.report.find("duplicates_across_splits")


def test_raw_rows_are_prepared_as_training_rows_were(tmp_path):
    frame = people()
    bundle = load_table(frame)
    whole = bundle.preprocessing(frame)
    row = frame.iloc[4].to_dict()
    assert torch.allclose(bundle.preprocessing(row), whole[4:5], atol=1e-5)
    as_words = {k: str(v) for k, v in row.items()}
    assert torch.allclose(bundle.preprocessing([as_words, as_words]), whole[[4, 4]], atol=1e-5)
    bundle.preprocessing.save(tmp_path)
    assert torch.equal(Preprocessing.load(tmp_path)(frame), whole)
    assert torch.equal(Preprocessing.from_json(bundle.preprocessing.to_json())(frame), whole)


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        (["имя", "Иван из Москвы", "Анна из Казани", "Мария и Пётр дома"], "cp1251"),
        (["都市", "東京都の山田太郎さん", "大阪府の鈴木花子さん", "名前はまだありません"], "cp932"),
    ],
)
def test_other_scripts_are_read(csv, words, encoding):
    rows = "\n".join(f"{words[1 + i % 3]},{i % 2}" for i in range(60))
    bundle = load_table(csv(f"{words[0]},y\n{rows}", encoding=encoding), target="y")
    assert set(bundle.preprocessing.feature_names) == {f"{words[0]} = {w}" for w in (*words[1:], "other")}


def test_unknown_categories_and_missing_values_are_handled_at_prediction():
    bundle = load_table(people(), features=["age", "city"])
    out = bundle.preprocessing([{"age": None, "city": "Rome"}, {"age": "", "city": None}])
    assert torch.isfinite(out).all()
    names = bundle.preprocessing.feature_names
    assert out[:, names.index("city = other")].tolist() == [1, 1]
    with pytest.raises(DataError, match=r"'age'.*number.*'old'"):
        bundle.preprocessing({"age": "old", "city": "Bonn"})
    with pytest.raises(DataError, match="no city"):
        bundle.preprocessing({"age": 3})


def test_many_categories_share_an_output_or_become_indices():
    frame = pd.DataFrame({"who": RNG.integers(0, 500, 3000), "x": RNG.normal(size=3000), "y": RNG.normal(size=3000)})
    bundle = load_table(frame, target="y", categorical=["who"], max_categories=20)
    assert bundle.sample_shape == (22,)
    assert bundle.report.find("many_categories")
    indices = load_table(frame, target="y", categorical=["who"], encode="indices")
    assert indices.sample_dtype == "int64"
    assert indices.sample_shape == (2,)
    x = indices.train.tensors()[0]
    assert 0 <= int(x.min()) <= int(x.max()) < indices.preprocessing.index_count
    assert int(x[:, 1].min()) > int(x[:, 0].max())


def test_a_column_that_gives_the_target_away_is_reported():
    frame = people().assign(left_on=lambda f: (f["churned"] == "yes") * 1.0 + RNG.normal(0, 0.01, 200))
    (leak,) = load_table(frame, target="churned").report.find("leaking_feature")
    assert leak.evidence["feature"] == "left_on"


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (b"", DataError, "empty"),
        (b"\n\n", DataError, "empty"),
        (b"a,b\n", DataError, "no rows"),
        (b"one\ntwo\nthree\n", DataError, "only one column"),
        (b"PK\x03\x04\x00\x00rubbish", DataError, "Excel"),
        (bytes(range(256)) * 20, DataError, "not text"),
        (b"a,y\n1,\n2,\n", DataError, "no values"),
        (b"a,y\n" + b"1,x\n2,x\n" * 20, DataError, "nothing to tell apart"),
        (b"id,y\n" + b"\n".join(b"%d,%d" % (i, i % 2) for i in range(40)), DataError, "no column is left"),
        ((",".join(f"c{i}" for i in range(30_000)) + "\n").encode() * 2, UnsafeDataError, "absurd"),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(csv, content, error, says):
    with pytest.raises(error, match=says):
        load_table(csv(content), target=None)


def test_wrong_arguments_are_explained(csv):
    with pytest.raises(UnknownNameError, match="Did you mean 'regression'"):
        load_table(people(), target="churned", task="regresion")
    with pytest.raises(UnknownNameError, match="Did you mean 'churned'"):
        load_table(people(), target="churn")
    with pytest.raises(UnknownNameError, match="Did you mean 'age'"):
        load_table(people(), features=["aeg"])
    with pytest.raises(DataError, match="among the features"):
        load_table(people(), target="churned", features=["age", "churned"])
    with pytest.raises(DataError, match="no such file"):
        load_table("/nowhere/data.csv")
    with pytest.raises(UnsafeDataError, match="max_bytes="):
        load_table(csv("a,b\n1,2\n" * 100), max_bytes=100)
    with pytest.raises(DataError, match="regression"):
        load_table(people(), target="city", task="regression")
    with pytest.raises(UnknownNameError, match="Did you mean 'onehot'"):
        load_table(people(), encode="one-hot")
