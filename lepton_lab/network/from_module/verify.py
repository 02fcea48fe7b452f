"""Compares what was read with the original, and makes opaque what differs."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lepton_lab.errors import LeptonError
from lepton_lab.network.base import TensorInfo
from lepton_lab.network.from_module.inputs import random_batch
from lepton_lab.network.from_module.items import Found, assemble, opaque
from lepton_lab.network.layers.opaque import Opaque
from lepton_lab.network.spec import NetworkSpec

__all__ = ["carry", "differs", "honest", "whole"]


def whole(module: nn.Module, reason: str) -> Found:
    """The module itself as one opaque layer."""
    layer = Opaque.of(module, reason=reason)
    note = (
        f"{type(module).__name__} stays as it is and cannot be edited: {reason}. "
        f"To make a layer of it, put @lepton_lab.register_layer over its class."
    )
    nowhere: Any = None
    return Found(layer, nowhere, nowhere, nowhere, set(), note=note)


def carry(module: nn.Module, behind: dict[str, Found]) -> None:
    """Copies the original's weights into the built module."""
    with torch.no_grad():
        for path, item in behind.items():
            if not item.state:
                continue
            target = module.get_submodule(path)
            own = dict(target.named_parameters()) | dict(target.named_buffers())
            for key, tensor in item.state.items():
                own[key].copy_(tensor.reshape(own[key].shape))
                if isinstance(own[key], nn.Parameter):
                    own[key].requires_grad_(tensor.requires_grad)


def differs(original: nn.Module, built: nn.Module, x: TensorInfo) -> str:
    """How two modules' outputs differ on random batches of one and of three samples; empty where they agree."""
    device = next((p.device for p in original.parameters()), torch.device("cpu"))
    built = built.to(device)
    for count in (3, 1):
        batch = random_batch(original, x, count)
        try:
            problem = _compared(original(batch.clone()), built(batch.clone()), count)
        except Exception as error:  # both are strangers' code
            problem = f"{type(error).__name__}: {str(error)[:120]}"
        if problem:
            return problem
    return ""


def _compared(expected: Any, got: Any, count: int) -> str:
    if not isinstance(expected, torch.Tensor):
        return f"it gives {type(expected).__name__}, not one tensor"
    if count == 1 and expected.numel() == got.numel():
        expected = expected.reshape(got.shape)  # squeeze() in a forward drops a batch of one
    if expected.shape != got.shape:
        return f"for {count} samples it gives {tuple(expected.shape)}, the layers {tuple(got.shape)}"
    if not torch.allclose(expected, got, rtol=1e-3, atol=1e-5, equal_nan=True):
        return "the layers that it seems to be give other numbers"
    return ""


def honest(items: list[Found], x: TensorInfo) -> list[Found]:
    """The list with each layer made opaque that gives other numbers than the steps that it stands for."""
    if not items or any(item.level is not items[0].level for item in items):
        return items
    level = items[0].level
    values = level.run(random_batch(level.module, x, 3))
    result: list[Found] = []
    for item in items:
        given, wanted = values.get(item.start), values.get(item.end)
        if isinstance(given, torch.Tensor) and isinstance(wanted, torch.Tensor) and not isinstance(item.layer, Opaque):
            problem = _item_problem(item, given, wanted)
            if problem:
                item = opaque(level, item.start, item.end, problem)
        result.append(item)
    return result


def _item_problem(item: Found, given: torch.Tensor, wanted: torch.Tensor) -> str:
    layers, behind = assemble([item])
    info = "int64" if given.dtype == torch.int64 else "float32"
    try:
        built = NetworkSpec(layers=layers, input_shape=tuple(given.shape[1:]), input_dtype=info).build().eval()
        carry(built, behind)
        return _compared(wanted, built.to(given.device)(given), len(given))
    except LeptonError as error:
        return f"the layers that it seems to be do not fit each other ({error.what})"
    except Exception as error:  # whatever torch says about an input of another type
        return f"{type(error).__name__}: {str(error)[:120]}"
