"""What the doctor reports: one `Finding` for each thing that is wrong, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from lepton_lab.doctor.fixes import Fix
from lepton_lab.doctor.plain import plain

__all__ = ["ORDER", "Evidence", "Finding", "Severity"]

Severity = Literal["info", "warning", "problem"]

ORDER: Mapping[str, int] = {"problem": 0, "warning": 1, "info": 2}
"""Severities, worst first."""

_MOST_POINTS = 240


@dataclass(frozen=True)
class Evidence:
    """A small plot that shows why a finding is true.

    Attributes:
        x: Where the points lie.
        y: Their values; as many as `x`.
        x_name: What `x` is, such as "step".
        y_name: What `y` is.
        x_unit: Unit of `x`; empty for counts.
        y_unit: Unit of `y`; empty for pure numbers.
        kind: "line" for something over time, "bars" for one value a layer or class.
        labels: Names of the bars.
        low: Lower edge of what is healthy; None where there is none.
        high: Upper edge of what is healthy; None where there is none.
        log: Whether `y` is best drawn on a logarithmic axis.
        other: Values of a second line on the same `x`, such as the validation loss.
        other_name: What that line is.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    x_name: str
    y_name: str
    x_unit: str = ""
    y_unit: str = ""
    kind: Literal["line", "bars"] = "line"
    labels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    log: bool = False
    other: tuple[float, ...] = ()
    other_name: str = ""

    @classmethod
    def over_time(cls, x: Any, y: Any, y_name: str, *, x_name: str = "step", other: Any = (), **rest: Any) -> Evidence:
        """A line, thinned out to a few hundred points."""
        xs, ys, others = [float(v) for v in x], [float(v) for v in y], [float(v) for v in other]
        stride = -(-len(xs) // _MOST_POINTS) or 1
        return cls(tuple(xs[::stride]), tuple(ys[::stride]), x_name, y_name, other=tuple(others[::stride]), **rest)

    @classmethod
    def bars(cls, values: Mapping[str, float], y_name: str, *, x_name: str = "layer", **rest: Any) -> Evidence:
        """One bar for each name."""
        shown = list(values.items())[:_MOST_POINTS]
        return cls(
            tuple(float(i) for i in range(len(shown))), tuple(float(v) for _, v in shown), x_name, y_name,
            kind="bars", labels=tuple(str(k) for k, _ in shown), **rest,
        )  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One thing that a rule noticed.

    Attributes:
        rule: The rule's name, such as "vanishing-gradient".
        severity: "problem" keeps the network from learning or makes its result untrue, "warning" deserves a look,
            "info" is good to know.
        layer: Path of the layer; None where it is not about one.
        since_step: Step since which it is so; None before training, and where that cannot be told.
        title: Plain words with the field's term in brackets.
        explanation: What was seen, with its numbers.
        why: Why it happens.
        source: The paper or page that says so.
        url: Where that can be read.
        evidence: A small plot; None where there is nothing to draw.
        fixes: What can be done, best first.
        no_fix: Why nothing can be applied by itself; empty where `fixes` has something.
        values: The numbers in the text, so that it can be said in another language.
    """

    rule: str
    severity: Severity
    layer: str | None
    since_step: int | None
    title: str
    explanation: str
    why: str
    source: str
    url: str
    evidence: Evidence | None = None
    fixes: tuple[Fix, ...] = ()
    no_fix: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def changed(self, **values: Any) -> Finding:
        """The same finding with some fields replaced."""
        return replace(self, **values)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data that `from_json` reads; numbers that are not finite become null."""
        data: dict[str, Any] = plain(asdict(replace(self, fixes=())))
        data["fixes"] = [fix.to_json() for fix in self.fixes]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """Reads what `to_json` wrote; keys that this version does not know are left out."""
        known = {k: v for k, v in data.items() if k in cls.__dataclass_fields__}
        known["fixes"] = tuple(Fix.from_json(fix) for fix in data.get("fixes", ()))
        if data.get("evidence") is not None:
            given = {k: v for k, v in data["evidence"].items() if k in Evidence.__dataclass_fields__}
            for name in ("x", "y", "other"):
                given[name] = tuple(float("nan") if v is None else float(v) for v in given.get(name, ()))
            known["evidence"] = Evidence(**{**given, "labels": tuple(given.get("labels", ()))})
        return cls(**known)

    def __str__(self) -> str:
        place = [f"layer {self.layer!r}"] if self.layer else []
        place += [f"since step {self.since_step:,}"] if self.since_step is not None else []
        head = f"{self.severity.upper()}: {self.title}" + (f" [{', '.join(place)}]" if place else "")
        lines = [head, f"  What: {self.explanation}", f"  Why: {self.why} ({self.source}, {self.url})"]
        lines += [f"  Fix {n}: {fix.label}" for n, fix in enumerate(self.fixes)]
        if self.no_fix:
            lines.append(f"  To do by hand: {self.no_fix}")
        return "\n".join(lines)
