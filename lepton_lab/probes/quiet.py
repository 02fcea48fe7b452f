"""A place where a module can be tried without a trace."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["evaluating", "others_train", "unchanged", "uncompiled", "undisturbed"]


@contextmanager
def undisturbed(module: nn.Module) -> Iterator[None]:
    """Puts buffers, modes and random states back after the block, whatever happens in it.

    Gradients are left alone by `torch.autograd.grad`. What a module keeps in plain Python attributes is not seen here.

    Threads: torch's random state is one of the whole process: only for a thread beside which no other one trains.
    """
    device = next((t.device for t in [*module.parameters(), *module.buffers()]), torch.device("cpu"))
    rng = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    # Only a user's own module may draw from these, and the user may be drawing from them in another thread.
    others = (random.getstate(), np.random.get_state()) if _has_foreign_parts(module) else None
    try:
        with unchanged(module):
            yield
    finally:
        torch.set_rng_state(rng)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda, device)
        if others is not None:
            random.setstate(others[0])
            np.random.set_state(others[1])


@contextmanager
def unchanged(module: nn.Module) -> Iterator[None]:
    """Puts buffers and modes back after the block, and leaves random states alone."""
    modes = [(m, m.training) for m in module.modules()]
    buffers = [(m, name, b, b.clone()) for m in module.modules() for name, b in m._buffers.items() if b is not None]
    try:
        yield
    finally:
        for m, mode in modes:
            m.training = mode
        with torch.no_grad():
            for m, name, buffer, copy in buffers:
                m._buffers[name] = buffer
                buffer.copy_(copy)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block, and no gradients; modes and buffers are as before afterwards."""
    with unchanged(module), torch.no_grad():
        module.eval()
        yield


@contextmanager
def uncompiled(module: nn.Module) -> Iterator[None]:
    """Inside the block the module and its parts run as Python, without the code that torch compiled of them.

    Hooks and batches of another size would make torch compile again, which takes seconds, and then go on training with
    the new code, whose last bits may differ.
    """
    calls = [(m, m._compiled_call_impl) for m in module.modules() if m._compiled_call_impl is not None]
    wrappers: list[tuple[Any, Any]] = [
        (m, m.forward) for m in module.modules() if type(m).__name__ == "OptimizedModule"
    ]
    try:
        for m, _ in calls:
            m._compiled_call_impl = None
        for m, _ in wrappers:
            m.forward = m._orig_mod.__call__
        yield
    finally:
        for m, call in calls:
            m._compiled_call_impl = call
        for m, forward in wrappers:
            m.forward = forward


def others_train() -> bool:
    """Whether another thread of this process trains a run, and so draws from torch's random state."""
    here = threading.current_thread()
    return any(t.name.startswith("lepton-run-") for t in threading.enumerate() if t is not here)


def _has_foreign_parts(module: nn.Module) -> bool:
    return any(not type(m).__module__.startswith(("torch.nn.", "lepton_lab.")) for m in module.modules())
