"""What a trained network is worth, in a view: numbers with intervals, confusions with their samples, curves."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any, Literal

import traitlets

from lepton_lab.errors import DataError, TrainingError, UnknownNameError
from lepton_lab.evaluate import Cancelled, Evaluation, evaluate
from lepton_lab.evaluate.collect import Subject, subject_of
from lepton_lab.widgets import evaluation_view_pack as pack
from lepton_lab.widgets._base import Reply, Widget, command

if TYPE_CHECKING:
    from lepton_lab.data import DataBundle

__all__ = ["EvaluationView"]

Kind = Literal["html", "png", "svg", "csv"]
_TYPES = {"html": "text/html", "png": "image/png", "svg": "image/svg+xml", "csv": "text/csv"}
_APART_S = 0.1  # between two messages of progress
_LOOK_S = 1.0  # between two looks at what the run does
_MOST_SAMPLES = 60


class EvaluationView(Widget):
    """Accuracy, precision, recall and F1 with their intervals, the confusion matrix with the samples behind each cell,
    ROC and precision-recall curves with a threshold, calibration, the worst mistakes; residuals for a regression.

    The validation set is evaluated when the view is first seen; the test set only when somebody asks for it, and each
    time is counted.

    Args:
        what: A `Run`, a run of the store, or a module.
        data: The data, where `what` brings none or other data is meant.
        split: What is shown first, "valid" or "test".

    Raises:
        TrainingError: `what` is nothing that can be evaluated.
        DataError: A module was given without data.

    Attributes:
        split: What is shown.
    """

    _bundle = "evaluation_view"

    split = traitlets.Unicode("valid").tag(sync=True)

    def __init__(self, what: Any, data: DataBundle | None = None, *, split: str = "") -> None:
        self._what, self._data = what, data
        self._found: dict[str, Evaluation] = {}
        self._busy: str | None = None
        self._share = 0.0
        self._cancel = threading.Event()
        self._told: tuple[Any, ...] = ()
        self._looked = 0.0
        sizes = self._sizes()  # says what is wrong with `what` before anything is drawn
        known = [name for name in ("valid", "test") if name in sizes]
        if split and split not in known:
            raise UnknownNameError("split", split, known)
        super().__init__(split=split or (known or ["valid"])[0])

    @property
    def evaluation(self) -> Evaluation | None:
        """What was found on the split that is shown; None before."""
        return self._found.get(self.split)

    def evaluate(self, split: str | None = None) -> Evaluation:
        """Evaluates a split now, the shown one by default, and shows the result.

        Side effects: a look at the test set is counted in the run.

        Raises:
            DataError: There is no such split.
            Cancelled: Somebody cancelled it in a view.
        """
        split = split or self.split
        self._cancel.clear()
        self._busy, self._share, sent = split, 0.0, 0.0

        def progress(share: float) -> None:
            nonlocal sent
            self._share = share
            if time.monotonic() - sent > _APART_S:
                sent = time.monotonic()
                self.push("progress", {"split": split, "share": share})

        try:
            found = evaluate(self._subject(), split=split, progress=progress, stop=self._cancel.is_set)
            _ = found.summary  # resampling belongs to the work, not to the first who reads it
        finally:
            self._busy = None
        self._found[split] = found
        self.push("evaluated", {"split": split})
        self.refresh_still()
        return found

    # --- orders --------------------------------------------------------------------------------------------------

    @command
    def state(self) -> dict[str, Any]:
        """What there is to evaluate, and what was."""
        return {
            "name": self._name(),
            "sizes": {k: n for k, n in self._sizes().items() if k in ("valid", "test")},
            "looks": self._looks(),
            "step": self._step(),
            "steps": {split: found.step for split, found in self._found.items()},
            "busy": self._busy,
            "share": self._share,
        }

    @command(background=True)
    def begin(self, split: str, again: bool) -> dict[str, Any]:
        """Evaluates a split, one that was evaluated only where `again`; answers when it is done or cancelled."""
        try:
            if again or split not in self._found:  # two tabs may ask for the same
                self.evaluate(split)
        except Cancelled:
            self.push("cancelled", {"split": split})
            return {"cancelled": True}
        return {"cancelled": False}

    @command
    def cancel(self) -> None:
        """Gives up the evaluation that goes on."""
        self._cancel.set()

    @command
    def result(self, split: str) -> Reply:
        """The numbers of a split that was evaluated; null where it was not."""
        found = self._found.get(split)
        return pack.pack_evaluation(found) if found is not None else Reply(None)

    @command
    def curve(self, split: str, which: int) -> Reply:
        """The curves of a class against the rest."""
        return pack.pack_curve(self._ready(split), which)

    @command
    def target(self, split: str, which: int) -> Reply:
        """The residuals of a target."""
        return pack.pack_target(self._ready(split), which)

    @command(background=True)
    def cell(self, split: str, label: int, predicted: int, which: int, sorting: str, start: int, count: int) -> Reply:
        """Samples behind a cell of the confusion matrix."""
        if sorting not in ("surest", "least sure", "as they come"):
            raise UnknownNameError("order of samples", sorting, ("surest", "least sure", "as they come"))
        found = self._ready(split)
        rows = found.cell(label, predicted, which=which, order=sorting)  # type: ignore[arg-type]
        return pack.pack_samples(found, rows[start : start + min(count, _MOST_SAMPLES)].tolist(), len(rows))

    @command(background=True)
    def mistakes(self, split: str, count: int) -> Reply:
        """The surest mistakes; of a regression the largest."""
        found = self._ready(split)
        rows = found.mistakes(min(count, _MOST_SAMPLES))
        total = len(found) if found.task == "regression" else int(found.wrong.sum())
        return pack.pack_samples(found, rows.tolist(), total)

    @command(background=True)
    def sample(self, split: str, row: int) -> Reply:
        """One sample by its number."""
        found = self._ready(split)
        if not 0 <= row < len(found):
            raise DataError(f"there is no sample {row}", expected=f"0 to {len(found) - 1}", received=str(row))
        return pack.pack_samples(found, [row], 1)

    @command(background=True)
    def export(self, split: str, kind: str) -> Reply:
        """A file of what is shown: "html", "png", "svg" or "csv"."""
        content = self.to_bytes(kind, split)  # type: ignore[arg-type]
        name = re.sub(r"[^\w.-]+", "-", f"{self._name()}-{split}").strip("-") or "evaluation"
        return Reply({"name": f"{name}.{kind}", "type": _TYPES[kind]}, [content])

    def to_bytes(self, kind: Kind, split: str | None = None) -> bytes:
        """The evaluation as the contents of a file.

        Args:
            kind: "html" for a page that stands alone, "png" or "svg" for all figures, "csv" for one row a sample.
            split: The split; the shown one by default.

        Raises:
            TrainingError: The split was not evaluated yet.
            UnknownNameError: There is no such kind.
        """
        if kind not in _TYPES:
            raise UnknownNameError("kind of file", kind, _TYPES)
        found = self._ready(split or self.split)
        if kind == "html":
            return found.to_html().encode()
        if kind == "csv":
            return found.to_frame().to_csv(index=False).encode()
        from lepton_lab.figures import figure_bytes, plot_evaluation

        return figure_bytes(plot_evaluation(found), kind)

    # --- life ----------------------------------------------------------------------------------------------------

    def pulse(self) -> None:
        """Says when the run trained on or somebody looked at the test set."""
        if time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        now = (self._step(), self._looks(), self._busy)
        if now != self._told:
            self._told = now
            self.push("state", {"state": self.state()})

    def still(self) -> str | None:
        """The numbers as a table."""
        found = self.evaluation
        return found.to_html(whole=False) if found is not None else None

    def released(self) -> None:
        """Lets go of predictions and data."""
        self._cancel.set()
        self._found.clear()

    # --- what is evaluated ---------------------------------------------------------------------------------------

    def _subject(self) -> Subject:
        return subject_of(self._what, self._data)

    def _ready(self, split: str) -> Evaluation:
        found = self._found.get(split)
        if found is None:
            raise TrainingError(f"the {split} set was not evaluated yet", do="Evaluate it first")
        return found

    def _name(self) -> str:
        return str(getattr(self._what, "name", "") or type(self._what).__name__)

    def _sizes(self) -> dict[str, int]:
        if self._data is not None:
            return {name: len(split) for name, split in self._data.splits.items()}
        about = getattr(self._what, "data", None)
        if not isinstance(about, dict):
            subject_of(self._what, None)  # raises, and says why
        return {str(name): int(size) for name, size in (about or {}).get("samples", {}).items()}

    def _looks(self) -> int | None:
        looks = getattr(self._what, "test_looks", None)
        return looks if isinstance(looks, int) else None

    def _step(self) -> int | None:
        status = getattr(self._what, "status", None)
        return status.step if status is not None else None
