"""Checkpoints: all that the next step depends on, in safetensors beside JSON with its checksum.

A checkpoint is `NAME.safetensors` and `NAME.json`; each is written beside its place, flushed and renamed, the JSON
last. So there is either a whole checkpoint or none, and a damaged one is told by its checksum and passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lepton_lab.errors import CheckpointError

__all__ = [
    "CheckpointWriter",
    "Snapshot",
    "architecture",
    "load_checkpoint",
    "load_model",
    "newest_checkpoint",
    "save_checkpoint",
    "write_whole",
]

SCHEMA_VERSION = 1
_REST_S = 0.5  # s between two writes: a training of short epochs does not pay for a file after each
_KEPT = 2  # periodic checkpoints that are kept, so that a damaged one leaves an older one


@dataclass(frozen=True)
class Snapshot:
    """A moment of a training.

    Attributes:
        tensors: By name: `model/…`, `optimizer/…`, `ema/…`, `rng/…`; on the CPU, shared with nobody.
        about: Plain JSON data: step, epoch, position, states of schedule and metrics, versions.
    """

    tensors: Mapping[str, Tensor]
    about: Mapping[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors under `name/`."""
        return {k[len(name) + 1 :]: v for k, v in self.tensors.items() if k.startswith(name + "/")}


def save_checkpoint(folder: Path, name: str, snapshot: Snapshot) -> Path:
    """Writes a checkpoint; returns the path of its JSON file.

    Side effects: creates `folder` where it is missing.
    """
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    payload = save({k: v.contiguous() for k, v in snapshot.tensors.items()})
    write_whole(folder / f"{name}.safetensors", payload)
    about = {
        "schema_version": SCHEMA_VERSION,
        "sha256": hashlib.sha256(payload).hexdigest(),
        "bytes": len(payload),
        **snapshot.about,
    }
    path = folder / f"{name}.json"
    write_whole(path, json.dumps(about, indent=1).encode())
    return path


def load_checkpoint(path: Path) -> Snapshot:
    """Reads a checkpoint by the path of its JSON file.

    Raises:
        CheckpointError: A file is missing, damaged or from a newer version.
    """
    from safetensors.torch import load

    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        payload = path.with_suffix(".safetensors").read_bytes()
    except (OSError, ValueError) as error:
        raise CheckpointError("the checkpoint cannot be read", where=str(path), received=str(error)) from error
    version = about.get("schema_version") if isinstance(about, dict) else None
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise CheckpointError(
            "the checkpoint was saved by a newer version",
            where=str(path),
            expected=f"schema_version {SCHEMA_VERSION} or lower",
            received=repr(version),
            do="Update Lepton Lab: pip install --upgrade lepton-lab",
        )
    if hashlib.sha256(payload).hexdigest() != about.get("sha256"):
        raise CheckpointError(
            "the checkpoint is damaged: its checksum differs",
            where=str(path.with_suffix(".safetensors")),
            expected=f"{about.get('bytes')} bytes with sha256 {str(about.get('sha256'))[:12]}…",
            received=f"{len(payload)} bytes with another one",
            do="Go on from an older checkpoint",
        )
    return Snapshot(load(payload), about)


def newest_checkpoint(folder: Path) -> tuple[Snapshot, list[CheckpointError]]:
    """The newest checkpoint in `folder` that is whole, and what was wrong with newer ones.

    Raises:
        CheckpointError: There is none.
    """
    problems: list[CheckpointError] = []
    for path in sorted(folder.glob("step-*.json"), reverse=True):
        try:
            return load_checkpoint(path), problems
        except CheckpointError as error:
            problems.append(error)
    raise CheckpointError(
        "there is no checkpoint to go on from",
        where=str(folder),
        received="; ".join(str(p) for p in problems) or "no file step-*.json",
        do="Start the training anew",
    )


def architecture(module: nn.Module) -> dict[str, list[int]]:
    """Names and shapes of a module's tensors: what weights must fit."""
    return {name: list(t.shape) for name, t in module.state_dict().items()}


def load_model(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copies weights into a module.

    Raises:
        CheckpointError: They belong to another architecture; names the first tensor that differs.
    """
    own = architecture(module)
    for name, shape in own.items():
        if name not in weights:
            raise _other_architecture(name, f"shape {tuple(shape)}", "no such tensor")
        if list(weights[name].shape) != shape:
            raise _other_architecture(name, f"shape {tuple(shape)}", f"shape {tuple(weights[name].shape)}")
    extra = sorted(set(weights) - set(own))
    if extra:
        raise _other_architecture(extra[0], "no such tensor", f"shape {tuple(weights[extra[0]].shape)}")
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            tensor.copy_(weights[name])


class CheckpointWriter:
    """Writes checkpoints from a thread of its own, so that the training does not wait for the disk.

    Threads: `put` is called by the training thread; a newer checkpoint replaces one of its kind that is still waiting.

    Args:
        folder: Where the files go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problem: Exception | None = None
        self._waiting: dict[str, Snapshot] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, snapshot: Snapshot, *, best: bool = False) -> None:
        """Hands a snapshot over."""
        with self._changed:
            self._waiting["best" if best else "step"] = snapshot
            if self._thread is None:
                self._thread = threading.Thread(target=self._main, name="lepton-checkpoints", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Writes what waits and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _main(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                waiting, self._waiting = self._waiting, {}
            if not waiting:
                return
            for kind, snapshot in waiting.items():
                try:
                    self._save(kind, snapshot)
                except (OSError, CheckpointError) as error:  # a full disk must not end the training
                    self.problem = error
            with self._changed:
                self._changed.wait_for(lambda: self._closed, _REST_S)

    def _save(self, kind: str, snapshot: Snapshot) -> None:
        if kind == "best":
            save_checkpoint(self.folder, "best", snapshot)
            return
        save_checkpoint(self.folder, f"step-{int(snapshot.about['step']):012d}", snapshot)
        for old in sorted(self.folder.glob("step-*.json"))[:-_KEPT]:
            old.unlink(missing_ok=True)
            old.with_suffix(".safetensors").unlink(missing_ok=True)


def write_whole(path: Path, payload: bytes) -> None:
    """Writes a file so that there is the old one or the whole new one at any moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _other_architecture(name: str, expected: str, received: str) -> CheckpointError:
    layer = re.sub(r"\.[^.]*$", "", name) or name
    return CheckpointError(
        f"the weights belong to another architecture: {name!r} differs",
        where=f"layer {layer!r}",
        expected=expected,
        received=received,
        do="Build the network that the checkpoint was saved from, or start anew",
    )
