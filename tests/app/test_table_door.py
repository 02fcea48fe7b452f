"""The table door over the wire: from an uploaded file to a project, and everything that can be wrong with a file."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton_lab.app.table_door import TableDoor
from lepton_lab.app.visit import Visit
from lepton_lab.data import load_source

LINES = "".join(f"{i % 17 * 1.5},{'xyz'[i % 3]},{'yes' if i % 17 > 8 else 'no'}\n" for i in range(120))


@pytest.fixture(autouse=True)
def _module(monkeypatch):
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "export default {}")


@pytest.fixture
def bring(visit, wire, open_view):
    """Puts a file where the server puts uploads, opens it, and gives a view with what the page shows."""
    visit.go("new/table")
    view = open_view(TableDoor(visit))

    def take(content: bytes | str, name: str = "people.csv", encoding: str = "utf-8"):
        number = sum(1 for _ in (visit.workspace.folder / "uploads").glob("*"))
        upload = f"upload-{number:08d}"
        path = visit.workspace.folder / "uploads" / upload / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return view, view.ok("take", upload=upload)

    return take


def titanic(rows: int = 300) -> str:
    rng = np.random.default_rng(0)
    sex = rng.choice(["male", "female"], rows)
    survived = (rng.random(rows) < np.where(sex == "female", 0.75, 0.2)).astype(int)
    frame = pd.DataFrame(
        {
            "PassengerId": np.arange(rows) + 1,
            "Survived": survived,
            "Sex": sex,
            "Age": np.where(rng.random(rows) < 0.2, np.nan, rng.integers(1, 80, rows)),
            "Cabin": np.where(rng.random(rows) < 0.7, None, rng.choice(["A1", "B2", "C3"], rows)),
            "Embarked": rng.choice(["S", "C", "Q", "s"], rows, p=[0.6, 0.2, 0.15, 0.05]),
            "ship": "Titanic",
            "boat": np.where(survived == 1, "yes", "no"),
        }
    )
    return pd.concat([frame, frame.head(6)]).to_csv(index=False)


def said(page, code):
    (found,) = [w for w in page["look"]["warnings"] if w["code"] == code]
    return found


def codes(page):
    return {w["code"] for w in page["look"]["warnings"]}


def column(page, name):
    return next(c for c in page["look"]["columns"] if c["name"] == name)


def press(view, warn, at=0):
    action = warn["actions"][at]
    return view.ok("change", do=action["do"], column=action["column"], value=action["value"])


def test_without_a_file_there_is_nothing(visit, wire, open_view):
    visit.go("new/table")
    assert open_view(TableDoor(visit)).ok("look") is None


def test_a_table_is_looked_at_like_a_spreadsheet(bring, visit):
    _, page = bring(titanic())
    look = page["look"]
    assert (look["rows"], look["width"]) == (306, 8)
    assert (look["target"], look["task"]["title"]) == ("Survived", "Predict one of 2 kinds: 0 or 1")
    assert look["task"]["term"] == "classification"
    assert "called like an answer" in look["reason"]
    assert column(page, "Age")["kind"] == "number"
    assert sum(column(page, "Age")["histogram"]) + column(page, "Age")["missing"] == 306
    assert dict(column(page, "Sex")["top"]).keys() == {"male", "female"}
    assert [c["name"] for c in look["columns"] if c["role"] == "off"] == ["PassengerId", "ship"]
    first = dict(zip([c["name"] for c in look["columns"]], look["preview"]["cells"][0], strict=True))
    assert (first["PassengerId"], first["ship"]) == ("1", "Titanic")
    assert first["boat"] == ("yes" if first["Survived"] == "1" else "no")
    assert look["split"]["counts"] == {"train": 214, "valid": 46, "test": 46}
    assert visit.address == f"new/table?upload={page['upload']}"
    expected = {"gives_away", "duplicates", "gaps", "spelt", "id_column", "constant_column"}
    assert expected <= codes(page)
    assert look["warnings"][0]["code"] == "gives_away"
    assert look["waiting"] == ""


def test_each_warning_is_mended_by_a_click_and_taken_back(bring):
    view, page = bring(titanic())
    page = press(view, said(page, "duplicates"))
    assert page["look"]["rows"] == 300
    page = press(view, said(page, "spelt"))
    at = [c["name"] for c in page["look"]["columns"]].index("Embarked")
    changed = page["look"]["preview"]["changed"]
    assert changed
    assert all(c == at and page["look"]["preview"]["cells"][r][at] == "S" for r, c in changed)
    gaps = next(w for w in page["look"]["warnings"] if w["code"] == "gaps" and w["column"] == "Cabin")
    page = press(view, gaps)
    preview = page["look"]["preview"]
    cabin = [c["name"] for c in page["look"]["columns"]].index("Cabin")
    assert preview["marks"]["Cabin"] == [int(row[cabin] is None) for row in preview["cells"]]
    assert column(page, "Cabin")["mark"] == "Cabin was missing"
    page = press(view, said(page, "gives_away"))
    assert column(page, "boat")["role"] == "off"
    assert {d["do"] for d in page["look"]["done"]} == {"drop_duplicates", "join", "mark", "off"}
    page = view.ok("change", do="back", column="", value="drop_duplicates")
    assert page["look"]["rows"] == 306
    assert column(page, "Cabin")["mark"]
    for _ in range(5):
        page = view.ok("undo")
    assert (page["undo"], page["look"]["done"]) == (0, [])


def test_all_at_once_is_one_step_back(bring):
    view, page = bring(titanic())
    count = page["look"]["recommended"]
    assert count >= 3
    page = view.ok("clean_up")
    assert page["look"]["recommended"] == 0
    assert page["undo"] == 1
    assert view.ok("undo")["look"]["recommended"] == count


def test_the_project_learns_from_what_was_seen(bring, visit):
    view, _ = bring(titanic(), name="titanic_new.csv")
    page = view.ok("clean_up")
    project = view.ok("use")
    assert (visit.project_id, visit.page, visit.title) == (project, "train", "Titanic new")
    data = visit.work.data
    assert sum(map(len, data.splits.values())) == page["look"]["rows"]
    assert {k: len(v) for k, v in data.splits.items()} == page["look"]["split"]["counts"]
    used = [c["name"] for c in page["look"]["columns"] if c["role"] == "feature"]
    assert [c.name for c in data.columns if c.role == "feature"] == used
    assert load_source(json.loads(json.dumps(data.source))).fingerprint == data.fingerprint
    assert visit.work.project.about["upload"] == page["upload"]
    assert visit.work.waiting() is None


def test_a_refresh_loses_nothing(bring, visit, open_view):
    view, page = bring(titanic())
    view.ok("change", do="target", column="Age")
    view.ok("change", do="split", value={"valid": 0.2, "test": 0.1, "seed": 4})
    before = view.ok("change", do="title", value="Passengers 🚢")
    again = Visit(visit.workspace)
    again.visit(f"#/new/table?upload={page['upload']}")
    after = open_view(TableDoor(again)).ok("look")
    assert after == before
    assert (after["title"], after["look"]["target"], after["undo"]) == ("Passengers 🚢", "Age", 2)


def test_another_column_can_be_predicted(bring, visit):
    view, _ = bring(titanic())
    page = view.ok("change", do="target", column="Age")
    assert page["look"]["task"]["kind"] == "regression"
    assert page["look"]["task"]["title"].startswith("Predict a number: Age")
    assert said(page, "no_answer")["title"].startswith(f"{306 - page['look']['rows']} rows have no value in Age")
    page = view.ok("change", do="target", column="ship")
    assert "same value in every row" in page["look"]["waiting"]
    assert said(page, "one_kind")["severity"] == "error"
    assert "same value" in view.call("use").content["error"]["title"]
    page = view.ok("change", do="target", column="Survived")
    assert view.ok("change", do="task", value="regression")["look"]["task"]["kind"] == "regression"
    assert view.ok("change", do="target", column="Sex")["look"]["task"]["title"] == (
        "Predict one of 2 kinds: female or male"
    )


def test_a_number_is_learnt_in_its_own_scale(bring, visit):
    rng = np.random.default_rng(0)
    lines = "".join(f"{a};{a * 3000 + b}\n".replace(".", ",") for a, b in rng.normal(100, 20, (200, 2)))
    view, page = bring("area;price\n" + lines, name="flats.csv")
    assert page["look"]["reading"]["delimiter"] == ";"
    assert [c["kind"] for c in page["look"]["columns"]] == ["number", "number"]
    view.ok("use")
    scale = visit.work.network.layers[-1]
    y = visit.work.data.train.targets().double()
    assert scale.kind == "Scale"
    assert (scale.factor, scale.offset) == pytest.approx((float(y.std()), float(y.mean())), rel=1e-3)


def test_rare_kinds_and_uneven_ones(bring, visit):
    lines = "".join(f"{i * 1.5},{'a' if i % 10 else 'b'}\n" for i in range(200)) + "1.5,once\n2.5,twice\n3.5,twice\n"
    view, page = bring("x,label\n" + lines)
    assert "2 kinds have fewer than 5 rows" in said(page, "rare_kinds")["title"]
    page = press(view, said(page, "rare_kinds"))
    assert page["look"]["rows"] == 200
    assert [k["name"] for k in page["look"]["task"]["kinds"]] == ["a", "b"]
    page = press(view, said(page, "uneven"))
    assert "balance" in {d["do"] for d in page["look"]["done"]}
    view.ok("use")
    assert visit.work.data.balance == "weights"
    assert visit.work.data.classes == ("a", "b")


def test_rows_are_shown_page_by_page(bring):
    view, _ = bring("nr,x,y\n" + "".join(f"{i},{i * 1.5},{'ab'[i % 2]}\n" for i in range(40)))
    found = view.ok("rows", first=36)
    assert (found["first"], found["numbers"]) == (36, [37, 38, 39, 40])
    assert view.ok("rows", first=-5)["first"] == 0
    assert view.ok("rows", first=4000)["first"] == 39


def zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "title", "fix"),
    [
        (b"", "a.csv", "is empty", "look at its size"),
        (b"\n \n\n", "a.csv", "nothing but blank lines", "names and rows"),
        (b"%PDF-1.4\n" + b"1 0 obj\n" * 50, "a.csv", "is a PDF", "save the table as CSV"),
        (zipped({"xl/workbook.xml": "<x/>"}), "a.csv", "is an Excel file", "Save as, CSV UTF-8"),
        (zipped({"mimetype": "x", "content.xml": "x"}), "a.csv", "is a LibreOffice file", "Text CSV"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "a.xls", "old Excel file", "CSV UTF-8"),
        (zipped({"cat.jpg": "x"}), "a.zip", "no table in", "Unpack it"),
        (b"PK\x03\x04rubbish" * 20, "a.zip", "damaged", "Download or pack it again"),
        (b"\x1f\x8b\x08" + b"x" * 90, "a.csv.gz", "packed file (.gz)", "Unpack it first"),
        (b"\x89PNG\r\n" + b"\0" * 90, "a.csv", "is a picture", "My images"),
        (b"<!DOCTYPE html><html>", "a.csv", "is a web page", "Download the file again"),
        (bytes(range(256)) * 40, "a.csv", "is no table", "CSV"),
        (b"PAR1" + b"\0" * 500, "a.parquet", "damaged", "again"),
        (b"a,b\n1,2\n" * 30, "a.parquet", "damaged", "again"),
        (b"one\ntwo\nthree\n" * 9, "a.csv", "only one column", "choose it below"),
        (b"a,b\n", "a.csv", "names but no rows", "with rows"),
        (b"a,b\n" + b"1,2,3\n" * 40, "a.csv", "first row does not fit", "missing names"),
        ((",".join(f"c{i}" for i in range(30_000)) + "\n").encode() * 2, "a.csv", "too many columns", "Turn the table"),
    ],
)
def test_what_is_no_table_is_told_in_plain_words(bring, content, name, title, fix):
    view, page = bring(content, name=name)
    problem = page["problem"]
    assert title in problem["title"]
    assert fix in problem["fix"]
    words = " ".join([problem["title"], problem["detail"], problem["fix"]])
    assert "Error" not in words
    assert str(Path(view.widget.visit.workspace.folder)) not in words
    assert page["files"] == [name]  # nothing is lost
    assert view.ok("take", upload=page["upload"])["problem"] == problem


def test_a_file_above_the_limit_is_refused_without_being_read(bring, visit, monkeypatch):
    monkeypatch.setattr("lepton_lab.app.table_file.LARGEST", 1000)
    _, page = bring("a,y\n" + LINES, name="large.csv")
    assert "too large" in page["problem"]["title"]
    assert "Parquet" in page["problem"]["fix"]


def test_of_a_large_file_an_even_part_is_used(bring, visit, monkeypatch):
    monkeypatch.setattr("lepton_lab.app.table_file.WHOLE", 100_000)
    lines = "".join(f"{i},{i % 97 * 1.5},{'ab'[i % 97 // 50]}\n" for i in range(40_000))
    view, page = bring("nr,x,y\n" + lines, name="large.csv")
    assert 5_000 < page["look"]["rows"] < 15_000
    detail = said(page, "part")["detail"]
    assert "about 40," in detail or "about 39," in detail
    view.ok("use")
    assert sum(map(len, visit.work.data.splits.values())) == page["look"]["rows"]
    assert load_source(visit.work.data.source).fingerprint == visit.work.data.fingerprint


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_names_and_words_keep_their_letters(bring, visit, encoding):
    lines = "".join(
        f"{i % 17 * 1.5};{['blau 🔵', 'rot 🔴'][i % 2]};{'süß' if i % 17 > 8 else 'herb'}\n" for i in range(90)
    )
    view, page = bring("Größe 📏;Farbe;Geschmack\n" + lines, name="Früchte 🍎.csv", encoding=encoding)
    assert [c["name"] for c in page["look"]["columns"]] == ["Größe 📏", "Farbe", "Geschmack"]
    assert page["look"]["task"]["title"] == "Predict one of 2 kinds: herb or süß"
    view.ok("use")
    assert visit.title == "Früchte 🍎"
    assert visit.work.data.classes == ("herb", "süß")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_an_old_character_set_is_found_and_can_be_changed(bring, encoding):
    lines = "".join(f"{i % 17},{'süß' if i % 17 > 8 else 'bitter'}\n" for i in range(90))
    view, page = bring("Größe,Geschmack\n" + lines, encoding=encoding)
    assert page["look"]["columns"][0]["name"] == "Größe"
    assert "other_alphabet" in codes(page)
    page = view.ok("change", do="encoding", value="cp1251")
    assert page["look"]["columns"][0]["name"] == "GrцЯe"
    page = view.ok("change", do="encoding", value="utf-8")
    assert page["problem"]["reading"]
    assert "cannot be read with that character set" in page["problem"]["title"]
    assert page["asked"]["encoding"] == "utf-8"
    assert view.ok("undo")["look"]["columns"][0]["name"] == "GrцЯe"


def test_mixed_columns_are_read_either_way(bring):
    odd = [("n/k" if i % 12 == 0 else str(i % 40)) for i in range(120)]
    half = [("few" if i % 3 == 0 else "many" if i % 3 == 1 else str(i % 9)) for i in range(120)]
    rows = "".join(f"{a},{b},{'ab'[i % 2]}\n" for i, (a, b) in enumerate(zip(odd, half, strict=True)))
    view, page = bring("mostly,half,label\n" + rows)
    mixed = {w["column"]: w for w in page["look"]["warnings"] if w["code"] == "mixed"}
    assert "such as “n/k” count as missing" in mixed["mostly"]["detail"]
    assert "read as words" in mixed["half"]["detail"]
    page = press(view, mixed["mostly"])
    assert column(page, "mostly")["kind"] in ("category", "text")
    assert page["look"]["preview"]["cells"][0][0] == "n/k"
    page = press(view, mixed["half"])
    assert column(page, "half")["kind"] == "number"
    assert column(page, "half")["missing"] == 80


def test_what_is_predicted_can_be_read_as_words_and_joined(bring, visit):
    kinds = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "n/k"]
    rows = "".join(f"{i % 11 * 1.5},{kinds[i % 11]},{('Ja', 'ja', 'nein')[i % 3]}\n" for i in range(220))
    view, page = bring("x,grade,answer\n" + rows)
    page = press(view, next(w for w in page["look"]["warnings"] if w["code"] == "mixed"))
    page = view.ok("change", do="target", column="grade")
    assert {k["name"] for k in page["look"]["task"]["kinds"]} == {*kinds}
    page = press(view, said(page, "spelt"))
    page = view.ok("change", do="numbers", column="answer")  # of no use: none of its words is a number
    view.ok("use")
    assert set(visit.work.data.classes) == {*kinds}
    assert sum(map(len, visit.work.data.splits.values())) == page["look"]["rows"] == 220
    assert load_source(visit.work.data.source).fingerprint == visit.work.data.fingerprint


def test_zero_bytes_are_taken_out_on_request(bring, visit):
    view, page = bring("x,w,y\n" + LINES.replace("x", "x\0", 3))
    assert "zero bytes" in page["problem"]["detail"]
    page = press(view, page["problem"])
    assert page["look"]["rows"] == 120
    view.ok("use")
    assert len(load_source(visit.work.data.source).train) == len(visit.work.data.train)


def test_the_table_in_a_zip_is_taken_out(bring, visit):
    view, page = bring(zipped({"readme.md": "hello", "data/train.csv": "x,w,y\n" + LINES}), name="kaggle.zip")
    assert page["look"]["rows"] == 120
    view.ok("use")
    assert visit.title == "Kaggle"


def test_headers_that_are_missing_or_doubled(bring):
    view, page = bring(LINES)
    assert said(page, "no_header")["actions"][0]["label"] == "The first row holds names"
    assert [c["name"] for c in page["look"]["columns"]] == ["column_1", "column_2", "column_3"]
    page = press(view, said(page, "no_header"))
    assert [c["name"] for c in page["look"]["columns"]] == ["0.0", "x", "no"]
    _, page = bring("x,x,y\n" + "".join(f"{i % 7 * 1.5},{i % 7 * 1.5},{'ab'[i % 2]}\n" for i in range(60)))
    assert "“x”" in said(page, "same_names")["title"]
    assert said(page, "same_columns")["actions"][0]["column"] == "x_2"


def test_ragged_rows_and_open_quotes(bring):
    _, page = bring("x,w,y\n" + LINES + "1,2\n1,2,3,4\n")
    assert said(page, "rows_skipped")["title"].startswith("2 rows")
    _, page = bring('x,w,y\n1.5,"x,yes\n' + LINES)
    assert page["look"]["rows"] == 121
    assert "swallow" in said(page, "open_quotes")["detail"]


def test_one_kind_only_is_said_and_another_column_taken(bring):
    _, page = bring("x,label\n" + "".join(f"{i * 1.5},same\n" for i in range(60)))
    assert page["look"]["target"] == "x"
    assert "label is the same in every row" in said(page, "one_kind")["title"]
    assert page["look"]["waiting"]


def test_dates_long_texts_and_gaps(bring):
    rows = "".join(
        f"2024-01-{i % 28 + 1:02d},word{i % 70},a sentence of words number {i},{i % 3 and i},{'ab'[i % 2]}\n"
        for i in range(210)
    )
    _, page = bring("day,many,text,some,label\n" + rows)
    assert column(page, "day")["kind"] == "date"
    assert {"dates", "many_words", "free_text"} <= codes(page)
    assert page["look"]["preview"]["cells"][0][0] == "2024-01-01"


def test_several_files_of_one_upload_can_be_changed_between(bring, visit, open_view):
    view, page = bring("x,w,y\n" + LINES, name="one.csv")
    (visit.workspace.folder / "uploads" / page["upload"] / "two.tsv").write_text("a\tlabel\n" + "1\tp\n2\tq\n" * 30)
    page = view.ok("look")
    assert page["files"] == ["one.csv", "two.tsv"]
    page = view.ok("change", do="file", value="two.tsv")
    assert page["look"]["target"] == "label"
    page = view.ok("change", do="file", value="../../../etc/passwd")
    assert "not there any more" in page["problem"]["title"]


def test_an_upload_that_is_gone_and_an_address_of_somebody(visit, wire, open_view):
    for upload in ("upload-00000000", "../../etc", "x"):
        visit.go("new/table", {"upload": upload})
        page = open_view(TableDoor(visit)).ok("look")
        assert "not there any more" in page["problem"]["title"]


def test_wrong_orders_are_refused_in_words(bring):
    view, _ = bring(titanic())
    assert "change of a table" in view.call("change", do="format disk").content["error"]["title"]
    assert (
        "left to learn from"
        in view.call("change", do="split", value={"valid": 0.6, "test": 0.6}).content["error"]["title"]
    )
    assert not view.call("change", do="split", value="all").content["ok"]
    assert view.ok("look")["undo"] == 0


def test_a_draft_that_somebody_else_wrote_does_no_harm(bring, visit):
    view, page = bring(titanic())
    path = visit.workspace.folder / "uploads" / page["upload"] / ".table" / "draft.json"
    view.ok("change", do="target", column="Age")
    path.write_text(
        json.dumps(
            {
                "choices": {
                    "file": "people.csv",
                    "valid": "x",
                    "off": 3,
                    "join": {"nobody": {"a": "b"}},
                    "target": "gone",
                }
            }
        )
    )
    again = view.ok("another")
    assert again is None
    page = view.ok("take", upload=page["upload"])
    assert page["look"]["target"] == "Survived"
    path.write_text("{" * 5000)
    view.ok("another")
    assert view.ok("take", upload=page["upload"])["look"]["target"] == "Survived"


def test_the_page_follows_where_the_visitor_goes(bring, visit):
    view, page = bring(titanic())
    version = view.widget.version
    visit.go("new/table")
    assert view.widget.version == version + 1
    assert view.ok("look") is None
    visit.handed = {"upload": page["upload"]}
    visit.go("new/table")
    assert view.ok("look")["upload"] == page["upload"]
    assert visit.query == {"upload": page["upload"]}
    view.widget.close()
    visit.go("start")
