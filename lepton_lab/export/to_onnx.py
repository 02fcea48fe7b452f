"""The trained network as ONNX, for other languages and for phones, with the numbers of the preprocessing inside."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lepton_lab.errors import LeptonError, MissingExtraError, TrainingError
from lepton_lab.export.files import Files
from lepton_lab.export.onnx_inputs import Inputs, inputs_of
from lepton_lab.export.subject import Trained, meaning
from lepton_lab.export.words import about_outputs, numbers_of
from lepton_lab.training.evaluate import predict

__all__ = ["OPSET", "OnnxModel", "onnx_files", "to_onnx"]

OPSET = 18
"""Version of the operator set that is written."""

_CHECKED = 64  # samples
_FAR = 1e-2  # of a probability: larger differences are not handed out


@dataclass(frozen=True)
class OnnxModel:
    """An ONNX file and what is known of it.

    Attributes:
        content: The file.
        difference: The largest difference to torch's outputs on `checked` real samples.
        checked: How many samples that were.
        inputs: What it takes.
        opset: Version of its operator set.
    """

    content: bytes
    difference: float
    checked: int
    inputs: Inputs
    opset: int


class _Whole(nn.Module):
    """Preprocessing, network, and what makes probabilities of its outputs."""

    def __init__(self, before: nn.Module, network: nn.Module, activation: str, task: str) -> None:
        super().__init__()
        self.before, self.network, self.activation, self.task = before, network, activation, task

    def forward(self, *inputs: Tensor) -> Tensor:
        """Raw values to probabilities or values."""
        return meaning(self.network(self.before(*inputs)), self.activation, self.task)


def to_onnx(subject: Trained) -> OnnxModel:
    """Writes the network as ONNX, any number of samples at once, and checks it against torch with onnxruntime.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
        TrainingError: A layer has no counterpart in ONNX, or the file gives something else than torch.
    """
    onnx, runtime = _needed()
    inputs = inputs_of(subject)
    whole = _Whole(inputs.before, subject.module, subject.activation, subject.task).eval()
    _, kept = subject.samples(_CHECKED)
    samples = inputs.raw(kept)
    expected = meaning(
        predict(subject.module, subject.data.preprocessing.batch(kept)), subject.activation, subject.task
    ).numpy()
    batch = torch.export.Dim("samples")
    traced = tuple(x[:2] if len(x) > 1 else torch.cat([x, x]) for x in samples)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                whole, traced, input_names=list(inputs.names), output_names=[_output(subject)], opset_version=OPSET,
                dynamo=True, dynamic_shapes=(tuple({0: batch} for _ in traced),), verbose=False,
            )  # fmt: skip
        assert program is not None
        proto = program.model_proto
        onnx.helper.set_model_props(proto, _about(subject, inputs))
        content: bytes = proto.SerializeToString()
    except LeptonError:
        raise
    except Exception as error:  # torch's exporter raises whatever a layer makes it stumble over
        raise TrainingError(
            "this network cannot be written as ONNX",
            where=_culprit(subject, error),
            received=f"{type(error).__name__}: {str(error).splitlines()[0][:200]}",
            do="Replace the layer, or take the Python export, which holds every layer",
        ) from error
    found = _run(runtime, content, inputs, samples)
    difference = float(np.abs(found - expected).max())
    scale = max(1.0, float(np.abs(expected).max()))
    if not difference <= _FAR * scale:
        raise TrainingError(
            "the ONNX file gives something else than the network, so it is not handed out",
            expected=f"differences of at most {_FAR * scale:g}",
            received=f"{difference:.3g} on {len(kept)} samples",
            do="Take the Python export instead",
        )
    versions = [int(o.version) for o in proto.opset_import if o.domain in ("", "ai.onnx")]
    return OnnxModel(content, difference, len(kept), inputs, versions[0] if versions else OPSET)


def onnx_files(subject: Trained) -> tuple[Files, tuple[str, ...], float]:
    """The files of the ONNX export, notes, and the largest difference to torch."""
    model = to_onnx(subject)
    notes = (
        f"ONNX operator set {model.opset}, any number of samples at once",
        f"on {model.checked} samples of the data its outputs differ from PyTorch's by at most {model.difference:.1e}",
        *model.inputs.notes,
    )
    files: Files = {"model.onnx": model.content, "example.py": model.inputs.example.encode()}
    files |= model.inputs.files
    listed = "\n".join(f"- {note}" for note in notes)
    files["README.md"] = (
        f"# {subject.name} as ONNX\n\n{about_outputs(subject)}\n{numbers_of(subject)}\n\n{listed}\n\n"
        "```\npip install onnxruntime numpy"
        f"{' pillow' if 'PIL' in model.inputs.example else ''}\npython example.py {model.inputs.argument}\n```\n\n"
        f"```python\n{model.inputs.example}```\n"
    ).encode()
    return files, notes, model.difference


def _needed() -> tuple[Any, Any]:
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 - torch's exporter needs it
    except ImportError as error:
        raise MissingExtraError(str(error.name or "onnx"), "export", "exporting to ONNX") from error
    return onnx, onnxruntime


def _run(runtime: Any, content: bytes, inputs: Inputs, samples: tuple[Tensor, ...]) -> Any:
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        fed = {name: x.numpy() for name, x in zip(inputs.names, samples, strict=True)}
        found = session.run(None, fed)[0]
        session.run(None, {name: x[:1] for name, x in fed.items()})  # another number of samples
    except Exception as error:  # onnxruntime's errors have no common class
        raise TrainingError(
            "the ONNX file does not run, so it is not handed out",
            received=str(error).splitlines()[0][:200],
            do="Take the Python export instead",
        ) from error
    return found


def _output(subject: Trained) -> str:
    return "values" if subject.task == "regression" else "probabilities"


def _about(subject: Trained, inputs: Inputs) -> dict[str, str]:
    return {
        "name": subject.name,
        "task": subject.task,
        "classes": json.dumps(list(subject.outputs), ensure_ascii=False),
        "preparation": "; ".join(subject.data.preprocessing.describe()),
        "inputs": "; ".join(inputs.notes),
        "made_with": "Lepton Lab",
    }


def _culprit(subject: Trained, error: Exception) -> str | None:
    """The first layer that the exporter's message names."""
    text = str(error)
    for path, layer in subject.spec.walk():
        if f"'{layer.name}'" in text or f"network_{layer.name.replace('.', '_')}" in text:
            return f"layer {path!r}"
    return None
