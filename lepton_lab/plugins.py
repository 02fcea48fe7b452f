"""Finds and loads what other distributions add to the lab.

A plugin is a distribution with an entry point in the group `lepton_lab.plugins` that names a module, or a
function without arguments. Loading it runs its `@register_…` decorators. A plugin that fails warns and
stays out; the lab starts all the same.
"""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from lepton_lab.errors import PluginError
from lepton_lab.registry import GROUP, providing

__all__ = ["Plugin", "install_line", "load_plugins", "plugins"]

_lock = threading.RLock()
_loaded: dict[str, Plugin] | None = None
_clash: PluginError | None = None


@dataclass(frozen=True)
class Plugin:
    """One plugin that was found.

    Attributes:
        name: The entry point's name.
        distribution: The distribution that brings it; what `pip install` takes.
        version: Its version.
        error: Why it could not be loaded; None where it was.
    """

    name: str
    distribution: str
    version: str
    error: Exception | None = None


def load_plugins() -> None:
    """Loads every installed plugin, once per process.

    Raises:
        PluginError: Two plugins register the same name; raised at every call, until one of them is gone.
    """
    _load_all()
    if _clash is not None:
        raise _clash


def plugins() -> list[Plugin]:
    """The plugins that were found, failed and clashing ones included."""
    _load_all()
    return list((_loaded or {}).values())


def install_line(distribution: str) -> str:
    """The command that installs a plugin's distribution."""
    return f"pip install {distribution}"


def _load_all() -> None:
    global _loaded, _clash
    with _lock:
        if _loaded is not None:
            return
        _loaded = {}  # a plugin that looks names up while it is loading does not start over
        for point in entry_points(group=GROUP):
            plugin = _load(point)
            _loaded[point.name] = plugin
            if _clash is None and isinstance(plugin.error, PluginError):
                _clash = plugin.error


def _load(point: EntryPoint) -> Plugin:
    distribution = point.dist.name if point.dist is not None else point.name
    version = point.dist.version if point.dist is not None else "unknown"
    try:
        with providing(distribution):
            target = point.load()
            if callable(target):
                target()
    except PluginError as error:
        return Plugin(point.name, distribution, version, error)
    except Exception as error:  # a stranger's code may fail in any way
        warnings.warn(
            f"The plugin {point.name!r} of {distribution} {version} could not be loaded and stays out: "
            f"{type(error).__name__}: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return Plugin(point.name, distribution, version, error)
    return Plugin(point.name, distribution, version)
