"""Sentences that several exports share."""

from __future__ import annotations

import math

from lepton_lab.export.subject import Trained

__all__ = ["about_outputs", "best_epoch", "numbers_of", "shape_of", "shown_metric"]

_MOST = 20


def about_outputs(subject: Trained) -> str:
    """What is predicted from what, in one sentence or two."""
    shape = shape_of(subject)
    names = ", ".join(subject.outputs[:_MOST]) + (
        f", … ({len(subject.outputs)} in all)" if len(subject.outputs) > _MOST else ""
    )
    if subject.task == "regression":
        return f"From a sample ({shape}) it predicts {names or 'a number'}."
    if subject.task == "multilabel":
        return f"For a sample ({shape}) it says which of these apply: {names}."
    return f"It tells {len(subject.outputs)} classes apart from a sample ({shape}): {names}."


def shape_of(subject: Trained) -> str:
    """What a sample is, in plain words."""
    kind, shape = subject.data.preprocessing.kind, subject.data.sample_shape
    if kind == "images" or (len(shape) == 3 and shape[0] in (1, 3, 4)):
        colours = {1: "grey", 3: "colour", 4: "colour with transparency"}[shape[0]]
        return f"a {colours} picture, {shape[1]} × {shape[2]} pixels"
    if kind == "text":
        return f"a text of up to {shape[0]} words"
    if kind == "table":
        count = len({c.reads for c in subject.data.preprocessing.columns})  # type: ignore[attr-defined]
        return f"a row of {count} columns"
    if kind == "spectrogram":
        return "a recording"
    return "numbers of shape (" + ", ".join(map(str, shape)) + ")"


def best_epoch(subject: Trained) -> dict[str, float] | None:
    """The values of the epoch whose weights are taken away; None where no epoch was recorded."""
    columns = subject.run.history.epochs.since(0)[1]
    count = len(next(iter(columns.values()), ()))
    if not count:
        return None
    row = count - 1
    if subject.which == "best":
        name = subject.settings.monitor or ("val_loss" if "val_loss" in columns else "loss")
        if name in columns:
            mode = subject.settings.monitor_mode
            up = mode == "max" or (mode == "auto" and not any(w in name for w in ("loss", "error", "mse", "mae")))
            values = [(-math.inf if up else math.inf) if math.isnan(v) else v for v in map(float, columns[name])]
            row = values.index(max(values) if up else min(values))
    return {name: float(values[row]) for name, values in columns.items()}


def numbers_of(subject: Trained) -> str:
    """How good the taken weights were when they were trained, in one sentence; empty where nothing was recorded."""
    row = best_epoch(subject)
    if row is None:
        return ""
    names = [n for n in row if n.startswith("val_") and n != "val_loss"] or [
        n for n in ("val_loss", "loss") if n in row
    ]
    said = ", ".join(shown_metric(n, row[n]) for n in names[:2])
    where = "on the validation set" if any(n.startswith("val_") for n in names) else "on the training set"
    return f"The {subject.which} weights, of epoch {row['epoch']:.0f}: {said} {where}."


def shown_metric(name: str, value: float) -> str:
    """A metric as people read it."""
    plain = name.removeprefix("val_").replace("_", " ")
    if any(word in plain for word in ("accuracy", "precision", "recall", "f1")):
        return f"{plain} {100 * value:.1f} %"
    return f"{plain} {value:.4g}"
