"""A part of somebody's module that stays as it is: it runs and trains, but cannot be edited."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar
from uuid import uuid4

import torch
from pydantic import Field, PrivateAttr
from torch import nn

from lepton_lab.errors import SpecError
from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in

__all__ = ["Opaque"]

_live: weakref.WeakValueDictionary[str, nn.Module] = weakref.WeakValueDictionary()


@built_in
class Opaque(LayerSpec):
    """A live module that is held by reference.

    Its JSON form names the class only, so it builds in the process that read it and nowhere else.
    """

    kind: ClassVar[str] = "Opaque"
    group: ClassVar[str] = "Your own"
    summary: ClassVar[str] = "A part of your own module that could not be read as layers; it runs as it is."
    formula: ClassVar[str] = "y = module(x)"

    class_name: str = Field("", description="The module's class, with the Python module that defines it.")
    reason: str = Field("", description="Why it could not be read.")
    reference: str = Field("", description="Which live object it is; meaningless in another process.")

    _module: nn.Module | None = PrivateAttr(None)

    def model_post_init(self, context: Any, /) -> None:
        """Keeps the module alive as long as its description."""
        self._module = _live.get(self.reference)

    @classmethod
    def of(cls, module: nn.Module, *, reason: str, class_name: str = "") -> Opaque:
        """The description of a live module."""
        reference = uuid4().hex
        _live[reference] = module
        target = type(module)
        return cls(
            class_name=class_name or f"{target.__module__}.{target.__qualname__}", reason=reason, reference=reference
        )

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`; each build has a copy of its own, with the weights that the module has now.

        Raises:
            SpecError: The module does not exist in this process.
        """
        module = self._module
        if module is None:
            raise SpecError(
                f"the layer {self.name!r} is an object of the class {self.class_name!r} that lived in another process",
                expected="a layer that can be built from its description",
                do="Put @lepton_lab.register_layer over the class and read the module again, or replace the layer",
            )
        return (("", Call(_Copy(module))),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls.of(_EXAMPLE, reason="it is an example"), TensorInfo((5, 4))


_EXAMPLE = nn.Identity()


class _Copy:
    """Gives copies of a module; on the meta device without copying its weights."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self) -> nn.Module:
        memo: dict[int, Any] = {}
        on_meta = torch.get_default_device().type == "meta"
        if on_meta:
            for tensor in [*self.module.parameters(), *self.module.buffers()]:
                empty = torch.empty_like(tensor, device="meta")
                is_parameter = isinstance(tensor, nn.Parameter)
                memo[id(tensor)] = nn.Parameter(empty, tensor.requires_grad) if is_parameter else empty
        result = copy.deepcopy(self.module, memo)
        if on_meta:
            result.forward = partial(_on_meta, self.module, result.forward)
        return result


def _on_meta(module: nn.Module, forward: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """What the module gives on the meta device; where it looks at the numbers, what it gives for zeros."""
    try:
        return forward(x)
    except Exception:  # torch raises different errors where numbers are asked for that do not exist
        modes = [(m, m.training) for m in module.modules()]
        device = next((p.device for p in module.parameters()), torch.device("cpu"))
        try:
            for m, _ in modes:
                m.training = False
            with torch.no_grad(), torch.random.fork_rng(), torch.device(device):
                result = copy.deepcopy(module)(torch.zeros(x.shape, dtype=x.dtype, device=device))
                return torch.empty_like(result, device="meta")
        finally:
            for m, mode in modes:
                m.training = mode
