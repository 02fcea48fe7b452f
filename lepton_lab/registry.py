"""Named things that plugins may add to: layers, data sets, probes, recipes.

A registry knows who brought each entry, so that a clash names both plugins and a saved file can say which
plugin it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from lepton_lab.errors import PluginError, UnknownNameError

__all__ = ["BUILT_IN", "GROUP", "USER", "Entry", "Registry", "current_provider", "providing"]

T = TypeVar("T")

BUILT_IN = "lepton-lab"
"""Provider of what comes with the package."""

USER = "user"
"""Provider of what a notebook or a script registers for itself."""

GROUP = "lepton_lab.plugins"
"""The entry-point group that makes a distribution a plugin."""

_registries: list[Registry[Any]] = []
_provider: ContextVar[str] = ContextVar("lepton_lab_provider", default=USER)


def current_provider(module: str = "") -> str:
    """The distribution on whose behalf names are being registered.

    Args:
        module: The module that registers; tells a plugin that somebody imports by hand from the user's own code.
    """
    provider = _provider.get()
    return _plugin_of().get(module.split(".")[0], USER) if provider == USER and module else provider


@cache
def _plugin_of() -> dict[str, str]:
    """Plugins' distributions by the package that their entry point names."""
    points = entry_points(group=GROUP)
    return {point.module.split(".")[0]: point.dist.name if point.dist else point.name for point in points}


@contextmanager
def providing(distribution: str) -> Iterator[None]:
    """Registers everything inside the block on behalf of `distribution`; nothing where the block fails."""
    token = _provider.set(distribution)
    try:
        yield
    except BaseException:
        for registry in _registries:  # a registry may be younger than this block
            registry._withdraw(distribution)
        raise
    finally:
        _provider.reset(token)


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One registered thing.

    Attributes:
        name: Its name in the registry.
        value: The thing itself.
        provider: The distribution that brought it: `BUILT_IN`, `USER`, or a plugin's name.
    """

    name: str
    value: T
    provider: str


class Registry(Generic[T]):
    """Names of one kind of thing.

    Args:
        kind: What the entries are, for messages: "layer", "data set".
        load_plugins: Called before a look-up, so that plugins have had their chance to register.
    """

    def __init__(self, kind: str, load_plugins: Callable[[], None] | None = None) -> None:
        self.kind = kind
        self._entries: dict[str, Entry[T]] = {}
        self._load_plugins = load_plugins
        _registries.append(self)

    def add(self, name: str, value: T, *, provider: str | None = None, module: str = "") -> T:
        """Registers `value` as `name` and returns it.

        A user may replace what the same user registered before, so that a notebook's cell can run twice.

        Args:
            name: What it is looked up by.
            value: The thing.
            provider: Who brings it; found out where left out.
            module: The module that registers it, see `current_provider`.

        Raises:
            PluginError: Another provider has taken the name.
        """
        provider = provider or current_provider(module)
        old = self._entries.get(name)
        if old is not None and old.value is not value and not (old.provider == provider == USER):
            raise PluginError(
                f"the {self.kind} name {name!r} is taken: {old.provider!r} has it, and {provider!r} asks for it too",
                do="Rename one of them, or uninstall one of the two plugins",
            )
        self._entries[name] = Entry(name, value, provider)
        return value

    def _withdraw(self, provider: str) -> None:
        self._entries = {name: entry for name, entry in self._entries.items() if entry.provider != provider}

    def remove(self, name: str) -> None:
        """Forgets `name`; nothing happens where it is unknown."""
        self._entries.pop(name, None)

    def entry(self, name: str, *, where: str | None = None) -> Entry[T]:
        """The entry called `name`.

        Raises:
            UnknownNameError: No such name; suggests the closest ones.
        """
        if name not in self._entries and self._load_plugins is not None:
            self._load_plugins()
        if name not in self._entries:
            raise UnknownNameError(self.kind, name, self._entries, where=where)
        return self._entries[name]

    def __getitem__(self, name: str) -> T:
        return self.entry(name).value

    def __contains__(self, name: object) -> bool:
        if name not in self._entries and self._load_plugins is not None:
            self._load_plugins()
        return name in self._entries

    def entries(self, *, plugins: bool = True) -> list[Entry[T]]:
        """All entries in the order of their registration.

        Args:
            plugins: Whether to load plugins first. Code that runs at import may not: a plugin imports it in turn.
        """
        if plugins and self._load_plugins is not None:
            self._load_plugins()
        return list(self._entries.values())

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(e.name for e in self.entries())
