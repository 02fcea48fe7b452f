"""`read_module`: an `nn.Module` becomes a `NetworkSpec`, and the result is checked against the original."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from lepton_lab.errors import LeptonError, SpecError
from lepton_lab.network.base import TensorInfo
from lepton_lab.network.from_module.inputs import find_input
from lepton_lab.network.from_module.items import Found, assemble, branch
from lepton_lab.network.from_module.reader import Reader
from lepton_lab.network.from_module.sharing import settle_shared
from lepton_lab.network.from_module.trace import Unreadable, eval_mode
from lepton_lab.network.from_module.verify import carry, differs, honest, whole
from lepton_lab.network.layers.opaque import Opaque
from lepton_lab.network.spec import NetworkSpec

__all__ = ["ModuleReading", "from_module", "read_module"]


@dataclass(frozen=True)
class ModuleReading:
    """A module that was read.

    Attributes:
        spec: The network.
        editable: Whether all of it is layers; False where a part stayed as it is.
        notes: What the reader should know: which part stayed as it is, and why.
    """

    spec: NetworkSpec
    editable: bool
    notes: tuple[str, ...]
    _behind: dict[str, Found] = field(repr=False, compare=False)

    def build(self, device: str | torch.device | None = None) -> nn.Sequential:
        """Builds the network with the weights that the original module has now.

        Args:
            device: Where the weights shall be.
        """
        module = self.spec.build(device)
        carry(module, self._behind)
        return module


def from_module(
    module: nn.Module, input_shape: tuple[int, ...] | int | None = None, input_dtype: str | None = None
) -> NetworkSpec:
    """The network that a module is; see `read_module`."""
    return read_module(module, input_shape, input_dtype).spec


def read_module(
    module: nn.Module, input_shape: tuple[int, ...] | int | None = None, input_dtype: str | None = None
) -> ModuleReading:
    """Reads a module back as layers that can be edited.

    Chains, sums, concatenations and products become layers and blocks under the names of the module's attributes.
    What layers cannot say stays in the network as an `Opaque` layer that holds the live module, with a note. The
    outputs of the network are compared with the module's on a random input; a part that differs stays opaque too.

    Side effects: none that last; the module's mode, its buffers and the random state are restored.

    Args:
        module: The module; its first input must have the batch in front.
        input_shape: Shape of a sample without N; guessed from the first layer where left out.
        input_dtype: "float32", or "int64" for indices; guessed where left out.

    Raises:
        SpecError: `module` is no module, or it does not run with such an input.
    """
    if not isinstance(module, nn.Module):
        raise SpecError(
            "from_module reads torch modules",
            expected="an nn.Module",
            received=type(module).__name__ if not isinstance(module, type) else f"the class {module.__name__}",
            do="Construct it first" if isinstance(module, type) else None,
        )
    buffers = [(b, b.detach().clone()) for b in module.buffers()]
    devices = sorted({p.device.index or 0 for p in module.parameters() if p.device.type == "cuda"})
    try:
        with torch.random.fork_rng(devices=devices), torch.no_grad(), eval_mode(module):
            return _read(module, input_shape, input_dtype)
    finally:
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


def _read(module: nn.Module, shape: tuple[int, ...] | int | None, dtype: str | None) -> ModuleReading:
    x, guess = find_input(module, (shape,) if isinstance(shape, int) else shape, dtype)
    if x is None:
        return _untried(module, guess, dtype)
    reader = Reader()
    try:
        items = settle_shared(branch(reader.read(module, reader.example(module, x))))
        items = honest(items, x)
    except Unreadable as error:
        items = [whole(module, str(error))]
    reading = _reading(module, items, x, guess)
    if reading.editable or len(items) > 1:
        problem = _problem(module, reading, x)
        if problem:
            reading = _reading(module, [whole(module, problem)], x, guess)
    return reading


def _reading(module: nn.Module, items: list[Found], x: TensorInfo, guess: str) -> ModuleReading:
    layers, behind = assemble(items)
    spec = NetworkSpec(
        layers=layers,
        name=type(module).__name__,
        input_shape=x.shape,
        input_dtype="int64" if x.dtype == torch.int64 else "float32",
    )
    everything = [inner for item in items for inner in item.walk()]
    notes = [guess] if guess else []
    notes += [item.note for item in everything if item.note]
    editable = not any(isinstance(item.layer, Opaque) for item in everything)
    return ModuleReading(spec, editable, tuple(notes), behind)


def _problem(module: nn.Module, reading: ModuleReading, x: TensorInfo) -> str:
    """Why the network that was read is not the module; empty where it is."""
    try:
        return differs(module, reading.build().eval(), x)
    except LeptonError as error:
        return f"the layers that it seems to be do not fit each other ({error.what})"


def _untried(module: nn.Module, guess: str, dtype: str | None) -> ModuleReading:
    """The module as one opaque layer, where nothing is known about its input."""
    items = [whole(module, guess)]
    layers, behind = assemble(items)
    spec = NetworkSpec(layers=layers, name=type(module).__name__, input_dtype=dtype or "float32")
    return ModuleReading(spec, False, tuple(item.note for item in items), behind)
