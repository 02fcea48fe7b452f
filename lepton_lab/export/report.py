"""A report on one run: a page that stands alone, without scripts, for the screen and for paper."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lepton_lab.doctor import diagnose
from lepton_lab.errors import LeptonError
from lepton_lab.evaluate import Cancelled as EvaluationCancelled, evaluate
from lepton_lab.evaluate.collect import Subject
from lepton_lab.export.files import Cancelled
from lepton_lab.export.report_parts import (
    data_part,
    doctor_part,
    making_part,
    mistakes_part,
    network_part,
    scores_part,
    tiles,
    training_part,
)
from lepton_lab.export.report_style import STYLE
from lepton_lab.export.subject import Trained
from lepton_lab.export.words import about_outputs, numbers_of
from lepton_lab.markup import escape
from lepton_lab.training.plan import Plan

__all__ = ["report_html"]


def report_html(
    subject: Trained,
    *,
    title: str = "",
    split: str = "",
    progress: Callable[[float], None] = lambda share: None,
    stop: Callable[[], bool] = lambda: False,
) -> str:
    """The report as HTML.

    Args:
        subject: What was trained.
        title: Its heading; the run's name where empty.
        split: What is evaluated; the test set where there is one, else the validation set.
        progress: Called with the share that is done, 0 to 1.
        stop: Asked now and then; True gives up.

    Side effects: a look at the test set is counted in the run.

    Raises:
        Cancelled: `stop` said so.
        DataError: There is no such split.
    """
    split = split or next(s for s in ("test", "valid", "train") if s in subject.data.splits)
    plan = Plan(
        data=subject.data, settings=subject.settings, build=lambda: subject.module, module=subject.module,
        loss=getattr(getattr(subject.run, "_plan", None), "loss", None),
    )  # fmt: skip
    counter = subject.run if hasattr(subject.run, "count_test_look") else None
    try:
        found = evaluate(
            Subject(plan, None, counter), split=split, progress=lambda share: progress(0.5 * share), stop=stop
        )
    except EvaluationCancelled as error:
        raise Cancelled("the report was cancelled") from error
    _ = found.summary  # resampling takes a while and belongs before the next look at `stop`
    progress(0.6)
    _look(stop)
    findings = _findings(subject, stop)
    progress(0.85)
    _look(stop)
    title = title or subject.name
    body = [
        f"<header><h1>{escape(title)}</h1>",
        f'<p class="soft">Report on the network {escape(subject.name)}, written on {time.strftime("%d %B %Y")}</p>',
        f"<p>{escape(about_outputs(subject))} {escape(numbers_of(subject))}</p>{tiles(found)}</header>",
        data_part(subject),
        network_part(subject),
        training_part(subject),
        scores_part(found),
        mistakes_part(found),
        doctor_part(findings),
        making_part(subject, found),
    ]
    progress(1.0)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}: report</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(part for part in body if part)
        + "\n<footer>Made with Lepton Lab. This page needs no connection; print it or keep it as it is.</footer>"
        "</body></html>\n"
    )


def _findings(subject: Trained, stop: Callable[[], bool]) -> Any:
    """What the doctor says of the run; by its record alone where the weights cannot be looked at."""
    try:
        return diagnose(subject.run, data=subject.data, stop=stop)
    except (LeptonError, RuntimeError):
        return diagnose(subject.run, data=subject.data, recorded_only=True, stop=stop)


def _look(stop: Callable[[], bool]) -> None:
    if stop():
        raise Cancelled("the report was cancelled")
