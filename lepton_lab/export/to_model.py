"""The trained model as files: weights and everything around them, for Lepton Lab and for other programs."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from lepton_lab.export.files import Files
from lepton_lab.export.load import MODEL_FILE
from lepton_lab.export.subject import Trained, versions_of
from lepton_lab.export.words import about_outputs, numbers_of
from lepton_lab.training.model_file import write_model_file

__all__ = ["describe", "model_files", "weights_file"]


def describe(subject: Trained) -> dict[str, Any]:
    """Everything about a model but its weights, as plain JSON data."""
    return {
        "name": subject.name,
        "task": subject.task,
        "classes": list(subject.outputs),
        "activation": subject.activation,
        "network": subject.spec.to_dict(),
        "preprocessing": subject.data.preprocessing.to_json(),
        "data": {"name": subject.data.name, "samples": {k: len(s) for k, s in subject.data.splits.items()}},
        "training": subject.settings.to_json(),
        "weights": subject.which,
        "versions": dict(versions_of(subject.run)),
        "compile": None,
    }


def weights_file(subject: Trained) -> bytes:
    """The safetensors file that `load_model` reads: weights, and the description in its header."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_model_file(Path(folder) / MODEL_FILE, subject.module.state_dict(), describe(subject))
        return path.read_bytes()


def model_files(subject: Trained) -> tuple[Files, tuple[str, ...]]:
    """The files of the model, and notes."""
    about = describe(subject)
    text = {
        "network.json": about["network"],
        "preprocessing.json": about["preprocessing"],
        "model.json": {k: v for k, v in about.items() if k not in ("network", "preprocessing", "compile")},
    }
    files: Files = {MODEL_FILE: weights_file(subject)}
    files |= {name: (json.dumps(part, indent=1, ensure_ascii=False) + "\n").encode() for name, part in text.items()}
    files["README.md"] = _readme(subject).encode()
    return files, (f"the {subject.which} weights",)


def _readme(subject: Trained) -> str:
    steps = "\n".join(f"- {line}" for line in subject.data.preprocessing.describe()) or "- none"
    return f"""# {subject.name}

A trained network. {about_outputs(subject)}
{numbers_of(subject)}

## Use it with Lepton Lab

```python
import lepton_lab as ll

model = ll.load_model("{MODEL_FILE}")
model.predict({_raw_example(subject)})
```

`predict` prepares what you give it in the same way as in training, and returns one row for each sample:
{"the predicted values" if subject.task == "regression" else "a probability for each class, in the order above"}.

## Use it with something else

| file | what it is |
|---|---|
| `{MODEL_FILE}` | the weights (safetensors: no code inside, safe to open); its header repeats the files below |
| `network.json` | the layers |
| `preprocessing.json` | how a raw sample is prepared, with everything that was learnt from the training data |
| `model.json` | classes, task, settings of the training, versions |

How a sample is prepared:

{steps}

The network's outputs are {_activation(subject)}.
For PyTorch without Lepton Lab take the Python export, for other languages the ONNX export.
"""


def _activation(subject: Trained) -> str:
    if subject.activation == "softmax":
        return "scores (logits); a softmax over them gives probabilities"
    if subject.activation == "sigmoid":
        return "scores (logits); a sigmoid of each gives probabilities"
    return "the predicted values" if subject.task == "regression" else "probabilities already"


def _raw_example(subject: Trained) -> str:
    kind = subject.data.preprocessing.kind
    if kind == "table":
        columns = {c.reads: None for c in subject.data.preprocessing.columns}  # type: ignore[attr-defined]
        shown = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: …" for name in list(columns)[:3])
        return f"{{{shown}{', …' if len(columns) > 3 else ''}}}"
    return {"images": '"photo.jpg"', "text": '"some text"', "spectrogram": '"recording.wav"'}.get(kind, "samples")
