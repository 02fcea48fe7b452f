"""All that one pass over a split says about a network; each part is computed when it is first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lepton_lab.errors import DataError
from lepton_lab.evaluate import scores
from lepton_lab.evaluate.calibration import Calibration, calibration
from lepton_lab.evaluate.curves import Curve, curve
from lepton_lab.evaluate.intervals import Floats, wilson
from lepton_lab.evaluate.residuals import Residuals, regression_scores, residuals
from lepton_lab.evaluate.scores import Score

if TYPE_CHECKING:
    import pandas as pd

    from lepton_lab.data import DataBundle

__all__ = ["Evaluation", "Order"]

Order = Literal["surest", "least sure", "as they come"]
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a network said about every sample of a split, and what follows from it.

    Attributes:
        name: The run's name, or the module's class.
        data: The data.
        split: Which part of it.
        values: Probabilities (N, C) of the classes or labels, or predicted values (N, K), float32.
        targets: Class numbers int64 (N,), or float32 (N, K).
        loss: The mean loss of a sample, as in training.
        loss_name: Which loss.
        step: Steps that the weights had been trained; None for a module of the user's own.
        test_looks: How often the test set had been looked at, this time included.
    """

    name: str
    data: DataBundle
    split: str
    values: NDArray[np.float32]
    targets: NDArray[Any]
    loss: float
    loss_name: str = ""
    step: int | None = None
    test_looks: int = 0

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        shown = ", ".join(f"{s.name} {s.value:.4g} ({s.low:.4g} to {s.high:.4g})" for s in self.summary[:4])
        return f"<Evaluation of {self.name!r} on {len(self):,} {self.split} samples: {shown}>"

    def _repr_html_(self) -> str:
        return self.to_html(whole=False)

    @property
    def task(self) -> str:
        """What was asked: "binary", "multiclass", "multilabel" or "regression"."""
        return str(self.data.task)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs: classes, labels, or the regression's targets."""
        known = self.data.target_names if self.task == "regression" else self.data.classes
        width = self.values.shape[1]
        if len(known) == width:
            return tuple(known)
        if self.task == "regression":
            return ("target",) if width == 1 else tuple(f"target {i + 1}" for i in range(width))
        return tuple(map(str, range(width)))

    @cached_property
    def predicted(self) -> NDArray[Any]:
        """Class numbers (N,), labels (N, K) as 0 and 1, or values (N, K)."""
        if self.task == "regression":
            return self.values
        if self.task == "multilabel":
            return (self.values >= 0.5).astype(np.int64)
        if self.task == "binary":
            return (self.values[:, 1] > 0.5).astype(np.int64)
        found: NDArray[Any] = self.values.argmax(1)
        return found

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """Rows are labels, columns predictions: (C, C), or one table of no and yes a label, (K, 2, 2).

        Raises:
            DataError: It is a regression.
        """
        self._needs_classes()
        if self.task == "multilabel":
            return scores.label_counts(self.targets.astype(np.int64), self.predicted)
        return scores.confusion(self.targets, self.predicted, self.values.shape[1])

    @cached_property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether each sample was told wrongly, (N,); with several labels, whether one of them was."""
        self._needs_classes()
        off: NDArray[np.bool_] = self.predicted != self.targets
        return np.asarray(off.any(1)) if off.ndim > 1 else off

    @cached_property
    def sample_loss(self) -> Floats:
        """Minus the logarithm of the probability of what was right, for each sample, in nats, (N,)."""
        self._needs_classes()
        p = np.clip(self.values.astype(np.float64), _TINY, 1)
        if self.task == "multilabel":
            q = np.clip(1 - self.values.astype(np.float64), _TINY, 1)
            found: Floats = -np.where(self.targets > 0.5, np.log(p), np.log(q)).mean(1)
            return found
        return np.asarray(-np.log(p[np.arange(len(p)), self.targets]))

    @cached_property
    def summary(self) -> list[Score]:
        """The numbers of the whole, the most important first."""
        if self.task == "regression":
            return [*regression_scores(self.values, self.targets), self._loss_score()]
        right = int((self.predicted == self.targets).sum())
        low, high = wilson(right, self.targets.size)
        found = [Score("accuracy", right / self.targets.size, float(low), float(high))]
        c = self.calibration
        found += scores.mean_scores(self._tables, self._resampled)
        found += [self._loss_score(), Score("calibration error", c.error, c.error_low, c.error_high)]
        return found

    def score(self, name: str) -> Score:
        """One number of `summary` by its name.

        Raises:
            UnknownNameError: There is none of this name.
        """
        from lepton_lab.errors import UnknownNameError

        for score in self.summary:
            if score.name == name:
                return score
        raise UnknownNameError("score", name, [s.name for s in self.summary])

    @cached_property
    def per_class(self) -> pd.DataFrame:
        """Scores of each class with 95 % intervals; `accuracy` is that of the class against the rest."""
        import pandas as pd

        self._needs_classes()
        found = scores.class_scores(self._tables, self._resampled)
        frame = pd.DataFrame(found, index=pd.Index(self.classes, name="class"))
        return frame.astype({"support": "int64", "called": "int64"})

    def curve(self, which: int | str) -> Curve:
        """ROC and precision-recall curve of a class against the rest.

        Args:
            which: Its number or name.
        """
        self._needs_classes()
        i = self.index_of(which)
        truth = self.targets[:, i] > 0.5 if self.task == "multilabel" else self.targets == i
        return curve(truth, self.values[:, i])

    @cached_property
    def calibration(self) -> Calibration:
        """Stated probabilities against what came true: of the chosen class; of yes for labels and two classes."""
        self._needs_classes()
        if self.task == "multilabel":
            return calibration(self.values.reshape(-1), self.targets.reshape(-1) > 0.5)
        if self.task == "binary":
            return calibration(self.values[:, 1], self.targets == 1)
        return calibration(self.values.max(1), ~self.wrong)

    def mistakes(self, most: int = 20) -> NDArray[np.int64]:
        """Row numbers of the wrong samples, the surest first; of a regression those that are furthest off."""
        if self.task == "regression":
            off = np.abs(self.values - self.targets).mean(1)
            return np.argsort(-off, kind="stable")[:most]
        rows = np.flatnonzero(self.wrong)
        return rows[np.argsort(-self.sureness[rows], kind="stable")][:most]

    @cached_property
    def sureness(self) -> NDArray[np.float32]:
        """How sure the network was of what it said, (N,); with several labels, of the one where it was most wrong."""
        self._needs_classes()
        if self.task == "multilabel":
            return np.asarray(np.abs(self.values - self.targets).max(1), np.float32)
        return np.asarray(np.take_along_axis(self.values, self.predicted[:, None], 1)[:, 0])

    def cell(self, label: int, predicted: int, *, which: int = 0, order: Order = "surest") -> NDArray[np.int64]:
        """Row numbers of the samples behind a cell of the confusion matrix.

        Args:
            label: Its row.
            predicted: Its column.
            which: The label, where there are several.
            order: By the probability of what was predicted, or as they come.
        """
        self._needs_classes()
        if self.task == "multilabel":
            truth, said = self.targets[:, which].astype(np.int64), self.predicted[:, which]
            sure = np.where(said == 1, self.values[:, which], 1 - self.values[:, which])
        else:
            truth, said, sure = self.targets, self.predicted, self.sureness
        rows = np.flatnonzero((truth == label) & (said == predicted))
        if order == "as they come":
            return rows
        return rows[np.argsort(-sure[rows] if order == "surest" else sure[rows], kind="stable")]

    def residuals(self, which: int | str = 0) -> Residuals:
        """Errors of one target of a regression.

        Raises:
            DataError: It is no regression.
        """
        if self.task != "regression":
            raise DataError(f"{self.data.name!r} is a {self.task} task and has no residuals", do="Use `confusion`")
        i = self.index_of(which)
        return residuals(self.values[:, i], self.targets[:, i])

    def to_frame(self) -> pd.DataFrame:
        """One row a sample: its number, what was right, what was said, and every probability or value."""
        import pandas as pd

        columns: dict[str, Any] = {"sample": np.arange(len(self))}
        if self.task in ("binary", "multiclass"):
            names = np.asarray(self.classes, dtype=object)
            columns |= {"label": names[self.targets], "predicted": names[self.predicted], "right": ~self.wrong}
            columns |= {f"p({name})": self.values[:, i] for i, name in enumerate(self.classes)}
        else:
            said = "p" if self.task == "multilabel" else "predicted"
            for i, name in enumerate(self.classes):
                columns |= {f"true({name})": self.targets[:, i], f"{said}({name})": self.values[:, i]}
        return pd.DataFrame(columns)

    def to_html(self, *, whole: bool = True) -> str:
        """A report that needs nothing else: one HTML page, or a part of one where not `whole`."""
        from lepton_lab.evaluate.report import to_html

        return to_html(self, whole=whole)

    def index_of(self, which: int | str) -> int:
        """The number of a class, label or target.

        Raises:
            UnknownNameError: There is none of this name or number.
        """
        from lepton_lab.errors import UnknownNameError

        if isinstance(which, str) and which in self.classes:
            return self.classes.index(which)
        if isinstance(which, (int, np.integer)) and 0 <= which < len(self.classes):
            return int(which)
        raise UnknownNameError("class", str(which), self.classes)

    @cached_property
    def _tables(self) -> NDArray[Any]:
        return self.confusion if self.task == "multilabel" else scores.one_against_rest(self.confusion)

    @cached_property
    def _resampled(self) -> Floats | None:
        if self.task == "multilabel":  # labels vary together, but each table alone gives its own interval
            from lepton_lab.evaluate.intervals import resampled_counts

            return np.stack([resampled_counts(t, seed=i) for i, t in enumerate(self.confusion)], axis=1)
        return scores.resampled_tables(self.confusion)

    def _loss_score(self) -> Score:
        """The loss; its interval where it is the plain logarithm of the probabilities."""
        if self.task == "regression":
            return Score("loss", self.loss, float("nan"), float("nan"), "")
        each = self.sample_loss
        if not np.isclose(each.mean(), self.loss, rtol=1e-3, atol=1e-6):  # weighted, smoothed, or the user's own
            return Score("loss", self.loss, float("nan"), float("nan"), "")
        half = 1.959964 * float(each.std()) / np.sqrt(len(each))  # the mean of many is normal
        return Score("loss", self.loss, self.loss - half, self.loss + half, "nats")

    def _needs_classes(self) -> None:
        if self.task == "regression":
            raise DataError(f"{self.data.name!r} is a regression and has no classes", do="Use `residuals`")
