"""A place where a module can be tried without a trace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

__all__ = ["evaluating", "undisturbed"]


@contextmanager
def undisturbed(module: nn.Module) -> Iterator[None]:
    """Puts buffers, modes and random states back after the block, whatever happens in it.

    Gradients are left alone by `torch.autograd.grad`. What a module keeps in plain Python attributes is not seen here.
    """
    device = next((t.device for t in [*module.parameters(), *module.buffers()]), torch.device("cpu"))
    modes = [(m, m.training) for m in module.modules()]
    buffers = [(m, name, b, b.clone()) for m in module.modules() for name, b in m._buffers.items() if b is not None]
    rng = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    others = random.getstate(), np.random.get_state()  # a user's module may draw from either
    try:
        yield
    finally:
        torch.set_rng_state(rng)
        if cuda is not None:
            torch.cuda.set_rng_state(cuda, device)
        random.setstate(others[0])
        np.random.set_state(others[1])
        for m, mode in modes:
            m.training = mode
        with torch.no_grad():
            for m, name, buffer, copy in buffers:
                m._buffers[name] = buffer
                buffer.copy_(copy)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block, without a trace afterwards; no gradients."""
    with undisturbed(module), torch.no_grad():
        module.eval()
        yield
