"""Random changes to training images, drawn for every sample of a batch, on the device where the batch lies.

torchvision's transforms v2 draw once per call, so that a batch would be turned by one angle, and draw from torch's
global generator. Here each step draws for all samples at once from a generator that is handed in; geometry goes
through one `grid_sample` for the whole batch, flips and grey values through v2's functions.

A specification is plain JSON, a list of steps such as `{"kind": "flip", "p": 0.5}`, or the name of a preset.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["PRESETS", "AugmentationSpec", "augment", "batch_generator", "epoch_seed", "read_augmentation"]

AugmentationSpec = str | Sequence[Mapping[str, Any]] | None
"""The name of a preset, a list of steps, or None for no augmentation."""

PRESETS: dict[str, list[dict[str, Any]]] = {
    "light": [{"kind": "flip", "p": 0.5}, {"kind": "shift", "amount": 0.125}],
    "digits": [{"kind": "affine", "degrees": 10, "translate": 0.08, "scale": [0.9, 1.1], "shear": 5}],
    "photos": [
        {"kind": "flip", "p": 0.5},
        {"kind": "affine", "degrees": 10, "translate": 0.08, "scale": [0.8, 1.2], "shear": 0},
        {"kind": "color", "brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.02},
        {"kind": "erase", "p": 0.25, "area": [0.02, 0.2]},
    ],
}
"""Ready-made lists: "light" (mirrored, shifted), "digits" (nothing mirrored), "photos" (everything)."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "flip": {"p": 0.5},
    "flip_vertical": {"p": 0.5},
    "shift": {"amount": 0.125},
    "rotate": {"degrees": 10.0},
    "affine": {"degrees": 10.0, "translate": 0.1, "scale": [0.9, 1.1], "shear": 0.0},
    "color": {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.0},
    "erase": {"p": 0.25, "area": [0.02, 0.2]},
}
_BOUNDS: dict[str, tuple[float, float]] = {
    "p": (0, 1),
    "amount": (0, 1),
    "degrees": (0, 180),
    "translate": (0, 1),
    "scale": (0.01, 100),
    "shear": (0, 80),
    "brightness": (0, 1),
    "contrast": (0, 1),
    "saturation": (0, 1),
    "hue": (0, 0.5),
    "area": (0, 1),
}


def read_augmentation(spec: AugmentationSpec) -> tuple[dict[str, Any], ...]:
    """A specification with every option written out.

    Steps and their options, each of which bounds what is drawn for a sample:
        flip, flip_vertical: `p`, the probability.
        shift: `amount`, a share of the side; whole pixels, what is uncovered is black.
        rotate: `degrees`, to either side.
        affine: `degrees`, `translate` (share of the side), `scale` [low, high], `shear` (degrees).
        color: `brightness`, `contrast`, `saturation` (0.2: from 0.8 to 1.2 times), `hue` (0.5: half the circle).
        erase: `p`, and `area` [low, high], the share of the image that is covered by its mean colour.

    Raises:
        UnknownNameError: No such preset, step or option.
        DataError: A value is out of its bounds.
    """
    if spec is None:
        return ()
    if isinstance(spec, str):
        if spec not in PRESETS:
            raise UnknownNameError("augmentation preset", spec, PRESETS)
        spec = PRESETS[spec]
    steps = []
    for step in spec:
        kind = step.get("kind") if isinstance(step, Mapping) else None
        if kind not in _OPTIONS:
            raise UnknownNameError("augmentation step", kind, _OPTIONS)
        for option, value in step.items():
            if option != "kind":
                _check(str(kind), option, value)
        steps.append({"kind": kind, **_OPTIONS[str(kind)], **step})
    return tuple(steps)


def _check(kind: str, option: str, value: Any) -> None:
    if option not in _OPTIONS[kind]:
        raise UnknownNameError(f"option of the augmentation step {kind!r}", option, _OPTIONS[kind])
    low, high = _BOUNDS[option]
    pair = isinstance(_OPTIONS[kind][option], list)
    numbers = list(value) if pair and isinstance(value, (list, tuple)) else [value]
    right = all(isinstance(n, (int, float)) and low <= n <= high for n in numbers)
    if not right or (pair and (len(numbers) != 2 or numbers[0] > numbers[1])):
        raise DataError(
            f"the augmentation step {kind!r} cannot take this {option}",
            expected=f"[low, high] within {low:g} to {high:g}" if pair else f"a number from {low:g} to {high:g}",
            received=repr(value),
        )


def epoch_seed(generator: torch.Generator | None = None) -> int:
    """Draws the number from which the generators of an epoch's batches follow."""
    return int(torch.randint(2**31, (), generator=generator))


def batch_generator(epoch_seed: int, batch: int) -> torch.Generator:
    """The generator of one batch of an epoch; a run that resumes in the middle draws what it would have drawn."""
    return torch.Generator().manual_seed((epoch_seed * 1_000_003 + batch) & 0x7FFF_FFFF_FFFF_FFFF)


def augment(
    x: Tensor,
    spec: AugmentationSpec,
    generator: torch.Generator | None = None,
    drawn: list[dict[str, Tensor]] | None = None,
) -> Tensor:
    """Randomly changed copies of images.

    Args:
        x: Images (N, C, H, W), uint8, or floats.
        spec: What to draw; see `read_augmentation`.
        generator: Draws everything, on the CPU, so that all devices draw alike. A new one, seeded by the operating
            system, where it is None; torch's global generator is never touched.
        drawn: Gets, for each step, what was drawn for every sample, by name, (N,): degrees, pixels, factors.

    Returns:
        Images of the same shape and range on the same device: uint8 as long as no step has to interpolate, else
        float32 (0 to 255 where `x` was uint8).

    Raises:
        DataError: `x` is not a batch of images.
    """
    steps = read_augmentation(spec)
    if not steps or not len(x):
        return x
    if x.dim() != 4:
        raise DataError(
            "only images can be augmented", expected="a batch (N, C, H, W)", received=f"shape {tuple(x.shape)}"
        )
    if generator is None:
        generator = torch.Generator()
        generator.seed()
    bounds = (0.0, 255.0) if x.dtype == torch.uint8 else (float(x.min()), float(x.max()))
    for step in steps:
        draw = _Draw(len(x), x.device, generator)
        x = _STEPS[step["kind"]](x, step, draw, bounds)
        if drawn is not None:
            drawn.append(draw.noted)
    return x


class _Draw:
    """Draws one number per sample, as (N,) on the batch's device."""

    def __init__(self, count: int, device: torch.device, generator: torch.Generator) -> None:
        self.count, self.device, self.generator = count, device, generator
        self.noted: dict[str, Tensor] = {}

    def note(self, **values: Tensor) -> None:
        """Keeps what was drawn, in the words of a caption."""
        self.noted |= values

    def between(self, low: float, high: float) -> Tensor:
        return torch.rand(self.count, generator=self.generator).mul_(high - low).add_(low).to(self.device)

    def around(self, middle: float, spread: float) -> Tensor:
        return self.between(middle - spread, middle + spread)

    def whole(self, low: int, high: int) -> Tensor:
        return torch.randint(low, high + 1, (self.count,), generator=self.generator).to(self.device)


Bounds = tuple[float, float]


def _flip(x: Tensor, step: Mapping[str, Any], draw: _Draw, _: Bounds) -> Tensor:
    from torchvision.transforms.v2 import functional as v2  # heavy: only where something is augmented

    chosen = (draw.between(0, 1) < step["p"])[:, None, None, None]
    draw.note(**{"mirrored" if step["kind"] == "flip" else "upside_down": chosen.flatten()})
    flipped = v2.horizontal_flip(x) if step["kind"] == "flip" else v2.vertical_flip(x)
    return torch.where(chosen, flipped, x)


def _shift(x: Tensor, step: Mapping[str, Any], draw: _Draw, _: Bounds) -> Tensor:
    n, _c, h, w = x.shape
    rows, columns = round(h * step["amount"]), round(w * step["amount"])
    padded = F.pad(x, (columns, columns, rows, rows))
    windows = padded.unfold(2, h, 1).unfold(3, w, 1)  # a view: every shifted crop of every image
    top, left = draw.whole(0, 2 * rows), draw.whole(0, 2 * columns)
    draw.note(right=columns - left, down=rows - top)
    return windows[torch.arange(n, device=x.device), :, top, left]


def _affine(x: Tensor, step: Mapping[str, Any], draw: _Draw, _: Bounds) -> Tensor:
    """Rotation · shear · scale, then translation, in one bilinear `grid_sample` for the batch."""
    n, _c, h, w = x.shape
    angle = draw.around(0, math.radians(step["degrees"]))
    low, high = step.get("scale", [1.0, 1.0])
    scale = torch.exp(draw.between(math.log(low), math.log(high)))
    shear = torch.tan(draw.around(0, math.radians(step.get("shear", 0.0))))
    cos, sin = angle.cos() / scale, angle.sin() / scale
    theta = torch.empty(n, 2, 3, device=x.device)  # from a pixel of the result to where it is read, in −1 … 1
    theta[:, 0, 0], theta[:, 0, 1] = cos, (cos * shear - sin) * (h / w)
    theta[:, 1, 0], theta[:, 1, 1] = sin * (w / h), sin * shear + cos
    theta[:, 0, 2] = draw.around(0, 2 * step.get("translate", 0.0))
    theta[:, 1, 2] = draw.around(0, 2 * step.get("translate", 0.0))
    # theta says where a pixel is read, so that the picture moves the other way; its angle is anticlockwise on screen
    draw.note(degrees=torch.rad2deg(-angle), right=-theta[:, 0, 2] * w / 2, down=-theta[:, 1, 2] * h / 2, scale=scale)
    return F.grid_sample(
        x.to(torch.float32), _grid(theta, h, w), mode="bilinear", padding_mode="zeros", align_corners=False
    )


def _grid(theta: Tensor, h: int, w: int) -> Tensor:
    """What `affine_grid` gives, (N, H, W, 2), at a fraction of its time on a CPU: rows and columns apart."""
    column = (torch.arange(w, device=theta.device) * 2 + 1) / w - 1
    row = (torch.arange(h, device=theta.device) * 2 + 1) / h - 1
    grid = theta.new_empty(len(theta), h, w, 2)
    for axis in (0, 1):
        along = theta[:, axis, 0, None] * column + theta[:, axis, 2, None]
        down = theta[:, axis, 1, None] * row
        torch.add(along[:, None, :], down[:, :, None], out=grid[..., axis])
    return grid


def _color(x: Tensor, step: Mapping[str, Any], draw: _Draw, bounds: Bounds) -> Tensor:
    from torchvision.transforms.v2 import functional as v2

    factor = {
        name: draw.around(1, step[name])[:, None, None, None] for name in ("brightness", "contrast", "saturation")
    }
    angle = draw.around(0, 2 * math.pi * step["hue"])
    draw.note(**{name: values.flatten() for name, values in factor.items()}, hue=angle / (2 * math.pi))
    colors = x[:, :3] if x.shape[1] == 4 else x
    out = (colors.to(torch.float32) * factor["brightness"]).clamp_(*bounds)
    is_rgb = out.shape[1] == 3
    grey = v2.rgb_to_grayscale(out) if is_rgb else out
    out = torch.lerp(grey.mean((1, 2, 3), keepdim=True).expand_as(out), out, factor["contrast"]).clamp_(*bounds)
    if is_rgb:
        out = torch.lerp(v2.rgb_to_grayscale(out, 3), out, factor["saturation"]).clamp_(*bounds)
        if step["hue"]:
            out = torch.einsum("nij,njhw->nihw", _hue_matrices(angle), out).clamp_(*bounds)
    return torch.cat([out, x[:, 3:].to(out.dtype)], 1) if x.shape[1] == 4 else out


def _hue_matrices(angle: Tensor) -> Tensor:
    """Rotations about the grey axis in YIQ (N, 3, 3): linear, so that a batch needs no conversion to HSV."""
    to_yiq = torch.tensor(
        [[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]], device=angle.device
    )
    turn = torch.zeros(len(angle), 3, 3, device=angle.device)
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
    turn[:, 1, 2], turn[:, 2, 1] = -angle.sin(), angle.sin()
    matrices: Tensor = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return matrices


def _erase(x: Tensor, step: Mapping[str, Any], draw: _Draw, _: Bounds) -> Tensor:
    _n, _c, h, w = x.shape
    chosen = draw.between(0, 1) < step["p"]
    area = draw.between(*step["area"]) * h * w
    aspect = torch.exp(draw.around(0, math.log(3.3)))  # 0.3 to 3.3, as in Zhong et al. 2017, "Random Erasing"
    draw.note(erased=torch.where(chosen, area / (h * w), torch.zeros_like(area)))
    height, width = (area * aspect).sqrt().clamp(max=h), (area / aspect).sqrt().clamp(max=w)
    top, left = draw.between(0, 1) * (h - height), draw.between(0, 1) * (w - width)
    row = torch.arange(h, device=x.device) + 0.5
    column = torch.arange(w, device=x.device) + 0.5
    in_rows = (row >= top[:, None]) & (row < (top + height)[:, None])
    in_columns = (column >= left[:, None]) & (column < (left + width)[:, None])
    covered = in_rows[:, None, :, None] & in_columns[:, None, None, :] & chosen[:, None, None, None]
    mean = x.to(torch.float32).mean((2, 3), keepdim=True).to(x.dtype)
    return torch.where(covered, mean, x)


_STEPS: dict[str, Callable[[Tensor, Mapping[str, Any], _Draw, Bounds], Tensor]] = {
    "flip": _flip,
    "flip_vertical": _flip,
    "shift": _shift,
    "rotate": _affine,
    "affine": _affine,
    "color": _color,
    "erase": _erase,
}
