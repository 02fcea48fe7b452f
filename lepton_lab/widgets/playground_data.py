"""Points of a plane with a class each: generated, drawn or pasted."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.data import DataBundle, from_arrays
from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["HALF", "KINDS", "MAX_CLASSES", "MAX_POINTS", "Frame", "Points", "bundle_of", "generate", "pasted"]

HALF = 6.0
"""The plane goes from -6 to 6 on both axes."""

MAX_POINTS = 4000
MAX_CLASSES = 4
_MAX_TEXT = 1 << 20
_VALID = 0.3

Floats = NDArray[np.float32]
Classes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Frame:
    """How the plane lies in the inputs of a network.

    Attributes:
        centre: The inputs at the middle of the plane (2,).
        scale: Units of the inputs for one of the plane (2,).
        names: What the inputs are called; empty where nobody says.
        classes: Names of the classes; empty for numbers.
    """

    centre: NDArray[np.floating[Any]] = field(default_factory=lambda: np.zeros(2))
    scale: NDArray[np.floating[Any]] = field(default_factory=lambda: np.ones(2))
    names: tuple[str, str] = ("", "")
    classes: tuple[str, ...] = ()

    def to_plane(self, x: NDArray[Any]) -> Floats:
        """Inputs (N, 2) as places."""
        return np.asarray((x - self.centre) / self.scale, dtype=np.float32)

    def to_inputs(self, x: NDArray[Any]) -> Floats:
        """Places (N, 2) as inputs."""
        return np.asarray(x * self.scale + self.centre, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Points:
    """Points with their classes, and which of them are held back for validation.

    Attributes:
        x: Places (N, 2), in the plane.
        y: Classes (N,).
        valid: Whether a point is held back (N,).
        said: What happened to them on the way, in words; empty where nothing.
    """

    x: Floats
    y: Classes
    valid: NDArray[np.bool_]
    said: str = ""

    @classmethod
    def of(cls, x: Floats, y: Classes, seed: int = 0, said: str = "") -> Points:
        """Points of which three in ten are held back."""
        draw = np.random.default_rng([seed, 1]).random(len(x))  # a stream of its own: the form draws from `seed`
        return cls(x.astype(np.float32), y.astype(np.int64), draw < _VALID, said)

    def __len__(self) -> int:
        return len(self.x)

    def added(self, x: Floats, y: Classes) -> Points:
        """With further points.

        Raises:
            DataError: They are not in the plane, of no known class, or too many.
        """
        if x.ndim != 2 or x.shape[1] != 2 or len(x) != len(y):
            raise DataError("points are pairs of numbers with a class each", received=str(x.shape))
        if len(self) + len(x) > MAX_POINTS:
            raise DataError(f"there is room for {MAX_POINTS:,} points", do="Clear some first")
        if not np.isfinite(x).all() or (np.abs(x) > HALF).any():
            raise DataError("a point lies outside the plane", expected=f"numbers from -{HALF:g} to {HALF:g}")
        if len(y) and (y.min() < 0 or y.max() >= MAX_CLASSES):
            raise DataError("there is no such class", expected=f"0 to {MAX_CLASSES - 1}", received=str(y.max()))
        new = Points.of(x, y, seed=len(self))
        return Points(
            np.concatenate([self.x, new.x]), np.concatenate([self.y, new.y]), np.concatenate([self.valid, new.valid])
        )

    def without(self, x: float, y: float, radius: float) -> Points:
        """Without those that lie within a circle."""
        keep = ((self.x - np.array([x, y], dtype=np.float32)) ** 2).sum(1) > radius**2
        return Points(self.x[keep], self.y[keep], self.valid[keep])

    @property
    def classes(self) -> int:
        """Classes that a network needs: at least two."""
        return max(2, int(self.y.max()) + 1) if len(self) else 2


def bundle_of(points: Points, frame: Frame | None = None) -> DataBundle:
    """The points as data to train on, in the units of the frame.

    Raises:
        DataError: There are too few points, or of one class only.
    """
    train, valid = ~points.valid, points.valid
    if len(points) < 4 or len(np.unique(points.y)) < 2:
        raise DataError(
            "there is nothing to tell apart yet",
            expected="at least four points of two classes",
            received=f"{len(points)} points of {len(np.unique(points.y))}",
            do="Draw points of two classes, or generate some",
        )
    if len(np.unique(points.y[train])) < len(np.unique(points.y)) or not valid.any():
        train = valid = np.ones(len(points), dtype=bool)  # too few to hold any back
    frame = frame if frame is not None else Frame()
    names = frame.classes if len(frame.classes) >= points.classes else [str(i) for i in range(points.classes)]
    x = frame.to_inputs(points.x)
    return from_arrays(
        x[train],
        points.y[train],
        validation_data=(x[valid], points.y[valid]),
        valid=0,
        test=0,
        task="multiclass",
        classes=list(names),
        normalise="none",
        name="playground",
    )


def generate(kind: str, count: int = 300, noise: float = 0.1, seed: int = 0) -> Points:
    """Points of a known form.

    Args:
        kind: One of `KINDS`.
        count: How many.
        noise: Spread around the form, 0 to 1 of the plane's half.
        seed: Draws them.

    Raises:
        UnknownNameError: There is no such form.
        DataError: Count or noise cannot be used.
    """
    if kind not in KINDS:
        raise UnknownNameError("form of points", kind, KINDS)
    if not 4 <= count <= MAX_POINTS or not 0 <= noise <= 1:
        raise DataError("such points cannot be drawn", expected=f"4 to {MAX_POINTS} points, noise 0 to 1")
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 2
    x = KINDS[kind](rng, count, y)
    x = x + rng.normal(0, noise * HALF / 3, x.shape)
    limit = HALF * 0.98
    return Points.of(np.clip(x, -limit, limit).astype(np.float32), y, seed)


def _spirals(rng: np.random.Generator, n: int, y: Classes) -> NDArray[np.float64]:
    share = np.sqrt(rng.random(n)) * 0.95 + 0.05
    angle = share * 3.5 * math.pi / 2 * 1.2 + y * math.pi
    return np.stack([np.sin(angle), np.cos(angle)], 1) * (share * 5)[:, None]


def _circles(rng: np.random.Generator, n: int, y: Classes) -> NDArray[np.float64]:
    radius = np.where(y == 0, rng.random(n) * 2.2, 3.6 + rng.random(n) * 1.4)
    angle = rng.random(n) * 2 * math.pi
    return np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]


def _moons(rng: np.random.Generator, n: int, y: Classes) -> NDArray[np.float64]:
    angle = rng.random(n) * math.pi
    x = np.where(y == 0, np.cos(angle) - 0.5, 0.5 - np.cos(angle))
    z = np.where(y == 0, np.sin(angle) - 0.25, 0.25 - np.sin(angle))
    return np.stack([x, z], 1) * 3.2


def _xor(rng: np.random.Generator, n: int, y: Classes) -> NDArray[np.float64]:
    place = rng.uniform(0.35, 4.8, (n, 2)) * rng.choice([-1, 1], (n, 2))
    place[:, 1] = np.abs(place[:, 1]) * np.sign(place[:, 0]) * np.where(y == 0, -1, 1)
    found: NDArray[np.float64] = place
    return found


def _blobs(rng: np.random.Generator, n: int, y: Classes) -> NDArray[np.float64]:
    centre = np.where(y[:, None] == 0, [[-2.4, -1.8]], [[2.4, 1.8]])
    found: NDArray[np.float64] = centre + rng.normal(0, 0.9, (n, 2))
    return found


KINDS: dict[str, Callable[[np.random.Generator, int, Classes], NDArray[np.float64]]] = {
    "spirals": _spirals, "moons": _moons, "circles": _circles, "xor": _xor, "blobs": _blobs,
}  # fmt: skip
"""Forms of points by name."""


def pasted(text: str) -> Points:
    """Points from a pasted table: two columns of numbers and one of classes, in that order; a heading may be there.

    Numbers beyond the plane are moved and scaled into it, each axis for itself.

    Raises:
        DataError: It is no such table.
    """
    if len(text) > _MAX_TEXT:
        raise DataError("the text is too long", expected=f"at most {_MAX_TEXT >> 20} MiB")
    lines = [line for line in text.strip().splitlines() if line.strip()]
    if not lines:
        raise DataError("nothing was pasted", expected="lines such as 1.5, -2.0, a")
    delimiter = next((d for d in ("\t", ";", ",") if d in lines[0]), None)
    cells = (
        list(csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter))
        if delimiter
        else [line.split() for line in lines]
    )
    if not _numbers(cells[0]):
        cells = cells[1:]
    rows, names = [], []
    for number, row in enumerate(cells, start=1):
        pair = _numbers(row)
        if pair is None or len(row) < 3 or not row[2].strip():
            raise DataError(
                "a line cannot be read", where=f"line {number}", expected="two numbers and a class",
                received=repr(", ".join(row)[:60]),
            )  # fmt: skip
        rows.append(pair)
        names.append(row[2].strip())
    kinds = sorted(set(names))
    if not 2 <= len(kinds) <= MAX_CLASSES or len(rows) > MAX_POINTS:
        raise DataError(
            "the table cannot be used",
            expected=f"2 to {MAX_CLASSES} classes and at most {MAX_POINTS:,} points",
            received=f"{len(kinds)} classes and {len(rows):,} points",
        )
    x = np.array(rows, dtype=np.float64)
    said = "Classes: " + ", ".join(f"{i} is {name}" for i, name in enumerate(kinds)) + "."
    if (np.abs(x) > HALF).any() or np.ptp(x, 0).min() < HALF / 4:
        low, high = x.min(0), x.max(0)
        spread = np.where(high > low, high - low, 1.0)
        x = ((x - low) / spread * 2 - 1) * HALF * 0.85
        said += " " + " ".join(
            f"Axis {i + 1} was scaled from {a:g} … {b:g} into the plane."
            for i, (a, b) in enumerate(zip(low, high, strict=True))
        )
    return Points.of(x.astype(np.float32), np.array([kinds.index(n) for n in names]), 0, said)


def _numbers(row: list[str]) -> tuple[float, float] | None:
    try:
        pair = float(row[0]), float(row[1])
    except (ValueError, IndexError):
        return None
    return pair if all(map(math.isfinite, pair)) else None
