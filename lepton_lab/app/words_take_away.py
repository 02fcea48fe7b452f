"""What the page 'Take away' says that depends on the project. Plain words first, the field's term in brackets."""

from __future__ import annotations

from typing import Final

from lepton_lab.errors import LeptonError, MissingExtraError, SpecError

__all__ = ["NO_PROJECT", "NO_RUN", "NO_WEIGHTS", "best_so_far", "difference", "kept_weights", "left_out", "problem"]

NO_PROJECT: Final = {
    "title": "No project is open",
    "detail": "Open one of your projects, or begin a new one: what it learns can be taken away here.",
    "page": "start",
}
NO_RUN: Final = {
    "title": "Train first",
    "detail": "What you take away is what the network has learnt, and it has not learnt anything yet.",
    "page": "train",
}
NO_WEIGHTS: Final = {
    "title": "Nothing is learnt yet",
    "detail": "As soon as the first round through the data (epoch) is done, the network can be taken away.",
    "page": "train",
}


def kept_weights(name: str, metric: str) -> str:
    """What will be taken away of a run that has ended."""
    return f"What {name} had learnt when it was at its best" + (f": {metric}." if metric else ".")


def best_so_far(name: str, metric: str) -> str:
    """What will be taken away of a run that still trains."""
    said = f": {metric}" if metric else ""
    return f"{name} is still training. What you take away now is the best it has learnt so far{said}."


def difference(value: float) -> str:
    """How exactly ONNX says the same."""
    if value < 1e-5:
        return "Checked on your own samples: it answers the same as here."
    return f"Checked on your own samples: its answers differ from those here by at most {value:.1g}."


def left_out(kind: str, why: str) -> str:
    """That a kind is not in the file with everything."""
    return f"{kind} is not in it: {why}."


def problem(error: BaseException) -> dict[str, str]:
    """Why something could not be made, and what helps."""
    if isinstance(error, MissingExtraError):
        return {
            "title": "This server cannot make such a file",
            "detail": f"The program {error.package} is not installed here.",
            "fix": "Take one of the others, or ask whoever runs this server to install it.",
        }
    if isinstance(error, SpecError):
        return {
            "title": "This network cannot be written down in this form",
            "detail": error.what[:1].upper() + error.what[1:] + ".",
            "fix": "Take the trained model instead: it holds every network.",
        }
    if isinstance(error, LeptonError):
        parts = (("It needed", error.expected), ("It found", error.received))
        return {
            "title": error.what[:1].upper() + error.what[1:],
            "detail": " ".join(f"{word} {text}." for word, text in parts if text),
            "fix": f"{error.do}." if error.do and not error.do.endswith(".") else error.do or "",
        }
    return {
        "title": "This could not be made",
        "detail": f"Something unexpected happened ({type(error).__name__}).",
        "fix": "Try it once more, or take one of the others.",
    }
