"""The parts of the report, each as HTML."""

from __future__ import annotations

import base64
import io
import math
import time
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from lepton_lab.evaluate import Evaluation, Sample, read_samples
from lepton_lab.evaluate.report import NAMES, shown
from lepton_lab.export.report_svg import curves
from lepton_lab.export.subject import Trained, versions_of
from lepton_lab.export.words import best_epoch
from lepton_lab.markup import escape
from lepton_lab.network.diagram import diagram
from lepton_lab.training.settings import TrainSettings

__all__ = [
    "data_part", "doctor_part", "making_part", "mistakes_part", "network_part", "scores_part", "tiles", "training_part",
]  # fmt: skip

_MOST_CLASSES = 20
_MISTAKES = 12
_MEANING = (
    '<p class="small soft">Precision: of what the network called so, how much was. Recall: of what is so, how much it '
    "found. F1: both in one number. Beside each its 95 % interval, in per cent.</p>"
)
_SPLITS = {"train": "training", "valid": "validation", "test": "test"}
_LEVELS = {"problem": "Problem", "warning": "Worth a look", "info": "Good to know"}
_SILENT = {"checkpoint_every", "checkpoint_seconds", "log_every", "probe_budget", "monitor_mode"}
_ALWAYS = ("epochs", "batch_size", "optimizer", "lr", "loss", "seed")


def tiles(found: Evaluation) -> str:
    """The most important numbers, large."""
    parts = []
    for score in found.summary[:4]:
        name = NAMES.get(score.name, score.name)
        low, high = shown(score, score.low), shown(score, score.high)
        known = math.isfinite(score.low) and math.isfinite(score.high)
        parts.append(
            f'<div class="tile"><b>{escape(shown(score))}</b><span>{escape(name)}</span>'
            + (f"<span>95 %: {escape(low)} to {escape(high)}</span>" if known else "")
            + "</div>"
        )
    where = f"On {len(found):,} samples of the {_SPLITS[found.split]} set"
    word = ", which the network has not learnt from" if found.split != "train" else ""
    return f'<div class="tiles">{"".join(parts)}</div><p class="small soft">{where}{word}.</p>'


def data_part(subject: Trained) -> str:
    """What it learnt from."""
    data = subject.data
    rows = [("Data", escape(data.name)), ("Question", escape(_question(subject)))]
    rows += [(f"{_SPLITS[name].capitalize()} set", f"{len(split):,} samples") for name, split in data.splits.items()]
    rows.append(("Preparation", "<br>".join(map(escape, data.preprocessing.describe())) or "none"))
    if data.train.augmentation:
        steps = ", ".join(str(step["kind"]) for step in data.train.augmentation)
        rows.append(("Changed at random while training", escape(steps)))
    parts = ["<h2>Data</h2>", _pairs(rows)]
    if subject.task != "regression" and len(data.classes) <= _MOST_CLASSES:
        counts = data.class_counts().tolist()
        most = max(1, *counts)
        parts.append("<h3>Training samples of each class</h3>")
        parts.append(
            _table(
                (
                    escape(name),
                    f'<span class="num">{count:,}</span>',
                    f'<div class="bar" style="width:{max(1, round(220 * count / most))}px"></div>',
                )
                for name, count in zip(data.classes, counts, strict=True)
            )
        )
    noticed = [f for f in data.findings if f.severity != "info"]
    if noticed:
        parts.append("<h3>What was noticed when it was loaded</h3>")
        parts += [f'<div class="finding warning">{escape(f.message)}</div>' for f in noticed[:12]]
    return "<section>" + "".join(parts) + "</section>"


def network_part(subject: Trained) -> str:
    """The layers, drawn."""
    shapes = subject.spec.infer_shapes()
    drawing = diagram(subject.spec)
    return (
        f"<section><h2>Network</h2><p>{len(subject.spec)} layers with {shapes.parameters:,} parameters, "
        f"the numbers that training changes.</p><div class='diagram'>{drawing}</div></section>"
    )


def training_part(subject: Trained) -> str:
    """Settings and curves."""
    columns = subject.run.history.history
    best = best_epoch(subject)
    marked = int(best["epoch"]) if best is not None else 0
    drawn = []
    for name in _drawn(columns):
        lines = {"training": columns[name]} if name in columns else {}
        if f"val_{name}" in columns:
            lines["validation"] = columns[f"val_{name}"]
        share = any(word in name for word in ("accuracy", "precision", "recall", "f1"))
        drawn.append(curves(name.replace("_", " ").capitalize(), lines, percent=share, marked=marked))
    s, default = subject.settings, TrainSettings()
    rows = []
    for field in fields(s):
        value = getattr(s, field.name)
        if field.name in _SILENT or (value == getattr(default, field.name) and field.name not in _ALWAYS):
            continue
        rows.append((field.name.replace("_", " "), escape(_value(value))))
    key = (
        '<p class="key"><i></i>training set<i class="validation"></i>validation set'
        + (f"; the dotted line marks epoch {marked}, whose weights were kept" if marked else "")
        + "</p>"
    )
    status = subject.run.status
    ran = f"<p>It trained {status.epoch} of {status.epochs} epochs, {status.step:,} steps.</p>"
    return (
        f"<section><h2>Training</h2>{ran}<div class='pair'>{''.join(drawn)}</div>{key if drawn else ''}"
        f"<h3>Settings</h3>{_pairs(rows)}</section>"
    )


def scores_part(found: Evaluation) -> str:
    """All scores, each class, and what was taken for what."""
    rows = [
        (escape(NAMES.get(s.name, s.name)), escape(shown(s)), escape(f"{shown(s, s.low)} to {shown(s, s.high)}")
         if math.isfinite(s.low) and math.isfinite(s.high) else "")
        for s in found.summary
    ]  # fmt: skip
    parts = [f"<h2>How good it is</h2><p>{escape(_looks(found))}</p>", _table(rows, ("", "value", "95 % interval"))]
    if found.task == "regression":
        return "<section>" + "".join(parts) + "</section>"
    frame = found.per_class.head(60)
    each = [
        (escape(str(name)), f"{int(row['support']):,}", *(_share(row, n) for n in ("precision", "recall", "f1")))
        for name, row in frame.iterrows()
    ]
    head = ("class", "samples", "precision", "recall", "F1")
    parts += ["<h3>Each class</h3>", _MEANING, f'<div class="scroll">{_table(each, head)}</div>']
    if found.task != "multilabel" and len(found.classes) <= _MOST_CLASSES:
        parts += ["<h3>What was taken for what (confusion matrix)</h3>", _matrix(found)]
    return "<section>" + "".join(parts) + "</section>"


def mistakes_part(found: Evaluation) -> str:
    """The surest mistakes, as people can look at them."""
    rows = found.mistakes(_MISTAKES).tolist()
    if not rows:
        return "<section><h2>Mistakes</h2><p>There were none on these samples.</p></section>"
    samples = read_samples(found.data, found.split, rows)
    pictures = samples[0].kind == "picture"
    shown_ = [_mistake(found, row, sample) for row, sample in zip(rows, samples, strict=True)]
    what = "The largest errors." if found.task == "regression" else (
        f"{int(found.wrong.sum()):,} of {len(found):,} samples were told wrongly; here those where it was surest."
    )  # fmt: skip
    kind = "mistakes" if pictures else "texts"
    return f'<section><h2>Mistakes</h2><p>{what}</p><div class="{kind}">{"".join(shown_)}</div></section>'


def doctor_part(report: Any) -> str:
    """What the doctor found."""
    parts = ["<h2>What the doctor says</h2>"]
    if not len(report):
        parts.append(f'<p class="ok">Nothing found in {len(report.checked)} checks.</p>')
    for finding in report:
        where = f" (layer {finding.layer})" if finding.layer else ""
        fix = f"<p>What helps: {escape('; or '.join(f.label for f in finding.fixes))}.</p>" if finding.fixes else ""
        parts.append(
            f'<div class="finding {finding.severity}"><p><span class="level">{_LEVELS[finding.severity]}:</span> '
            f"<b>{escape(finding.title)}</b>{escape(where)}</p><p>{escape(finding.explanation)}</p>"
            f'<p class="small soft">{escape(finding.why)} ({escape(finding.source)})</p>{fix}</div>'
        )
    return "<section>" + "".join(parts) + "</section>"


def making_part(subject: Trained, found: Evaluation) -> str:
    """What somebody needs to do it again."""
    run = subject.run
    rows = [("Run", f"{escape(run.name)} ({escape(run.id)})"), ("Weights", f"the {subject.which} ones")]
    rows.append(("Seed", str(subject.settings.seed)))
    created = getattr(run, "created", None)
    if created:
        rows.append(("Made on", time.strftime("%d %B %Y, %H:%M", time.localtime(created))))
    device = getattr(run, "device", None)
    if isinstance(device, str) and device:
        rows.append(("Computed on", escape(device)))
    rows += [(escape(name), escape(version)) for name, version in versions_of(run).items()]
    if found.split == "test":
        rows.append(
            ("Looks at the test set", f"{found.test_looks}, this one included" if found.test_looks else "not counted")
        )
    return f"<section><h2>How it was made</h2>{_pairs(rows)}</section>"


def _question(subject: Trained) -> str:
    data = subject.data
    names = ", ".join(data.classes[:_MOST_CLASSES]) + (", …" if len(data.classes) > _MOST_CLASSES else "")
    if subject.task == "regression":
        return f"How large is {', '.join(data.target_names) or 'the target'}?"
    return f"Which of these {'apply' if subject.task == 'multilabel' else 'is it'}: {names}?"


def _drawn(columns: dict[str, list[float]]) -> list[str]:
    names = [n for n in columns if not n.startswith("val_") and n != "lr"]
    names.sort(key=lambda n: (n != "loss", n != "accuracy"))
    return names[:2]


def _value(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "the usual one" if value is None else "chosen by the data" if value == "auto" else str(value)


def _looks(found: Evaluation) -> str:
    text = f"Measured on {len(found):,} samples of the {_SPLITS[found.split]} set."
    if found.split == "test" and found.test_looks > 1:
        text += (
            f" The test set has been looked at {found.test_looks} times; the more often choices follow such looks, the "
            "less it says about new data."
        )
    return text + " The interval is where the true value lies with 95 % confidence, judging by so many samples."


def _share(row: Any, name: str) -> str:
    value, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    if not math.isfinite(value):
        return "–"
    span = f'<span class="small soft">{100 * low:.0f} to {100 * high:.0f}</span>'
    return f'<span class="whole">{100 * value:.1f} % {span}</span>'


def _matrix(found: Evaluation) -> str:
    names, counts = [escape(n) for n in found.classes], found.confusion
    rows = []
    for i, name in enumerate(names):
        whole = max(1, int(counts[i].sum()))
        cells = []
        for j, count in enumerate(counts[i].tolist()):
            share = count / whole
            text = f"{count:,}" if count else '<span class="soft">0</span>'
            cells.append(
                f'<td{" class=right" if i == j else ""} style="background:rgba(var(--heat),{0.55 * share:.2f})" '
                f'title="{name} taken for {names[j]}: {count:,}, {100 * share:.1f} %">{text}</td>'
            )
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        '<p class="small soft">Rows: what it is. Columns: what the network said. '
        "The colour is the share of its row.</p>"
        f'<div class="scroll"><table class="matrix"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _mistake(found: Evaluation, row: int, sample: Sample) -> str:
    said = escape(_said(found, row))
    if sample.kind == "picture" and sample.pixels is not None:
        return f'<figure><img alt="sample {row}" src="{_png(sample.pixels)}"><div>{said}</div></figure>'
    if sample.kind == "text":
        return f"<div><div>{escape(sample.text)}</div><div>{said}</div></div>"
    if sample.kind == "row":
        cells = ", ".join(f"{escape(n)}: {escape(v)}" for n, v in sample.cells[:12])
        return f'<div><div class="soft">{cells}</div><div>{said}</div></div>'
    return f"<div>sample {row}: {said}</div>"


def _said(found: Evaluation, row: int) -> str:
    names = found.classes
    if found.task == "regression":
        values = zip(names, found.targets[row], found.values[row], strict=True)
        return "; ".join(f"{n}: {float(t):.4g}, predicted {float(v):.4g}" for n, t, v in values)
    if found.task == "multilabel":
        is_, said = (np.flatnonzero(part[row] > 0.5) for part in (found.targets, found.predicted))
        return f"is {', '.join(names[i] for i in is_) or 'none'}; said {', '.join(names[i] for i in said) or 'none'}"
    return (
        f"{names[int(found.targets[row])]}, taken for {names[int(found.predicted[row])]} "
        f"({100 * float(found.sureness[row]):.0f} % sure)"
    )


def _png(pixels: Any) -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    return (
        "<table>" + "".join(f'<tr><th scope="row" class="soft">{a}</th><td>{b}</td></tr>' for a, b in rows) + "</table>"
    )


def _table(rows: Iterable[tuple[str, ...]], head: tuple[str, ...] = ()) -> str:
    top = "<thead><tr>" + "".join(f'<th scope="col">{h}</th>' for h in head) + "</tr></thead>" if head else ""
    return f"<table>{top}<tbody>" + "".join(
        "<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows
    ) + "</tbody></table>"  # fmt: skip
