"""A Jupyter notebook that does again what a run did: data, network, training, evaluation, prediction."""

from __future__ import annotations

import io
import json
from dataclasses import fields, replace
from typing import Any

from lepton_lab.data.reproduce import to_python
from lepton_lab.errors import DataError
from lepton_lab.export import source_data
from lepton_lab.export.files import Files
from lepton_lab.export.subject import Trained, versions_of
from lepton_lab.export.words import about_outputs, best_epoch, numbers_of, shape_of
from lepton_lab.training.settings import TrainSettings

__all__ = ["notebook_files"]

_MACHINE = {"device", "threads", "checkpoint_every", "checkpoint_seconds", "probes", "probe_budget", "log_every"}
_WRAP = 100


def notebook_files(subject: Trained, name: str = "notebook.ipynb") -> tuple[Files, tuple[str, ...]]:
    """The notebook and the data beside it, and notes.

    Raises:
        DataError: The data came from memory in a form that cannot be written down.
    """
    load, files, notes = _loading(subject)
    sample = _sample(subject)
    files |= sample.files
    versions = versions_of(subject.run)
    cells = [
        _text(
            f"# {subject.name}\n\n{about_outputs(subject)} {numbers_of(subject)}\n\n"
            "This notebook does again what was done: it loads the data, builds the network, trains it with the same "
            "settings and the same seed, and evaluates it.\n\n"
            "It needs Lepton Lab: `pip install lepton-lab`. "
            f"The run was made with {', '.join(f'{k} {v}' for k, v in list(versions.items())[:4])}."
        ),
        _code("%matplotlib inline\nimport lepton_lab as ll"),
        _text("## Data\n\n" + "\n".join(["Loaded from what lies beside this notebook.", *notes] if files else notes)),
        _code(f"{load}\ndata"),
        _code(_preview(subject)),
        _text(f"## Network\n\nA sample is {shape_of(subject)}."),
        _code(_network(subject)),
        _text("## Training\n\nThe settings of the run; what is not named is Lepton Lab's default."),
        _code(_training(subject)),
        _code("run.plot()"),
    ]
    cells += _compared(subject)
    cells += _evaluated(subject)
    cells += [_text("## Prediction\n\nA raw sample, prepared in the same way as in training."), _code(sample.code)]
    document = {
        "cells": [{"id": f"cell-{i}", **cell} for i, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    return {name: text.encode(), **files}, tuple(notes)


def _loading(subject: Trained) -> tuple[str, Files, list[str]]:
    """The code that loads the data, what it reads, and what the reader must do."""
    data = subject.data
    files: Files = {}
    notes: list[str] = []
    if data.source is None:
        return _from_memory(subject)
    known = source_data.source_files(data)
    source = json.loads(json.dumps(data.source))
    small = sum(f.size for f in known) <= source_data.MOST_BYTES
    for file in known:
        source["args"][file.argument] = file.place
        if small:
            files[file.place] = file.path
        else:
            notes.append(
                f"The data are too large to travel along ({file.size / 2**20:,.0f} MiB): "
                f"put a copy of `{file.path.name}` at `{file.place}`."
            )
    if not known:
        notes.append(f"A data set that Lepton Lab finds by its name: {data.name}.")
    code = to_python(replace(data, source=source))
    for step in (".edited(", ".with_augmentation(", ".balanced("):  # one line each
        code = code.replace(f"){step}", f")\ndata = data{step}", 1)
    return code, files, notes


def _from_memory(subject: Trained) -> tuple[str, Files, list[str]]:
    data: Any = subject.data
    content = source_data.prepared(data)
    if content is None or data.preprocessing.kind != "arrays":
        raise DataError(
            "this data came from memory, so no notebook can load it again",
            expected="data that was loaded from a file or by name",
            do="Save it to a file, load it from there, and train once more",
        )
    p = data.preprocessing
    normalise = "standard" if p.mean is not None else "scale" if p.scale != 1.0 else "none"
    more = ['validation_data=part("valid")' if "valid" in data.splits else "valid=0"]
    more += ['test_data=part("test")' if "test" in data.splits else "test=0"]
    more += [f"task={str(data.task)!r}", f"normalise={normalise!r}", f"name={data.name!r}"]
    more += [f"classes={list(data.classes)!r}"] if data.classes else []
    more += ['sample_dtype="int64"'] if data.sample_dtype == "int64" else []
    code = (
        "from safetensors.torch import load_file\n\n"
        'arrays = load_file("data/prepared.safetensors")\n'
        'part = lambda name: (arrays[f"{name}/x"], arrays[f"{name}/y"])\n'
        f'data = ll.from_arrays(*part("train"), {", ".join(more)})'
    )
    return code, {"data/prepared.safetensors": content}, []


def _preview(subject: Trained) -> str:
    """The code that shows a few training samples."""
    data = subject.data
    if len(data.sample_shape) == 3 and data.sample_shape[0] in (1, 3, 4) and data.sample_dtype == "float32":
        title = "data.classes[int(data.train.targets()[i])]" if data.task.is_classification else "str(i)"
        return (
            "import matplotlib.pyplot as plt\nfrom lepton_lab.data.samples import pictures\n\n"
            "chosen = range(0, len(data.train), max(1, len(data.train) // 12))[:12]\n"
            'images, _ = pictures(data, "train", list(chosen), prepared=False, size=64)\n'
            "figure, axes = plt.subplots(2, 6, figsize=(9, 3.4))\n"
            "for ax in axes.flat:\n"
            '    ax.axis("off")\n'
            "for ax, image, i in zip(axes.flat, images, chosen):\n"
            '    ax.imshow(image, cmap="gray")\n'
            f"    ax.set_title({title})"
        )
    kind = data.preprocessing.kind
    if kind == "text":
        return (
            "from lepton_lab.data.samples import words\n\n"
            'list(zip(words(data, "train", range(5)), (data.classes[int(y)] for y in data.train.targets()[:5])))'
        )
    return (
        "import pandas as pd\nfrom lepton_lab.data.samples import table_rows\n\n"
        'names, rows = table_rows(data, "train", range(5))\npd.DataFrame(rows, columns=names)'
    )


def _network(subject: Trained) -> str:
    text = json.dumps(subject.spec.to_dict(), ensure_ascii=False)
    lines = _literal(json.loads(text), 0)
    return f"network = ll.NetworkSpec.from_dict({lines})\nnetwork"


def _literal(value: Any, indent: int) -> str:
    """Plain data as Python code, broken where it would be too long."""
    flat = repr(value)
    if len(flat) + indent <= _WRAP or not isinstance(value, dict | list):
        return flat
    inner = " " * (indent + 4)
    if isinstance(value, dict):
        body = "".join(f"{inner}{k!r}: {_literal(v, indent + 4)},\n" for k, v in value.items())
        return "{\n" + body + " " * indent + "}"
    return "[\n" + "".join(f"{inner}{_literal(v, indent + 4)},\n" for v in value) + " " * indent + "]"


def _training(subject: Trained) -> str:
    default, own = TrainSettings(), subject.settings
    values = {
        f.name: getattr(own, f.name)
        for f in fields(own)
        if f.name not in _MACHINE and (getattr(own, f.name) != getattr(default, f.name) or f.name in _ALWAYS)
    }
    args = "".join(f"    {k}={list(v) if isinstance(v, tuple) else v!r},\n" for k, v in values.items())
    return f"trainer = ll.Trainer(\n    network,\n{args})\nrun = trainer.start(data, name={subject.name!r}).wait()"


_ALWAYS = ("epochs", "batch_size", "optimizer", "seed")


def _compared(subject: Trained) -> list[dict[str, Any]]:
    """A cell that puts the values of the run beside those of this one."""
    row = best_epoch(subject)
    if row is None:
        return []
    names = [n for n in ("loss", "accuracy", "val_loss", "val_accuracy") if n in row]
    values = {n: float(f"{row[n]:.6g}") for n in names}
    code = (
        f"then = {values!r}  # epoch {row['epoch']:.0f} of the run that was taken away\n"
        f"now = {{name: run.history[name][{int(row['epoch']) - 1}] for name in then}}\n"
        '{name: f"then {then[name]:.4f}, now {now[name]:.4f}" for name in then}'
    )
    said = "The same seed gives the same numbers on the same machine and versions, and nearly the same elsewhere."
    return [_text(f"### The same again?\n\n{said}"), _code(code)]


def _evaluated(subject: Trained) -> list[dict[str, Any]]:
    split = next((s for s in ("test", "valid") if s in subject.data.splits), "train")
    words = {
        "test": "the test set, which nothing was chosen by",
        "valid": "the validation set",
        "train": "the training set",
    }
    code = f'from lepton_lab.evaluate import evaluate\n\nevaluate(run, split="{split}")'
    return [_text(f"## Evaluation\n\nOn {words[split]}."), _code(code)]


class _Example:
    def __init__(self, code: str, files: Files) -> None:
        self.code, self.files = code, files


def _sample(subject: Trained) -> _Example:
    split = next(s for s in ("test", "valid", "train") if s in subject.data.splits)
    kind = subject.data.preprocessing.kind
    if kind == "table":
        from lepton_lab.data.samples import table_rows

        names, rows = table_rows(subject.data, split, [0])
        kinds = {c.name: c.kind for c in subject.data.preprocessing.columns}  # type: ignore[attr-defined]
        row: dict[str, Any] = {}
        for name, word in zip(names, rows[0], strict=True):
            if kinds[name] == "mark" or word.startswith("part "):
                continue
            if kinds[name] == "number":
                row[name] = float(word.replace(",", ""))
            else:
                row[name] = None if word == "other" else word
        for column in subject.data.preprocessing.columns:  # type: ignore[attr-defined]
            row.setdefault(column.reads, None)
        return _Example(f"row = {_literal(row, 0)}\n{_say(subject, 'row')}", {})
    if kind == "text":
        from lepton_lab.data.samples import words

        return _Example(f"text = {words(subject.data, split, [0])[0]!r}\n{_say(subject, 'text')}", {})
    if kind == "images":
        from PIL import Image

        pixels = subject.samples(1)[1][0]
        array = pixels.permute(1, 2, 0).numpy()
        out = io.BytesIO()
        Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).save(out, "PNG")
        place = "data/sample.png"
        return _Example(_say(subject, f'"{place}"'), {place: out.getvalue()})
    code = f'sample = data.splits["{split}"].tensors()[0][:1]\n'
    return _Example(code + _say(subject, "data.preprocessing.batch(sample)"), {})


def _say(subject: Trained, raw: str) -> str:
    if subject.width != len(subject.data.classes):
        return f"run.predict({raw})"
    return f"dict(zip(data.classes, run.predict({raw})[0].tolist()))"


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source.strip()}


def _code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "execution_count": None, "outputs": []}
