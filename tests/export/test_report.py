"""The report stands alone and says what was measured."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import lepton_lab as ll
from lepton_lab.export import Cancelled
from lepton_lab.export.report_svg import curves
from tests.export.conftest import Case


class Tags(HTMLParser):
    """Checks that tags close, and collects what a page would fetch or run."""

    VOID = ("meta", "br", "img", "line", "circle", "path", "polyline", "rect", "hr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fetched += [str(v) for k, v in attrs if k in ("src", "href") and not str(v).startswith("data:image/png")]
        assert not any(k.startswith("on") for k, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_report_stands_alone(case: Case, tmp_path: Path) -> None:
    looks = case.run.test_looks
    made = ll.export_report(case.run, tmp_path / "report.html", title="Mine <b>&")
    page = made.path.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert "script" not in tags.tags
    assert tags.fetched == []
    assert "<h1>Mine &lt;b&gt;&amp;</h1>" in page
    for part in (
        "Data",
        "Network",
        "Training",
        "How good it is",
        "Mistakes",
        "What the doctor says",
        "How it was made",
    ):
        assert f"<h2>{part}</h2>" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert f"{looks + 1}, this one included" in page  # the look at the test set is counted
    assert case.run.test_looks == looks + 1


def test_report_shows_what_the_evaluation_says(table_case: Case, tmp_path: Path) -> None:
    page = ll.export_report(table_case.run, tmp_path / "r.html", split="valid").path.read_text(encoding="utf-8")
    found = ll.load_model(ll.export_model(table_case.run, tmp_path / "m")).module(table_case.data.valid.x).argmax(1)
    right = float((found == table_case.data.valid.y).float().mean())
    assert f"<b>{100 * right:.1f} %</b><span>Accuracy</span>" in page
    cells = re.findall(r'title="(\w+) taken for (\w+): (\d+)', page)
    assert sum(int(n) for _, _, n in cells) == len(table_case.data.valid)


def test_report_can_be_given_up(table_case: Case, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        ll.export_report(table_case.run, tmp_path / "r.html", progress=lambda share: share < 0.3)
    assert not (tmp_path / "r.html").exists()


def test_curves_have_round_axes_and_say_their_values() -> None:
    drawn = curves("Loss", {"training": [2.0, 1.0, float("nan"), 0.4], "validation": [1.9, 1.2, 1.1, 1.0]}, marked=4)
    assert "training 2 to 0.4" in drawn
    assert drawn.count("<polyline") == 2
    assert "nan" not in drawn
    assert curves("Loss", {"training": []}) == ""


def test_everything_in_one_zip(table_case: Case, tmp_path: Path) -> None:
    import zipfile

    shares: list[float] = []
    made = ll.export_all(table_case.run, tmp_path / "all.zip", progress=shares.append)
    with zipfile.ZipFile(made.path) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    assert {
        "README.md",
        "report.html",
        "model/model.safetensors",
        "python/train.py",
        "notebook/notebook.ipynb",
    } <= names
    assert {"onnx/model.onnx", "python/data/people.csv"} <= names
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert ll.load_model(made).classes == ("no", "yes")
