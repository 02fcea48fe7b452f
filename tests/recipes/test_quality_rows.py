"""The benchmark `quality` measures one data set at a time and keeps what was measured of the other."""

from datetime import date
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import section
from tests.benchmarks.bench_quality import kept

ROWS = [
    {"what": "MNIST: median", "value": "98.60", "unit": "%", "target": "≥ 98.6 %"},
    {"what": "the same without augmentation: time", "value": 14.2, "unit": "s", "target": ""},
    {"what": "CIFAR-10: time", "value": 8.1, "unit": "min", "target": 15.0},
]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "RESULTS.md"
    path.write_text(f"# Measured\n\n{section('quality', 'How well', ROWS)}\n{section('shapes', 'How long', ROWS)}")
    return path


@pytest.mark.parametrize("cifar", [True, False])
def test_rows_are_kept_as_they_were_written(results: Path, cifar: bool) -> None:
    rows = kept(cifar, results)
    assert [row["what"].startswith("CIFAR") for row in rows] == ([True] if cifar else [False, False])
    written = section("quality", "How well", rows).splitlines()[-len(rows) :]
    assert set(written) <= set(results.read_text().splitlines())


def test_rows_of_another_day_say_so_once(results: Path) -> None:
    text = results.read_text().replace(date.today().isoformat(), "2026-01-02")
    results.write_text(text)
    rows = kept(True, results)
    assert rows[0]["what"] == "CIFAR-10: time (measured 2026-01-02)"
    results.write_text(text.replace("CIFAR-10: time", rows[0]["what"]))
    assert kept(True, results)[0]["what"] == rows[0]["what"]


def test_nothing_measured_yet_is_nothing_kept(tmp_path: Path) -> None:
    assert kept(True, tmp_path / "RESULTS.md") == []
