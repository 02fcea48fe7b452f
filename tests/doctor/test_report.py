"""Reading a report."""

import math
import re

import lepton_lab as ll
from lepton_lab.doctor import Evidence, Finding, Report, diagnose, preflight
from lepton_lab.doctor.drawing import svg
from lepton_lab.training import Run
from tests.doctor.conftest import mlp


def finding(rule: str, severity: str, **values: object) -> Finding:
    whole = {
        "layer": None,
        "since_step": None,
        "title": rule,
        "explanation": "e",
        "why": "w",
        "source": "s",
        "url": "u",
    }
    return Finding(rule=rule, severity=severity, **{**whole, **values})  # type: ignore[arg-type]


def test_the_worst_stands_first_and_infos_leave_a_run_healthy() -> None:
    report = Report("r", "during", (finding("a", "info"), finding("b", "problem"), finding("c", "warning")))
    assert [f.rule for f in report] == ["b", "c", "a"]
    assert not report.healthy
    assert report[0].rule == "b"
    assert [f.rule for f in report[1:]] == ["c", "a"]
    assert Report("r", "during", (finding("a", "info"),)).healthy
    assert not Report("r", "before")


def test_text_names_layer_step_reason_source_and_fixes(fading: Run) -> None:
    text = str(diagnose(fading))
    assert re.search(
        r"PROBLEM: Early layers hardly learn \(vanishing gradient\) \[layer 'linear_1', since step "
        r"\d+\]",
        text,
    )
    assert "https://proceedings.mlr.press/v9/glorot10a.html" in text
    assert "Fix 0: Replace Sigmoid by ReLU in 8 layers" in text
    assert "{" not in text


def test_html_is_whole_and_escaped(fading: Run) -> None:
    html = diagnose(fading)._repr_html_()
    assert html.count("<svg") == html.count("</svg>") > 0
    assert "linear_1" in html
    hurt = Report("<b>", "before", (finding("x", "warning", title="<script>"),))
    assert "<script>" not in hurt._repr_html_()


def test_a_healthy_report_says_what_was_looked_for(digits: ll.DataBundle) -> None:
    html = preflight(mlp(24), digits)._repr_html_()
    assert "Looked for" in html
    assert "nothing found" in html


def test_plots_survive_what_is_no_number() -> None:
    odd = Evidence.over_time([1, 2, 3, 4], [1.0, math.nan, math.inf, 0.0], "loss", log=True, high=2.0)
    drawn = svg(odd)
    assert "nan" not in drawn
    assert "inf" not in drawn
    assert "polyline" in drawn
    assert "rect" in svg(Evidence.bars({"a": 1.0, "b": -2.0}, "value", low=0.0, high=0.5))
    assert svg(Evidence.over_time([], [], "nothing"))


def test_long_curves_are_thinned_out() -> None:
    long = Evidence.over_time(range(100_000), [0.0] * 100_000, "loss", other=[1.0] * 100_000, other_name="other")
    assert len(long.x) == len(long.y) == len(long.other) <= 240
