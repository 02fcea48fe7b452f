"""Data that is already in memory: arrays, tensors, frames, and torch's own `Dataset`s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset, TensorDataset
from typing_extensions import override

from lepton_lab.data.assemble import assemble
from lepton_lab.data.bundle import DataBundle, Task, TensorSplit
from lepton_lab.data.preprocessing import Preprocessing, register_preprocessing
from lepton_lab.data.report import DataFinding
from lepton_lab.data.splits import DEFAULT_SHARE, split_indices
from lepton_lab.data.targets import fit_encoding
from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["ArrayPreprocessing", "from_arrays"]

_NORMALISE = ("auto", "none", "scale", "standard")
_MAX_DATASET_BYTES = 8 << 30
_Arrays = tuple[Any, Any]


@register_preprocessing
class ArrayPreprocessing(Preprocessing):
    """Arrays as a model's input: `(x · scale − mean) / std`, or token ids as they are.

    Args:
        sample_shape: Shape of a stored sample.
        dtype: "float32", or "int64" for token and category indices.
        scale: Factor on stored values, such as 1/255 for pixels.
        mean: Subtracted after scaling; a number, or one for each channel or feature. None for no normalisation.
        std: Divided by, of the same form as `mean`.
    """

    kind = "arrays"

    def __init__(
        self,
        sample_shape: Sequence[int],
        dtype: str = "float32",
        scale: float = 1.0,
        mean: Tensor | None = None,
        std: Tensor | None = None,
    ) -> None:
        self.sample_shape, self.dtype, self.scale = tuple(sample_shape), dtype, scale
        self.mean, self.std = mean, std
        self._on: dict[torch.device, tuple[Tensor, Tensor]] = {}

    @override
    def transform_raw(self, raw: Any) -> Tensor:
        x = as_samples(raw)
        if tuple(x.shape) == self.sample_shape:
            x = x.unsqueeze(0)
        if tuple(x.shape[1:]) != self.sample_shape:
            raise DataError(
                "the samples have another shape than the training data",
                expected="(" + ", ".join(["N", *map(str, self.sample_shape)]) + ")",
                received=str(tuple(x.shape)),
            )
        return x

    @override
    def batch(self, x: Tensor, *, training: bool = False) -> Tensor:
        if self.dtype == "int64":
            return x.long()
        x = x.float()
        if self.scale != 1.0:
            x = x * self.scale
        if self.mean is None or self.std is None:
            return x
        if x.device not in self._on:
            self._on[x.device] = self.mean.to(x.device), self.std.to(x.device)
        mean, std = self._on[x.device]
        return (x - mean) / std

    @override
    def settings(self) -> dict[str, Any]:
        return {"sample_shape": list(self.sample_shape), "dtype": self.dtype, "scale": self.scale}

    @override
    def arrays(self) -> dict[str, Tensor]:
        return {} if self.mean is None or self.std is None else {"mean": self.mean, "std": self.std}

    @classmethod
    @override
    def from_settings(cls, settings: Mapping[str, Any], arrays: Mapping[str, Tensor]) -> Self:
        return cls(
            settings["sample_shape"],
            settings["dtype"],
            float(settings["scale"]),
            arrays.get("mean"),
            arrays.get("std"),
        )

    @override
    def describe(self) -> list[str]:
        if self.dtype == "int64":
            return ["indices as they are"]
        lines = [f"multiply by {self.scale:.6g}"] if self.scale != 1.0 else []
        if self.mean is not None and self.std is not None:
            if self.mean.numel() == 1:
                lines.append(f"normalise: mean {float(self.mean):.4f}, deviation {float(self.std):.4f}")
            else:
                lines.append(f"normalise: mean and deviation of {self.mean.numel()} features")
        return lines


def from_arrays(
    x: Any,
    y: Any = None,
    *,
    validation_data: _Arrays | None = None,
    test_data: _Arrays | None = None,
    valid: float | int | None = None,
    test: float | int | None = None,
    task: str | Task | None = None,
    classes: Sequence[Any] | None = None,
    normalise: str = "auto",
    sample_dtype: str = "float32",
    allow_nan: bool = False,
    seed: int = 0,
    stratified: bool = True,
    name: str = "arrays",
    source: Mapping[str, Any] | None = None,
) -> DataBundle:
    """A bundle of arrays, tensors, a frame, or a torch `Dataset` of pairs.

    Args:
        x: Samples (N, …): numpy array, tensor, DataFrame, Series or list; (N,) becomes (N, 1). Or a `Dataset`.
        y: Targets: class numbers, names, one-hot rows, 0/1 labels (N, K), or quantities. None with a `Dataset`.
        validation_data: Samples and targets for validation, kept as they are; or a `Dataset`.
        test_data: Samples and targets for the test, kept as they are; or a `Dataset`.
        valid: Share or number of samples taken from `x` for validation; by default 0.15, and 0 beside
            `validation_data`.
        test: The same for the test; by default 0.15, and 0 beside `validation_data` or `test_data`.
        task: "binary", "multiclass", "multilabel", "regression", or "classification"; guessed where None.
        classes: Names of all classes.
        normalise: "none" leaves values alone, "scale" divides 8-bit values by 255, "standard" also gives each
            channel of an image, or each feature, mean 0 and deviation 1; "auto" is "scale" for uint8, else "none".
        sample_dtype: "float32", or "int64" for token and category indices.
        allow_nan: Whether NaN and infinite samples are let through (the report names them).
        seed: Of the split.
        stratified: Whether the splits of a classification get the same shares of the classes.
        name: What to call the data.
        source: How to load it again.

    Raises:
        DataError: Shapes that do not fit each other, labels out of range, NaN, fewer than two classes.
    """
    if normalise not in _NORMALISE:
        raise UnknownNameError("normalisation", normalise, _NORMALISE)
    if sample_dtype not in ("float32", "int64"):
        raise UnknownNameError("sample type", sample_dtype, ("float32", "int64"))
    given = {"train": _pair(x, y, name)}
    for part, data in (("valid", validation_data), ("test", test_data)):
        if data is not None:
            given[part] = _pair(*(data if isinstance(data, (tuple, list)) else (data, None)), f"{name}, {part}")
    encoding = fit_encoding([targets for _, targets in given.values()], task=task, classes=classes)
    stored: dict[str, _Arrays] = {}
    shape = tuple(given["train"][0].shape[1:])
    for part, (samples, targets) in given.items():
        if tuple(samples.shape[1:]) != shape:
            raise DataError(
                f"the samples of {part} have another shape than those of train",
                where=name,
                expected=f"(N, {', '.join(map(str, shape))})",
                received=str(tuple(samples.shape)),
            )
        _check_finite(samples, allow_nan, f"{name}, {part}")
        stored[part] = samples, encoding.encode(targets, where=f"{name}, {part}")
        if len(stored[part][1]) != len(samples):
            raise DataError(
                "samples and targets differ in number",
                where=f"{name}, {part}",
                expected=f"{len(samples)} targets",
                received=str(len(stored[part][1])),
            )
    findings = list(encoding.findings)
    _carve(stored, valid, test, encoding.task if stratified else Task.REGRESSION, seed, findings)
    preprocessing = fit_array_preprocessing(stored["train"][0], normalise, sample_dtype)
    splits = {part: TensorSplit(samples, targets, preprocessing) for part, (samples, targets) in stored.items()}
    bundle = assemble(
        name,
        train=splits["train"],
        valid=splits.get("valid"),
        test=splits.get("test"),
        task=encoding.task,
        classes=encoding.classes,
        preprocessing=preprocessing,
        source=source,
        findings=findings,
    )
    args: dict[str, Any] = {
        "validation_data": validation_data, "test_data": test_data, "valid": valid, "test": test, "task": task,
        "classes": classes, "normalise": normalise, "sample_dtype": sample_dtype, "allow_nan": allow_nan, "seed": seed,
        "stratified": stratified, "name": name, "source": source,
    }  # fmt: skip
    return replace(bundle, recipe=partial(from_arrays, x, y, **args))


def as_samples(x: Any) -> Tensor:
    """Arrays, frames, lists and tensors as a tensor with a type that is stored: uint8, float32 or int64.

    Raises:
        DataError: Not numbers.
    """
    if isinstance(x, Tensor):
        tensor = x.detach().cpu()
    else:
        array: npt.NDArray[Any] = x.to_numpy() if hasattr(x, "to_numpy") else np.asarray(x)
        if array.dtype == object:
            try:
                array = array.astype(np.float32)
            except (TypeError, ValueError) as error:
                raise DataError(
                    "the samples are not all numbers, or not all of one shape",
                    expected="numbers",
                    received=str(error),
                    do="For a table with words or dates use lepton_lab.load_table",
                ) from error
        if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool):
            raise DataError(
                "the samples are not numbers",
                expected="numbers",
                received=str(array.dtype),
                do="For texts use lepton_lab.load_text, for tables lepton_lab.load_table",
            )
        if array.dtype in (np.uint16, np.uint32, np.uint64):
            array = array.astype(np.int64)
        tensor = torch.from_numpy(np.array(array, copy=not array.flags.writeable or not array.flags.c_contiguous))
    if tensor.is_complex():
        raise DataError(
            "the samples are complex numbers",
            expected="real numbers",
            received=str(tensor.dtype),
            do="Pass magnitudes, or real and imaginary parts as two channels",
        )
    if tensor.dim() == 0:
        tensor = tensor.reshape(1)
    if tensor.dim() == 1:
        tensor = tensor.unsqueeze(1)
    if tensor.dtype == torch.uint8:
        return tensor
    return tensor.float() if tensor.is_floating_point() or tensor.dtype == torch.bool else tensor.long()


def fit_array_preprocessing(x: Tensor, normalise: str, dtype: str) -> ArrayPreprocessing:
    """Preprocessing for stored training samples; see `from_arrays` for `normalise`."""
    shape = tuple(x.shape[1:])
    if dtype == "int64":
        return ArrayPreprocessing(shape, "int64")
    scale = 1 / 255 if x.dtype == torch.uint8 and normalise != "none" else 1.0
    if normalise != "standard":
        return ArrayPreprocessing(shape, "float32", scale)
    axes = (0, *range(2, x.dim())) if x.dim() == 4 else (0,)
    mean, std = _moments(x, axes)
    keep = (shape[0], 1, 1) if x.dim() == 4 else shape
    std = torch.where(std < 1e-8, torch.ones_like(std), std)
    return ArrayPreprocessing(
        shape, "float32", scale, (mean * scale).float().reshape(keep), (std * scale).float().reshape(keep)
    )


def _moments(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    total, squares, count = torch.zeros(1), torch.zeros(1), 0
    for chunk in torch.split(x, 4096):
        wide = chunk.double()
        total = total + wide.sum(axes)
        squares = squares + wide.square().sum(axes)
        count += wide.numel() // max(total.numel(), 1)
    mean = total / count
    return mean, (squares / count - mean.square()).clamp(min=0).sqrt()


def _pair(x: Any, y: Any, where: str) -> tuple[Tensor, Any]:
    if isinstance(x, Dataset):
        if y is not None:
            raise DataError("a Dataset brings its own targets", where=where, expected="y=None")
        x, y = _read_dataset(x, where)
    if y is None:
        raise DataError("there are no targets", where=where, expected="y, or a Dataset of (sample, target) pairs")
    samples = as_samples(x)
    if len(samples) == 0:
        raise DataError("there are no samples", where=where, expected="at least one sample", received="0")
    if hasattr(y, "__len__") and len(y) != len(samples):
        raise DataError(
            "samples and targets differ in number",
            where=where,
            expected=f"{len(samples)} targets",
            received=str(len(y)),
        )
    return samples, y


def _read_dataset(dataset: Dataset[Any], where: str) -> tuple[Any, Any]:
    if isinstance(dataset, TensorDataset) and len(dataset.tensors) == 2:
        return dataset.tensors
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise DataError(
            "this Dataset cannot be indexed",
            where=where,
            expected="a map-style Dataset with a length",
            received=type(dataset).__name__,
            do="Collect its samples in tensors first",
        )
    if len(dataset) == 0:
        raise DataError("there are no samples", where=where, expected="at least one sample", received="0")
    xs: list[npt.NDArray[Any]] = []
    ys: list[Any] = []
    for i in range(len(dataset)):
        item = dataset[i]
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise DataError(
                f"sample {i} is not a pair", where=where, expected="(sample, target)", received=type(item).__name__
            )
        xs.append(_sample_array(item[0]))
        ys.append(item[1].numpy() if isinstance(item[1], Tensor) else item[1])
        if xs[-1].shape != xs[0].shape:
            raise DataError(
                f"sample {i} has another shape than the first",
                where=where,
                expected=str(xs[0].shape),
                received=str(xs[-1].shape),
                do="Bring all samples to one size in the Dataset's transform",
            )
        if i == 0 and xs[0].nbytes * len(dataset) > _MAX_DATASET_BYTES:
            raise DataError(
                "this Dataset is too large to be kept in memory",
                where=where,
                expected=f"at most {_MAX_DATASET_BYTES >> 30} GiB",
                received=f"{xs[0].nbytes * len(dataset) / 2**30:.1f} GiB",
                do="Use lepton_lab.load_images on its folder, which streams",
            )
    return np.stack(xs), np.asarray(ys)


def _sample_array(sample: Any) -> npt.NDArray[Any]:
    if isinstance(sample, Tensor):
        return sample.numpy()
    array = np.asarray(sample)
    is_picture = hasattr(sample, "getbands")  # a PIL image: rows, columns, channels
    if is_picture:
        array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return array


def _check_finite(x: Tensor, allow_nan: bool, where: str) -> None:
    if allow_nan or not x.is_floating_point() or bool(torch.isfinite(x.sum())):
        return
    bad = ~torch.isfinite(x).reshape(len(x), -1)
    rows = bad.any(1).nonzero().flatten()
    if len(rows) == 0:
        return  # the sum overflowed, the values are fine
    columns = bad.any(0).nonzero().flatten().tolist()
    raise DataError(
        f"{int(bad.sum()):,} values in {len(rows):,} samples are NaN or infinite; the first is in sample "
        f"{int(rows[0])}, position {columns[0]}",
        where=where,
        expected="finite numbers",
        do="Fill or drop them (lepton_lab.load_table fills missing values), or pass allow_nan=True",
    )


def _carve(
    stored: dict[str, _Arrays],
    valid: float | int | None,
    test: float | int | None,
    task: Task,
    seed: int,
    findings: list[DataFinding],
) -> None:
    """Takes validation and test samples from train where none were given."""
    alone = len(stored) == 1
    if valid is None:
        valid = 0 if "valid" in stored else DEFAULT_SHARE
    if test is None:
        test = DEFAULT_SHARE if alone else 0
    for part, size in (("valid", valid), ("test", test)):
        if size and part in stored:
            raise DataError(f"{part} is given twice", expected=f"either {part}={size!r} or a {part} set of its own")
    if not valid and not test:
        return
    x, y = stored["train"]
    labels = y.numpy() if task.is_classification else None
    indices = split_indices(len(x), valid=valid, test=test, labels=labels, seed=seed)
    findings += indices.findings
    for part, rows in (("train", indices.train), ("valid", indices.valid), ("test", indices.test)):
        if len(rows):
            index = torch.from_numpy(rows)
            stored[part] = x[index], y[index]
