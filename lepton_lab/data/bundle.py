"""What training reads: splits of prepared samples, together in a `DataBundle`."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor
from typing_extensions import override

from lepton_lab.data.augmentation import AugmentationSpec, augment, batch_generator, epoch_seed, read_augmentation
from lepton_lab.data.imbalance import oversampled_rows, sample_weights, weighted_order
from lepton_lab.data.preprocessing import Preprocessing
from lepton_lab.data.report import ColumnInfo, DataFinding, DataReport
from lepton_lab.errors import DataError, UnknownNameError
from lepton_lab.markup import cell, page, table

__all__ = ["DataBundle", "Split", "Task", "TensorSplit"]

_RESIDENT_SHARE = 0.5  # of the device's free memory that one split may take

Balance = Literal["", "weights", "sampling", "oversampling"]


class Task(StrEnum):
    """What is asked of a model."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"

    @property
    def is_classification(self) -> bool:
        """Whether the targets are class numbers, one for each sample."""
        return self in (Task.BINARY, Task.MULTICLASS)


class Split(ABC):
    """One of train, valid and test.

    Attributes:
        augmentation: What `batches` changes at random when training; read by `read_augmentation`.
    """

    augmentation: tuple[dict[str, Any], ...] = ()

    @abstractmethod
    def __len__(self) -> int:
        """How many samples there are."""

    @abstractmethod
    def targets(self) -> Tensor:
        """All targets, on the CPU: int64 class numbers (N,) or float32 (N, K)."""

    @abstractmethod
    def tensors(self) -> tuple[Tensor, Tensor] | None:
        """The whole split as stored (x may be uint8), or None where it streams."""

    @abstractmethod
    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        device: str | torch.device = "cpu",
        drop_last: bool = False,
        training: bool = False,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Prepared batches on `device`: what the model takes, and the targets.

        Args:
            batch_size: Samples in a batch; the last one may be smaller.
            shuffle: Whether to draw a new order.
            generator: Draws the order; a CPU generator. Torch's default one where it is None.
            device: Where the batches are wanted.
            drop_last: Whether to leave out a smaller last batch.
            training: Whether to augment.
        """

    @abstractmethod
    def sample(self, index: int) -> tuple[Tensor, Tensor]:
        """One prepared sample and its target, without the batch axis, on the CPU."""

    @abstractmethod
    def digest(self) -> str:
        """A hash of the contents, in hex."""

    @abstractmethod
    def with_augmentation(self, spec: AugmentationSpec) -> Split:
        """The same samples, changed at random when training."""

    @abstractmethod
    def resampled(self, *, weights: Tensor | None = None, rows: Tensor | None = None) -> Split:
        """The samples `rows` of this split, repeated as often as they are named, drawn by `weights` when shuffling."""


class TensorSplit(Split):
    """A split that lies in memory as two tensors, and on the training device where it fits.

    Args:
        x: Samples as stored, (N, …).
        y: Class numbers int64 (N,), or targets float32 (N, K).
        preprocessing: Turns stored batches into the model's input.
        weights: How often a sample is drawn when shuffling, relative to the others, (N,); all alike where None.

    Raises:
        DataError: `x` and `y` differ in length, or are empty.
    """

    def __init__(self, x: Tensor, y: Tensor, preprocessing: Preprocessing, *, weights: Tensor | None = None) -> None:
        if len(x) != len(y):
            raise DataError("samples and targets differ in number", expected=f"{len(x)} targets", received=f"{len(y)}")
        if len(x) == 0:
            raise DataError("there are no samples", expected="at least one sample", received="0")
        self.x, self.y, self.preprocessing, self.weights = x.contiguous(), y.contiguous(), preprocessing, weights
        self._resident: tuple[torch.device, Tensor, Tensor] | None = None

    @override
    def __len__(self) -> int:
        return len(self.x)

    @override
    def targets(self) -> Tensor:
        return self.y

    @override
    def tensors(self) -> tuple[Tensor, Tensor] | None:
        return self.x, self.y

    def on_device(self, device: str | torch.device) -> tuple[Tensor, Tensor]:
        """Both tensors on `device`; kept there for the next call where they fit, else they stay on the CPU.

        Side effects: holds device memory until `release`.
        """
        device = torch.device(device)
        if self._resident is not None and self._resident[0] == device:
            return self._resident[1], self._resident[2]
        if device.type == "cpu" or not self._fits(device):
            return self.x, self.y
        x, y = self.x.to(device), self.y.to(device)
        self._resident = (device, x, y)
        return x, y

    def release(self) -> None:
        """Gives back the device memory that `on_device` holds."""
        self._resident = None

    def _fits(self, device: torch.device) -> bool:
        if device.type != "cuda":
            return True
        free, _ = torch.cuda.mem_get_info(device)
        return self.x.nbytes + self.y.nbytes <= _RESIDENT_SHARE * free

    def order(self, generator: torch.Generator | None = None) -> Tensor:
        """A new order of the samples, drawn by `weights` with replacement where there are weights."""
        if self.weights is not None:
            return weighted_order(self.weights, len(self), generator)
        return torch.randperm(len(self), generator=generator)

    @override
    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        device: str | torch.device = "cpu",
        drop_last: bool = False,
        training: bool = False,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        if batch_size < 1:
            raise DataError("a batch needs samples", expected="batch_size ≥ 1", received=str(batch_size))
        device = torch.device(device)
        x, y = self.on_device(device)
        order = self.order(generator).to(x.device) if shuffle else None
        seed = epoch_seed(generator) if training and self.augmentation else 0
        end = len(self) - len(self) % batch_size if drop_last else len(self)
        for start in range(0, end, batch_size):
            stop = min(start + batch_size, len(self))
            if order is None:
                batch_x, batch_y = x[start:stop], y[start:stop]
            else:
                rows = order[start:stop]
                batch_x, batch_y = x.index_select(0, rows), y.index_select(0, rows)
            if batch_x.device != device:
                batch_x, batch_y = batch_x.to(device), batch_y.to(device)
            if training and self.augmentation:
                batch_x = augment(batch_x, self.augmentation, batch_generator(seed, start // batch_size))
            yield self.preprocessing.batch(batch_x, training=training), batch_y

    @override
    def sample(self, index: int) -> tuple[Tensor, Tensor]:
        index = range(len(self))[index]
        return self.preprocessing.batch(self.x[index : index + 1])[0], self.y[index]

    @override
    def digest(self) -> str:
        sha = hashlib.sha256()
        for tensor in (self.x, self.y):
            sha.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            sha.update(tensor.view(torch.uint8).numpy().data if tensor.numel() and tensor.dim() else b"")
        return sha.hexdigest()

    @override
    def with_augmentation(self, spec: AugmentationSpec) -> TensorSplit:
        split = TensorSplit(self.x, self.y, self.preprocessing, weights=self.weights)
        split.augmentation = read_augmentation(spec)
        return split

    @override
    def resampled(self, *, weights: Tensor | None = None, rows: Tensor | None = None) -> TensorSplit:
        x, y = (self.x, self.y) if rows is None else (self.x[rows], self.y[rows])
        split = TensorSplit(x, y, self.preprocessing, weights=weights)
        split.augmentation = self.augmentation
        return split


@dataclass(frozen=True, eq=False)
class DataBundle:
    """Data that is ready to train on.

    Attributes:
        name: What people call it.
        train: The samples that parameters are fitted to.
        valid: The samples that choices are made on; None where there are none.
        test: The samples that only the final word is measured on; None where there are none.
        task: What is asked.
        classes: Names of the classes, or of the labels; empty for a regression.
        sample_shape: Shape of a prepared sample, without the batch axis.
        sample_dtype: "float32", or "int64" for token and category indices.
        target_size: Outputs that a model needs: the number of classes (2 for binary), labels or regression columns.
        preprocessing: Fitted on train; turns a raw sample into a model's input.
        source: Plain JSON that says how to load the same data again (`load_source`); None where nothing can.
        target_names: Names of the regression's columns or of the target; may be empty.
        findings: What the loader noticed: rows dropped, files skipped, guesses made.
        columns: A table's columns as they were in the file.
        edits: What was taken out after loading, in this order; see `edited`.
        recipe: Makes the data again, with other options where they are named; None where nothing can. It may hold
            arrays or a frame, and never travels to another process.
        balance: How unequal classes are evened out: "weights" in the loss (`class_weights`), "sampling",
            "oversampling", or "" for not at all.
    """

    name: str
    train: Split
    valid: Split | None
    test: Split | None
    task: Task
    classes: tuple[str, ...]
    sample_shape: tuple[int, ...]
    sample_dtype: str
    target_size: int
    preprocessing: Preprocessing
    source: dict[str, Any] | None = None
    target_names: tuple[str, ...] = ()
    findings: tuple[DataFinding, ...] = ()
    columns: tuple[ColumnInfo, ...] = ()
    balance: Balance = ""
    edits: tuple[dict[str, Any], ...] = ()
    recipe: Callable[..., DataBundle] | None = None

    @cached_property
    def report(self) -> DataReport:
        """What is in the data and what is wrong with it; examined when first asked for."""
        from lepton_lab.data.checks import examine

        return examine(self)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of contents and preprocessing, in hex; computed when first asked for."""
        sha = hashlib.sha256(json.dumps(self.preprocessing.settings(), sort_keys=True).encode())
        for name, array in sorted(self.preprocessing.arrays().items()):
            sha.update(name.encode() + array.detach().cpu().contiguous().numpy().tobytes())
        sha.update(json.dumps([self.task.value, *self.classes]).encode())
        for name, split in self.splits.items():
            sha.update(f"{name}:{split.digest()}".encode())
        return sha.hexdigest()

    @property
    def splits(self) -> dict[str, Split]:
        """The splits that exist, by name, train first."""
        named = {"train": self.train, "valid": self.valid, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    def edited(self, *edits: Mapping[str, Any]) -> DataBundle:
        """The same data without samples that are in the way, such as copies; what was fitted stays as it is.

        Args:
            *edits: Plain JSON, applied one after the other; see `lepton_lab.data.edits`.
        """
        from lepton_lab.data.edits import apply_edits

        return apply_edits(self, edits)

    def prepare(self, x: Tensor, *, training: bool = False, generator: torch.Generator | None = None) -> Tensor:
        """A stored batch as a model's input, on the device of `x`; augmented by `generator` when `training`."""
        if training:
            x = augment(x, self.train.augmentation, generator)
        return self.preprocessing.batch(x, training=training)

    def with_augmentation(self, spec: AugmentationSpec) -> DataBundle:
        """The same data with training images changed at random, anew in every epoch.

        Args:
            spec: "light", "digits", "photos", or a list of steps (`read_augmentation`); None takes it away.
        """
        steps = read_augmentation(spec)
        if steps and (self.sample_dtype != "float32" or len(self.sample_shape) != 3):
            raise DataError(
                f"{self.name!r} holds no images to augment",
                expected="samples of shape (C, H, W)",
                received=str(self.sample_shape),
            )
        source = None if self.source is None else {**self.source, "augmentation": list(steps)}
        return replace(self, train=self.train.with_augmentation(steps), source=source)

    def balanced(self, how: Balance = "weights", *, seed: int = 0) -> DataBundle:
        """The same data with classes of unequal size evened out while training; valid and test stay as they are.

        Args:
            how: "weights" weighs the loss by `class_weights`; "sampling" draws samples of small classes more often,
                and an epoch stays as long as it was; "oversampling" repeats them until all classes are as large as
                the largest.
            seed: Draws what "oversampling" repeats.
        """
        if how not in ("weights", "sampling", "oversampling"):
            raise UnknownNameError("way to balance classes", how, ("weights", "sampling", "oversampling"))
        if not self.task.is_classification:
            raise DataError(f"{self.name!r} is a {self.task.value} task, so there are no classes to balance")
        train, y = self.train, self.train.targets()
        if how == "sampling":
            train = train.resampled(weights=sample_weights(y))
        elif how == "oversampling":
            train = train.resampled(rows=oversampled_rows(y, torch.Generator().manual_seed(seed)))
        source = None if self.source is None else {**self.source, "balance": how, "balance_seed": seed}
        return replace(self, train=train, balance=how, source=source)

    def class_counts(self) -> Tensor:
        """Training samples of each class or label, int64 (C,).

        Raises:
            DataError: The task is a regression.
        """
        if self.task is Task.REGRESSION:
            raise DataError(f"{self.name!r} is a regression and has no classes")
        y = self.train.targets()
        if self.task is Task.MULTILABEL:
            return y.sum(0).long()
        return torch.bincount(y, minlength=len(self.classes))

    def target_unit(self) -> tuple[float, float] | None:
        """Mean and standard deviation of the training targets of a regression; None where there is none to predict."""
        if self.task is not Task.REGRESSION:
            return None
        deviation, mean = torch.std_mean(self.train.targets().double())
        return float(mean), float(deviation) if deviation > 0 else 1.0

    def class_weights(self) -> Tensor:
        """Weights that make all classes count alike in a loss, float32 (C,): N / (C · count).

        A class without training samples gets 0.

        Raises:
            DataError: The task is a regression.
        """
        counts = self.class_counts().float()
        weights = len(self.train) / (len(counts) * counts.clamp(min=1))
        return torch.where(counts > 0, weights, torch.zeros_like(weights))

    def summary(self) -> str:
        """Splits, shapes and preprocessing as plain text."""
        width = max(len(label) for label, _ in self._rows())
        return "\n".join(f"{label:<{width}}  {value}" for label, value in self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        rows = [("Data", self.name), ("Task", self.task.value)]
        rows += [(name, f"{len(split):,} samples") for name, split in self.splits.items()]
        shape = "(" + ", ".join(["N", *map(str, self.sample_shape)]) + ")"
        rows.append(("Input", f"{shape} {self.sample_dtype}"))
        if self.classes:
            shown = ", ".join(self.classes[:10]) + (", …" if len(self.classes) > 10 else "")
            rows.append(("Classes", f"{len(self.classes)}: {shown}"))
        else:
            rows.append(("Targets", ", ".join(self.target_names) or str(self.target_size)))
        rows += [("Preparation" if i == 0 else "", line) for i, line in enumerate(self.preprocessing.describe())]
        return rows

    def _repr_html_(self) -> str:
        rows = ((cell(label, "key soft"), cell(value)) for label, value in self._rows())
        return page(f"Data {self.name}", table(rows), *self.report.html_parts())

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(split):,}" for name, split in self.splits.items())
        return f"<DataBundle {self.name!r}: {sizes}; {self.task.value}; sample {self.sample_shape}>"
