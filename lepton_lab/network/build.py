"""Makes a torch module of a network, with a look at the memory first."""

from __future__ import annotations

import psutil
import torch
from torch import nn

from lepton_lab.errors import LeptonError, SpecError
from lepton_lab.network.initialise import initialise
from lepton_lab.network.shapes import NetworkShapes

__all__ = ["build_network"]


def build_network(
    shapes: NetworkShapes, *, device: str | torch.device | None, seed: int | None, init: str = "default"
) -> nn.Sequential:
    """See `NetworkSpec.build`. Weights are drawn on the CPU, so that a seed gives the same ones on every device."""
    target = torch.get_default_device() if device is None else _device(device)
    if target.type != "meta":
        _check_memory(shapes, target)
    if target.type == "meta":
        with torch.device("meta"):
            return shapes.calls.build()
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.default_generator.manual_seed(seed)
        with torch.device("cpu"):
            module = _construct(shapes)
            initialise(module, init)
    return module.to(target)


def _construct(shapes: NetworkShapes) -> nn.Sequential:
    try:
        return shapes.calls.build()
    except LeptonError:
        raise
    except MemoryError as error:
        raise SpecError(f"the weights of {shapes.name!r} do not fit into memory") from error
    except OSError as error:  # pretrained weights: no network, no room, a damaged download
        raise SpecError(
            f"pretrained weights of {shapes.name!r} cannot be fetched",
            received=f"{type(error).__name__}: {error}",
            do="Connect to the internet once, put the file into torch's cache, or use weights=None",
        ) from error


def _device(device: str | torch.device) -> torch.device:
    try:
        return torch.device(device)
    except RuntimeError as error:
        first = str(error).split("\n")[0]
        raise SpecError(f"there is no device {device!r}", received=first, do="Use 'cpu', 'cuda' or 'mps'") from None


def _check_memory(shapes: NetworkShapes, device: torch.device) -> None:
    free = psutil.virtual_memory().available
    if device.type == "cuda" and torch.cuda.is_available():
        free = min(free, torch.cuda.mem_get_info(device)[0])
    needed = 4 * shapes.parameters
    if needed > free:
        row = max((row for row in shapes.rows), key=lambda row: row.parameters)
        raise SpecError(
            f"the weights of {shapes.name!r} do not fit into memory; the largest layer is {row.path!r} ({row.kind})",
            expected=f"at most {free / 2**30:,.1f} GiB, which are free",
            received=f"{shapes.parameters:,} parameters, {needed / 2**30:,.1f} GiB",
            do="Make the layer smaller, or pool or stride before it",
        )
