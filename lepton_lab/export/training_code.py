"""The parts of a training script that depend on the settings: loss, optimizer, schedule, augmentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from lepton_lab.data import augmentation
from lepton_lab.errors import TrainingError
from lepton_lab.export.subject import Trained
from lepton_lab.training import schedules
from lepton_lab.training.evaluate import predict
from lepton_lab.training.losses import LOSSES, default_loss
from lepton_lab.training.optimizers import OPTIMIZERS
from lepton_lab.training.setup import class_weights_of

__all__ = ["augmentation_code", "left_out", "loss_code", "optimizer_code", "schedule_code"]


def loss_code(subject: Trained) -> str:
    """The lines of a function from `output` and `target` to the loss."""
    s = subject.settings
    x, _ = next(subject.data.train.batches(min(2, len(subject.data.train))))
    output = predict(subject.module, x)
    name = s.loss if s.loss != "auto" else default_loss(subject.task, output)
    entry = LOSSES[name]
    weights = class_weights_of(s, subject.data)
    options = dict(s.loss_args or {})
    function = f"F.{entry.function.__name__}"
    probabilities = subject.activation == "none"
    if entry.takes in ("logits", "log_probabilities"):
        if s.label_smoothing and entry.takes == "logits":
            options["label_smoothing"] = s.label_smoothing
        said = "output.clamp_min(1e-12).log()" if probabilities else "output"
        more = "".join(f", {k}={v!r}" for k, v in options.items())
        more += f", weight=torch.tensor({_numbers(weights)}, device=output.device)" if weights is not None else ""
        return f"    return {function}({said}, target{more})"
    lines = []
    if entry.takes == "binary":
        if subject.data.task.is_classification and output[0].numel() > 1:
            lines.append(f"    target = F.one_hot(target, {output[0].numel()})")
        if probabilities:
            function = "F.binary_cross_entropy"
        elif weights is not None:
            positive = [float(weights[1] / weights[0])] if output[0].numel() == 1 else weights
            options["pos_weight"] = f"torch.tensor({_numbers(positive)}, device=output.device)"
    lines.append("    target = target.to(output.dtype)")
    if s.label_smoothing:
        lines.append(f"    target = target * {1 - s.label_smoothing!r} + {0.5 * s.label_smoothing!r}")
    more = "".join(f", {k}={v if k == 'pos_weight' else repr(v)}" for k, v in options.items())
    lines.append(f"    return {function}(output.reshape(target.shape), target{more})")
    return "\n".join(lines)


def optimizer_code(subject: Trained) -> str:
    """The call that makes the optimizer of `network`.

    Raises:
        TrainingError: It is not one of torch's, or needs the loss again and again.
    """
    s = subject.settings
    known = s.optimizer.lower() in OPTIMIZERS
    entry = OPTIMIZERS[s.optimizer.lower()] if known else None
    if entry is None or not isinstance(entry.torch_name, str) or entry.closure:
        raise TrainingError(
            f"a training script cannot be written for the optimizer {s.optimizer!r}",
            expected="one of torch's that takes one gradient a step",
            do="Train with another optimizer, such as adam, or take the notebook instead",
        )
    options: dict[str, Any] = dict(s.optimizer_args or {})
    options |= {k: v for k, v in (("momentum", s.momentum), ("weight_decay", s.weight_decay)) if v is not None}
    more = "".join(f", {key}={tuple(v) if isinstance(v, list) else v!r}" for key, v in options.items())
    params = "network.parameters()"
    if not s.decay_biases:
        params = (
            '[{"params": [p for p in network.parameters() if p.dim() > 1]}, '
            '{"params": [p for p in network.parameters() if p.dim() <= 1], "weight_decay": 0.0}]'
        )
    return f"torch.optim.{entry.torch_name}({params}, lr=LEARNING_RATE{more})"


def learning_rate(subject: Trained) -> float:
    """The learning rate before any schedule."""
    s = subject.settings
    return float(s.lr if s.lr is not None else OPTIMIZERS[s.optimizer.lower()].lr)


def schedule_code(subject: Trained) -> str:
    """Functions that give `factor(step, steps, steps_per_epoch)`; empty where the rate is constant."""
    name, options = subject.settings.schedule, dict(subject.settings.schedule_args or {})
    if name in (None, "constant", "plateau"):
        return ""
    function: Callable[..., float] = schedules.SCHEDULES[name]
    if function.__module__ != schedules.__name__:
        return ""
    source = inspect.getsource(function)
    needed = [getattr(schedules, n) for n in ("_rise", "_cosine_between") if f"{n}(" in source]
    parts = [inspect.getsource(schedules.Span), *map(inspect.getsource, needed), source]
    more = "".join(f", {key}={value!r}" for key, value in options.items())
    parts.append(
        "def factor(step: int, steps: int, steps_per_epoch: int) -> float:\n"
        '    """What the learning rate is multiplied by at a step."""\n'
        f"    return {function.__name__}(Span(step, steps, steps_per_epoch){more})\n"
    )
    return "\n\n".join(part.rstrip() + "\n" for part in parts)


def augmentation_code(steps: tuple[Mapping[str, Any], ...]) -> str:
    """A module with `augment(x, generator)`, made of the functions that were used in training."""
    functions = [augmentation._STEPS[step["kind"]] for step in steps]
    text = "".join(map(inspect.getsource, dict.fromkeys(functions)))
    helpers = [getattr(augmentation, n) for n in ("_grid", "_hue_matrices") if f"{n}(" in text]
    table = "".join(f"    ({f.__name__}, {dict(step)!r}),\n" for f, step in zip(functions, steps, strict=True))
    parts = [
        '"""Training images changed at random, as in training."""\n\n'
        "from __future__ import annotations\n\nimport math\nfrom collections.abc import Mapping\n"
        "from typing import Any\n\nimport torch\nfrom torch import Tensor\nfrom torch.nn import functional as F\n\n"
        "Bounds = tuple[float, float]\n",
        inspect.getsource(augmentation._Draw),
        *(inspect.getsource(f) for f in [*helpers, *dict.fromkeys(functions)]),
        f"STEPS = [\n{table}]\n",
        "def augment(x: Tensor, generator: torch.Generator) -> Tensor:\n"
        '    """Randomly changed copies of images (N, C, H, W)."""\n'
        "    bounds = (0.0, 255.0) if x.dtype == torch.uint8 else (float(x.min()), float(x.max()))\n"
        "    for function, step in STEPS:\n"
        "        x = function(x, step, _Draw(len(x), x.device, generator), bounds)\n"
        "    return x\n",
    ]
    return "\n\n".join(part.rstrip() + "\n" for part in parts)


def left_out(subject: Trained) -> list[str]:
    """Settings that a plain script does not follow, in plain words."""
    s, found = subject.settings, []
    if s.precision not in ("fp32", "auto"):
        found.append(f"it computes in float32, not in mixed precision ({s.precision})")
    if s.ema is not None:
        found.append("it keeps no moving average of the weights (ema)")
    if s.schedule == "plateau":
        found.append("the learning rate stays constant instead of falling on a plateau")
    elif s.schedule not in (None, "constant") and not schedule_code(subject):
        found.append(f"the learning rate stays constant instead of following {s.schedule!r}")
    return found


def _numbers(values: Any) -> str:
    return "[" + ", ".join(f"{float(v):.8g}" for v in values) + "]"
