"""Seeded splits, stratified for classifications."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lepton_lab.data.report import DataFinding
from lepton_lab.errors import DataError

__all__ = ["DEFAULT_SHARE", "SplitIndices", "split_indices"]

DEFAULT_SHARE = 0.15
"""Share of the samples for validation, and for test, where nothing else was asked for."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SplitIndices:
    """Which sample goes where; each array is sorted, together they hold every sample once.

    Attributes:
        train: Rows for training.
        valid: Rows for validation; may be empty.
        test: Rows for the test; may be empty.
        findings: Where stratifying was not possible.
    """

    train: Indices
    valid: Indices
    test: Indices
    findings: tuple[DataFinding, ...] = ()


def split_indices(
    count: int,
    *,
    valid: float | int = DEFAULT_SHARE,
    test: float | int = 0,
    labels: npt.ArrayLike | None = None,
    seed: int = 0,
    stratified: bool = True,
) -> SplitIndices:
    """Divides `count` samples at random.

    Args:
        count: How many samples there are.
        valid: Share of the samples (below 1) or number of samples (an int from 1) for validation.
        test: The same for the test.
        labels: Class of each sample, (count,); each split then gets the same shares of the classes.
        seed: The same seed gives the same split.
        stratified: Whether `labels` are heeded.

    Raises:
        DataError: Nothing would be left for training, or a share is not a share.
    """
    n_valid, n_test = _number(valid, count, "valid"), _number(test, count, "test")
    if count - n_valid - n_test < 1:
        raise DataError(
            "the split leaves nothing to train on",
            expected=f"valid and test together below {count} samples",
            received=f"valid {n_valid} and test {n_test}",
            do="Ask for smaller shares, such as valid=0.15, test=0.15",
        )
    rng = np.random.default_rng(seed)
    if labels is None or not stratified or n_valid + n_test == 0:
        order = rng.permutation(count).astype(np.int64)
        return _sorted(order, n_valid, n_test)
    classes = np.asarray(labels)
    if classes.shape != (count,):
        raise DataError("the labels do not fit the samples", expected=f"({count},)", received=str(classes.shape))
    return _stratified(classes, n_valid, n_test, rng)


def _stratified(labels: npt.NDArray[np.generic], n_valid: int, n_test: int, rng: np.random.Generator) -> SplitIndices:
    values, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    parts = 1 + (n_valid > 0) + (n_test > 0)
    findings: list[DataFinding] = []
    rare = [str(v) for v, c in zip(values, counts, strict=True) if c < parts]
    if rare:
        findings.append(
            DataFinding(
                "warning",
                "class_too_small_to_split",
                f"{len(rare)} of {len(values)} classes have fewer samples than there are splits ({parts}), "
                f"so they are missing from some of them: {', '.join(rare[:5])}{', …' if len(rare) > 5 else ''}.",
                {"classes": rare[:100]},
                "Collect more samples of these classes, or merge them.",
            )
        )
    for name, number in (("valid", n_valid), ("test", n_test)):
        if 0 < number < len(values):
            findings.append(
                DataFinding(
                    "warning",
                    "split_not_stratified",
                    f"The {name} split has {number} samples for {len(values)} classes, so not every class is in it.",
                    {"split": name, "samples": number, "classes": len(values)},
                    f"Ask for a larger {name} split.",
                )
            )
    # A shuffled order is dealt out evenly: every sample gets its rank within its class, as a share of the class;
    # sorting by that share interleaves the classes in proportion, and a cut anywhere takes the same share of each.
    order = rng.permutation(len(labels))
    grouped = order[np.argsort(codes[order], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    rank = np.arange(len(labels)) - np.repeat(starts, counts)
    share = (rank + rng.random(len(values))[codes[grouped]]) / counts[codes[grouped]]
    share[np.repeat(counts, counts) < parts] = np.inf  # classes too small to divide are trained on
    dealt = grouped[np.argsort(share, kind="stable")].astype(np.int64)
    return _sorted(np.concatenate([dealt[n_valid + n_test :], dealt[: n_valid + n_test]]), n_valid, n_test, findings)


def _sorted(order: Indices, n_valid: int, n_test: int, findings: list[DataFinding] | None = None) -> SplitIndices:
    n_train = len(order) - n_valid - n_test
    train, valid, test = np.split(order, [n_train, n_train + n_valid])
    return SplitIndices(np.sort(train), np.sort(valid), np.sort(test), tuple(findings or ()))


def _number(size: float | int, count: int, name: str) -> int:
    if isinstance(size, bool) or not np.isfinite(size) or size < 0 or (size >= 1 and size != int(size)):
        raise DataError(
            f"{name} is not a size",
            expected="a share from 0 up to 1, or a whole number of samples",
            received=repr(size),
        )
    if isinstance(size, int) or size >= 1:
        return int(size)
    return round(size * count) if size * count >= 1 or size == 0 else 1 if count > 2 else 0
