"""How the next run trains, as the page shows it and changes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lepton_lab.app.train_facts import facts_of
from lepton_lab.errors import TrainingError
from lepton_lab.training.optimizers import OPTIMIZERS

if TYPE_CHECKING:
    from lepton_lab.app.visit import Visit

__all__ = ["KEYS", "augmented", "read_changes", "shown_settings"]

KEYS = ("epochs", "lr", "batch_size", "optimizer", "schedule", "restore_best", "patience")
"""Settings that the page changes."""

_OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")
_SCHEDULES = ("constant", "cosine", "linear", "one_cycle", "plateau")
_PRESETS = {"digits": "digits", "pictures": "light"}


def shown_settings(visit: Visit) -> dict[str, Any]:
    """The settings of the open project with what can be chosen; empty where no project is open."""
    work = visit.work
    if work is None:
        return {}
    known = work.settings
    told = {name: known.get(name) for name in KEYS}
    told["restore_best"] = known.get("restore_best") is not False
    told["schedule"] = known.get("schedule") or "constant"
    if told["lr"] is None and isinstance(told["optimizer"], str) and told["optimizer"] in OPTIMIZERS:
        told["lr"] = OPTIMIZERS[told["optimizer"]].lr
    data = work.data
    pictures = data is not None and facts_of(data).pictures
    return {
        **told,
        "augmentation": bool(data.train.augmentation) if pictures and data is not None else None,
        "optimizers": list(dict.fromkeys((*_OPTIMIZERS, str(told["optimizer"])))),
        "schedules": list(dict.fromkeys((*_SCHEDULES, str(told["schedule"])))),
    }


def read_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """What the page sent, as settings of the project.

    Raises:
        TrainingError: It is none of what the page may change.
    """
    unknown = sorted(set(changes) - set(KEYS))
    if unknown:
        raise TrainingError(f"{unknown[0]!r} cannot be changed here", expected=", ".join(KEYS), do="Reload the page")
    found = dict(changes)
    for name in ("epochs", "batch_size", "patience"):
        if found.get(name) is not None:
            found[name] = int(found[name])
    if found.get("schedule") == "constant":
        found["schedule"] = None
    return found


def augmented(visit: Visit, on: bool) -> None:
    """Switches the variation of training pictures on or off; the open project's data change with it."""
    work = visit.work
    if work is None or work.data is None:
        return
    facts = facts_of(work.data)
    if facts.pictures and bool(work.data.train.augmentation) != on:
        visit.use_data(work.data.with_augmentation(_PRESETS[facts.noun] if on else None))
