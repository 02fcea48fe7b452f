"""Single samples to look at: pictures of images and sounds, texts, rows; by class or by position."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from lepton_lab.data.audio import SpectrogramPreprocessing
from lepton_lab.data.augmentation import AugmentationSpec, augment
from lepton_lab.data.bundle import DataBundle, Split, Task
from lepton_lab.data.streaming import StreamSplit
from lepton_lab.data.table_preprocessing import FittedColumn, TablePreprocessing
from lepton_lab.data.text import TextPreprocessing
from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["Group", "form_of", "groups", "mirror_facts", "pictures", "preview", "stored", "table_rows", "words"]

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Group:
    """Samples that belong together.

    Attributes:
        name: The class or label, or the range of a quantity.
        count: How many there are in the split.
        rows: The positions that were drawn.
    """

    name: str
    count: int
    rows: tuple[int, ...]


def form_of(bundle: DataBundle) -> str:
    """How samples can be shown: "image", "sound", "text", "table" or "numbers"."""
    if isinstance(bundle.preprocessing, SpectrogramPreprocessing):
        return "sound"
    if isinstance(bundle.preprocessing, TextPreprocessing):
        return "text"
    if len(bundle.sample_shape) == 3 and bundle.sample_shape[0] in (1, 3, 4) and bundle.sample_dtype == "float32":
        return "image"
    return "table" if bundle.columns else "numbers"


def groups(
    bundle: DataBundle, split: str, per_group: int, *, seed: int = 0, first: int = 0, limit: int = 20
) -> list[Group]:
    """A few samples of each class, label, or quarter of a quantity.

    Args:
        bundle: Their data.
        split: Where to take them from.
        per_group: How many of each.
        seed: Draws them; 0 takes the first ones.
        first: The first class.
        limit: The most classes.

    Raises:
        UnknownNameError: No such split.
    """
    if split not in bundle.splits:
        raise UnknownNameError("split", split, bundle.splits)
    y = bundle.splits[split].targets()
    rng = np.random.default_rng(seed)

    def group(name: str, members: Tensor) -> Group:
        rows = members.numpy()
        if seed:
            rows = np.sort(rng.choice(rows, min(per_group, len(rows)), replace=False))
        return Group(name, len(members), tuple(int(i) for i in rows[:per_group]))

    if bundle.task is not Task.REGRESSION:
        hits = (lambda i: y == i) if bundle.task.is_classification else (lambda i: y[:, i] == 1)
        named = list(enumerate(bundle.classes))[first : first + limit]
        return [group(name, hits(i).nonzero().flatten()) for i, name in named]
    values = y[:, 0]
    edges = torch.quantile(values.double()[:1_000_000], torch.tensor([0, 0.25, 0.5, 0.75, 1.0], dtype=torch.float64))
    quarter = torch.bucketize(values.double(), edges[1:-1].contiguous())
    return [
        group(f"{edges[i]:,.4g} to {edges[i + 1]:,.4g}", (quarter == i).nonzero().flatten())
        for i in range(4)
        if bool((quarter == i).any())
    ]


def stored(split: Split, rows: npt.ArrayLike) -> Tensor:
    """Samples as they are stored, (n, …)."""
    index = torch.as_tensor(np.asarray(rows, dtype=np.int64).reshape(-1))
    pair = split.tensors()
    if pair is not None:
        return pair[0][index]
    if isinstance(split, StreamSplit):
        batches = split.stored(max(1, len(index)), index)
        return next((x for x, _ in batches), torch.empty(0, *split.preprocessing.wanted.shape, dtype=torch.uint8))
    return torch.stack([split.sample(int(i))[0] for i in index])


def pictures(
    bundle: DataBundle, split: str, rows: npt.ArrayLike, *, prepared: bool = True, size: int = 32
) -> tuple[Bytes, dict[str, Any]]:
    """Small pictures of images or spectrograms.

    Args:
        bundle: Their data.
        split: Where they are.
        rows: Their positions.
        prepared: Whether to show what the network gets, its range spread over 0 to 255; else what is stored.
        size: The longest side; larger pictures are scaled down, smaller ones are left.

    Returns:
        Bytes (n, H, W, 1 or 3), and the lowest and highest value that they stand for.
    """
    x = stored(bundle.splits[split], rows)
    if form_of(bundle) == "sound" and not prepared:
        return _waves(x, 2 * size, size), {"low": -1.0, "high": 1.0}
    x = bundle.preprocessing.batch(x) if prepared or form_of(bundle) == "sound" else x
    if form_of(bundle) == "sound":
        x = x.flip(2)  # low tones at the foot
    return _bytes(x, size, None if prepared or x.dtype != torch.uint8 else (0.0, 255.0))


def preview(
    bundle: DataBundle, spec: AugmentationSpec, row: int, draws: int, *, seed: int = 0, size: int = 48
) -> tuple[Bytes, list[list[dict[str, float]]]]:
    """A training image as it is and as it is drawn anew.

    Returns:
        Bytes (1 + draws, H, W, 1 or 3), the original first, and for each draw what each step drew.

    Raises:
        DataError: There is no such image.
    """
    if not 0 <= row < len(bundle.train):
        raise DataError("there is no such sample", expected=f"0 to {len(bundle.train) - 1}", received=str(row))
    x = stored(bundle.train, [row])
    drawn: list[dict[str, Tensor]] = []
    changed = augment(x.expand(draws, *x.shape[1:]), spec, torch.Generator().manual_seed(seed), drawn)
    both = torch.cat([x.float(), changed.float()])
    captions = [[{name: float(v[i]) for name, v in step.items()} for step in drawn] for i in range(draws)]
    bounds = (0.0, 255.0) if x.dtype == torch.uint8 else (float(x.min()), float(x.max()))
    return _bytes(both, size, bounds)[0], captions


def words(bundle: DataBundle, split: str, rows: npt.ArrayLike) -> list[str]:
    """Texts, with unknown words as a dot.

    Raises:
        DataError: The samples are no texts.
    """
    if not isinstance(bundle.preprocessing, TextPreprocessing):
        raise DataError(f"{bundle.name!r} holds no texts")
    return [bundle.preprocessing.decode(row) for row in stored(bundle.splits[split], rows)]


def table_rows(bundle: DataBundle, split: str, rows: npt.ArrayLike) -> tuple[list[str], list[list[str]]]:
    """Rows of a table, or samples that are but numbers: names of the columns, and for each row its values as words.

    A table's values are read back from what is stored: missing numbers show what stands in for them, and categories
    without an output of their own show as "other".
    """
    x = stored(bundle.splits[split], rows)
    preprocessing = bundle.preprocessing
    if isinstance(preprocessing, TablePreprocessing):
        columns, back, at, offset = [], [], 0, 0
        onehot = preprocessing.encode == "onehot"
        for column in preprocessing.columns:
            width = column.index_count if onehot and column.kind == "category" else 1
            columns.append(column.name)
            back.append(_read_back(column, x[:, at : at + width], None if onehot else offset))
            at, offset = at + width, offset + column.index_count
        return columns, [list(row) for row in zip(*back, strict=True)]
    flat = x.reshape(len(x), -1)[:, :_SHOWN_NUMBERS]
    return [f"x{i + 1}" for i in range(flat.shape[1])], [[f"{v:,.4g}" for v in row] for row in flat.tolist()]


_SHOWN_NUMBERS = 12


def _read_back(column: FittedColumn, values: Tensor, offset: int | None) -> list[str]:
    if column.kind == "category":
        codes = values.argmax(1) if offset is None else values[:, 0] - offset
        names = (*column.categories, "other")
        return [names[int(code)] for code in codes]
    if offset is not None:
        return [f"part {int(code) - offset + 1} of {column.index_count}" for code in values[:, 0]]
    numbers = [float(v) * column.scale + column.mean for v in values[:, 0]]
    if column.kind == "date":
        return [str(np.datetime64(int(column.newest - 86400 * v), "s").astype("datetime64[D]")) for v in numbers]
    digits = max(0, 5 - math.floor(math.log10(max(column.scale, 1e-30))))  # what float32 keeps of a scaled number
    return [f"{round(v, digits) + 0.0:,.6g}" for v in numbers]


def mirror_facts(bundle: DataBundle, looked_at: int = 2000) -> tuple[str, float, float] | None:
    """Which class suffers most when images are mirrored, judged by the mean image of each class.

    Returns:
        The class, the share of its images that lie nearest to the mean of their own class, and the share that still
        do once mirrored; None where fewer than half of the images lie nearest to their own (then nothing is known),
        or the data streams.
    """
    pair = bundle.train.tensors()
    if pair is None or form_of(bundle) != "image" or not bundle.task.is_classification:
        return None
    step = max(1, len(pair[0]) // looked_at)
    x, y = pair[0][::step].float(), pair[1][::step]
    known = torch.unique(y)
    means = torch.stack([x[y == c].mean(0) for c in known]).flatten(1)
    own = torch.searchsorted(known, y)
    right = torch.cdist(x.flatten(1), means).argmin(1) == own
    turned = torch.cdist(x.flip(-1).flatten(1), means).argmin(1) == own
    if float(right.float().mean()) < 0.5:
        return None
    before = torch.stack([right[own == i].float().mean() for i in range(len(known))])
    after = torch.stack([turned[own == i].float().mean() for i in range(len(known))])
    worst = int((before - after).argmax())
    return bundle.classes[int(known[worst])], float(before[worst]), float(after[worst])


def _bytes(x: Tensor, size: int, bounds: tuple[float, float] | None) -> tuple[Bytes, dict[str, Any]]:
    x = x.float()
    x = x[:, :3] if x.shape[1] >= 3 else x[:, :1]
    scale = size / max(x.shape[2], x.shape[3])
    if scale < 1:
        sides = [max(1, round(x.shape[2] * scale)), max(1, round(x.shape[3] * scale))]
        x = F.interpolate(x, size=sides, mode="area")
    x = torch.nan_to_num(x)
    low, high = bounds or ((float(x.min()), float(x.max())) if x.numel() else (0.0, 1.0))
    spread = (x - low) * (255.0 / max(high - low, 1e-12))
    return spread.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy(), {
        "low": low,
        "high": high,
    }


def _waves(x: Tensor, width: int, height: int) -> Bytes:
    """The outline of recordings: for each column the range between its lowest and highest sample."""
    n, length = x.shape
    step = max(1, length // width)
    parts = x[:, : step * (length // step)].reshape(n, -1, step)[:, :width].float() / 32768
    parts = parts / parts.abs().amax((1, 2), keepdim=True).clamp(min=1e-6)
    top, foot = parts.amax(2), parts.amin(2)
    level = torch.linspace(1, -1, height)[None, :, None]
    half = 1 / height
    inside = (level <= top[:, None] + half) & (level >= foot[:, None] - half)
    return (inside * 255).to(torch.uint8)[..., None].contiguous().numpy()
