"""What is found out beside a training, and all of it put into words for the page."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lepton_lab.app import train_says as says, words_train as words
from lepton_lab.app.train_facts import Facts, facts_of, facts_of_record, kind_of, parameters_of
from lepton_lab.app.train_mistakes import Mistakes, find_mistakes
from lepton_lab.app.train_worker import can_travel
from lepton_lab.doctor import Finding, Report, diagnose
from lepton_lab.training.status import RunState, RunStatus
from lepton_lab.widgets._beside import Beside

if TYPE_CHECKING:
    from lepton_lab.app.visit import Visit
    from lepton_lab.data import DataBundle
    from lepton_lab.widgets.training_monitor_reader import Reader
    from lepton_lab.workspace import StoredRun

__all__ = ["Watch"]

_DOCTOR_S, _DOCTOR_SHARE = 3.0, 0.1
_MISTAKES_S, _MISTAKES_SHARE = 4.0, 0.05
_FAILED = re.compile(r"^the run '.*?' failed: (\w*(Error|Exception): )?")


class Watch:
    """Looks at one run at a time: what is wrong with its training, and what it still gets wrong.

    Args:
        failed: Called with what went wrong while looking.

    Threads: safe.
    """

    def __init__(self, failed: Callable[[BaseException], Any]) -> None:
        self._lock = threading.Lock()
        self._doctor = Beside(self._diagnose, _DOCTOR_S, _DOCTOR_SHARE, failed)
        self._finder = Beside(self._find, _MISTAKES_S, _MISTAKES_SHARE, failed)
        self._report: tuple[str, Report] | None = None
        self._known: dict[str, tuple[Any, Any]] = {}
        self.mistakes: Mistakes | None = None
        self.found = 0

    def look(self, run: StoredRun, status: RunStatus, data: DataBundle | None) -> None:
        """Begins what is due; returns at once."""
        ended = status.state.ended
        if status.step:
            self._doctor.due((run.id, status.step, ended, data is None), run, data, ended, at_once=ended)
        if data is not None and status.epoch:
            mark = (run.id, status.epoch, ended, id(data))
            self._finder.due(mark, run, data, at_once=ended or self.mistakes is None)

    def report_of(self, run_id: str) -> Report | None:
        """What the doctor found last in this run."""
        report = self._report
        return report[1] if report is not None and report[0] == run_id else None

    def finding(self, run_id: str, rule: str, layer: str | None) -> Finding | None:
        """A finding by its rule and layer."""
        found = (f for f in self.report_of(run_id) or () if f.rule == rule and f.layer == layer)
        return next(found, None)

    def said(self, visit: Visit, main: Reader | None, other: Reader | None, others: int) -> dict[str, Any]:
        """Everything that the page says, as plain JSON data."""
        work = visit.work
        data = work.data if work is not None else None
        missing = self._missing(visit)
        facts = self._facts(data, main)
        told: dict[str, Any] = {"missing": missing, "workspace": visit.workspace.folder.name, "others": others}
        if main is None:
            if missing is None and facts is not None:
                told |= {"headline": words.HEADLINES["ready"], "line": ["", "", says.ready(facts)]}
        else:
            assert facts is not None
            told |= self._of_run(main, facts, data, others)
            if other is not None:
                told["try"] = self._of_try(main, other, facts)
        if facts is not None:
            told["chart"] = {
                "column": facts.column, "regression": facts.regression, "noun": words.NOUNS[facts.noun][0],
                "target": facts.target, "guess": facts.guess,
            }  # fmt: skip
        network = main.run.network if main is not None else (work.network if work is not None else None)
        told["network"] = self._remember("network", network, lambda: [kind_of(network), parameters_of(network)])
        if main is not None and work is not None and work.network is not None and missing is None:
            now = work.network
            told["changed"] = self._remember(
                "changed", (now, main.id), lambda: now.to_dict() != dict(main.run.network or {})
            )
        return told

    def _of_run(self, main: Reader, facts: Facts, data: DataBundle | None, others: int) -> dict[str, Any]:
        status, about = main.status, main.about
        state = status.state
        settings = about.get("settings") or {}
        keeps = bool(main.run.settings.get("restore_best") or settings.get("patience") is not None)
        finding = says.worst(self.report_of(main.id))
        error = _error_of(about, status) if state is RunState.FAILED else None
        early = any(event.get("kind") == "stopped early" for event in main.events[-8:])
        values = main.best() if state.ended and (keeps or state is RunState.STOPPED) else None
        line = says.sentence(facts, values or status.metrics)
        if not line and state is RunState.QUEUED:
            line = ["", "", words.WAITS if others else words.STARTS]
        elif not line and state is RunState.STARTING:
            line = ["", "", words.STARTS]
        told: dict[str, Any] = {
            "headline": says.headline(facts, status, finding, (error or {}).get("cause", ""), others, early),
            "line": line,
            "note": _note(main, status, keeps),
        }
        if error is not None:
            told["problem"] = {**error, "lr": _smaller(status, settings) if error["cause"] == "nan" else None}
        elif state is RunState.INTERRUPTED:
            told["problem"] = {"cause": "interrupted", "detail": words.LOST, "lr": None}
        elif finding is not None and state not in (RunState.QUEUED, RunState.STARTING):
            told["hint"] = self._hint(facts, finding, status, keeps, data)
        if (found := self.mistakes) is not None and found.run == main.id:
            told["mistakes"] = self.found
        return told

    def _hint(
        self, facts: Facts, finding: Finding, status: RunStatus, keeps: bool, data: DataBundle | None
    ) -> dict[str, Any]:
        fixes = [(i, fix) for i, fix in enumerate(finding.fixes) if can_travel(fix, data)]
        told: dict[str, Any] = {
            **says.hint(facts, finding, status, keeps), "rule": finding.rule, "layer": finding.layer,
            "severity": finding.severity, "why": finding.why,
        }  # fmt: skip
        if fixes:
            told["fix"] = {"index": fixes[0][0], "label": words.fix_label(fixes[0][1].label)}
        return told

    def _of_try(self, main: Reader, other: Reader, facts: Facts) -> dict[str, Any]:
        label = str(other.about.get("name") or "").rpartition(": ")[2]
        before = _result(main, facts)
        after = _result(other, facts)
        waits = not main.status.state.ended
        return {
            "label": words.fix_label(label),
            **says.verdict(facts, other.status, before, after, waits=waits),
        }

    def _missing(self, visit: Visit) -> dict[str, str] | None:
        """Why nothing can be trained now, and where to go; None where it can."""
        work, said = visit.work, words.NOTHING
        if work is None:
            return dict(said["project"])
        if work.data is None:
            if visit.busy:
                return dict(said["loading"])
            if visit.problem is not None:
                problem = visit.problem
                detail = " ".join(filter(None, (problem.get("detail"), problem.get("fix"))))
                return {"title": str(problem.get("title")), "detail": detail, "page": "data"}
            return dict(said["data"])
        network = work.network
        if network is None or not network.layers:
            return dict(said["network"])
        why = self._remember("check", network, lambda: [p.message for p in network.check().problems[:1]])
        if why:
            return {**said["broken"], "detail": said["broken"]["detail"].format(why=why[0])}
        return None

    def _facts(self, data: DataBundle | None, main: Reader | None) -> Facts | None:
        if data is not None:
            found: Facts = self._remember("facts", data, lambda: facts_of(data))
            return found
        return facts_of_record(main.run.data) if main is not None else None

    def _remember(self, what: str, of: Any, make: Callable[[], Any]) -> Any:
        """What `make` gave last, where it was made of the same thing: specifications and bundles never change."""
        with self._lock:
            known = self._known.get(what)
            if known is None or not _same(known[0], of):
                known = self._known[what] = (of, make())
            return known[1]

    def _diagnose(self, run: StoredRun, data: DataBundle | None, whole: bool) -> None:
        self._report = (run.id, diagnose(run, data=data, recorded_only=not whole or data is None))

    def _find(self, run: StoredRun, data: DataBundle) -> None:
        found = find_mistakes(run, data)
        if found is not None:
            self.mistakes, self.found = found, self.found + 1


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return a is b or (isinstance(a, str | dict) and a == b)


def _result(reader: Reader, facts: Facts) -> float | None:
    """The best result of a run so far, or its newest before one is known to be the best."""
    best, _ = says.result_of(facts, reader.best())
    return best if best is not None else says.result_of(facts, reader.status.metrics)[0]


def _note(main: Reader, status: RunStatus, keeps: bool) -> str:
    """One more sentence: that the batch was halved, or which round is kept."""
    halved = [event for event in main.events if event.get("kind") == "batch size halved"]
    if halved and not status.state.ended:
        return str(halved[-1].get("message") or "")
    kept = keeps or status.state is RunState.STOPPED
    if status.state in (RunState.FINISHED, RunState.STOPPED) and kept and status.best_epoch:
        return words.KEPT.format(round=status.best_epoch)
    return ""


def _error_of(about: Mapping[str, Any], status: RunStatus) -> dict[str, str]:
    error = dict(about.get("error") or {"title": status.message})
    error["title"] = _FAILED.sub("", str(error.get("title") or ""))
    if error.get("cause", "error") == "error" and "DataError" in status.message:
        error["cause"] = "data"
    return says.why_failed(None, error)


def _smaller(status: RunStatus, settings: Mapping[str, Any]) -> float:
    lr = status.lr or settings.get("lr") or 1e-3
    return float(f"{float(lr) / 10:.2g}")
