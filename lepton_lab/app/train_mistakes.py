"""What a network still gets wrong: the surest mistakes on samples that it has never seen, with their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from lepton_lab.app import words_train as words
from lepton_lab.errors import CheckpointError
from lepton_lab.evaluate import evaluate
from lepton_lab.evaluate.collect import Subject
from lepton_lab.evaluate.samples import Sample, read_samples
from lepton_lab.network import NetworkSpec
from lepton_lab.training.plan import Plan
from lepton_lab.training.settings import TrainSettings

if TYPE_CHECKING:
    from lepton_lab.data import DataBundle
    from lepton_lab.evaluate import Evaluation
    from lepton_lab.workspace import StoredRun

__all__ = ["SHOWN", "Mistakes", "find_mistakes"]

SHOWN = 6
_CELLS = 4  # columns of a row that are shown


@dataclass(frozen=True)
class Mistakes:
    """Samples that a network gets most wrong.

    Attributes:
        run: Id of the run.
        wrong: How many are wrong; of a regression how many there are.
        of: Of how many.
        samples: The worst of them.
        said: What the network said of each, as text.
        right: What would have been right.
        sure: How sure it was, 0 to 1; empty for a regression.
        rows: Their numbers in the split.
        split: Which part of the data they are from.
    """

    run: str
    wrong: int
    of: int
    samples: tuple[Sample, ...]
    said: tuple[str, ...]
    right: tuple[str, ...]
    sure: tuple[float, ...]
    rows: tuple[int, ...]
    split: str

    def to_json(self) -> tuple[dict[str, Any], list[NDArray[np.uint8]]]:
        """Plain data, and the pictures in the order of those that have any."""
        told, pictures = [], []
        for i, sample in enumerate(self.samples):
            one: dict[str, Any] = {"said": self.said[i], "right": self.right[i], "row": self.rows[i]}
            if self.sure:
                one["sure"] = round(self.sure[i], 4)
            if sample.pixels is not None:
                height, width = sample.pixels.shape[:2]
                channels = 1 if sample.pixels.ndim == 2 else int(sample.pixels.shape[2])
                one |= {"height": height, "width": width, "channels": channels}
                pictures.append(sample.pixels)
            elif sample.kind == "row":
                one["cells"] = [list(cell) for cell in sample.cells[:_CELLS]]
            else:
                one["text"] = sample.text or ", ".join(f"{v:.3g}" for v in sample.values[:8])
            told.append(one)
        return {"run": self.run, "wrong": self.wrong, "of": self.of, "items": told}, pictures


def find_mistakes(run: StoredRun, data: DataBundle) -> Mistakes | None:
    """Runs the newest weights of a run over the samples that it does not learn from; None before there are weights.

    While it trains these are the weights at the end of the last round, afterwards those that were kept.

    Side effects: torch computes with one thread in this process from now on.
    """
    split = "valid" if data.valid is not None else "train"
    torch.set_num_threads(1)
    try:
        found = evaluate(run.revived(data) if run.state.ended else _newest(run, data), data, split)
    except CheckpointError:
        return None
    rows = found.mistakes(SHOWN)
    regression = found.task == "regression"
    return Mistakes(
        run=run.id,
        wrong=len(found) if regression else int(found.wrong.sum()),
        of=len(found),
        samples=tuple(read_samples(data, split, rows)),
        said=tuple(_text(found, found.predicted, row) for row in rows),
        right=tuple(_text(found, found.targets, row) for row in rows),
        sure=() if regression else tuple(float(found.sureness[row]) for row in rows),
        rows=tuple(int(row) for row in rows),
        split=split,
    )


def _newest(run: StoredRun, data: DataBundle) -> Subject:
    """The weights of the last round of a run that goes on, whichever it will keep at its end."""
    settings = TrainSettings.from_json(run.settings)
    module = NetworkSpec.from_dict(run.network).build(seed=settings.seed)
    module.load_state_dict(run.weights("last"))
    return Subject(Plan(data=data, settings=settings, build=lambda: module, module=module))


def _text(found: Evaluation, values: NDArray[Any], row: int) -> str:
    if found.task == "regression":
        return words.number(values[row].mean())
    if found.task == "multilabel":
        return ", ".join(name for name, on in zip(found.classes, values[row], strict=True) if on > 0.5) or "–"
    return str(found.classes[int(values[row])])
