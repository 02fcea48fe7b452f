"""While training: whether what is learned holds for new samples and for all classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from lepton_lab.doctor.case import Case
from lepton_lab.doctor.findings import Evidence, Finding
from lepton_lab.doctor.mending import data_fix, dropout_fix, settings_fix
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule
from lepton_lab.doctor.trends import chance_level, loss_curve, since_when

__all__ = ["ClassErrors", "Overfit", "Overtraining"]

_DURING: tuple[Phase, ...] = ("during",)
_OWN = "chosen on the development half of the benchmark"
Curve = NDArray[np.floating[Any]]


def _curves(case: Case) -> tuple[Curve, Curve] | None:
    """Training and validation loss by epoch; None where there is no validation."""
    train, valid = case.epochs.get("loss"), case.epochs.get("val_loss")
    if train is None or valid is None or len(valid) < 4 or not np.isfinite(valid).all():
        return None
    return train.astype(np.float64), valid.astype(np.float64)


def _plot(train: Curve, valid: Curve) -> Evidence:
    epochs = range(1, len(train) + 1)
    return Evidence.over_time(epochs, train, "training loss", x_name="epoch", other=valid, other_name="validation loss")


@register_rule
class Overfit(Rule):
    """The loss on new samples does not rise while that on training samples falls."""

    name = "overfit"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("loss", "val_loss")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "gap": Threshold(2.0, f"validation loss over training loss; {_OWN}"),
        "rise": Threshold(1.15, f"validation loss over its lowest; {_OWN}"),
        "by heart": Threshold(8.0, f"the same, where new samples are hardly better than guessed; {_OWN}"),
        "level": Threshold(0.15, f"of the loss of a guess, that the validation loss has at least; {_OWN}"),
        "epochs": Threshold(2, "epochs since the lowest"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        curves = _curves(case)
        if curves is None or case.settings.patience is not None:
            return  # what stops early keeps its best weights
        train, valid = curves
        best = int(valid.argmin())
        now, trained = float(np.median(valid[-3:])), float(np.median(train[-3:]))
        chance = chance_level(case)
        rises = now >= self.limit("rise") * valid[best] and now >= self.limit("gap") * trained
        by_heart = (
            chance is not None
            and now >= self.limit("by heart") * trained
            and now >= 0.5 * chance
            and now > 1.02 * valid[best]
        )  # fmt: skip
        if (
            len(valid) - 1 - best < self.limit("epochs")
            or not (rises or by_heart)
            or train[-1] > train[best]
            or (chance is not None and now < self.limit("level") * chance)
        ):
            return
        fixes = (
            *dropout_fix(case),
            settings_fix("weight_decay", {"optimizer": "adamw", "weight_decay": 0.05}, fresh=True, decay="0.05"),
            settings_fix("stop_early", {"patience": 3}, fresh=True, patience=3),
        )
        yield self.finding(
            "warning", since=int((best + 1) * case.steps_per_epoch), evidence=_plot(train, valid), fixes=fixes,
            valid=now, train=trained, ratio=now / max(trained, 1e-12), epoch=best + 1,
        )  # fmt: skip


@register_rule
class Overtraining(Rule):
    """The training does not go on long after its best epoch."""

    name = "overtraining"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("val_loss",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "waited": Threshold(5, f"epochs after the best one; {_OWN}"),
        "rise": Threshold(1.1, f"validation loss over its lowest; {_OWN}"),
        "share": Threshold(0.4, f"of all epochs; {_OWN}"),
        "level": Threshold(0.1, f"of the loss of a guess, that the validation loss has at least; {_OWN}"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        curves = _curves(case)
        if curves is None or case.settings.patience is not None:
            return
        train, valid = curves
        best = int(valid.argmin())
        waited, now = len(valid) - 1 - best, float(np.median(valid[-3:]))
        chance = chance_level(case)
        if (
            waited < max(self.limit("waited"), self.limit("share") * len(valid))
            or now < self.limit("rise") * valid[best]
            or (chance is not None and now < self.limit("level") * chance)
        ):
            return
        fixes = (settings_fix("stop_early", {"patience": 3}, fresh=True, patience=3),)
        yield self.finding(
            "warning", since=int((best + 1) * case.steps_per_epoch), evidence=_plot(train, valid), fixes=fixes,
            epoch=best + 1, best=float(valid[best]), waited=waited, valid=now,
        )  # fmt: skip


@register_rule
class ClassErrors(Rule):
    """No class is given up."""

    name = "class-errors"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("class_accuracy",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "worst": Threshold(0.25, f"accuracy of the worst class; {_OWN}"),
        "best": Threshold(0.75, f"accuracy of the best class; {_OWN}"),
        "mean": Threshold(0.7, f"accuracy of all together: before that the network still learns; {_OWN}"),
        "falling": Threshold(
            0.15, f"share by which the loss falls from one quarter to the next while it learns; {_OWN}"
        ),
        "epochs": Threshold(3, "epochs before anything is said"),
        "steps": Threshold(60, "steps before anything is said"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        measured = case.measured("class_accuracy")
        epochs = case.steps["epoch"]
        if measured is None or not len(epochs) or epochs[-1] < self.limit("epochs") or case.step < self.limit("steps"):
            return
        with np.errstate(all="ignore"):
            now = np.nanmedian(measured.values[-5:], axis=0)
        seen = np.isfinite(now)
        if seen.sum() < 2 or self._still_learns(case):
            return
        mean = self._mean(case, now, measured.labels)
        worst = int(np.nanargmin(now))
        if (
            now[worst] > self.limit("worst")
            or np.nanmax(now) < self.limit("best")
            or mean < self.limit("mean")
        ):  # fmt: skip
            return
        bad = measured.values[:, worst] <= self.limit("worst")
        named = {label: float(v) for label, v in zip(measured.labels, now, strict=True) if np.isfinite(v)}
        fixes = (
            settings_fix("class_weights", {"class_weights": "balanced"}, fresh=True),
            data_fix("balance", {"op": "balance", "how": "oversampling"}),
        )
        yield self.finding(
            "warning", since=since_when(measured, worst, bad), fixes=fixes,
            evidence=Evidence.bars(named, "accuracy while training", x_name="class", low=self.limit("worst")),
            worst=measured.labels[worst], low=float(now[worst]), mean=mean,
        )  # fmt: skip

    def _still_learns(self, case: Case) -> bool:
        """Whether the loss has gone down a good deal over the last quarter of the run."""
        loss = loss_curve(case).values
        quarter = max(1, len(loss) // 4)
        if len(loss) < 4:
            return True
        return bool(loss[-quarter:].mean() < (1 - self.limit("falling")) * loss[-2 * quarter : -quarter].mean())

    def _mean(self, case: Case, now: Curve, labels: tuple[str, ...]) -> float:
        """Accuracy over all samples, where it is known how many there are of each class."""
        weights = np.ones(len(now))
        if case.data is not None and case.data.task.is_classification and len(case.data.classes) == len(labels):
            weights = case.data.class_counts().numpy().astype(np.float64)
        good = np.isfinite(now) & (weights > 0)
        return float((now[good] * weights[good]).sum() / weights[good].sum()) if good.any() else 0.0
