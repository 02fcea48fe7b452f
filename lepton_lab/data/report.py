"""The data's report: how much there is of what, and what is wrong with it, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lepton_lab.markup import cell, escape, page, table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ColumnInfo", "DataFinding", "DataReport", "Severity"]

Severity = Literal["error", "warning", "info"]
_ORDER: dict[str, int] = {"error": 0, "warning": 1, "info": 2}
_FIRST = ("leaking_feature", "duplicates_across_splits", "conflicting_targets")  # these make a result untrue
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
        findings: Worst first; among warnings, what makes a result untrue stands first.
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
        rank = {code: place for place, code in enumerate(_FIRST)}
        ordered = tuple(sorted(self.findings, key=lambda f: (_ORDER[f.severity], rank.get(f.code, len(rank)))))
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

    def html_parts(self) -> list[str]:
        """The report as pieces of `lepton_lab.markup.page`."""
        sizes = " · ".join(f"{escape(name)} {count:,}" for name, count in self.counts.items())
        rows = [
            (
                cell(_WORDS[finding.severity], f"key {finding.severity}"),
                cell(
                    f"{escape(finding.message)}"
                    + (f'<p class="soft">{escape(finding.suggestion)}</p>' if finding.suggestion else ""),
                    raw=True,
                ),
            )
            for finding in self.findings
        ]
        parts = [
            f'<h4>Report <span class="soft">{escape(self.name)}</span></h4><p class="soft">{sizes}</p>',
            table(rows or [[cell("Nothing found.")]]),
        ]
        if self.clean:
            parts.append(f'<p class="soft">Checked, nothing found: {escape(", ".join(self.clean))}.</p>')
        return [*parts, *_balance_parts(self.balance)]

    def _repr_html_(self) -> str:
        return page(f"Report on {self.name}", *self.html_parts())


_SHOWN_CLASSES = 30


def _balance_parts(balance: Mapping[str, Mapping[str, int]]) -> list[str]:
    if not balance:
        return []
    names = list(dict.fromkeys(name for counts in balance.values() for name in counts))
    head = [cell("Class", header=True), *(cell(split, "num", header=True) for split in balance)]
    rows = (
        [cell(name), *(cell(f"{counts.get(name, 0):,}", "num") for counts in balance.values())]
        for name in names[:_SHOWN_CLASSES]
    )
    more = len(names) - _SHOWN_CLASSES
    return [table(rows, head), *([f'<p class="soft">and {more:,} more classes</p>'] if more > 0 else [])]
