"""The data's report: how much there is of what, and what is wrong with it, in plain words."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ColumnInfo", "DataFinding", "DataReport", "Severity"]

Severity = Literal["error", "warning", "info"]
_ORDER: dict[str, int] = {"error": 0, "warning": 1, "info": 2}
_WORDS: dict[str, str] = {"error": "Error", "warning": "To decide", "info": "To know"}


@dataclass(frozen=True)
class DataFinding:
    """One thing that was noticed about the data.

    Attributes:
        severity: "error" spoils the result, "warning" asks for a decision, "info" is good to know.
        code: What kind of finding it is, such as "duplicates_across_splits".
        message: The finding in plain words, with its numbers.
        evidence: The numbers, rows or files behind it, as plain JSON.
        suggestion: What can be done; empty where nothing need be.
    """

    severity: Severity
    code: str
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    suggestion: str = ""


@dataclass(frozen=True)
class ColumnInfo:
    """One column of a table as it was in the file.

    Attributes:
        name: Its name, made unique.
        kind: "number", "category", "date", "text" or "id".
        role: "feature", "target" or "left out".
        missing: Missing values.
        unique: Different values, missing ones left out; of a large table in 20,000 of its rows.
        low: Smallest number or oldest date; None for categories.
        high: Largest number or newest date; None for categories.
        top: Most frequent values with their counts, for categories.
    """

    name: str
    kind: str
    role: str
    missing: int
    unique: int
    low: float | str | None = None
    high: float | str | None = None
    top: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class DataReport:
    """Counts, balance, ranges and findings of a `DataBundle`.

    Attributes:
        name: The data's name.
        counts: Samples by split.
        balance: Samples of each class by split; empty for a regression.
        ranges: Smallest, largest and mean stored value by split; empty where the data streams.
        columns: A table's columns.
        findings: Worst first.
        clean: Checks that ran and found nothing, in plain words.
    """

    name: str
    counts: Mapping[str, int]
    balance: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    columns: tuple[ColumnInfo, ...] = ()
    findings: tuple[DataFinding, ...] = ()
    clean: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.findings, key=lambda f: _ORDER[f.severity]))
        object.__setattr__(self, "findings", ordered)

    def find(self, code: str) -> list[DataFinding]:
        """The findings of one kind."""
        return [finding for finding in self.findings if finding.code == code]

    def to_frame(self) -> pd.DataFrame:
        """The findings as a table, worst first."""
        import pandas as pd

        rows = [(f.severity, f.code, f.message, f.suggestion) for f in self.findings]
        return pd.DataFrame(rows, columns=["severity", "code", "message", "suggestion"])

    def columns_frame(self) -> pd.DataFrame:
        """The columns of a table as a table."""
        import pandas as pd

        fields = ["name", "kind", "role", "missing", "unique", "low", "high"]
        return pd.DataFrame([[getattr(c, name) for name in fields] for c in self.columns], columns=fields)

    def balance_frame(self) -> pd.DataFrame:
        """Samples of each class, one column for each split."""
        import pandas as pd

        return pd.DataFrame({split: dict(counts) for split, counts in self.balance.items()})

    def __str__(self) -> str:
        sizes = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        lines = [f"Report on {self.name}: {sizes}"]
        lines += [
            f"  {_WORDS[f.severity]}: {f.message}" + (f" {f.suggestion}" if f.suggestion else "") for f in self.findings
        ]
        if not self.findings:
            lines.append("  Nothing found.")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        sizes = " · ".join(f"{html.escape(name)} {count:,}" for name, count in self.counts.items())
        rows = "".join(_finding_row(finding) for finding in self.findings)
        if not rows:
            rows = "<tr><td colspan='2'>Nothing found.</td></tr>"
        clean = ""
        if self.clean:
            clean = f"<p class='q'>Checked, nothing found: {html.escape(', '.join(self.clean))}.</p>"
        return (
            f"<div class='ll-report'>{_STYLE}<p><b>Report</b> <span class='q'>{html.escape(self.name)}</span></p>"
            f"<p class='q n'>{sizes}</p><table><tbody>{rows}</tbody></table>{clean}{_balance_html(self.balance)}</div>"
        )


_STYLE = """<style>
.ll-report { --ink: var(--jp-ui-font-color1, #1b2128); --bg: var(--jp-layout-color1, #ffffff);
  --q: color-mix(in srgb, var(--ink) 76%, var(--bg)); --line: color-mix(in srgb, var(--ink) 13%, var(--bg));
  font: 13px/1.45 var(--jp-ui-font-family, system-ui, sans-serif); color: var(--ink); max-width: 820px; }
.ll-report p { margin: 0 0 4px; } .ll-report .q { color: var(--q); font-size: 12px; }
.ll-report .n { font-variant-numeric: tabular-nums; }
.ll-report table { border-collapse: collapse; width: 100%; margin: 8px 0; font-variant-numeric: tabular-nums; }
.ll-report td, .ll-report th { text-align: left; vertical-align: top; padding: 6px 12px 6px 0;
  border-top: 1px solid var(--line); font-weight: 400; background: none; }
.ll-report td.r, .ll-report th.r { text-align: right; } .ll-report .w { white-space: nowrap; width: 72px; }
.ll-report .error { color: var(--jp-error-color1, #b02a1f); }
.ll-report .warning { color: var(--jp-warn-color0, #855300); }
</style>"""


def _finding_row(finding: DataFinding) -> str:
    suggestion = f"<p class='q'>{html.escape(finding.suggestion)}</p>" if finding.suggestion else ""
    return (
        f"<tr><td class='w {finding.severity}'>{_WORDS[finding.severity]}</td>"
        f"<td><p>{html.escape(finding.message)}</p>{suggestion}</td></tr>"
    )


def _balance_html(balance: Mapping[str, Mapping[str, int]]) -> str:
    if not balance:
        return ""
    splits = list(balance)
    names = list(dict.fromkeys(name for counts in balance.values() for name in counts))
    head = "".join(f"<th class='r'>{html.escape(split)}</th>" for split in splits)
    body = "".join(
        f"<tr><td>{html.escape(name)}</td>"
        + "".join(f"<td class='r'>{balance[split].get(name, 0):,}</td>" for split in splits)
        + "</tr>"
        for name in names[:30]
    )
    more = f"<p class='q'>and {len(names) - 30} more classes</p>" if len(names) > 30 else ""
    return f"<table><thead><tr><th>Class</th>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
