"""Whether compiling training steps pays: what it cost on this machine before, and what it brought.

A note lies beside every compiled library: how long it took to make, of what kind of network, and, once a training has
compared the two, what share of an eager step's time its steps take.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Estimate", "estimate", "kind_of", "note_share", "read_note"]

_COLD = 20.0  # s that compiling takes where nothing of the kind was compiled on this machine before
_SLOWED = 1.25  # what an eager step takes, relative, while a process of low priority compiles on another CPU
_SHARE = 0.8  # what a compiled step takes, relative, with half of the usual gain
_CAUTION = 0.1  # added to a share that was measured: another network of the kind may gain less
_LATE = 2.0  # compiling may take so many times what is expected


@dataclass(frozen=True)
class Estimate:
    """What compiling is expected to cost and to bring.

    Attributes:
        seconds: How long it takes beside a training.
        share: What a compiled step takes of an eager one's time.
    """

    seconds: float
    share: float = _SHARE

    @property
    def limit(self) -> float:
        """Seconds after which it is late."""
        return _LATE * self.seconds

    def pays(self, left: float, spent: float = 0.0) -> bool:
        """Whether compiling beside a training with `left` eager seconds to go loses no time.

        While it compiles, the training is slowed a little; afterwards each step takes a part of its time. That must
        come out even where compiling takes twice as long as expected; once it is later than that, where it takes
        as long again as it has taken.

        Args:
            left: Seconds to go.
            spent: Seconds that it has compiled already.
        """
        ahead = self.limit - spent if spent < self.limit else spent
        return ahead + max(0.0, left - ahead / _SLOWED) * self.share < left


def kind_of(order: Mapping[str, Any]) -> str:
    """What compiling time and gain depend on, sizes left out: layers, loss, optimizer, steps of a call."""
    loss = order["loss"]
    about = loss.get("name") or _layers(loss["module"])
    parts = [*_layers(order["network"]), about, order["optimizer"]["name"], order["steps"], order["threads"]]
    return json.dumps(parts, separators=(",", ":"))


def _layers(blueprint: Mapping[str, Any]) -> list[str]:
    inner = [part for _, part in blueprint.get("parts", ())]
    inner += [part for part in (blueprint.get("body"), blueprint.get("shortcut")) if part is not None]
    return [name for part in inner for name in _layers(part)] if inner else [str(blueprint["kind"])]


def estimate(folder: Path, kind: str) -> Estimate:
    """What the notes in `folder` let expect: of networks of this kind, or the longest time of any other."""
    notes = [note for note in map(read_note, folder.glob("*.json")) if _seconds(note)]
    alike = [note for note in notes if note.get("kind") == kind]
    if not alike:
        return Estimate(max([_COLD, *map(_seconds, notes)]))
    shares = [float(note["share"]) for note in alike if isinstance(note.get("share"), float)]
    share = statistics.median(shares) + _CAUTION if shares else _SHARE
    return Estimate(statistics.median(map(_seconds, alike)), share)


def read_note(path: Path) -> dict[str, Any]:
    """A note; empty where there is none that can be read."""
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def note_share(library: Path, share: float) -> None:
    """Notes what share of an eager step's time the steps of a library take.

    Side effects: replaces the note; one that cannot be written stays as it was.
    """
    path = library.with_suffix(".json")
    note = read_note(path)
    if not note:
        return
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(json.dumps(note | {"share": share}), encoding="utf-8")
        beside.replace(path)
    except OSError:
        return


def _seconds(note: Mapping[str, Any]) -> float:
    value = note.get("seconds")
    return float(value) if isinstance(value, int | float) else 0.0
