"""What a trained run says about data: measures on a split, and predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from lepton_lab.errors import DataError
from lepton_lab.training.losses import final_activation
from lepton_lab.training.setup import autocast_type, evaluating, make_head, wants_channels_last
from lepton_lab.training.validate import measure
from lepton_lab.training.views import averaged

if TYPE_CHECKING:
    from lepton_lab.data import DataBundle
    from lepton_lab.training.run import Run

__all__ = ["evaluate_run", "outcome", "predict", "predict_run"]


def evaluate_run(run: Run, data: DataBundle | None, split: str, views: str | None = None) -> dict[str, float]:
    """See `Run.evaluate`."""
    plan = run._needs_plan()
    data = data or plan.data
    if split not in data.splits:
        raise DataError(
            f"{data.name!r} has no {split} split", expected="one of " + ", ".join(data.splits), do="Name another split"
        )
    module = run.module
    device = _device_of(module)
    head = make_head(module, data, plan.settings, plan.loss, device)
    forward = averaged(head.forward, views)
    if split == "test":
        run.count_test_look()
    x, _ = next(data.splits[split].batches(1, device=device))
    _, channels_last = wants_channels_last(plan.settings.channels_last, module, x)
    found = measure(
        module, forward, head.loss, data.splits[split], plan.metrics, head.about,
        batch_size=plan.settings.batch_size, autocast=autocast_type(plan.settings.precision, device),
        channels_last=channels_last,
    )  # fmt: skip
    assert found is not None
    return found


def predict_run(run: Run, x: Any, batch_size: int, views: str | None = None) -> Tensor:
    """See `Run.predict`."""
    plan = run._needs_plan()
    if not isinstance(x, Tensor):
        x = plan.data.preprocessing(np.asarray(x) if isinstance(x, list) else x)
    output = predict(run.module, x, batch_size, views)
    return output if plan.loss is not None else outcome(output, run.module, str(plan.data.task))


def outcome(output: Tensor, module: nn.Module, task: str) -> Tensor:
    """Outputs of a module as probabilities for a classification, as they are for a regression."""
    if task == "regression" or _ends_in_probabilities(module, output):
        return output
    if task == "multilabel" or output.dim() < 2 or output.shape[1] == 1:
        return output.sigmoid()
    return output.softmax(1)


def predict(module: nn.Module, x: Tensor, batch_size: int = 256, views: str | None = None) -> Tensor:
    """What a module puts out for prepared samples, in evaluation mode, on the CPU."""
    device, forward = _device_of(module), averaged(module, views)
    with evaluating(module), torch.inference_mode():
        parts = [forward(part.to(device)).float().cpu() for part in torch.split(x, batch_size)]
    return torch.cat(parts).clone() if parts else torch.empty(0)


def _ends_in_probabilities(module: nn.Module, output: Tensor) -> bool:
    if final_activation(module)[1] is not None:
        return True
    if output.dim() < 2 or output.shape[1] < 2:
        return False
    rows = output.sum(1)
    return bool((output >= 0).all()) and bool(torch.allclose(rows, torch.ones_like(rows), atol=1e-3))


def _device_of(module: nn.Module) -> torch.device:
    return next((p.device for p in module.parameters()), torch.device("cpu"))
