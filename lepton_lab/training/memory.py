"""Memory: how much is used, and what to do when it runs out."""

from __future__ import annotations

import os
from functools import cache
from traceback import clear_frames
from typing import Any

import psutil
import torch

from lepton_lab.training.captures import TURNS
from lepton_lab.training.updates import EngineOptimizer

__all__ = ["available_memory", "describe_halving", "forget_frames", "release", "used_memory"]


@cache
def _process(pid: int) -> Any:
    return psutil.Process(pid)


def used_memory(device: torch.device) -> int:
    """Peak memory of a GPU's tensors, or present memory of this process, in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return int(_process(os.getpid()).memory_info().rss)


def available_memory(device: torch.device) -> int:
    """Memory that is free on a device, in bytes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def release(device: torch.device, optimizer: EngineOptimizer | None = None) -> None:
    """Gives back what a failed step has left."""
    if optimizer is not None:
        optimizer.zero_grad()
    if device.type == "cuda":
        with TURNS:
            torch.cuda.empty_cache()


def forget_frames(error: BaseException) -> None:
    """Lets go of what the functions that an error ended held in their variables: batches, and outputs of layers."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            clear_frames(one.__traceback__)
            left += [one.__cause__, one.__context__]


def describe_halving(old: int, new: int) -> str:
    """What a person is told after memory ran out."""
    return f"Memory ran out with {old} samples a batch; training goes on with {new}."
