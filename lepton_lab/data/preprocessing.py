"""What turns a raw sample into a model's input: fitted on the training split, saved without pickle.

Two stages, because what is stored is smaller than what a model takes:

    raw sample ── transform_raw ──► stored batch (uint8 pixels, token ids, scaled columns) ── batch ──► model input

The splits hold stored batches. `batch` runs per training batch, on whatever device the stored batch lies.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import torch
from torch import Tensor

from lepton_lab.errors import DataError
from lepton_lab.plugins import load_plugins
from lepton_lab.registry import BUILT_IN, Registry, current_provider

__all__ = ["PREPROCESSING", "Preprocessing", "register_preprocessing"]

SCHEMA_VERSION = 1
_INLINE = 4096  # numbers; a larger array goes into the safetensors file when saved into a folder

P = TypeVar("P", bound="type[Preprocessing]")


class Preprocessing(ABC):
    """A fitted chain from raw samples to a model's input.

    A subclass sets `kind`, is registered with `register_preprocessing`, and says what it learnt by `settings`
    (plain JSON) and `arrays` (tensors).
    """

    kind: ClassVar[str] = ""

    @abstractmethod
    def transform_raw(self, raw: Any) -> Tensor:
        """Raw samples as a stored batch.

        Args:
            raw: One raw sample or several: an image or its path, a row or a DataFrame, a text, an array.

        Returns:
            The stored form with a batch axis, on the CPU.

        Raises:
            DataError: `raw` does not look like the training data.
        """

    @abstractmethod
    def batch(self, x: Tensor, *, training: bool = False) -> Tensor:
        """A stored batch as a model's input, on the device of `x`; augmented when `training`."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What was chosen and learnt, as plain JSON, without the arrays."""

    def arrays(self) -> dict[str, Tensor]:
        """What was learnt as tensors, by name."""
        return {}

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Mapping[str, Any], arrays: Mapping[str, Tensor]) -> Self:
        """The inverse of `settings` and `arrays`."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns of a prepared table; empty for everything else."""
        return ()

    @property
    def feature_widths(self) -> tuple[tuple[str, int], ...]:
        """The columns of the table as it came, each with the number of features that it became."""
        return tuple((name, 1) for name in self.feature_names)

    def describe(self) -> list[str]:
        """One line for each step, in plain words."""
        return []

    def __call__(self, raw: Any, device: str | torch.device = "cpu") -> Tensor:
        """Raw samples as a model's input with a batch axis: `batch(transform_raw(raw))`."""
        return self.batch(self.transform_raw(raw).to(device))

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON, arrays written out as lists."""
        return _document(self, {name: _array_to_json(array) for name, array in self.arrays().items()})

    @staticmethod
    def from_json(document: Mapping[str, Any]) -> Preprocessing:
        """Reads what `to_json` wrote.

        Raises:
            DataError: The document is damaged or from a newer version.
            UnknownNameError: Its kind is not registered, for example because a plugin is missing.
        """
        return _read(document, {})

    def save(self, folder: str | Path) -> None:
        """Writes `preprocessing.json`, and `preprocessing.safetensors` where an array is large.

        Side effects: creates `folder` where it is missing.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        small: dict[str, Any] = {}
        large: dict[str, Tensor] = {}
        for name, array in self.arrays().items():
            if array.numel() > _INLINE:
                large[name] = array.detach().cpu().contiguous()
            else:
                small[name] = _array_to_json(array)
        document = json.dumps(_document(self, small), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / "preprocessing.json").write_text(document, encoding="utf-8")
        if large:
            from safetensors.torch import save_file

            save_file(large, folder / "preprocessing.safetensors")

    @staticmethod
    def load(folder: str | Path) -> Preprocessing:
        """Reads what `save` wrote.

        Raises:
            DataError: A file is missing or damaged, or from a newer version.
        """
        folder = Path(folder)
        try:
            document = json.loads((folder / "preprocessing.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                "the preprocessing cannot be read", where=str(folder / "preprocessing.json"), received=str(error)
            ) from error
        arrays: dict[str, Tensor] = {}
        if (folder / "preprocessing.safetensors").exists():
            arrays = _load_arrays(folder / "preprocessing.safetensors")
        return _read(document, arrays)


PREPROCESSING: Registry[type[Preprocessing]] = Registry("preprocessing", load_plugins)
"""Every kind of preprocessing that a saved document may name."""


def register_preprocessing(cls: P) -> P:
    """Registers a subclass of `Preprocessing` under its `kind`."""
    built_in = cls.__module__.startswith("lepton_lab.")
    PREPROCESSING.add(cls.kind, cls, provider=BUILT_IN if built_in else current_provider())
    return cls


def _document(preprocessing: Preprocessing, arrays: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": preprocessing.kind,
        "settings": preprocessing.settings(),
        "arrays": arrays,
    }


def _load_arrays(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise DataError("the preprocessing's arrays cannot be read", where=str(path), received=str(error)) from error


def _read(document: Mapping[str, Any], arrays: Mapping[str, Tensor]) -> Preprocessing:
    if not isinstance(document, Mapping) or "kind" not in document:
        raise DataError("this is not a saved preprocessing", expected="a JSON object with 'kind' and 'settings'")
    version = document.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise DataError(
            "the preprocessing was saved by a newer version",
            expected=f"schema_version {SCHEMA_VERSION} or lower",
            received=f"{version!r}",
            do="Update Lepton Lab: pip install --upgrade lepton-lab",
        )
    cls = PREPROCESSING[str(document["kind"])]
    try:
        inline = {name: _array_from_json(value) for name, value in document.get("arrays", {}).items()}
        return cls.from_settings(document.get("settings", {}), {**arrays, **inline})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"the saved preprocessing of kind {cls.kind!r} is damaged", received=str(error)) from error


def _array_to_json(array: Tensor) -> dict[str, Any]:
    return {
        "dtype": str(array.dtype).removeprefix("torch."),
        "shape": list(array.shape),
        "values": array.detach().cpu().flatten().tolist(),
    }


def _array_from_json(value: Mapping[str, Any]) -> Tensor:
    dtype = {"float32": torch.float32, "float64": torch.float64, "int64": torch.int64, "uint8": torch.uint8}
    return torch.tensor(value["values"], dtype=dtype[value["dtype"]]).reshape(value["shape"])
