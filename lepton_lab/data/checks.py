"""Examines a bundle's splits: duplicates, balance, constants, leaks, values out of the ordinary."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lepton_lab.data.report import DataFinding, DataReport

if TYPE_CHECKING:
    from lepton_lab.data.bundle import DataBundle
    from lepton_lab.data.images_reader import Watch

__all__ = ["examine", "row_hashes"]

_UNEVEN = 5.0  # the largest class has this many times the samples of the smallest
_LEAK = 0.999  # share of the targets that one feature explains
_LEAK_SAMPLES = 20_000
_CHUNK_BYTES = 16 << 20

Hashes = npt.NDArray[np.uint64]


@dataclass
class _Notes:
    findings: list[DataFinding]
    clean: list[str]

    def add(self, findings: list[DataFinding], checked: str) -> None:
        """Notes the findings of one check, or that it found nothing."""
        self.findings += findings
        if not findings:
            self.clean.append(checked)


def examine(bundle: DataBundle, watch: Watch | None = None) -> DataReport:
    """Looks at all that lies in memory; of splits that stream, only at the targets.

    Args:
        bundle: What to look at.
        watch: Told how many of the parts are done, and asked whether to go on.

    Raises:
        LoadingCancelledError: `watch` asked for it.
    """
    parts = 4 + len(bundle.splits)

    def step(done: int) -> None:
        if watch is not None:
            watch.report(done, parts)

    notes = _Notes(list(bundle.findings), [])
    stored = {name: split.tensors() for name, split in bundle.splits.items()}
    tensors = {name: pair for name, pair in stored.items() if pair is not None}
    balance = _balance(bundle)
    if balance:
        notes.add(_check_balance(balance), "empty and rare classes")
    ranges: dict[str, tuple[float, float, float]] = {}
    if tensors:
        step(1)
        ranges = {name: _range(x) for name, (x, _) in tensors.items()}
        notes.add(_check_finite(tensors), "NaN and infinite values")
        step(2)
        hashes = {}
        for name, (x, _) in tensors.items():
            hashes[name] = row_hashes(x)
            step(2 + len(hashes))
        within, across, labels = _check_duplicates(hashes, tensors)
        notes.add(within, "duplicates within a split")
        if len(tensors) > 1:
            notes.add(across, "duplicates across splits")
        notes.add(labels, "same sample with different targets")
        step(parts - 1)
        if "train" in tensors:
            x, y = tensors["train"]
            if x.dim() == 2 and bundle.sample_dtype == "float32":
                widths = bundle.preprocessing.feature_widths or [(f"feature {i}", 1) for i in range(x.shape[1])]
                columns, names = _as_columns(x, widths)
                notes.add(constant_features(columns, names), "constant features")
                notes.add(
                    leaking_features(columns, y, names, bundle.task.is_classification),
                    "features that give the target away",
                )
            elif x.dim() > 2:
                notes.add(_check_blank(x), "blank samples")
    step(parts)
    return DataReport(
        name=bundle.name,
        counts={name: len(split) for name, split in bundle.splits.items()},
        balance=balance,
        ranges=ranges,
        columns=bundle.columns,
        findings=tuple(notes.findings),
        clean=tuple(notes.clean),
    )


def row_hashes(x: Tensor) -> Hashes:
    """A 64-bit hash of each sample's bytes, (N,)."""
    flat = x.detach().cpu().contiguous().reshape(len(x), -1)
    if flat.dtype.is_floating_point:
        flat = flat + 0.0  # -0.0 and 0.0 are one value
    data = flat.view(torch.uint8).numpy() if flat.shape[1] else np.zeros((len(x), 1), np.uint8)
    words = -(-data.shape[1] // 8)
    keys = np.random.default_rng(7).integers(1, 2**63, size=words, dtype=np.uint64)
    out = np.empty(len(data), np.uint64)
    step = max(1, _CHUNK_BYTES // (8 * words))
    for start in range(0, len(data), step):
        block = data[start : start + step]
        padded = np.zeros((len(block), 8 * words), np.uint8)
        padded[:, : block.shape[1]] = block
        value = padded.view(np.uint64)
        value = (value ^ (value >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15) + keys
        value ^= value >> np.uint64(29)
        value *= np.uint64(0xBF58476D1CE4E5B9)
        out[start : start + step] = (value ^ (value >> np.uint64(32))).sum(axis=1, dtype=np.uint64)
    return out


def _as_columns(x: Tensor, widths: Sequence[tuple[str, int]]) -> tuple[Tensor, list[str]]:
    """One column for each of the table's own: categories as their number instead of one-hot, (N, D)."""
    if all(width == 1 for _, width in widths):
        return x, [name for name, _ in widths]
    parts = torch.split(x, [width for _, width in widths], dim=1)
    columns = [part.argmax(1).to(x.dtype) if part.shape[1] > 1 else part[:, 0] for part in parts]
    return torch.stack(columns, dim=1), [name for name, _ in widths]


def constant_features(x: Tensor, names: list[str]) -> list[DataFinding]:
    """Features that have one value throughout training; x is (N, D)."""
    constant = (x == x[:1]).all(0).nonzero().flatten().tolist()
    if not constant or len(x) < 2:
        return []
    shown = ", ".join(names[i] for i in constant[:5]) + (", …" if len(constant) > 5 else "")
    return [
        DataFinding(
            "info",
            "constant_feature",
            f"{len(constant)} of {x.shape[1]} features have one value throughout training: {shown}.",
            {"features": [names[i] for i in constant[:100]]},
            "They tell nothing; leave them out.",
        )
    ]


def leaking_features(x: Tensor, y: Tensor, names: list[str], classification: bool) -> list[DataFinding]:
    """Features that give the target away on their own; x is (N, D) float.

    A feature leaks when a tree with few leaves, fitted on one half, is right on almost all of the other half, or
    when its correlation with a quantity is almost 1. Few is a leaf for each class, or, for a feature that has hardly
    more values than there are classes, one for each value: a category's numbers are in no order.
    """
    if len(x) < 50 or x.shape[1] > 2000 or (y.dim() > 1 and y.shape[1] > 1):
        return []
    x, y = x[:_LEAK_SAMPLES].double(), y[:_LEAK_SAMPLES].reshape(-1)
    scores = _class_scores(x, y) if classification else _correlations(x, y.double())
    found = [(i, float(scores[i])) for i in np.argsort(-scores) if scores[i] >= _LEAK]
    return [
        DataFinding(
            "warning",
            "leaking_feature",
            f"{names[i]} alone predicts the target almost perfectly ({score:.1%}).",
            {"feature": names[i], "score": score},
            "If it is known only after the target is, leave it out.",
        )
        for i, score in found[:10]
    ]


def _class_scores(x: Tensor, y: Tensor) -> npt.NDArray[np.float64]:
    from sklearn.tree import DecisionTreeClassifier

    values, labels = x.numpy(), y.numpy()
    classes = len(np.unique(labels))
    scores = np.zeros(values.shape[1])
    if classes > 50:
        return scores
    common = np.bincount(labels).max() / len(labels)
    half = np.random.default_rng(0).permutation(len(labels))
    fit, check = half[: len(half) // 2], half[len(half) // 2 :]
    for i in range(values.shape[1]):
        column = np.nan_to_num(values[:, i : i + 1])
        different = len(np.unique(column))
        if different == 1:
            continue
        # Two leaves to spare: a class in the middle of the range needs two cuts.
        leaves = max(classes + 2, different if different <= 4 * classes else 0)
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
        score = float((tree.fit(column[fit], labels[fit]).predict(column[check]) == labels[check]).mean())
        scores[i] = score if 1 - score <= (1 - common) / 10 else 0.0  # far better than always saying the commonest
    return scores


def _correlations(x: Tensor, y: Tensor) -> npt.NDArray[np.float64]:
    x, y = x - x.mean(0), y - y.mean()
    norm = x.norm(dim=0) * y.norm()
    return (torch.nan_to_num((x * y[:, None]).sum(0) / norm.clamp(min=1e-12))).abs().numpy()


def _balance(bundle: DataBundle) -> dict[str, dict[str, int]]:
    if not bundle.classes:
        return {}
    balance: dict[str, dict[str, int]] = {}
    for name, split in bundle.splits.items():
        y = split.targets()
        counts = torch.bincount(y, minlength=len(bundle.classes)) if y.dim() == 1 else y.sum(0).long()
        balance[name] = dict(zip(bundle.classes, counts.tolist(), strict=True))
    return balance


def _check_balance(balance: dict[str, dict[str, int]]) -> list[DataFinding]:
    findings = []
    train = balance["train"]
    empty = [name for name, count in train.items() if count == 0]
    if empty:
        tested = [name for name in empty if any(counts[name] for counts in balance.values())]
        findings.append(
            DataFinding(
                "error" if tested else "warning",
                "empty_class",
                f"{len(empty)} of {len(train)} classes have no training samples: {_some(empty)}"
                + (f"; {len(tested)} of them are in other splits." if tested else "."),
                {"classes": empty[:100]},
                "Add samples of them, or leave the classes out.",
            )
        )
    for split, counts in balance.items():
        missing = [name for name, count in counts.items() if count == 0 and train[name]]
        if missing:
            findings.append(
                DataFinding(
                    "info",
                    "class_missing_in_split",
                    f"{len(missing)} of {len(counts)} classes are not in {split}: {_some(missing)}.",
                    {"split": split, "classes": missing[:100]},
                    f"What is measured on {split} says nothing about them.",
                )
            )
    present = {name: count for name, count in train.items() if count}
    if present:
        low, high = min(present, key=present.__getitem__), max(present, key=present.__getitem__)
        total = sum(train.values())
        if present[high] >= _UNEVEN * present[low]:
            findings.append(
                DataFinding(
                    "warning",
                    "imbalanced_classes",
                    f"Class {low} has {present[low] / total:.1%} of the training samples, the fewest; "
                    f"class {high} has {present[high] / total:.1%}.",
                    {"fewest": low, "most": high, "counts": dict(list(train.items())[:100])},
                    "Weight the classes, or sample the rare ones more often.",
                )
            )
    return findings


def _range(x: Tensor) -> tuple[float, float, float]:
    if x.is_floating_point():
        finite = x[torch.isfinite(x)] if not bool(torch.isfinite(x.sum())) else x
        if finite.numel() == 0:
            return float("nan"), float("nan"), float("nan")
        return float(finite.min()), float(finite.max()), float(finite.double().mean())
    total = sum(int(chunk.sum(dtype=torch.int64)) for chunk in torch.split(x, 65536))
    return float(x.min()), float(x.max()), total / max(x.numel(), 1)


def _check_finite(tensors: dict[str, tuple[Tensor, Tensor]]) -> list[DataFinding]:
    findings = []
    for name, (x, _) in tensors.items():
        if not x.is_floating_point() or bool(torch.isfinite(x.sum())):
            continue
        bad = ~torch.isfinite(x).reshape(len(x), -1)
        rows = bad.any(1).nonzero().flatten().tolist()
        if rows:
            findings.append(
                DataFinding(
                    "error",
                    "not_finite",
                    f"{int(bad.sum()):,} values in {len(rows):,} samples of {name} are NaN or infinite.",
                    {"split": name, "rows": rows[:100]},
                    "Fill or drop them; a network turns one NaN into a NaN loss.",
                )
            )
    return findings


def _check_duplicates(
    hashes: dict[str, Hashes], tensors: dict[str, tuple[Tensor, Tensor]]
) -> tuple[list[DataFinding], list[DataFinding], list[DataFinding]]:
    within, across, labels = [], [], []
    for name, values in hashes.items():
        _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        extra = np.flatnonzero(first[inverse] != np.arange(len(values)))
        if not len(extra):
            continue
        share = len(extra) / len(values)
        within.append(
            DataFinding(
                "warning" if share > 0.01 else "info",
                "duplicates_within_split",
                f"{_samples(extra)} of {name} cannot be told from others there once prepared ({share:.1%}).",
                {"split": name, "pairs": [[int(first[inverse[i]]), int(i)] for i in extra[:100]]},
                "Copies weigh more than other samples; keep one of each unless they are meant.",
            )
        )
        y = tensors[name][1]
        pairs = torch.from_numpy(np.stack([first[inverse[extra]], extra]))
        differ = (y[pairs[0]] != y[pairs[1]]).reshape(len(extra), -1).any(1).nonzero().flatten().tolist()
        if differ:
            labels.append(
                DataFinding(
                    "warning",
                    "conflicting_targets",
                    f"{_samples(differ)} of {name} cannot be told from others that have another target.",
                    {"split": name, "pairs": [pairs[:, i].tolist() for i in differ[:100]]},
                    "At least one of the two targets is wrong, or the features cannot tell them apart.",
                )
            )
    names = list(hashes)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            order = np.argsort(hashes[one], kind="stable")
            ordered = hashes[one][order]
            at = np.minimum(np.searchsorted(ordered, hashes[other]), len(ordered) - 1)
            shared = np.flatnonzero(ordered[at] == hashes[other])
            if len(shared):
                lift = len(shared) / len(hashes[other])
                across.append(
                    DataFinding(
                        "warning",
                        "duplicates_across_splits",
                        f"{_samples(shared)} of {other} ({lift:.2%}) also in {one}.",
                        {"splits": [one, other], "pairs": [[int(order[at[j]]), int(j)] for j in shared[:100]]},
                        f"They lift what is measured on {other}, by {lift:.2%} at most. Remove them from {one}.",
                    )
                )
    return within, across, labels


def _check_blank(x: Tensor) -> list[DataFinding]:
    flat = x.reshape(len(x), -1)
    blank = torch.cat([(part == part[:, :1]).all(1) for part in torch.split(flat, 8192)]).nonzero().flatten().tolist()
    if not blank:
        return []
    return [
        DataFinding(
            "warning",
            "blank_samples",
            f"{len(blank):,} training samples have one value throughout.",
            {"rows": blank[:100]},
            "Look at them; they are probably broken.",
        )
    ]


def _samples(rows: Sized) -> str:
    return "1 sample" if len(rows) == 1 else f"{len(rows):,} samples"


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
