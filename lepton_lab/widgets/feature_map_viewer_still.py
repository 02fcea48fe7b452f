"""Pinned sample and feature maps as one picture, for a notebook without a kernel."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["coloured", "png_tag", "still_picture"]

_RAMP = np.array([(12, 23, 34), (29, 71, 99), (60, 134, 160), (154, 205, 201), (246, 249, 234)], dtype=np.float64)
_SIDE = 56


def coloured(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Bytes (H, W) in the colours of activation maps, (H, W, 3)."""
    at = np.asarray(values, dtype=np.float64) / 255 * (len(_RAMP) - 1)
    low = np.minimum(at.astype(int), len(_RAMP) - 2)
    mixed: NDArray[np.uint8] = np.rint(_RAMP[low] + (_RAMP[low + 1] - _RAMP[low]) * (at - low)[..., None]).astype(
        np.uint8
    )
    return mixed


def png_tag(pixels: NDArray[np.uint8], side: int, label: str) -> str:
    """An `img` with the pixels inside it, never smoothed."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    said = html.escape(label, quote=True)
    style = f"height:{side}px;image-rendering:pixelated;margin:2px;border-radius:2px"
    return f'<img alt="{said}" src="data:image/png;base64,{data}" style="{style}">'


def still_picture(title: str, about: dict[str, Any], buffers: Sequence[NDArray[np.uint8]]) -> str:
    """HTML with a row of maps for each layer, each map from its own least to its own largest value."""
    rows = []
    for layer in about["layers"]:
        if layer["kind"] not in ("maps", "attention", "states"):
            continue
        codes = buffers[layer["buffer"]]
        maps = [codes[0, k] for k in range(codes.shape[1])] if layer["units"] else [codes.reshape(layer["size"])]
        pictures = "".join(png_tag(coloured(m), _SIDE, f"{layer['name']}, map") for m in maps[:8])
        name = html.escape(layer["name"])
        rows.append(
            f'<tr><td style="text-align:left;padding-right:12px">{name}</td><td style="text-align:left">{pictures}</td>'
        )
    return (
        f"<p>{html.escape(title)}: feature maps at step {about['step']:,}, each on its own scale</p>"
        f"<table>{'</tr>'.join(rows)}</tr></table>"
    )
