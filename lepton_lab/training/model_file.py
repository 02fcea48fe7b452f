"""One file that holds a trained model: safetensors, with a JSON description in its header. No pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from lepton_lab.errors import CheckpointError
from lepton_lab.training.checkpoint import write_whole

__all__ = ["read_model_file", "write_model_file"]

SCHEMA_VERSION = 1


def write_model_file(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> Path:
    """Writes weights and their description; there is the old file or the whole new one at any moment."""
    from safetensors.torch import save

    text = json.dumps({"schema_version": SCHEMA_VERSION, **about})
    kept = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, save(kept, metadata={"lepton_lab": text}))
    return path


def read_model_file(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and description.

    Raises:
        CheckpointError: The file is missing, damaged, no model, or from a newer version.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        about = json.loads(header["lepton_lab"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(
            "this is no saved model, or a damaged one", where=str(path), received=f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(about, dict) or not isinstance(about.get("schema_version"), int):
        raise CheckpointError("the model's description is damaged", where=str(path))
    if about["schema_version"] > SCHEMA_VERSION:
        raise CheckpointError(
            "the model was saved by a newer version", where=str(path), do="Update Lepton Lab: pip install -U lepton-lab"
        )
    return tensors, about
