"""What convolutions and poolings share: windows that slide over maps."""

from __future__ import annotations

from typing import Any

from lepton_lab.network.base import TensorInfo
from lepton_lab.network.fields import remove_fix, set_fix
from lepton_lab.network.fixes import Misfit

__all__ = ["check_window", "same_pads"]


def same_pads(
    sizes: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> list[tuple[int, int]]:
    """Widths before and after each axis for which the output has ⌈size / stride⌉ places, as in Keras."""
    pads = []
    for size, k, s, d in zip(sizes, kernel, stride, dilation, strict=True):
        total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
        pads.append((total // 2, total - total // 2))
    return pads


def check_window(
    layer: Any, x: TensorInfo, kernel: tuple[int, ...], dilation: tuple[int, ...], padding: tuple[int, ...] | None
) -> None:
    """Checks that the window fits into the padded map; `padding` None stands for "same", which always fits.

    Raises:
        Misfit: It does not; the first fix makes the window as large as the map.
    """
    if padding is None:
        return
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    room = [size + 2 * p for size, p in zip(x.shape[1:], padding, strict=True)]
    if all(r <= size for r, size in zip(reach, room, strict=True)):
        return
    largest = [min(k, size) for k, size in zip(kernel, room, strict=True)]
    field = "kernel_size"
    value = largest[0] if len(set(largest)) == 1 else largest
    values: dict[str, Any] = {field: value}
    if any(d != 1 for d in dilation):
        values["dilation"] = 1
    shown = tuple(value) if isinstance(value, list) else value
    raise Misfit(
        f"a map of at least {' × '.join(map(str, reach))}",
        do=f"Set {field}={shown}, pad the map, or remove a layer that shrinks it",
        fixes=[set_fix(f"set {field}={shown} in {{name}}", **values), remove_fix()],
    )
