"""Asking a network about several views of an image and averaging what it says: augmentation at test time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["VIEWS", "averaged"]

Forward = Callable[[Tensor], Tensor]


def _mirror(x: Tensor) -> list[tuple[float, Tensor]]:
    return [(0.5, x), (0.5, x.flip(-1))]


def _mirror_shift(x: Tensor) -> list[tuple[float, Tensor]]:
    height, width = x.shape[-2:]
    around = functional.pad(x, (1, 1, 1, 1), mode="reflect")
    moved = [around[..., at : at + height, at : at + width] for at in (0, 2)]
    return [*((0.25, view) for view in (x, x.flip(-1))), *((0.125, v) for m in moved for v in (m, m.flip(-1)))]


VIEWS: dict[str, Callable[[Tensor], list[tuple[float, Tensor]]]] = {"mirror": _mirror, "mirror+shift": _mirror_shift}
"""Weights and views of a batch of images (N, C, H, W), by name: as it is and mirrored, half of the weight each; with
both moved by a pixel to either corner as well, which take half of it (Jordan 2024, arXiv:2404.00498, section 3.5)."""


def averaged(forward: Forward, views: str | None) -> Forward:
    """A forward pass that gives the weighted mean of its outputs for several views of a batch.

    Args:
        forward: Gives the outputs for a batch of images (N, C, H, W).
        views: One of `VIEWS`; None for the batch as it is.

    Returns:
        `forward` itself for None. The other raises a `DataError` for what is no batch of images.

    Raises:
        UnknownNameError: There are no such views.
    """
    if views is None:
        return forward
    if views not in VIEWS:
        raise UnknownNameError("views", views, VIEWS)
    look = VIEWS[views]

    def over_views(x: Tensor) -> Tensor:
        if x.dim() != 4 or not x.is_floating_point() or min(x.shape[-2:]) < 2:
            raise DataError(
                f"views={views!r} is for images",
                expected="numbers of the shape (N, C, H, W), at least 2 × 2 pixels",
                received=f"{x.dtype} of the shape {tuple(x.shape)}",
                do="Leave views out",
            )
        shape = torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
        parts = [weight * forward(view.contiguous(memory_format=shape)) for weight, view in look(x)]
        return torch.stack(parts).sum(0)

    return over_views
