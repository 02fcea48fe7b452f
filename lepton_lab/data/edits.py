"""Takes samples out of data that is loaded, and makes it again with other options.

An edit is plain JSON, so that it travels with a bundle's `source` and shows up in its code:

    {"do": "remove_shared", "split": "train", "other": "test"}   what of `split` is in `other` too
    {"do": "remove_copies", "split": "train"}                    all but the first of samples that are equal
    {"do": "remove_conflicting", "split": "train"}               equal samples with different targets, all of them
    {"do": "remove_blank", "split": "train"}                     samples that have one value throughout
    {"do": "remove_not_finite", "split": "train"}                samples with NaN or infinite values
    {"do": "remove_rows", "split": "train", "rows": [3, 5]}      these positions
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lepton_lab.data.bundle import DataBundle, Split
from lepton_lab.data.checks import row_hashes
from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["EDITS", "apply_edits", "made_again"]

Rows = npt.NDArray[np.int64]


def apply_edits(bundle: DataBundle, edits: Iterable[Mapping[str, Any]]) -> DataBundle:
    """The data with the edits carried out, one after the other.

    Raises:
        UnknownNameError: No such edit, or no such split.
        DataError: An edit lacks a part, nothing would be left to train on, or the samples are not in memory.
    """
    for edit in edits:
        bundle = _applied(bundle, dict(edit))
    return bundle


def made_again(bundle: DataBundle, **changes: Any) -> DataBundle:
    """The same data loaded anew with other options of its loader; edits, augmentation and balance are kept.

    Args:
        bundle: What to make again.
        **changes: Options of the loader, such as `valid=0.2, seed=7`; None takes one back to its default.

    Raises:
        DataError: It cannot be made again, or an option cannot be used.
    """
    if bundle.source is not None:
        from lepton_lab.data.sources import load_source

        source = {key: value for key, value in bundle.source.items() if key in ("loader", "plugin")}
        source["args"] = _merged(bundle.source["args"], changes)
        made = load_source(source)
    elif bundle.recipe is not None:
        from functools import partial

        recipe = bundle.recipe
        if isinstance(recipe, partial):
            recipe = partial(recipe.func, *recipe.args, **_merged(recipe.keywords, changes))
            changes = {}
        made = recipe(**changes)
    else:
        raise DataError(
            "this data came from memory and cannot be made again",
            expected="data that was loaded by name or from a file",
            do="Load it again with the options you want",
        )
    made = made.edited(*bundle.edits)
    if bundle.train.augmentation:
        made = made.with_augmentation(bundle.train.augmentation)
    if bundle.balance:
        seed = int((bundle.source or {}).get("balance_seed", 0))
        made = made.balanced(bundle.balance, seed=seed)
    return made


def _merged(args: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**args, **changes}.items() if value is not None}


def _applied(bundle: DataBundle, edit: dict[str, Any]) -> DataBundle:
    do = edit.get("do")
    if do not in EDITS:
        raise UnknownNameError("edit", do, EDITS)
    if bundle.balance == "oversampling":
        raise DataError("samples are repeated already, so copies cannot be told from them", do="Edit before balancing")
    split = _split(bundle, edit, "split")
    gone = EDITS[do](bundle, split, edit)
    if not len(gone):
        return _noted(bundle, edit)
    keep = np.setdiff1d(np.arange(len(split), dtype=np.int64), gone)
    name = edit["split"]
    if not len(keep):
        if name == "train":
            raise DataError("nothing would be left to train on", where=bundle.name, expected="at least one sample")
        return _noted(_with(bundle, name, None), edit)
    rows = torch.from_numpy(keep)
    weights = getattr(split, "weights", None)
    kept = split.resampled(rows=rows, weights=None if weights is None else weights[rows])
    if name == "train" and bundle.task.is_classification and len(torch.unique(kept.targets())) < 2:
        raise DataError(
            "only one class would be left to train on", where=bundle.name, expected="samples of two classes or more"
        )
    return _noted(_with(bundle, name, kept), edit)


def _with(bundle: DataBundle, name: str, split: Split | None) -> DataBundle:
    changed: dict[str, Any] = {name: split}
    return replace(bundle, **changed)


def _noted(bundle: DataBundle, edit: dict[str, Any]) -> DataBundle:
    edits = (*bundle.edits, edit)
    source = None if bundle.source is None else {**bundle.source, "edits": list(edits)}
    return replace(bundle, edits=edits, source=source)


def _split(bundle: DataBundle, edit: Mapping[str, Any], part: str) -> Split:
    name = edit.get(part)
    if name not in bundle.splits:
        raise UnknownNameError("split", name, bundle.splits, where=str(edit.get("do")))
    return bundle.splits[str(name)]


def _stored(split: Split) -> tuple[Tensor, Tensor]:
    pair = split.tensors()
    if pair is None:
        raise DataError(
            "these samples are read from disk batch by batch, so they cannot be compared",
            expected="samples in memory",
            do="Load them with a larger memory_cap",
        )
    return pair


def _shared(bundle: DataBundle, split: Split, edit: Mapping[str, Any]) -> Rows:
    other = _split(bundle, edit, "other")
    return np.flatnonzero(np.isin(row_hashes(_stored(split)[0]), row_hashes(_stored(other)[0])))


def _copies(bundle: DataBundle, split: Split, edit: Mapping[str, Any]) -> Rows:
    _, first = np.unique(row_hashes(_stored(split)[0]), return_index=True)
    return np.setdiff1d(np.arange(len(split), dtype=np.int64), first)


def _conflicting(bundle: DataBundle, split: Split, edit: Mapping[str, Any]) -> Rows:
    x, y = _stored(split)
    _, first, inverse = np.unique(row_hashes(x), return_index=True, return_inverse=True)
    differs = (y != y[torch.from_numpy(first[inverse])]).reshape(len(y), -1).any(1).numpy()
    return np.flatnonzero(np.isin(inverse, np.unique(inverse[differs])))


def _blank(bundle: DataBundle, split: Split, edit: Mapping[str, Any]) -> Rows:
    flat = _stored(split)[0].reshape(len(split), -1)
    return np.flatnonzero(torch.cat([(part == part[:, :1]).all(1) for part in torch.split(flat, 8192)]).numpy())


def _not_finite(bundle: DataBundle, split: Split, edit: Mapping[str, Any]) -> Rows:
    x, _y = _stored(split)
    if not x.is_floating_point():
        return np.empty(0, np.int64)
    return np.flatnonzero((~torch.isfinite(x)).reshape(len(x), -1).any(1).numpy())


def _rows(bundle: DataBundle, split: Split, edit: Mapping[str, Any]) -> Rows:
    rows = np.asarray(edit.get("rows", ()), dtype=np.int64).reshape(-1)
    if len(rows) and (rows.min() < 0 or rows.max() >= len(split)):
        raise DataError(
            "there are no such samples",
            expected=f"positions from 0 to {len(split) - 1}",
            received=f"{rows.min()} to {rows.max()}",
        )
    return np.unique(rows)


EDITS: dict[str, Callable[[DataBundle, Split, Mapping[str, Any]], Rows]] = {
    "remove_shared": _shared,
    "remove_copies": _copies,
    "remove_conflicting": _conflicting,
    "remove_blank": _blank,
    "remove_not_finite": _not_finite,
    "remove_rows": _rows,
}
"""What an edit may do; each finds the positions in a split that go."""
