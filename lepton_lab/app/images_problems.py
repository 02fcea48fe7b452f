"""What stands out in an upload of images, in the order in which a person should look at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from posixpath import basename, splitext
from typing import Any

from lepton_lab.app import words_images as words
from lepton_lab.app.images_look import Look
from lepton_lab.app.images_plan import TINY, Plan, assigned, copies, used

__all__ = ["describe", "problems"]

FEW = 10
"""Images of a class below which the page says that they are few."""

UNEVEN = 3.0
"""Largest class over the smallest from which the page offers to count them equally."""

_LISTED = 200  # files that a problem names


def describe(look: Look, plan: Plan, damaged: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows: classes with their counts, problems, choices, and why it cannot go on yet.

    Args:
        look: What was found.
        plan: What was decided.
        damaged: What decoding found: the reason by path, "blank" for images of one colour.
    """
    blank = [name for name, why in damaged.items() if why == "blank"]
    broken = {**look.unreadable, **{name: why for name, why in damaged.items() if why != "blank"}}
    groups = assigned(look, plan)
    kept = {name: [f for f in files if f not in broken] for name, files in used(look, plan, blank).items()}
    classes = [
        {"name": name, "count": len(kept.get(name, ())), "all": len(groups[name]), "use": name not in plan.out}
        for name in sorted(plan.classes)
    ]
    ready = [name for name, files in kept.items() if files]
    height, width = look.side()
    return {
        "title": plan.title,
        "classes": classes,
        "count": sum(map(len, kept.values())),
        "loose": len(groups[""]),
        "problems": problems(look, plan, groups, kept, broken, blank),
        "waiting": "" if len(ready) >= 2 else "two_classes",
        "side": plan.side,
        "own": [height, width],
        "same": len({(h, w) for h, w, _ in look.sizes.values()}) == 1,
        "fit": plan.fit,
        "vary": plan.vary,
        "gone": len(plan.gone),
    }


def problems(
    look: Look,
    plan: Plan,
    groups: Mapping[str, Sequence[str]],
    kept: Mapping[str, Sequence[str]],
    broken: Mapping[str, str],
    blank: Sequence[str],
) -> list[dict[str, Any]]:
    """Everything that a person should know, the most serious first; see `describe`."""
    found: list[dict[str, Any]] = []

    def add(kind: str, files: Sequence[Any] = (), **more: Any) -> None:
        item = words.problem(kind, **more)
        item["on"] = kind in plan.remedies or (kind == "unbalanced" and "balance" in plan.remedies)
        found.append({**item, "files": list(files)[:_LISTED]})

    named = [name for name in plan.classes if name not in plan.out]
    sorting = len(named) < 2 and bool(groups[""])
    if sorting:
        add("no_classes")
    elif len(named) < 2:
        add("one_class", names=named)
    if broken:
        said = {name: words.why_unreadable(why) for name, why in broken.items()}
        short = words.listed_lines([f"{basename(name)} {why}" for name, why in said.items()])
        add("unreadable", [f"{name} {why}" for name, why in said.items()], count=len(broken), detail=short)
    both, same = copies(look, groups)
    if both:
        names = [name for group in both for name in group]
        add("both", [" = ".join(group) for group in both], count=len(names), names=names)
    for pair in _alike(named):
        add("alike", pair, names=pair, into=max(pair, key=lambda n: (len(groups[n]), n)))
    tiny = [name for name, (h, w, _) in look.sizes.items() if min(h, w) < TINY]
    if tiny and len(tiny) < len(look.sizes):  # where all are, somebody means it
        add("tiny", tiny, count=len(tiny), names=tiny, side=TINY)
    if blank:
        add("blank", blank, count=len(blank), names=blank)
    if same:
        extra = [name for group in same for name in group[1:]]
        add("twice", extra, count=len(extra), names=extra)
    found += _of_counts(plan, kept)
    loose = groups[""]
    if loose and not sorting:
        add("loose", loose, count=len(loose), names=loose)
    if plan.by_name:
        add("by_name")
    if look.others:
        add("other", [name for name, _ in look.others], count=len(look.others), detail=_others(look.others))
    order = {"danger": 0, "warn": 1, "info": 2}
    return sorted(found, key=lambda item: order[item["level"]])


def _of_counts(plan: Plan, kept: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    counts = {name: len(files) for name, files in kept.items()}
    found = []
    few = sorted((name for name, count in counts.items() if 0 < count < FEW), key=lambda n: counts[n])
    if few:
        detail = ", ".join(f"{name} has {words.images_word(counts[name])}" for name in few[:3]) + "."
        found.append({**words.problem("few", names=few, detail=detail), "on": False, "files": []})
    some = [count for count in counts.values() if count]
    if len(some) > 1 and max(some) >= UNEVEN * min(some):
        item = words.problem("unbalanced", times=max(some) / min(some))
        found.append({**item, "on": "balance" in plan.remedies, "files": []})
    return found


def _alike(names: Sequence[str]) -> list[list[str]]:
    """Names that differ in nothing but case, spaces and signs."""
    groups: dict[str, list[str]] = {}
    for name in names:
        plain = "".join(c for c in name.casefold() if c.isalnum()) or name
        groups.setdefault(plain, []).append(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def _others(others: Sequence[tuple[str, str]]) -> str:
    counts = Counter(kind for _, kind in others)
    endings = Counter(splitext(name)[1].lower() or "no ending" for name, kind in others if kind == "other")
    shown = ", ".join(ending for ending, _ in endings.most_common(4))
    said = [
        text.format(files=words.files_word(counts[kind]), endings=shown)
        for kind, text in words.OTHER_KINDS.items()
        if counts[kind]
    ]
    return "; ".join(said) + "."
