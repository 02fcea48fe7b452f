"""What the train page says. Plain words first, the field's term in brackets."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["DONE", "FAILED", "FINDINGS", "HEADLINES", "KINDS", "NOTHING", "NOUNS", "fix_label", "number", "out_of_100"]

NOUNS: Final = {
    "digits": ("digits", "Reads {strong} digits it has never seen."),
    "pictures": ("pictures", "Recognises {strong} pictures it has never seen."),
    "texts": ("texts", "Gets {strong} texts right that it has never seen."),
    "rows": ("rows", "Gets {strong} rows right that it has never seen."),
    "samples": ("samples", "Gets {strong} samples right that it has never seen."),
}
"""What the samples are called, and what is said about those that it gets right."""

LEARNT: Final = "Gets {strong} {noun} right of those that it learns from."
MISSES: Final = "Misses {target} by {strong} on average, on {noun} it has never seen."
MISSES_LEARNT: Final = "Misses {target} by {strong} on average, on the {noun} that it learns from."
LABELS: Final = "Gets {strong} labels right on {noun} it has never seen."
GUESSING: Final = "Guessing would give {guess}."
ALWAYS: Final = "Always saying “{label}” would give {guess}."
ALWAYS_MIDDLE: Final = "Always saying {label} would miss by {guess}."

HEADLINES: Final = {
    "ready": "Ready to train",
    "queued": "Waiting for {others}",
    "starting": "Starting",
    "first": "Beginning to learn",
    "well": "Learning well",
    "slowly": "Learning slowly",
    "not": "Not learning yet",
    "paused": "Paused",
    "stopping": "Stopping",
    "finished": "Finished",
    "early": "Finished: it had stopped getting better",
    "stopped": "Stopped",
    "interrupted": "Interrupted: go on?",
    "failed": "Something went wrong: {what}",
}

ONE_OTHER: Final = "another training"
OTHERS: Final = "{count} others"
WAITS: Final = "It begins by itself as soon as a place is free."
STARTS: Final = "The first steps take a few seconds."
READY: Final = "It learns from {train} {noun}, and is tried on {valid} that it never learns from."
READY_ALONE: Final = "It learns from {train} {noun}."
KEPT: Final = "Round {round} was the best and is kept."
LOST: Final = "The process that trained it is gone. Nothing before the last good point is lost."

FINDINGS: Final = {
    "overfit": "Memorising: it knows the {noun} it learns from by heart",
    "overtraining": "Memorising: the best round is over",
    "loss-not-decreasing": "Not learning yet",
    "lr-too-low": "Learning slowly",
    "update-ratio-low": "Learning slowly",
    "vanishing-gradient": "Learning slowly",
    "dead-relu": "Learning with fewer units than it has",
    "lr-too-high": "Learning in leaps: the steps are too large",
    "update-ratio-high": "Learning in leaps: the steps are too large",
    "exploding-gradient": "Learning in leaps: the steps are too large",
    "oscillation": "Learning in leaps",
    "plateau": "No longer getting better",
    "not-finite": "Something went wrong: the numbers ran out of range",
}
"""The headline while it trains and one of these was found."""

HINTS: Final[dict[str, tuple[str, str, str]]] = {
    "overfit": (
        "It begins to memorise",
        "the {noun} that it learns from (overfitting).",
        "New {noun} stopped getting better at round {round}. {kept}",
    ),
    "overtraining": (
        "It goes on after its best round",
        "(overtraining).",
        "New {noun} stopped getting better at round {round}. {kept}",
    ),
}
"""Hints that know more than the doctor's own words: the strong part, the rest, and a second line."""

KEPT_LATER: Final = "Round {round} is kept."
NOT_KEPT: Final = "Stop now, and round {round} is kept."
BY_HAND: Final = "What you can do: {what}"

FAILED: Final[dict[str, dict[str, str]]] = {
    "nan": {
        "what": "the numbers ran out of range (NaN)",
        "detail": "Most often the steps were too large (learning rate). Everything up to the last good point is kept: "
        "go on from there with smaller steps.",
    },
    "memory": {
        "what": "the memory is full",
        "detail": "Not even one {one} fitted beside the network. Take a smaller network, or smaller {noun}.",
    },
    "data": {
        "what": "the data cannot be read any more",
        "detail": "{said}",
    },
    "error": {
        "what": "the training broke off",
        "detail": "{said} Everything up to the last good point is kept.",
    },
}
"""Why it failed, by cause, and what to do."""

NOTHING: Final[dict[str, dict[str, str]]] = {
    "project": {
        "title": "Nothing to train yet",
        "detail": "Begin with an example, your pictures or your table.",
        "page": "start",
    },
    "loading": {"title": "Reading the data", "detail": "This page is ready as soon as they are there.", "page": ""},
    "data": {
        "title": "No data yet",
        "detail": "A network learns from examples. Choose some, and come back to train.",
        "page": "data",
    },
    "network": {
        "title": "No network yet",
        "detail": "Pick a ready-made one or put one together, and come back to train.",
        "page": "network",
    },
    "broken": {"title": "This network cannot be trained yet", "detail": "{why}", "page": "network"},
}
"""Why there is nothing to train, and where to go."""

KINDS: Final = {
    "conv": "convolutional (CNN)",
    "recurrent": "with a memory (RNN)",
    "attention": "attention (transformer)",
    "dense": "dense layers (MLP)",
}

DONE: Final = {
    "after": "With the fix {after}, before {before}: keep it?",
    "none": "The fix has no result that can be compared.",
    "waits": "It starts when the present training is over.",
    "goes": "Round {round} of {rounds}. So far {after}, before {before}.",
    "begins": "It begins in a moment.",
    "failed": "The try broke off, so there is nothing to compare.",
}
"""What is said about a fix that is being tried."""

LABELS_OF_FIXES: Final = (
    ("Put Dropout", "add dropout"),
    ("Pull weights", "keep weights small (weight decay)"),
    ("Stop after", "stop when it no longer gets better"),
    ("Clip the gradients", "limit each step (gradient clipping)"),
    ("Weigh the classes", "count all classes alike"),
    ("Put a LayerNorm", "keep signals in range (LayerNorm)"),
    ("Begin with BatchNorm", "bring the input into range (BatchNorm)"),
    ("Lower the learning rate over", "smaller and smaller steps (cosine)"),
    ("Lower the learning rate where", "smaller steps when it stands still"),
    ("Lower the learning rate to", "smaller steps (learning rate {last})"),
    ("Raise the learning rate to", "larger steps (learning rate {last})"),
)


def fix_label(label: str) -> str:
    """A fix as the app's button says it."""
    for begin, words in LABELS_OF_FIXES:
        if label.startswith(begin):
            return words.format(last=label.rsplit(" ", 1)[-1])
    return label[:1].lower() + label[1:]


def out_of_100(share: float) -> str:
    """A share as a number out of a hundred, with a decimal where a whole one would say all or nothing: "99.7"."""
    percent = 100 * share
    if 99 < percent < 100 or 0 < percent < 1:
        return f"{min(percent, 99.9):.1f}" if percent > 50 else f"{max(percent, 0.1):.1f}"
    return f"{percent:.0f}"


def number(value: Any) -> str:
    """A quantity with three figures and a comma in thousands: "43.2", "1,230"."""
    value = float(value)
    size = abs(value)
    if size >= 1000:
        return f"{float(f'{value:.4g}'):,.0f}"
    return f"{value:.3g}" if size >= 1e-3 or size == 0 else f"{value:.1e}"
