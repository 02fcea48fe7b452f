"""The plane with its points and the network's opinion, for a notebook without a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from lepton_lab.widgets.feature_map_viewer_still import png_tag
from lepton_lab.widgets.playground_data import HALF, Points
from lepton_lab.widgets.playground_network import Portrait

__all__ = ["still_picture"]

_COLOURS = np.array([(0, 103, 166), (196, 104, 0), (0, 124, 88), (174, 82, 134)], dtype=np.float64)
_SIDE = 288


def still_picture(portrait: Portrait, points: Points, state: dict[str, Any]) -> str:
    """HTML with one picture."""
    grid = len(portrait.winner)
    times = _SIDE // grid
    colour = _COLOURS[portrait.winner % len(_COLOURS)]
    share = (portrait.sure.astype(np.float64) / 255 * 0.45)[..., None]
    image = (255 * (1 - share) + colour * share).repeat(times, 0).repeat(times, 1)
    side = grid * times
    for (x, y), kind in zip(points.x, points.y, strict=True):
        column, row = int((x + HALF) / (2 * HALF) * (side - 1)), int((HALF - y) / (2 * HALF) * (side - 1))
        rows, columns = slice(max(0, row - 2), row + 3), slice(max(0, column - 2), column + 3)
        image[rows, columns] = _COLOURS[kind % len(_COLOURS)]
    tag = png_tag(np.rint(image).astype(np.uint8), side, "The plane: points and what the network says of each place")
    loss = "" if state["loss"] is None else f", loss {state['loss']:.3f}"
    return f"<p>Playground after {state['epoch']:,} epochs{loss}</p>{tag}"
