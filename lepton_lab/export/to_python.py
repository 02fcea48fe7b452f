"""The trained network as plain PyTorch: modules and scripts that run without Lepton Lab."""

from __future__ import annotations

import json
import re
from importlib import resources
from typing import Any

from lepton_lab.errors import SpecError
from lepton_lab.export import source_data, training_code
from lepton_lab.export.files import Files
from lepton_lab.export.scripts import PREDICT, README, SAID, SCHEDULED, TRAIN
from lepton_lab.export.subject import Trained
from lepton_lab.export.words import about_outputs, numbers_of

__all__ = ["preprocessing_files", "python_files"]

_MARKS = re.compile(r"# --- learnt from the training data ---\n.*?# --- end ---\n", re.DOTALL)
_NEEDS = {"images": ["numpy", "pillow"], "table": ["numpy", "pandas"], "arrays": ["numpy"], "text": ["numpy"],
          "spectrogram": ["numpy"]}  # fmt: skip


def python_files(subject: Trained) -> tuple[Files, tuple[str, ...]]:
    """The files of the Python export, and notes.

    Raises:
        SpecError: A layer, or the preprocessing, has no code that runs without Lepton Lab.
        TrainingError: The optimizer is none that a script can have.
    """
    from safetensors.torch import save

    files = preprocessing_files(subject)
    files["network.py"] = subject.spec.to_python("Net").encode()
    files["model.safetensors"] = save({k: t.contiguous().clone() for k, t in subject.module.state_dict().items()})
    files["predict.py"] = _predict(subject).encode()
    data, notes = _data(subject)
    steps = subject.data.train.augmentation
    if steps:
        files["augmentation.py"] = training_code.augmentation_code(steps).encode()
    files["train.py"] = _train(subject, bool(steps)).encode()
    files |= data
    needs = ["torch", "safetensors", *_NEEDS[subject.data.preprocessing.kind]]
    needs += ["torchvision"] if any(b"torchvision" in c for c in files.values() if isinstance(c, bytes)) else []
    if any(p.endswith((".parquet", ".pq")) for p in files):
        needs.append("pyarrow")
    files["requirements.txt"] = "".join(f"{name}\n" for name in sorted(set(needs))).encode()
    missing = training_code.left_out(subject)
    notes += tuple(f"train.py differs from the run: {line}" for line in missing)
    files["README.md"] = README.format(
        name=subject.name,
        about=about_outputs(subject),
        numbers=numbers_of(subject),
        example=_example(subject),
        notes="".join(f"- {note}\n" for note in notes) or "- train.py has the same settings and seed as the run\n",
    ).encode()
    return files, notes


def preprocessing_files(subject: Trained) -> Files:
    """`preprocessing.py` and what it reads.

    Raises:
        SpecError: The preprocessing has no code that runs without Lepton Lab.
    """
    preprocessing: Any = subject.data.preprocessing
    settings = preprocessing.settings()
    files: Files = {}
    if preprocessing.kind == "images":
        constants = {
            "HEIGHT, WIDTH": f"{settings['height']}, {settings['width']}", "CHANNELS": settings["channels"],
            "FIT": repr(settings["fit"]), "MEAN": _floats(preprocessing.mean), "STD": _floats(preprocessing.std),
        }  # fmt: skip
        source = "images"
    elif preprocessing.kind == "table":
        from lepton_lab.data.table_words import MISSING

        constants = {"ENCODE": repr(settings["encode"]), "MISSING": repr([*MISSING, "<NA>", "NaT"])}
        files["columns.json"] = json.dumps(settings["columns"], indent=1, ensure_ascii=False).encode()
        source = "table"
    elif preprocessing.kind == "text":
        constants = {"LENGTH": settings["length"]}
        files["vocabulary.json"] = json.dumps(settings["vocabulary"], ensure_ascii=False).encode()
        source = "text"
    elif preprocessing.kind == "arrays":
        constants = {
            "SHAPE: tuple[int, ...]": repr(tuple(settings["sample_shape"])), "INDICES": settings["dtype"] == "int64",
            "SCALE": repr(settings["scale"]),
        }  # fmt: skip
        if preprocessing.arrays():
            from safetensors.torch import save

            files["preprocessing.safetensors"] = save(
                {k: t.float().contiguous().clone() for k, t in preprocessing.arrays().items()}
            )
        source = "arrays"
    elif preprocessing.kind == "spectrogram":
        constants = {
            "RATE": settings["rate"], "SAMPLES": settings["samples"],
            "WINDOW, HOP": f"{settings['window']}, {settings['hop']}",
            "MEAN, STD": f"{settings['mean']!r}, {settings['std']!r}",
        }  # fmt: skip
        source = "sound"
    else:
        raise SpecError(
            f"the preprocessing {preprocessing.kind!r} comes from a plugin and has no code of its own",
            do="Take the model export: with Lepton Lab and the plugin it prepares samples itself",
        )
    files["preprocessing.py"] = written(source, constants).encode()
    return files


def written(name: str, constants: dict[str, Any]) -> str:
    """The program `written/NAME.py` with its placeholders filled in."""
    text = (resources.files("lepton_lab.export") / "written" / f"{name}.py").read_text(encoding="utf-8")
    lines = "".join(f"{key} = {value}\n" for key, value in constants.items())
    found, count = _MARKS.subn(lambda _: lines, text)
    assert count == 1, name
    return found


def _data(subject: Trained) -> tuple[Files, tuple[str, ...]]:
    """`data.py`, what it reads, and notes on what is not there."""
    data = subject.data
    source = data.source or {}
    loader = source.get("loader")
    raw = not source.get("edits") and data.balance != "oversampling"
    files: Files = {}
    known = source_data.source_files(data)
    if raw and loader == "load_images" and known and data.preprocessing.kind == "images":
        files["split.csv"] = source_data.image_split(data)
        files["data.py"] = written("data_images", {"DATA": repr(known[0].place)}).encode()
        return _with_sources(files, known)
    rows = source_data.row_split(data) if raw and loader in ("load_table", "load_text") and known else None
    if rows is not None:
        own = {"source": "train", "test_table": "test", "test_source": "test", "valid_source": "valid"}
        constants: dict[str, Any] = {"DATA": repr({own[f.argument]: f.place for f in known})}
        shared = {
            "ENCODING, DELIMITER": f"{rows.encoding!r}, {rows.delimiter!r}", "QUOTES": rows.quotes,
            "SKIP": rows.skip, "CLASS_VALUES": repr(rows.values),
        }  # fmt: skip
        files["split.json"] = json.dumps(rows.rows).encode()
        if loader == "load_table":
            constants |= {"TARGET": repr(rows.target), "NAMES": repr(rows.names), **shared}
            files["data.py"] = written("data_table", constants).encode()
        else:
            from lepton_lab.data.table_words import MISSING

            place = f"{rows.names.index(rows.text)}, {rows.names.index(rows.target)}"
            constants |= {"TEXT, LABEL": place, "WIDTH": len(rows.names), "MISSING": repr(MISSING), **shared}
            files["data.py"] = written("data_text", constants).encode()
        return _with_sources(files, known)
    place = "data/prepared.safetensors"
    files["data.py"] = written("data_prepared", {"DATA": repr(place)}).encode()
    content = source_data.prepared(data)
    if content is None:
        return files, (f"the data are too large to travel along; train.py expects them as {place}",)
    files[place] = content
    return files, ()


def _with_sources(files: Files, known: list[source_data.SourceFile]) -> tuple[Files, tuple[str, ...]]:
    if sum(f.size for f in known) <= source_data.MOST_BYTES:
        return files | {f.place: f.path for f in known}, ()
    return files, tuple(
        f"the data are too large to travel along ({f.size / 2**20:,.0f} MiB): put a copy of {f.path.name} at {f.place}"
        for f in known
    )


def _predict(subject: Trained) -> str:
    text = PREDICT
    said = SAID[subject.activation]
    if subject.task == "binary":
        said += SAID["two"]
    return (
        text.replace("@NAME@", _plain(subject.name))
        .replace("@CLASSES@", _wrapped("CLASSES", list(subject.outputs)))
        .replace("@SAID@", said)
        .replace("@REGRESSION@", repr(subject.task == "regression"))
        .replace("@EXAMPLE@", _example(subject))
    )


def _train(subject: Trained, augmented: bool) -> str:
    s = subject.settings
    scheduled = training_code.schedule_code(subject)
    sampled = subject.data.balance == "sampling"
    body = TRAIN
    values = {
        "@NAME@": _plain(subject.name),
        "@LOSS@": training_code.loss_code(subject),
        "@OPTIMIZER@": training_code.optimizer_code(subject),
        "@RATE@": repr(training_code.learning_rate(subject)),
        "@EPOCHS@": repr(s.epochs),
        "@BATCH@": repr(s.batch_size),
        "@SEED@": repr(s.seed),
        "@PATIENCE@": repr(s.patience),
        "@CLIP@": repr(s.clip_norm),
        "@ACCUMULATE@": repr(s.accumulate),
        "@PARTS@": repr([name for name in ("train", "valid", "test") if name in subject.data.splits]),
        "@IMPORT_AUGMENT@": "from augmentation import augment\n" if augmented else "",
        "@INPUT@": "augment(x[rows], generator)" if augmented else "x[rows]",
        "@ORDER@": _SAMPLED if sampled else _SHUFFLED if s.shuffle else "    return torch.arange(len(y))",
        "@SCHEDULE@": f"\n\n{scheduled}" if scheduled else "",
        "@IMPORTS@": "import math\nfrom dataclasses import dataclass\n" if scheduled else "",
        "@RATE_LINE@": SCHEDULED if scheduled else "",
        "@CLASSIFICATION@": repr(subject.data.task.is_classification),
        "@TASK@": subject.task,
    }
    for key, value in values.items():
        body = body.replace(key, value)
    return body


_SHUFFLED = "    return torch.randperm(len(y), generator=generator)"
_SAMPLED = """    counts = torch.bincount(y)
    weights = 1.0 / counts[y].double()
    return torch.multinomial(weights, len(y), replacement=True, generator=generator)"""


def _example(subject: Trained) -> str:
    kind = subject.data.preprocessing.kind
    return {
        "images": "photo.jpg", "table": "rows.csv", "text": "'some text'", "spectrogram": "recording.wav",
    }.get(kind, "sample.npy")  # fmt: skip


def _wrapped(name: str, items: list[str]) -> str:
    line = f"{name} = {items!r}"
    if len(line) <= 110:
        return line
    return f"{name} = [\n" + "".join(f"    {item!r},\n" for item in items) + "]"


def _floats(tensor: Any) -> str:
    return "[" + ", ".join(repr(float(v)) for v in tensor.flatten().tolist()) + "]"


def _plain(text: str) -> str:
    """A name that may stand in a docstring."""
    return re.sub(r'["\\\r\n]', " ", text)[:80].strip() or "network"
