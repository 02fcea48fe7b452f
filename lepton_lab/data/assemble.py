"""Puts splits together into a `DataBundle`, after checking that their targets can be learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lepton_lab.data.bundle import DataBundle, Split, Task
from lepton_lab.data.preprocessing import Preprocessing
from lepton_lab.data.report import ColumnInfo, DataFinding
from lepton_lab.errors import DataError

__all__ = ["assemble", "check_targets"]


def assemble(
    name: str,
    *,
    train: Split,
    valid: Split | None,
    test: Split | None,
    task: Task,
    preprocessing: Preprocessing,
    classes: Sequence[str] = (),
    target_names: Sequence[str] = (),
    source: Mapping[str, Any] | None = None,
    findings: Sequence[DataFinding] = (),
    columns: Sequence[ColumnInfo] = (),
) -> DataBundle:
    """Makes a bundle; shape and type of a sample are read off the first prepared one.

    Raises:
        DataError: Targets that do not fit the task: out of range, NaN, only one class.
    """
    classes = tuple(map(str, classes))
    for split_name, split in (("train", train), ("valid", valid), ("test", test)):
        if split is not None:
            check_targets(split.targets(), task, len(classes), where=f"{name}, {split_name}")
    y = train.targets()
    if task.is_classification:
        present = int(torch.unique(y).numel())
        if present < 2:
            raise DataError(
                "all training samples have the same class, so there is nothing to tell apart",
                where=name,
                expected="at least 2 classes",
                received=f"{present}" + (f" ({classes[int(y[0])]!r})" if classes else ""),
                do="Choose another target, or add samples of other classes",
            )
    sample = train.sample(0)[0]
    return DataBundle(
        name=name,
        train=train,
        valid=valid,
        test=test,
        task=task,
        classes=classes,
        sample_shape=tuple(sample.shape),
        sample_dtype="int64" if sample.dtype == torch.int64 else "float32",
        target_size=len(classes) if classes else int(y.shape[1]),
        preprocessing=preprocessing,
        source=dict(source) if source is not None else None,
        target_names=tuple(target_names),
        findings=tuple(findings),
        columns=tuple(columns),
    )


def check_targets(y: Tensor, task: Task, class_count: int, *, where: str) -> None:
    """Checks type, shape and range of the targets of one split.

    Raises:
        DataError: Something does not fit; says how many targets and shows the first.
    """
    if task.is_classification:
        if y.dtype != torch.int64 or y.dim() != 1:
            raise DataError(
                f"the targets of a {task.value} classification are class numbers",
                where=where,
                expected="int64 of shape (N,)",
                received=f"{str(y.dtype).removeprefix('torch.')} of shape {tuple(y.shape)}",
            )
        bad = ((y < 0) | (y >= class_count)).nonzero().flatten()
        if len(bad):
            row = int(bad[0])
            raise DataError(
                f"{len(bad):,} labels are outside the classes; the first is {int(y[row])} at sample {row}",
                where=where,
                expected=f"whole numbers from 0 to {class_count - 1}",
                received=f"{int(y.min())} to {int(y.max())}",
                do="Correct these labels, or give all class names with classes=",
            )
        return
    if y.dtype != torch.float32 or y.dim() != 2:
        raise DataError(
            f"the targets of a {task.value} task are numbers",
            where=where,
            expected="float32 of shape (N, K)",
            received=f"{str(y.dtype).removeprefix('torch.')} of shape {tuple(y.shape)}",
        )
    bad = (~torch.isfinite(y)).any(1).nonzero().flatten()
    if len(bad):
        raise DataError(
            f"{len(bad):,} targets are NaN or infinite; the first is sample {int(bad[0])}",
            where=where,
            expected="finite numbers",
            do="Drop these samples or fill their targets in",
        )
    if task is Task.MULTILABEL and not bool(((y == 0) | (y == 1)).all()):
        raise DataError(
            "the targets of a multilabel task are 0 or 1 for each label",
            where=where,
            expected="only 0 and 1",
            received=f"{float(y.min()):g} to {float(y.max()):g}",
            do='If these are quantities, pass task="regression"',
        )
