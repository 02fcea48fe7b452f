"""Guesses from a target what the task is, and encodes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lepton_lab.data.bundle import Task
from lepton_lab.data.report import DataFinding
from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["Encoding", "as_task", "fit_encoding"]

Array = npt.NDArray[Any]

_MANY_NUMBERS = 20  # different whole numbers; from here on a target of whole numbers may be a quantity


@dataclass(frozen=True)
class Encoding:
    """How targets become tensors.

    Attributes:
        task: What is asked.
        classes: Names of the classes; empty for a regression.
        values: The raw value of each class; None where the raw targets are class numbers, one-hot or quantities.
        one_hot: Whether raw targets are one-hot rows of a classification.
        findings: Guesses worth knowing.
    """

    task: Task
    classes: tuple[str, ...]
    values: tuple[Any, ...] | None = None
    one_hot: bool = False
    findings: tuple[DataFinding, ...] = ()

    def encode(self, y: Any, *, where: str = "targets") -> Tensor:
        """Raw targets as int64 (N,) or float32 (N, K).

        Raises:
            DataError: A label that was not there when the encoding was fitted, or not a number.
        """
        array = _as_array(y)
        if not self.task.is_classification:
            try:
                numbers = torch.from_numpy(np.array(array, dtype=np.float32))
            except (TypeError, ValueError) as error:
                raise DataError(
                    "the targets are not numbers", where=where, expected="numbers", received=str(error)
                ) from error
            return numbers.reshape(len(numbers), -1)
        if self.one_hot:
            _check_one_hot(array, len(self.classes), where)
            return torch.from_numpy(array.argmax(1).astype(np.int64))
        array = _flat(array)
        if self.values is None:
            return torch.from_numpy(_whole(array, where).astype(np.int64))
        number = {value: i for i, value in enumerate(self.values)}
        codes = np.array([number.get(value, -1) for value in array.tolist()], dtype=np.int64)
        if (codes < 0).any():
            row = int(np.flatnonzero(codes < 0)[0])
            raise DataError(
                f"sample {row} has a label that training does not have",
                where=where,
                expected=f"one of {', '.join(map(repr, self.classes[:10]))}{', …' if len(self.classes) > 10 else ''}",
                received=repr(array[row]),
                do="Correct the label, or give all class names with classes=",
            )
        return torch.from_numpy(codes)


def as_task(task: str | Task | None) -> Task | None:
    """Reads a task's name; "classification" means that the number of classes decides.

    Raises:
        UnknownNameError: No such task.
    """
    if task is None or task == "classification":
        return None
    try:
        return Task(task)
    except ValueError:
        raise UnknownNameError("task", task, [*map(str, Task), "classification"]) from None


def fit_encoding(
    parts: Sequence[Any], *, task: str | Task | None = None, classes: Sequence[Any] | None = None
) -> Encoding:
    """Finds out how to read targets.

    Whole numbers that fill most of 0 … max are class numbers and stay what they are; other values of a
    classification become classes in sorted order.

    Args:
        parts: Targets of train, and of valid and test where they were given, so that no class is overlooked.
        task: What is asked; guessed where None.
        classes: Names of all classes, where class numbers are given; or all values of the target in order.

    Raises:
        DataError: Targets that no task fits.
    """
    arrays = [_as_array(part) for part in parts]
    wanted = as_task(task)
    classification = task == "classification" or (wanted is not None and wanted.is_classification)
    first = arrays[0]
    numeric = all(np.issubdtype(a.dtype, np.number) or a.dtype == bool for a in arrays)
    if first.ndim > 2 or (first.ndim == 2 and first.shape[1] == 0):
        raise DataError("targets have too many axes", expected="(N,) or (N, K)", received=str(first.shape))
    if wanted in (Task.REGRESSION, Task.MULTILABEL):
        names = tuple(map(str, classes or ()))
        if wanted is Task.MULTILABEL and not names:
            names = tuple(f"label {i}" for i in range(first.reshape(len(first), -1).shape[1]))
        return Encoding(wanted, names if wanted is Task.MULTILABEL else ())
    if numeric and first.ndim == 2 and first.shape[1] > 1:
        return _wide(arrays, classification, classes)
    flat = np.concatenate([_flat(a) for a in arrays])
    if not (classification or classes is not None) and numeric and _is_quantity(flat):
        return Encoding(Task.REGRESSION, ())
    if numeric and not np.isfinite(flat.astype(np.float64)).all():
        raise DataError(
            f"{int((~np.isfinite(flat.astype(np.float64))).sum()):,} labels are NaN or infinite",
            expected="a class for each sample",
            do="Drop the samples without a label",
        )
    return _classes(flat, classes, guessed=not classification)


def _classes(flat: Array, classes: Sequence[Any] | None, *, guessed: bool) -> Encoding:
    values = sorted(set(flat.tolist()), key=lambda v: (str(type(v).__name__), v))
    whole = all(isinstance(v, (bool, int)) or (isinstance(v, float) and v.is_integer()) for v in values)
    findings: tuple[DataFinding, ...] = ()
    if classes is not None:
        names = tuple(map(str, classes))
        if whole and not set(values) <= set(classes):
            return Encoding(_by_count(len(names)), names)
        return Encoding(_by_count(len(names)), names, tuple(classes))
    if whole and all(v >= 0 for v in values) and 2 * len(values) > max(values):
        count = int(max(values)) + 1
        return Encoding(_by_count(count), tuple(str(i) for i in range(count)))
    if whole and guessed and len(values) >= _MANY_NUMBERS:
        findings = (
            DataFinding(
                "info",
                "task_guessed",
                f"The target has {len(values)} different whole numbers; they were taken for classes.",
                {"values": len(values)},
                'If they are quantities, pass task="regression".',
            ),
        )
    shown = tuple(str(int(v)) if whole else str(v) for v in values)
    return Encoding(_by_count(len(values)), shown, tuple(values), findings=findings)


def _wide(arrays: list[Array], classification: bool, classes: Sequence[Any] | None) -> Encoding:
    columns = arrays[0].shape[1]
    names = tuple(map(str, classes)) if classes is not None else tuple(str(i) for i in range(columns))
    zero_one = all(bool(((a == 0) | (a == 1)).all()) for a in arrays)
    if classification or (zero_one and all(bool((a.sum(1) == 1).all()) for a in arrays)):
        return Encoding(_by_count(columns), names, one_hot=True)
    if zero_one:
        return Encoding(Task.MULTILABEL, names)
    return Encoding(Task.REGRESSION, ())


def _by_count(classes: int) -> Task:
    return Task.BINARY if classes <= 2 else Task.MULTICLASS


def _is_quantity(flat: Array) -> bool:
    if flat.dtype == bool or np.issubdtype(flat.dtype, np.integer):
        return False
    finite = flat[np.isfinite(flat)]
    return not bool(np.isin(finite, (0, 1)).all())


def _as_array(y: Any) -> Array:
    if isinstance(y, Tensor):
        return np.asarray(y.detach().cpu().numpy())
    if hasattr(y, "to_numpy"):
        return np.asarray(y.to_numpy())
    return np.asarray(y)


def _flat(array: Array) -> Array:
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    if array.ndim != 1:
        raise DataError("class labels are one for each sample", expected="(N,) or (N, 1)", received=str(array.shape))
    return array


def _whole(array: Array, where: str) -> Array:
    numbers = np.asarray(array, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(numbers) | (numbers != np.round(numbers)))
    if len(bad):
        raise DataError(
            f"{len(bad):,} labels are not whole numbers; the first is sample {bad[0]}",
            where=where,
            expected="class numbers",
            received=repr(array[bad[0]]),
        )
    return numbers


def _check_one_hot(array: Array, columns: int, where: str) -> None:
    if array.ndim != 2 or array.shape[1] != columns:
        raise DataError(
            "one-hot targets have another width", where=where, expected=f"(N, {columns})", received=str(array.shape)
        )
    if not np.isfinite(array).all():
        raise DataError("one-hot targets hold NaN or infinite values", where=where, expected="0 and 1")
