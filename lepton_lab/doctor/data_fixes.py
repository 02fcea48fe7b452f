"""Changes of a data bundle that a fix may name, each a pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lepton_lab.data import DataBundle
from lepton_lab.data.arrays import ArrayPreprocessing, fit_array_preprocessing
from lepton_lab.data.bundle import Split, TensorSplit
from lepton_lab.data.checks import row_hashes
from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["can_standardise", "change_data"]


def change_data(data: DataBundle, change: Mapping[str, Any]) -> DataBundle:
    """The data after a change; the bundle that was given stays as it is.

    Args:
        data: The data.
        change: `{"op": "standardise"}` scales every feature or channel to mean 0 and deviation 1, as fitted on train;
            `{"op": "balance", "how": "sampling"}` is `DataBundle.balanced`; `{"op": "drop_duplicates"}` removes from
            train what is in valid or test too; `{"op": "blank_feature", "feature": 3}` sets one feature to 0 in all
            splits; `{"op": "drop_not_finite"}` leaves samples with NaN or infinite values out of all splits.

    Raises:
        UnknownNameError: There is no such change.
        DataError: The data is not of the kind that the change needs.
    """
    name = str(change.get("op", ""))
    if name not in _CHANGES:
        raise UnknownNameError("change of data", name, _CHANGES)
    return _CHANGES[name](data, change)


def can_standardise(data: DataBundle) -> bool:
    """Whether `standardise` can change this data: plain arrays that lie in memory."""
    return (
        isinstance(data.preprocessing, ArrayPreprocessing)
        and data.preprocessing.dtype == "float32"
        and data.train.tensors() is not None
    )


def _standardise(data: DataBundle, _: Mapping[str, Any]) -> DataBundle:
    stored = data.train.tensors()
    if stored is None or not can_standardise(data):
        raise DataError(
            f"{data.name!r} cannot be standardised after it was loaded",
            expected="arrays in memory",
            received=type(data.preprocessing).__name__,
            do="Load it with its scaling switched on, or begin the network with BatchNorm",
        )
    fitted = fit_array_preprocessing(stored[0], "standard", "float32")
    return _with_splits(data, lambda _, x, y: TensorSplit(x, y, fitted), preprocessing=fitted)


def _balance(data: DataBundle, change: Mapping[str, Any]) -> DataBundle:
    return data.balanced(change.get("how", "sampling"))


def _drop_duplicates(data: DataBundle, _: Mapping[str, Any]) -> DataBundle:
    train = data.train.tensors()
    if train is None:
        raise _streams(data)
    others = [s.tensors() for s in (data.valid, data.test) if s is not None]
    known = np.concatenate([row_hashes(pair[0]) for pair in others if pair is not None] or [np.empty(0, np.uint64)])
    rows = torch.from_numpy(np.flatnonzero(~np.isin(row_hashes(train[0]), known)))
    if not len(rows):
        raise DataError(f"all training samples of {data.name!r} are in another split", do="Split the data anew")
    return replace(data, train=data.train.resampled(rows=rows), source=None)


def _blank_feature(data: DataBundle, change: Mapping[str, Any]) -> DataBundle:
    feature = int(change["feature"])

    def blank(split: Split, x: Tensor, y: Tensor) -> TensorSplit:
        flat = x.clone().reshape(len(x), -1)
        if not 0 <= feature < flat.shape[1]:
            raise DataError(f"{data.name!r} has no feature {feature}", expected=f"0 to {flat.shape[1] - 1}")
        flat[:, feature] = 0
        return TensorSplit(flat.reshape(x.shape), y, _preprocessing(split, data))

    return _with_splits(data, blank)


def _drop_not_finite(data: DataBundle, _: Mapping[str, Any]) -> DataBundle:
    def finite(split: Split, x: Tensor, y: Tensor) -> TensorSplit:
        good = torch.isfinite(x).reshape(len(x), -1).all(1) if x.is_floating_point() else torch.ones(len(x)).bool()
        if y.is_floating_point():
            good &= torch.isfinite(y).reshape(len(y), -1).all(1)
        return TensorSplit(x[good], y[good], _preprocessing(split, data))

    return _with_splits(data, finite)


def _with_splits(data: DataBundle, change: Callable[[Split, Tensor, Tensor], TensorSplit], **values: Any) -> DataBundle:
    """All splits put through `change`; augmentation and weights of the samples are kept where the samples are."""
    changed: dict[str, Any] = {}
    for name, split in data.splits.items():
        stored = split.tensors()
        if stored is None:
            raise _streams(data)
        new = change(split, *stored)
        new.augmentation = split.augmentation
        if isinstance(split, TensorSplit) and len(new) == len(split):
            new.weights = split.weights
        changed[name] = new
    return replace(data, **changed, **values, source=None)


def _preprocessing(split: Split, data: DataBundle) -> Any:
    return split.preprocessing if isinstance(split, TensorSplit) else data.preprocessing


def _streams(data: DataBundle) -> DataError:
    return DataError(f"{data.name!r} streams from disk, so its samples cannot be changed here")


_CHANGES: dict[str, Callable[[DataBundle, Mapping[str, Any]], DataBundle]] = {
    "standardise": _standardise,
    "balance": _balance,
    "drop_duplicates": _drop_duplicates,
    "blank_feature": _blank_feature,
    "drop_not_finite": _drop_not_finite,
}
