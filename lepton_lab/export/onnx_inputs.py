"""What an ONNX model takes: the part of the preprocessing that is numbers goes inside, the rest is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from lepton_lab.export import onnx_examples
from lepton_lab.export.files import Files
from lepton_lab.export.subject import Trained

__all__ = ["Inputs", "inputs_of"]


@dataclass(frozen=True)
class Inputs:
    """What the model takes.

    Attributes:
        names: Of the inputs.
        before: From them to what the network takes.
        raw: From samples as they are stored to the inputs.
        notes: What is inside and what is not, in plain words.
        example: A program of a few lines that uses the model.
        argument: What stands behind its name on the command line.
        files: What the example reads.
    """

    names: tuple[str, ...]
    before: nn.Module
    raw: Callable[[Tensor], tuple[Tensor, ...]]
    notes: tuple[str, ...]
    example: str
    argument: str = ""
    files: Files = field(default_factory=dict)


class _Normalise(nn.Module):
    """(x · scale − mean) / std."""

    mean: Tensor
    std: Tensor

    def __init__(self, scale: float, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())

    def forward(self, x: Tensor) -> Tensor:
        return (x.float() * self.scale - self.mean) / self.std


class _Columns(nn.Module):
    """Numbers (N, K), NaN where missing, and codes of categories (N, M) to a prepared row."""

    def __init__(self, columns: tuple[Any, ...]) -> None:
        super().__init__()
        numbers = [c.name for c in columns if c.kind in ("number", "date")]
        categories = {c.name: c for c in columns if c.kind == "category"}
        self.columns, self.numbers, self.categories = columns, numbers, list(categories)
        self.last = {name: len(c.categories) for name, c in categories.items()}

    def forward(self, *inputs: Tensor) -> Tensor:
        numbers = inputs[0] if self.numbers else None
        codes = inputs[-1] if self.categories else None
        parts = []
        for column in self.columns:
            name = column.of or column.name
            if name in self.last:
                assert codes is not None
                code = codes[:, self.categories.index(name)][:, None]
                wanted = torch.arange(self.last[name] + 1, device=code.device)
                parts.append((code == (wanted if column.kind == "category" else wanted[-1:])).float())
                continue
            assert numbers is not None
            value = numbers[:, self.numbers.index(name)][:, None]
            if column.kind == "mark":
                parts.append(torch.isnan(value).float())
                continue
            if column.kind == "date":
                value = column.newest / 86400.0 - value
            filled = torch.where(torch.isnan(value), torch.full_like(value, column.fill), value)
            parts.append((filled - column.mean) / column.scale)
        return torch.cat(parts, 1)

    def raw(self, x: Tensor) -> tuple[Tensor, ...]:
        """Prepared rows back as inputs; a value that was filled in comes back as itself."""
        values: dict[str, Tensor] = {}
        missing: dict[str, Tensor] = {}
        at = 0
        for column in self.columns:
            if column.kind == "category":
                width = self.last[column.name] + 1
                values[column.name] = x[:, at : at + width].argmax(1)
                at += width
                continue
            if column.kind == "mark":
                missing[column.of] = x[:, at] > 0.5
            else:
                number = x[:, at].double() * column.scale + column.mean
                values[column.name] = column.newest / 86400.0 - number if column.kind == "date" else number
            at += 1
        numbers = [torch.where(missing[n], torch.nan, values[n]) if n in missing else values[n] for n in self.numbers]
        found = [torch.stack(numbers, 1).float()] if numbers else []
        if self.categories:
            found.append(torch.stack([values[n] for n in self.categories], 1))
        return tuple(found)


def inputs_of(subject: Trained) -> Inputs:
    """What the model takes, by the kind of the data."""
    preprocessing: Any = subject.data.preprocessing
    classes = json.dumps(list(subject.outputs), ensure_ascii=False)
    if preprocessing.kind == "images":
        w = preprocessing.wanted
        modes = {1: "L", 3: "RGB", 4: "RGBA"}
        return Inputs(
            ("images",),
            _Normalise(1.0, preprocessing.mean[:, None, None], preprocessing.std[:, None, None]),
            lambda x: (x,),
            (
                f"input `images`: bytes 0 to 255 of shape (N, {w.channels}, {w.height}, {w.width}), "
                f"{'grey' if w.channels == 1 else 'red, green, blue'}; normalising them is inside",
                f"not inside: decoding a picture and bringing it to {w.height} × {w.width} ({w.fit})",
            ),
            onnx_examples.IMAGES.format(classes=classes, mode=modes[w.channels], size=(w.width, w.height)),
            "photo.jpg",
        )
    if preprocessing.kind == "text":
        return Inputs(
            ("words",),
            nn.Identity(),
            lambda x: (x.long(),),
            (
                f"input `words`: word numbers, int64 of shape (N, {preprocessing.length})",
                "not inside: splitting a text into words and looking up their numbers (vocabulary.json, example.py)",
            ),
            onnx_examples.TEXT.format(classes=classes, length=preprocessing.length),
            '"some text"',
            {"vocabulary.json": json.dumps(list(preprocessing.vocabulary), ensure_ascii=False).encode()},
        )
    if preprocessing.kind == "table" and preprocessing.encode == "onehot":
        return _table(preprocessing, classes)
    if preprocessing.kind == "arrays" and preprocessing.dtype != "int64":
        mean = preprocessing.mean if preprocessing.mean is not None else torch.zeros(1)
        std = preprocessing.std if preprocessing.std is not None else torch.ones(1)
        kept = subject.samples(1)[1]
        kind = "bytes 0 to 255" if kept.dtype == torch.uint8 else "float32"
        return Inputs(
            ("samples",),
            _Normalise(preprocessing.scale, mean, std),
            lambda x: (x,),
            (f"input `samples`: {kind} of shape (N, {_sizes(kept)}); scaling them is inside",),
            onnx_examples.ARRAYS.format(classes=classes),
            "samples.npy",
        )
    prepared = preprocessing.batch(subject.samples(1)[1])
    return Inputs(
        ("samples",),
        nn.Identity(),
        lambda x: (preprocessing.batch(x),),
        (
            f"input `samples`: prepared samples, {str(prepared.dtype).removeprefix('torch.')} of shape "
            f"(N, {_sizes(prepared)})",
            f"not inside: preparing them ({'; '.join(preprocessing.describe())}); the Python export has the code",
        ),
        onnx_examples.ARRAYS.format(classes=classes),
        "samples.npy",
    )


def _table(preprocessing: Any, classes: str) -> Inputs:
    module = _Columns(preprocessing.columns)
    names, notes = [], []
    if module.numbers:
        names.append("numbers")
        dates = [c.name for c in preprocessing.columns if c.kind == "date"]
        notes.append(
            f"input `numbers`: float32 of shape (N, {len(module.numbers)}), NaN where a value is missing, in this "
            f"order: {', '.join(module.numbers)}" + (f"; {', '.join(dates)} as days since 1970-01-01" if dates else "")
        )
    if module.categories:
        names.append("categories")
        notes.append(
            f"input `categories`: int64 of shape (N, {len(module.categories)}), the position of each value in its list "
            f"in columns.json, the number after the last one for others, in this order: {', '.join(module.categories)}"
        )
    notes.append("filling missing values, scaling and encoding are inside; reading the table is not")
    about = {
        "numbers": module.numbers,
        "dates": [c.name for c in preprocessing.columns if c.kind == "date"],
        "categories": {c.name: list(c.categories) for c in preprocessing.columns if c.kind == "category"},
    }
    return Inputs(
        tuple(names),
        module,
        module.raw,
        tuple(notes),
        onnx_examples.TABLE.format(classes=classes),
        "row.json",
        {"columns.json": json.dumps(about, indent=1, ensure_ascii=False).encode()},
    )


def _sizes(x: Tensor) -> str:
    return ", ".join(map(str, x.shape[1:]))
