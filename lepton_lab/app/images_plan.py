"""What a visitor decided about images: classes, what is left out, size. Plain JSON, kept in the workspace."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lepton_lab.app.images_look import Look, classes_by_name

__all__ = [
    "TINY",
    "Plan",
    "assigned",
    "augmentation_for",
    "copies",
    "first_plan",
    "left_out",
    "load_options",
    "settings_for",
    "used",
]

TINY = 8
"""Pixels of a side below which an image shows next to nothing."""

_AS_THEY_ARE = 64  # images of one size up to this side are not scaled
_USUAL = 64
_VARIED = 5000  # images up to which all kinds of variation are worth their time
_UPDATES = 800  # of the weights, as many as small sets need to learn something
_FOLDER = Path("doors") / "images"


@dataclass
class Plan:
    """Decisions; everything has a sensible value from the beginning.

    Attributes:
        title: The project's name.
        classes: Name, and the paths or beginnings of paths of its images.
        out: Classes that are not used.
        remedies: What is left out or done: "tiny", "twice", "both", "blank", "balance".
        gone: Single images that are not used.
        by_name: Whether the classes come from the files' names.
        side: To which images are brought; 0 leaves them as they are.
        fit: How: "crop", "pad" or "stretch".
        vary: Whether images are varied at random while training.
    """

    title: str = ""
    classes: dict[str, list[str]] = field(default_factory=dict)
    out: list[str] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    by_name: bool = False
    side: int = _USUAL
    fit: str = "crop"
    vary: bool = True

    def save(self, workspace: Path, upload: str) -> None:
        """Keeps it for the next time that the page is opened.

        Side effects: writes a file in the workspace's folder.
        """
        path = workspace / _FOLDER / f"{upload}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")
        new.replace(path)

    @classmethod
    def load(cls, workspace: Path, upload: str) -> Plan | None:
        """What was decided before; None where nothing was, or where it cannot be read."""
        try:
            data = json.loads((workspace / _FOLDER / f"{upload}.json").read_text(encoding="utf-8"))
            return cls(**data)
        except (OSError, ValueError, TypeError):
            return None


def first_plan(look: Look, untitled: str) -> Plan:
    """What is done where the visitor decides nothing."""
    height, width = look.side()
    same = len({(h, w) for h, w, _ in look.sizes.values()}) == 1
    plan = Plan(title=_title(look) or untitled, classes={name: list(paths) for name, paths in look.folders.items()})
    if len(plan.classes) < 2:
        named = classes_by_name(look.files)
        if named:
            plan.classes, plan.by_name = named, True
    if same and max(height, width) <= _AS_THEY_ARE:
        plan.side, plan.fit = 0, "stretch"
    return plan


def assigned(look: Look, plan: Plan) -> dict[str, list[str]]:
    """Each class's images, readable or not, by the longest beginning that fits; "" has those of no class."""
    owner = {beginning: name for name, beginnings in plan.classes.items() for beginning in beginnings}
    lengths = sorted({len(beginning) for beginning in owner}, reverse=True)
    found: dict[str, list[str]] = {name: [] for name in plan.classes}
    found[""] = []
    for name in look.files:
        found[next((owner[name[:n]] for n in lengths if name[:n] in owner), "")].append(name)
    return found


def left_out(
    look: Look, plan: Plan, blank: Sequence[str] = (), groups: Mapping[str, Sequence[str]] | None = None
) -> list[str]:
    """The readable images that the plan leaves out, sorted."""
    groups = assigned(look, plan) if groups is None else groups
    out = set(plan.gone)
    if "tiny" in plan.remedies:
        out |= {name for name, (h, w, _) in look.sizes.items() if min(h, w) < TINY}
    if "blank" in plan.remedies:
        out |= set(blank)
    both, same = copies(look, groups)
    if "both" in plan.remedies:
        out |= {name for group in both for name in group}
    if "twice" in plan.remedies:
        out |= {name for group in same for name in group[1:]}
    return sorted(out & set(look.sizes))


def copies(look: Look, groups: Mapping[str, Sequence[str]]) -> tuple[list[list[str]], list[list[str]]]:
    """Equal images of different classes, and equal images of one class; each a list with all of them."""
    label = {name: group for group, names in groups.items() for name in names}
    both: list[list[str]] = []
    same: list[list[str]] = []
    for first, others in look.twice.items():
        everyone = [name for name in (first, *others) if label.get(name)]
        if len(everyone) > 1:
            (same if len({label[name] for name in everyone}) == 1 else both).append(everyone)
    return both, same


def used(look: Look, plan: Plan, blank: Sequence[str] = ()) -> dict[str, list[str]]:
    """The images that would be trained on, by class."""
    groups = assigned(look, plan)
    gone = {*left_out(look, plan, blank, groups), *look.unreadable}
    return {
        name: [f for f in files if f not in gone] for name, files in groups.items() if name and name not in plan.out
    }


def load_options(look: Look, plan: Plan, blank: Sequence[str] = ()) -> dict[str, Any]:
    """What `load_images` is called with, beside the path."""
    groups = used(look, plan, blank)
    counts = [len(files) for files in groups.values() if files]
    height, width = look.side()
    classes = {name: paths for name, paths in plan.classes.items() if name not in plan.out}
    options: dict[str, Any] = {
        "image_size": [height, width] if plan.side == 0 else [plan.side, plan.side],
        "fit": plan.fit,
        "valid": 0.2,
        "test": 0.1 if min(counts, default=0) >= 20 else 0,  # a handful of images would say nothing
    }
    if classes != look.folders:
        options["classes"] = classes
    out = left_out(look, plan, blank)
    if out:
        options["leave_out"] = out
    return options


def augmentation_for(look: Look, count: int) -> str:
    """The variation that suits these images: nothing is mirrored where it could be a letter or a digit."""
    if look.grey and max(look.side()) <= _AS_THEY_ARE:
        return "digits"
    return "photos" if count <= _VARIED else "light"


def settings_for(count: int) -> dict[str, Any]:
    """How a first training goes: small sets are gone through more often."""
    batch = 16 if count < 500 else 32 if count < 10_000 else 64
    epochs = min(60, max(5, math.ceil(_UPDATES * batch / max(1, count))))
    return {"epochs": epochs, "batch_size": batch, "optimizer": "adam", "lr": 2e-3, "schedule": "one_cycle"}


def _title(look: Look) -> str:
    name = look.path.stem if look.path.is_file() else look.path.name
    return " ".join(name.replace("_", " ").split())[:60]
