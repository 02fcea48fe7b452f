"""Carries out what a look at a table's columns or at a report suggests; each gives a new bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lepton_lab.data.bundle import DataBundle
from lepton_lab.data.edits import made_again
from lepton_lab.data.report import DataFinding
from lepton_lab.data.table_preprocessing import TablePreprocessing
from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["Remedy", "cleaned", "remedy", "unbalanced"]

CHANGES = ("leave_out", "use", "join", "mark")


@dataclass(frozen=True)
class Remedy:
    """What can be done about a finding.

    Attributes:
        label: As a verb, for a button.
        edit: For `DataBundle.edited`; empty where it is something else.
        balance: Whether the classes are weighted.
        column: The change of `cleaned` and the column's name; empty where it is something else.
    """

    label: str
    edit: Mapping[str, Any] | None = None
    balance: bool = False
    column: tuple[str, str] | None = None

    def apply(self, bundle: DataBundle) -> DataBundle:
        """The data with it carried out."""
        if self.edit is not None:
            return bundle.edited(self.edit)
        if self.column is not None:
            return cleaned(bundle, [self.column])
        return bundle.balanced("weights")


def remedy(bundle: DataBundle, finding: DataFinding) -> Remedy | None:
    """What one click can do about a finding; None where somebody has to look or nothing need be done."""
    found = finding.evidence
    split = str(found.get("split", "train"))
    in_memory = all(part.tensors() is not None for part in bundle.splits.values())
    words = {"train": "training", "valid": "validation", "test": "test"}
    if finding.code in _EDITS and in_memory:
        do, label = _EDITS[finding.code]
        if do == "remove_shared":
            split, other = (str(s) for s in found["splits"])
            return Remedy(f"Remove from {words[split]}", {"do": do, "split": split, "other": other})
        return Remedy(label.format(words[split]), {"do": do, "split": split})
    if finding.code == "imbalanced_classes" and not bundle.balance:
        return Remedy("Weight classes", balance=True)
    if not _is_table(bundle):
        return None
    features = _features(bundle)
    if finding.code == "leaking_feature" and found["feature"] in features and len(features) > 1:
        return Remedy("Leave out", column=("leave_out", str(found["feature"])))
    if finding.code == "missing_values" and finding.severity == "warning" and found["column"] in features:
        return Remedy("Fill and mark", column=("mark", str(found["column"])))
    return None


_EDITS = {
    "duplicates_across_splits": ("remove_shared", ""),
    "duplicates_within_split": ("remove_copies", "Keep one of each"),
    "conflicting_targets": ("remove_conflicting", "Remove from {}"),
    "blank_samples": ("remove_blank", "Remove from {}"),
    "not_finite": ("remove_not_finite", "Remove from {}"),
}


def cleaned(
    bundle: DataBundle,
    changes: Sequence[tuple[str, str]],
    words: Mapping[str, Mapping[str, str]] | None = None,
) -> DataBundle:
    """A table loaded anew with columns changed.

    Args:
        bundle: Made by `load_table`.
        changes: "leave_out", "use", "join" or "mark", each with a column's name.
        words: For each column to join, words and the one that each is read as.

    Raises:
        UnknownNameError: No such change, or no such column.
        DataError: No column would be left, or the data was not made of a table.
    """
    if not _is_table(bundle):
        raise DataError(f"{bundle.name!r} was not made of a table", expected="data of load_table")
    keywords: Mapping[str, Any] = getattr(bundle.recipe, "keywords", {})
    features = _features(bundle)
    names = [column.name for column in bundle.columns if column.role != "target"]
    join = {name: dict(pairs) for name, pairs in (keywords.get("join") or {}).items()}
    marked = list(keywords.get("mark_missing") or ())
    for change, name in changes:
        if change not in CHANGES:
            raise UnknownNameError("change of a column", change, CHANGES)
        if name not in names:
            raise UnknownNameError("column", name, names)
        if change == "leave_out":
            features = [n for n in features if n != name]
            marked = [n for n in marked if n != name]
        elif change == "use":
            features = [n for n in names if n in features or n == name]
        elif change == "join":
            join[name] = {**join.get(name, {}), **(words or {}).get(name, {})}
        elif name not in marked:
            marked.append(name)
    if not features:
        raise DataError("no column would be left to learn from", expected="at least one feature beside the target")
    asked: dict[str, Any] = {"features": features, "mark_missing": marked or None}
    if join:
        asked["join"] = join
    found = made_again(bundle, **asked)
    kept = [f for f in bundle.findings if f.code in ("id_column", "constant_column", "empty_column", "free_text")]
    known = {f.code for f in found.findings}
    return replace(found, findings=(*found.findings, *(f for f in kept if f.code not in known)))


def unbalanced(bundle: DataBundle) -> DataBundle:
    """The same data without weights for its classes.

    Raises:
        DataError: Its samples are drawn or repeated to even the classes out.
    """
    if bundle.balance not in ("", "weights"):
        raise DataError(f"the classes are evened out by {bundle.balance}", do="Load the data again")
    source = bundle.source
    if source is not None:
        source = {key: value for key, value in source.items() if key not in ("balance", "balance_seed")}
    return replace(bundle, balance="", source=source)


def _is_table(bundle: DataBundle) -> bool:
    return isinstance(bundle.preprocessing, TablePreprocessing) and bundle.recipe is not None


def _features(bundle: DataBundle) -> list[str]:
    return [column.name for column in bundle.columns if column.role == "feature"]
