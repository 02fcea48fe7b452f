"""Weights that are used in two places stay together in one opaque layer: a network's layers own their weights."""

from __future__ import annotations

from collections import defaultdict

from lepton_lab.network.from_module.items import Found, opaque
from lepton_lab.network.from_module.trace import Unreadable

__all__ = ["settle_shared"]


def settle_shared(items: list[Found]) -> list[Found]:
    """The list with every range of layers that share weights made opaque.

    Raises:
        Unreadable: The layers that share weights cannot be cut out.
    """
    while True:
        shared = _shared(items)
        if shared is None:
            return items
        items = _settled(items, shared)


def _shared(items: list[Found]) -> int | None:
    """A parameter or buffer that two layers use."""
    seen: set[int] = set()
    for item in items:
        for inner in item.walk():
            if inner.parts:
                continue
            again = seen & inner.owned
            if again:
                return next(iter(again))
            seen |= inner.owned
    return None


def _settled(items: list[Found], tensor: int) -> list[Found]:
    users = [n for n, item in enumerate(items) if any(tensor in inner.owned for inner in item.walk())]
    if len(users) == 1:
        item = items[users[0]]
        counts: dict[str, int] = defaultdict(int)
        for part, inside in item.parts.items():
            counts[part] += sum(tensor in inner.owned for one in inside for inner in one.walk())
        inner_part = [part for part, count in counts.items() if count]
        if len(inner_part) == 1:
            item.parts[inner_part[0]] = _settled(item.parts[inner_part[0]], tensor)
            return items
    first, last = items[users[0]], items[users[-1]]
    if first.level is not last.level:
        raise Unreadable("layers in different parts of it share their weights")
    joined = opaque(first.level, first.start, last.end, "layers in it share their weights")
    return [*items[: users[0]], joined, *items[users[-1] + 1 :]]
