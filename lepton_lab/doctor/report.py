"""All findings of one look, as a list that can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from lepton_lab.doctor.drawing import svg
from lepton_lab.doctor.findings import ORDER, Finding
from lepton_lab.doctor.words import title_of
from lepton_lab.markup import escape, page

__all__ = ["Report"]

_WORDS = {"problem": "Problem", "warning": "Warning", "info": "To know"}
_CLASS = {"problem": "error", "warning": "warning", "info": "soft"}


@dataclass(frozen=True)
class Report(Sequence[Finding]):
    """Findings, worst first; reads like a list.

    Attributes:
        subject: What was looked at: a network's or a run's name.
        phase: "before" or "during" training.
        findings: What was found.
        checked: Names of the rules that were asked.
        failed: Rules that could not be asked, with the reason: a plugin's rule that raised.
        complete: False where the look was broken off.
        step: The step that a run was looked at; None before training.
    """

    subject: str
    phase: str
    findings: tuple[Finding, ...] = ()
    checked: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True
    step: int | None = None

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.findings, key=lambda f: ORDER[f.severity]))
        object.__setattr__(self, "findings", ordered)

    def __len__(self) -> int:
        return len(self.findings)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, index: int | slice) -> Finding | tuple[Finding, ...]:
        return self.findings[index]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    @property
    def healthy(self) -> bool:
        """Whether there is no problem and no warning."""
        return all(finding.severity == "info" for finding in self.findings)

    def find(self, rule: str) -> list[Finding]:
        """The findings of one rule."""
        return [finding for finding in self.findings if finding.rule == rule]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data that `from_json` reads."""
        return {
            "subject": self.subject, "phase": self.phase, "findings": [f.to_json() for f in self.findings],
            "checked": list(self.checked), "failed": dict(self.failed), "complete": self.complete, "step": self.step,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Report:
        """Reads what `to_json` wrote."""
        return cls(
            str(data["subject"]), str(data["phase"]), tuple(Finding.from_json(f) for f in data["findings"]),
            tuple(data.get("checked", ())), dict(data.get("failed", {})), bool(data.get("complete", True)),
            data.get("step"),
        )  # fmt: skip

    def _head(self) -> str:
        when = "before training" if self.phase == "before" else f"at step {self.step or 0:,}"
        found = {0: "nothing found", 1: "1 finding"}.get(len(self), f"{len(self)} findings")
        return f"{self.subject}, {when}: {found} ({len(self.checked)} checks)"

    def __str__(self) -> str:
        lines = [self._head()]
        for finding in self.findings:
            lines += ["", str(finding)]
        lines += [f"  The check {name!r} could not be made: {reason}" for name, reason in self.failed.items()]
        if not self.complete:
            lines.append("  The look was broken off: not all checks were made.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        parts = [f"<h4>Doctor <span class='soft'>{escape(self._head())}</span></h4>"]
        parts += [_part(finding) for finding in self.findings]
        if not self.findings:
            names = ", ".join(title_of(name).split(" (")[0].lower() for name in self.checked)
            parts.append(f'<p class="soft">Looked for: {escape(names)}.</p>')
        if not self.complete:
            parts.append('<p class="soft">The look was broken off: not all checks were made.</p>')
        return page(f"Doctor's report on {self.subject}", *parts)


def _part(finding: Finding) -> str:
    """One finding as HTML."""
    place = f"layer {finding.layer!r}" if finding.layer else ""
    if finding.since_step is not None:
        place += (", " if place else "") + f"since step {finding.since_step:,}"
    fixes = "".join(f"<li>{escape(fix.label)}</li>" for fix in finding.fixes)
    return "".join(
        [
            f'<p><span class="{_CLASS[finding.severity]}">{_WORDS[finding.severity]}</span> '
            f"<b>{escape(finding.title)}</b> <span class='soft'>{escape(place)}</span></p>",
            f"<p>{escape(finding.explanation)}</p>",
            svg(finding.evidence) if finding.evidence is not None else "",
            f'<p class="soft">{escape(finding.why)} '
            f'<a href="{escape(finding.url)}" target="_blank" rel="noreferrer">{escape(finding.source)}</a></p>',
            f"<p>What can be done:</p><ul>{fixes}</ul>" if fixes else "",
            f"<p>To do by hand: {escape(finding.no_fix)}</p>" if finding.no_fix else "",
        ]
    )
