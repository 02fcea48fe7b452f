"""What the train page says of a run: the headline, how good it is, the hint, what went wrong. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lepton_lab.app import words_train as words
from lepton_lab.app.train_facts import Facts
from lepton_lab.doctor import Finding, Report
from lepton_lab.training.status import RunState, RunStatus

__all__ = ["better", "headline", "hint", "ready", "result_of", "sentence", "verdict", "why_failed", "worst"]

_GAIN = 0.25  # of the way from a guess to perfect, from which on it learns well
_SAME = 0.0005  # two shares that differ by less count as alike


def better(facts: Facts, after: float, before: float) -> bool:
    """Whether the first of two results is the better one."""
    if facts.regression:
        return after < before * (1 - _SAME)
    return after > before + _SAME


def result_of(facts: Facts, values: Mapping[str, Any] | None) -> tuple[float | None, bool]:
    """Share of right answers, or the mean distance of a regression; and whether it was found on new samples."""
    for name, new in ((f"val_{facts.column}", True), (facts.column, False)):
        value = (values or {}).get(name)
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value), new
    return None, False


def worst(report: Report | None) -> Finding | None:
    """The most important finding that is no mere note."""
    return next((finding for finding in report or () if finding.severity != "info"), None)


def headline(
    facts: Facts, status: RunStatus, finding: Finding | None, cause: str = "", others: int = 0, early: bool = False
) -> str:
    """The state of a run in a few words."""
    state, said = status.state, words.HEADLINES
    if state is RunState.QUEUED:
        if not others:
            return said["starting"]
        return said["queued"].format(others=words.ONE_OTHER if others == 1 else words.OTHERS.format(count=others))
    if state is RunState.FAILED:
        return said["failed"].format(what=words.FAILED[cause or "error"]["what"])
    if state is RunState.FINISHED and early:
        return said["early"]
    if state is not RunState.RUNNING:
        return said[str(state)]
    if finding is not None and finding.rule in words.FINDINGS:
        return words.FINDINGS[finding.rule].format(noun=words.NOUNS[facts.noun][0])
    return said[_course(facts, status)]


def _course(facts: Facts, status: RunStatus) -> str:
    found, new = result_of(facts, status.metrics)
    if status.epoch < 1 or found is None:
        return "first"
    if facts.guess is None or not new:
        return "well"
    if facts.regression:
        gain = 1 - found / facts.guess if facts.guess > 0 else 1.0
    else:
        gain = (found - facts.guess) / max(1e-9, 1 - facts.guess)
    if gain <= 0.02:
        return "first" if status.epoch < 3 else "not"
    return "well" if gain >= _GAIN or status.epoch < 3 else "slowly"


def sentence(facts: Facts, values: Mapping[str, Any] | None) -> list[str]:
    """How good it is, in three parts of which the middle one is emphasised; empty before anything is known."""
    found, new = result_of(facts, values)
    if found is None:
        return []
    noun, right = words.NOUNS[facts.noun]
    if facts.regression:
        form, strong = words.MISSES if new else words.MISSES_LEARNT, words.number(found)
    else:
        form = words.LEARNT if not new else words.LABELS if facts.task == "multilabel" else right
        strong = f"{words.out_of_100(found)} of 100"
    before, _, after = form.partition("{strong}")
    known = {"noun": noun, "target": facts.target}
    return [before.format(**known), strong, f"{after.format(**known)} {_guessing(facts)}".rstrip()]


def _guessing(facts: Facts) -> str:
    if facts.guess is None:
        return ""
    if facts.regression:
        return words.ALWAYS_MIDDLE.format(label=facts.always, guess=words.number(facts.guess)) if facts.always else ""
    guess = words.out_of_100(facts.guess)
    return (words.ALWAYS if facts.always else words.GUESSING).format(label=facts.always, guess=guess)


def ready(facts: Facts) -> str:
    """What will happen, before the first run."""
    form = words.READY if facts.valid else words.READY_ALONE
    return form.format(train=f"{facts.train:,}", valid=f"{facts.valid:,}", noun=words.NOUNS[facts.noun][0])


def hint(facts: Facts, finding: Finding, status: RunStatus, keeps_best: bool) -> dict[str, str]:
    """A finding as a card says it: a strong part, the rest of the line, and a second line."""
    noun = words.NOUNS[facts.noun][0]
    if finding.rule in words.HINTS and status.best_epoch:
        strong, rest, detail = words.HINTS[finding.rule]
        kept = words.KEPT_LATER if keeps_best or status.state is RunState.STOPPED else words.NOT_KEPT
        kept = "" if status.state.ended and not keeps_best and status.state is not RunState.STOPPED else kept
        kept = kept.format(round=status.best_epoch)
        detail = detail.format(noun=noun, round=status.best_epoch, kept=kept).rstrip()
        return {"strong": strong, "rest": rest.format(noun=noun), "detail": detail}
    plain, bracket, term = finding.title.partition(" (")
    detail = finding.explanation
    if not finding.fixes and finding.no_fix:
        detail = f"{detail} {words.BY_HAND.format(what=finding.no_fix)}"
    return {"strong": plain, "rest": bracket.strip() + term if bracket else "", "detail": detail}


def why_failed(facts: Facts | None, error: Mapping[str, Any]) -> dict[str, str]:
    """What went wrong and what to do, by the cause that was read from the error."""
    noun = words.NOUNS[facts.noun][0] if facts is not None else "samples"
    cause = str(error.get("cause") or "error")
    said = " ".join(filter(None, (_sentence(error.get("title")), error.get("detail"), _sentence(error.get("fix")))))
    form = words.FAILED[cause if cause in words.FAILED else "error"]
    detail = form["detail"].format(said=said, noun=noun, one=noun.removesuffix("s"))
    return {"cause": cause, "detail": detail.strip(), "said": said}


def _sentence(text: Any) -> str:
    text = str(text or "").strip()
    return text if not text or text[-1] in ".!?" else f"{text}."


def verdict(
    facts: Facts, status: RunStatus, before: float | None, after: float | None, *, waits: bool
) -> dict[str, Any]:
    """What is said about a fix that is being tried.

    Args:
        facts: About the data.
        status: Of the run that tries the fix.
        before: Result of the run without it.
        after: Its own result so far.
        waits: Whether it waits for the other one to end.
    """
    known = {
        "before": _fine(facts, before), "after": _fine(facts, after), "round": status.epoch, "rounds": status.epochs,
    }  # fmt: skip
    done = words.DONE
    if status.state in (RunState.FAILED, RunState.INTERRUPTED):
        return {"text": done["failed"], "ended": True, "better": False}
    if status.state.ended:
        comparable = before is not None and after is not None
        good = comparable and better(facts, float(after or 0), float(before or 0))
        return {"text": done["after" if comparable else "none"].format(**known), "ended": True, "better": good}
    key = "goes" if after is not None else "waits" if waits and status.state is RunState.QUEUED else "begins"
    return {"text": done[key].format(**known), "ended": False, "better": None}


def _fine(facts: Facts, value: float | None) -> str:
    if value is None:
        return "–"
    return words.number(value) if facts.regression else f"{100 * value:.1f}"
