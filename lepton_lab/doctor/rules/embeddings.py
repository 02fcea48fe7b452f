"""Before and while training: rows of embeddings that no sample names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import torch
from torch import nn
from typing_extensions import override

from lepton_lab.doctor.case import Case
from lepton_lab.doctor.findings import Evidence, Finding
from lepton_lab.doctor.fixes import Fix
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule
from lepton_lab.doctor.words import fix_label

__all__ = ["StaleEmbedding"]


@register_rule
class StaleEmbedding(Rule):
    """Most rows of an embedding come up in the training data."""

    name = "stale-embedding"
    phases: ClassVar[tuple[Phase, ...]] = ("before", "during")
    reads = ("data", "network")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "share": Threshold(
            0.3, "of all rows; chosen: a vocabulary that was made from the training data has almost none"
        )
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        stored = case.data.train.tensors() if case.data is not None else None
        if case.data is None or stored is None or case.data.sample_dtype != "int64" or case.module is None:
            return
        found = next(
            ((n, m) for n, m in case.module.named_modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)), None
        )
        if found is None or stored[0].is_floating_point():
            return
        name, embedding = found
        ids = torch.unique(stored[0].long())
        used = int(((ids >= 0) & (ids < embedding.num_embeddings)).sum())
        rows = embedding.num_embeddings
        share = 1 - used / rows
        if share < self.limit("share"):
            return
        layer = case.layer(name)
        fixes: tuple[Fix, ...] = ()
        largest = int(ids.max()) + 1
        if case.spec is not None and largest < rows and "num_embeddings" in type(case.spec[layer]).model_fields:
            edit = {"op": "set", "path": layer, "values": {"num_embeddings": largest}}
            fixes = (Fix(fix_label("vocabulary", layer=layer, rows=largest), "network", edits=(edit,), fresh=True),)
        counts = torch.bincount(stored[0].reshape(-1).long().clamp(0, rows - 1), minlength=rows)
        ordered = torch.sort(counts, descending=True).values.float()
        evidence = Evidence.over_time(range(len(ordered)), ordered, "times in the data", x_name="row, commonest first")
        yield self.finding("warning", layer=layer, evidence=evidence, fixes=fixes, share=share, rows=rows)
