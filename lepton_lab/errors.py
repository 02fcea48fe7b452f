"""Every exception that Lepton Lab raises, and the shape that all of them share.

    LeptonError
    ├── UnknownNameError     a layer, data set, optimizer, metric … that nobody registered
    ├── PluginError          a plugin that clashes, fails or is missing
    ├── MissingExtraError    an optional package that is not installed (also an ImportError)
    ├── SpecError            a network description that cannot be read or edited (also a ValueError)
    │   └── ShapeError       layers that do not fit each other
    ├── DataError            data that cannot be loaded or used (also a ValueError)
    │   └── UnsafeDataError  data refused for safety: zip slip, bombs, absurd sizes
    ├── TrainingError        a run that cannot start or go on
    │   ├── NonFiniteError   NaN or Inf in forward or backward
    │   └── CheckpointError  a checkpoint that is damaged or of another architecture
    └── StoreError           a workspace that cannot be opened, read or written

Each says what happened and where, what was expected, what was received and what to do. The parts stay
available as attributes, and `fixes` holds edits that a widget can apply with one click.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "CheckpointError",
    "DataError",
    "LeptonError",
    "MissingExtraError",
    "NonFiniteError",
    "PluginError",
    "ShapeError",
    "SpecError",
    "StoreError",
    "TrainingError",
    "UnknownNameError",
    "UnsafeDataError",
    "closest_names",
]


class LeptonError(Exception):
    """Base of every error of Lepton Lab.

    Args:
        what: One sentence that says what happened, naming the object at fault.
        where: The place: a layer's path, a file with its line, a column.
        expected: What would have been right.
        received: What was there instead.
        do: What the reader can do next.
        fixes: Machine-readable fixes, best first (`lepton_lab.network.Fix` for networks).
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        received: str | None = None,
        do: str | None = None,
        fixes: Sequence[Any] = (),
    ) -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.received = received
        self.do = do
        self.fixes = tuple(fixes)
        super().__init__(self._message())

    def _message(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        parts = [_sentence(text)]
        if self.expected is not None:
            parts.append(_sentence(f"Expected {self.expected}"))
        if self.received is not None:
            parts.append(_sentence(f"Received {self.received}"))
        if self.do is not None:
            parts.append(_sentence(self.do))
        return " ".join(parts)


class UnknownNameError(LeptonError, KeyError, ValueError):
    """A name that is not registered; suggests the closest ones.

    Args:
        kind: What was looked up: "layer", "data set", "optimizer".
        name: The name that was asked for.
        choices: The names that exist.
        where: See `LeptonError`.
        do: See `LeptonError`; by default it lists the closest names, or all of them.
    """

    def __init__(
        self, kind: str, name: object, choices: Iterable[str], *, where: str | None = None, do: str | None = None
    ) -> None:
        self.kind, self.name, self.choices = kind, name, tuple(sorted(choices))
        close = closest_names(str(name), self.choices)
        if do is None and close:
            do = "Did you mean " + " or ".join(repr(c) for c in close) + "?"
        elif do is None:
            do = "Known names: " + (", ".join(self.choices) or "none") + "."
        super().__init__(f"unknown {kind} {name!r}", where=where, do=do)

    def _message(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}. {self.do}"

    __str__ = Exception.__str__  # KeyError would show the repr


class PluginError(LeptonError):
    """A plugin that clashes with another one, fails to load, or is missing."""


class MissingExtraError(LeptonError, ImportError):
    """An optional package is needed; the message gives the line that installs it.

    Args:
        package: The package that could not be imported.
        extra: The extra of `lepton-lab` that brings it.
        purpose: What it is needed for, as in "exporting to ONNX".
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{purpose} needs {package}", do=f"Install it with: pip install 'lepton-lab[{extra}]'")


class SpecError(LeptonError, ValueError):
    """A network description that cannot be read, built or edited."""


class ShapeError(SpecError):
    """Layers that do not fit each other; names the layer at fault.

    Args:
        what: See `LeptonError`.
        path: The layer's path in its network, such as "residual_1/body/conv_2".
        **parts: See `LeptonError`.
    """

    def __init__(self, what: str, *, path: str = "", **parts: Any) -> None:
        self.path = path
        super().__init__(what, **parts)


class DataError(LeptonError, ValueError):
    """Data that cannot be loaded, read or used for training."""


class UnsafeDataError(DataError):
    """Data refused for safety: paths that leave their folder, bombs, absurd sizes."""


class TrainingError(LeptonError, RuntimeError):
    """A run that cannot start or go on."""


class NonFiniteError(TrainingError):
    """NaN or Inf appeared while training; says in which layer and in which direction first."""


class CheckpointError(TrainingError):
    """A checkpoint that is damaged or belongs to another architecture."""


class StoreError(LeptonError):
    """A workspace that cannot be opened, read or written."""


def _sentence(text: str) -> str:
    return text if text.endswith(("?", "!")) else text.rstrip(".") + "."


def closest_names(name: str, choices: Iterable[str], count: int = 3) -> list[str]:
    """The names most like `name`, best first, whatever their upper and lower case."""
    by_lower = {c.lower(): c for c in choices}
    return [by_lower[m] for m in difflib.get_close_matches(name.lower(), by_lower, n=count, cutoff=0.6)]
