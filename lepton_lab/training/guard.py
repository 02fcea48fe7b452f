"""A copy of the last good state, so that a training that meets NaN can say where and keep its weights.

Checking every step for NaN would cost a small network a tenth of its time. Instead the loop looks at the losses and
at the weights each time it reads back; where something is not finite it goes back to the copy made at the previous
reading and repeats those steps one by one, checking everything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["Guard", "restore_rng", "rng_state"]


def rng_state(device: torch.device) -> dict[str, Tensor]:
    """States of torch's generators that a step on `device` draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_rng(state: dict[str, Tensor], device: torch.device) -> None:
    """Sets the generators to what `rng_state` gave."""
    if "cpu" in state:
        torch.set_rng_state(state["cpu"])
    if "cuda" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


class Guard:
    """Copies of live tensors, and of torch's random states.

    Args:
        live: Gives the tensors that a step changes; asked at every `save`, because some appear with the first step.
        device: Where they are.
    """

    def __init__(self, live: Callable[[], Sequence[Tensor]], device: torch.device) -> None:
        self._live, self._device = live, device
        self._tensors: list[Tensor] = []
        self._copies: list[Tensor] = []
        self._rng: dict[str, Tensor] = {}
        self.place: Any = None

    def save(self, place: Any) -> None:
        """Copies everything; `place` says where in the data the loop is."""
        tensors = [t.detach() for t in self._live()]
        self.place, self._rng = place, rng_state(self._device)
        if len(tensors) == len(self._tensors) and all(
            a.data_ptr() == b.data_ptr() for a, b in zip(tensors, self._tensors, strict=True)
        ):
            if tensors:
                torch._foreach_copy_(self._copies, self._tensors)
            return
        self._tensors = tensors
        self._copies = [t.clone() for t in tensors]

    def restore(self) -> None:
        """Copies everything back."""
        with torch.no_grad():
            for tensor, copy in zip(self._tensors, self._copies, strict=True):
                tensor.copy_(copy)
        restore_rng(self._rng, self._device)
