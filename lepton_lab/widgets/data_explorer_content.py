"""What the data explorer shows, as plain JSON and bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lepton_lab.data.builtin import DATASETS
from lepton_lab.data.bundle import DataBundle, Task
from lepton_lab.data.cleaning import remedy
from lepton_lab.data.profile import TableProfile
from lepton_lab.data.report import DataFinding, DataReport
from lepton_lab.data.reproduce import to_python
from lepton_lab.data.samples import form_of, groups, pictures, table_rows, words
from lepton_lab.data.splits import DEFAULT_SHARE
from lepton_lab.errors import DataError
from lepton_lab.widgets._orders import Reply

__all__ = ["describe_finding", "overview", "report_reply", "sample_reply", "split_options", "table_json"]

_PICTURED = ("image", "sound")
_THUMB = 32
_PAIRS_BESIDE = 2  # pairs that are drawn beside a finding
_SHOWN = 24  # samples of a finding


def overview(bundle: DataBundle) -> dict[str, Any]:
    """All that is known without looking at the samples."""
    splits = bundle.splits
    return {
        "name": bundle.name,
        "form": form_of(bundle),
        "source": _source(bundle),
        "task": bundle.task.value,
        "classes": list(bundle.classes),
        "target": bundle.target_names[0] if bundle.target_names else "",
        "targets": [c.name for c in bundle.columns] if _loader(bundle) == "load_table" else [],
        "shape": list(bundle.sample_shape),
        "counts": {name: len(split) for name, split in splits.items()},
        "steps": [_step(line) for line in bundle.preprocessing.describe()],
        "memory": _memory(bundle),
        "code": to_python(bundle),
        "split": split_options(bundle),
        "balance": bundle.balance,
        "augmentation": [dict(step) for step in bundle.train.augmentation],
        "table": bool(bundle.columns) and isinstance(bundle.recipe, partial),
        "used": {c.name: c.role for c in bundle.columns},
        "balanceable": bundle.task.is_classification,
    }


def split_options(bundle: DataBundle) -> dict[str, Any]:
    """Which shares of the split can be changed, and what they are."""
    args = _options(bundle)
    counts = {name: len(split) for name, split in bundle.splits.items()}
    usual = 0.1 if _loader(bundle) == "load_images" else DEFAULT_SHARE
    total = sum(counts.values())

    def given(name: str, pool: int) -> bool:
        """Whether a split came with the data: it is there, and is not the share that was asked for."""
        count = counts.get(name, 0)
        share = args.get(name)
        wanted = usual * pool if share is None else share * pool if share < 1 else share
        return count > 0 and abs(count - wanted) > max(2, (0.15 if bundle.edits else 0.02) * count)

    own_test = given("test", total)
    pool = total - (counts.get("test", 0) if own_test else 0)
    own_valid = given("valid", pool)
    why = ""
    if bundle.source is None and bundle.recipe is None:
        why = "This data was put together in memory, and only what was loaded can be split again"
    elif own_valid and own_test:
        why = "All splits came with the data"
    return {
        "why": why,
        "valid": None if own_valid else counts.get("valid", 0) / max(pool, 1),
        "test": None if own_test else counts.get("test", 0) / max(pool, 1),
        "seed": int(args.get("seed") or 0),
        "stratified": bool(args.get("stratified", True)),
        "classification": bundle.task.is_classification,
    }


def sample_reply(bundle: DataBundle, split: str, seed: int, prepared: bool, first: int, per_group: int) -> Reply:
    """Samples by class with their pictures, words or cells."""
    found = groups(bundle, split, per_group, seed=seed, first=first)
    rows = [row for group in found for row in group.rows]
    content, buffers = _shown(bundle, split, rows, prepared)
    total = len(bundle.splits[split])
    content |= {
        "split": split,
        "first": first,
        "total": total,
        "groups": [{"name": g.name, "count": g.count, "rows": list(g.rows)} for g in found],
        "even": 1 / len(bundle.classes) if bundle.task.is_classification else None,
        "regression": bundle.task is Task.REGRESSION,
        "most": _most(bundle, split),
    }
    return Reply(content, buffers)


def report_reply(bundle: DataBundle, report: DataReport, mirror: tuple[str, float, float] | None) -> Reply:
    """Findings with their remedies, and a few pairs of samples beside them."""
    buffers: list[Any] = []
    findings = []
    for finding in report.findings:
        known = remedy(bundle, finding)
        shown: dict[str, Any] = {}
        if form_of(bundle) in _PICTURED and finding.evidence.get("pairs"):
            one, other = _pair_splits(finding)
            pairs = list(finding.evidence["pairs"])[:_PAIRS_BESIDE]
            images = [pictures(bundle, s, [p[i] for p in pairs], size=24)[0] for i, s in enumerate((one, other))]
            both = np.stack(images, axis=1)
            shown = {"buffer": len(buffers), "pairs": len(pairs), "height": both.shape[2], "width": both.shape[3],
                     "channels": both.shape[4]}  # fmt: skip
            buffers.append(both)
        findings.append(
            {
                "severity": finding.severity,
                "code": finding.code,
                "message": finding.message,
                "suggestion": finding.suggestion,
                "remedy": known.label if known else "",
                "shows": _shows(finding),
                "beside": shown,
            }
        )
    balance = [{"name": name, "count": count} for name, count in (report.balance.get("train") or {}).items()]
    return Reply(
        {"findings": findings, "clean": list(report.clean), "balance": balance,
         "mirror": list(mirror) if mirror else None},
        buffers,
    )  # fmt: skip


def describe_finding(bundle: DataBundle, finding: DataFinding) -> Reply:
    """The samples, files or facts behind a finding."""
    found = finding.evidence
    if found.get("files"):
        return Reply({"kind": "files", "files": [list(map(str, pair)) for pair in found["files"][:200]]})
    if found.get("pairs"):
        one, other = _pair_splits(finding)
        pairs = list(found["pairs"])[:_SHOWN]
        content: dict[str, Any] = {"kind": "pairs", "splits": [one, other], "count": len(found["pairs"])}
        sides = []
        buffers: list[Any] = []
        for i, split in enumerate((one, other)):
            shown, arrays = _shown(bundle, split, [pair[i] for pair in pairs], prepared=False)
            sides.append({**shown, "buffer": len(buffers), "rows": [int(p[i]) for p in pairs]})
            buffers += arrays
        return Reply({**content, "sides": sides}, buffers)
    if found.get("fewest") is not None and bundle.task.is_classification:
        members = (bundle.train.targets() == bundle.classes.index(str(found["fewest"]))).nonzero().flatten()
        return _rows_reply(bundle, "train", members[:_SHOWN].tolist(), len(members))
    if found.get("rows") is not None and finding.code in ("blank_samples", "not_finite"):
        split = str(found.get("split", "train"))
        return _rows_reply(bundle, split, list(found["rows"])[:_SHOWN], len(found["rows"]))
    facts = [[key, _plain(value)] for key, value in found.items()]
    return Reply({"kind": "facts", "facts": facts})


def table_json(profile: TableProfile) -> dict[str, Any]:
    """A table's profile for the front end."""
    return {
        "rows": profile.rows,
        "duplicates": profile.duplicates,
        "notes": dict(profile.notes),
        "columns": [asdict(column) for column in profile.columns],
    }


def _rows_reply(bundle: DataBundle, split: str, rows: list[int], count: int) -> Reply:
    shown, buffers = _shown(bundle, split, rows, prepared=False)
    return Reply(
        {"kind": "rows", "split": split, "count": count, "sides": [{**shown, "buffer": 0, "rows": rows}]}, buffers
    )


def _shown(bundle: DataBundle, split: str, rows: list[int], prepared: bool) -> tuple[dict[str, Any], list[Any]]:
    """Samples in the form that suits them, with what their targets are called."""
    form = form_of(bundle)
    content: dict[str, Any] = {"form": form, "labels": _labels(bundle, split, rows)}
    if not rows:
        return content, []
    if form in _PICTURED:
        images, span = pictures(bundle, split, rows, prepared=prepared, size=_THUMB)
        _, height, width, channels = images.shape
        return content | {"height": height, "width": width, "channels": channels, "span": span}, [images]
    if form == "text":
        return content | {"texts": words(bundle, split, rows)}, []
    columns, cells = table_rows(bundle, split, rows)
    return content | {"columns": columns, "cells": cells}, []


def _labels(bundle: DataBundle, split: str, rows: list[int]) -> list[str]:
    y = bundle.splits[split].targets()[rows]
    if bundle.task.is_classification:
        return [bundle.classes[i] for i in y.tolist()]
    if bundle.task is Task.MULTILABEL:
        return [", ".join(name for name, on in zip(bundle.classes, row, strict=True) if on) for row in y.tolist()]
    return [", ".join(f"{v:,.5g}" for v in row) for row in y.tolist()]


def _most(bundle: DataBundle, split: str) -> int:
    """Samples of the largest class of a split, for the scale of the bars."""
    y = bundle.splits[split].targets()
    if bundle.task is Task.REGRESSION:
        return len(y)
    counts = torch.bincount(y, minlength=1) if y.dim() == 1 else y.sum(0)
    return int(counts.max())


def _pair_splits(finding: DataFinding) -> tuple[str, str]:
    both = finding.evidence.get("splits")
    one = str(finding.evidence.get("split", "train"))
    return (str(both[0]), str(both[1])) if both else (one, one)


def _shows(finding: DataFinding) -> bool:
    return any(finding.evidence.get(key) for key in ("pairs", "rows", "files", "fewest", "words", "lines", "classes"))


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value[:30])) + (", …" if len(value) > 30 else "")
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {v}" for k, v in list(value.items())[:30])
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _step(line: str) -> dict[str, str]:
    title, _, detail = line.partition(": ")
    return {"title": title[:1].upper() + title[1:], "detail": detail}


def _memory(bundle: DataBundle) -> dict[str, Any]:
    pairs = [split.tensors() for split in bundle.splits.values()]
    if any(pair is None for pair in pairs):
        return {"where": "disk", "bytes": 0}
    size = sum(x.nbytes + y.nbytes for x, y in (pair for pair in pairs if pair is not None))
    where = "memory"
    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        where = "gpu" if size <= free / 2 else "memory"
    return {"where": where, "bytes": size}


def _loader(bundle: DataBundle) -> str:
    if bundle.source is not None:
        return str(bundle.source.get("loader"))
    return str(getattr(getattr(bundle.recipe, "func", None), "__name__", ""))


def _options(bundle: DataBundle) -> Mapping[str, Any]:
    if bundle.source is not None:
        return dict(bundle.source.get("args") or {})
    return dict(getattr(bundle.recipe, "keywords", {}))


def _source(bundle: DataBundle) -> dict[str, str]:
    loader, args = _loader(bundle), _options(bundle)
    if bundle.source is None:
        return {"title": bundle.name, "detail": "from memory", "icon": "table" if bundle.columns else "grid"}
    if loader == "load_dataset":
        try:
            info = DATASETS[str(args.get("name"))]
        except (DataError, KeyError):
            return {"title": bundle.name, "detail": "by name", "icon": "grid"}
        return {"title": info.title, "detail": info.summary, "icon": "table" if bundle.columns else "grid"}
    path = str(args.get("path") or args.get("source") or "")
    detail = {"load_images": "folder = class", "load_audio": "recordings", "load_text": "texts with labels"}
    icon = "table" if loader in ("load_table", "load_text") else "folder"
    return {"title": Path(path).name or bundle.name, "detail": detail.get(loader, "table"), "icon": icon}
