"""Curvature of the loss at the present weights, on demand: it takes many passes, so no schedule asks for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from lepton_lab.errors import TrainingError
from lepton_lab.probes.access import Trains, examine, prepare

__all__ = ["Curvature", "hessian_top", "hessian_trace"]

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Curvature:
    """One number about the Hessian, with its uncertainty.

    Attributes:
        value: The number, in units of the loss by squared weight.
        error: For the eigenvalue how much the last iteration changed it, for the trace one standard error.
        iterations: Hessian-vector products that were computed.
    """

    value: float
    error: float
    iterations: int

    def __float__(self) -> float:
        return self.value


def hessian_top(
    run_or_module: nn.Module | Trains,
    loss: Loss | None,
    batch: tuple[Any, Any],
    *,
    iterations: int = 50,
    tolerance: float = 1e-3,
    seed: int = 0,
) -> Curvature:
    """The eigenvalue of the Hessian that is largest in size, by power iteration (Pearlmutter 1994 for the products).

    The network is in evaluation mode, so that the loss is a function of the weights alone.

    Args:
        run_or_module: A run, also while it trains, or a module.
        loss: Mean loss of outputs and targets; None for cross-entropy with class numbers, squared error otherwise.
        batch: Samples and targets.
        iterations: Products at most.
        tolerance: Relative change at which to stop.
        seed: Of the vector to start from.

    Raises:
        TrainingError: The loss does not depend on any parameter.
    """

    def work(module: nn.Module) -> Curvature:
        product, params = _products(run_or_module, module, loss, batch)
        v = _unit(_draw(params, seed, torch.randn))
        value, error, done = 0.0, math.inf, 0
        while done < iterations:
            hv = product(v)
            done += 1
            new = float(_dot(v, hv))
            error, value = abs(new - value), new
            size = float(_dot(hv, hv)) ** 0.5
            if size == 0 or error <= tolerance * max(abs(new), 1e-12):
                break
            v = [t / size for t in hv]
        return Curvature(value, error, done)

    return examine(run_or_module, work)


def hessian_trace(
    run_or_module: nn.Module | Trains,
    loss: Loss | None,
    batch: tuple[Any, Any],
    *,
    samples: int = 30,
    seed: int = 0,
) -> Curvature:
    """The trace of the Hessian, by Hutchinson's estimator: the mean of vᵀHv over random signs v.

    Args:
        run_or_module: See `hessian_top`.
        loss: See `hessian_top`.
        batch: See `hessian_top`.
        samples: Vectors to average over.
        seed: Of the vectors.

    Raises:
        TrainingError: The loss does not depend on any parameter.
    """

    def work(module: nn.Module) -> Curvature:
        product, params = _products(run_or_module, module, loss, batch)
        found = []
        for i in range(samples):
            v = _draw(
                params, seed + i, lambda shape, generator: torch.randint(0, 2, shape, generator=generator) * 2 - 1
            )
            found.append(float(_dot(v, product(v))))
        values = torch.tensor(found, dtype=torch.float64)
        error = float(values.std() / math.sqrt(samples)) if samples > 1 else math.inf
        return Curvature(float(values.mean()), error, samples)

    return examine(run_or_module, work)


def _products(
    thing: Any, module: nn.Module, loss: Loss | None, batch: tuple[Any, Any]
) -> tuple[Callable[[list[Tensor]], list[Tensor]], list[nn.Parameter]]:
    x = prepare(thing, batch[0], module)
    y = torch.as_tensor(batch[1]).to(x.device)
    measure = loss if loss is not None else F.mse_loss if y.is_floating_point() else F.cross_entropy
    module.eval()
    params = [p for p in module.parameters() if p.requires_grad]
    # Kernels that cannot be differentiated twice are left out.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
        value = measure(module(x), y)
        if not params or not value.requires_grad:
            raise TrainingError("the loss does not depend on any parameter that is trained")
        first = torch.autograd.grad(value, params, create_graph=True, allow_unused=True)
    used = [(p, g) for p, g in zip(params, first, strict=True) if g is not None and g.requires_grad]

    def product(v: list[Tensor]) -> list[Tensor]:
        if not used:
            return [torch.zeros_like(t) for t in v]
        place = {id(p): i for i, p in enumerate(params)}
        vectors = [v[place[id(p)]] for p, _ in used]
        found = torch.autograd.grad([g for _, g in used], params, vectors, retain_graph=True, allow_unused=True)
        return [torch.zeros_like(p) if h is None else h.detach() for p, h in zip(params, found, strict=True)]

    return product, params


def _draw(params: list[nn.Parameter], seed: int, draw: Callable[..., Tensor]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [draw(tuple(p.shape), generator=generator).to(p.device, p.dtype) for p in params]


def _dot(a: list[Tensor], b: list[Tensor]) -> Tensor:
    return torch.stack([(s.double() * t.double()).sum() for s, t in zip(a, b, strict=True)]).sum()


def _unit(v: list[Tensor]) -> list[Tensor]:
    size = float(_dot(v, v)) ** 0.5
    return [t / size for t in v]
