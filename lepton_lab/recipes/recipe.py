"""One recipe: everything that a training needs, as plain data."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lepton_lab.data import DataBundle, load_source
from lepton_lab.data.augmentation import read_augmentation
from lepton_lab.errors import TrainingError, UnknownNameError
from lepton_lab.network import NetworkSpec
from lepton_lab.training import Run, Trainer, TrainSettings
from lepton_lab.training.views import VIEWS

__all__ = ["Recipe"]

SCHEMA_VERSION = 1

_FIELDS = ("name", "summary", "network", "data", "augmentation", "settings", "views", "accuracy", "measured")


@dataclass(frozen=True)
class Recipe:
    """A training that is known to work: what is trained on what, how, and how well it does.

    Attributes:
        name: What it is looked up by.
        summary: What it is, in one line.
        network: The network.
        data: What `load_source` loads: `{"loader", "args"}`.
        augmentation: Random changes to the training images; see `lepton_lab.data.augmentation`.
        settings: The `TrainSettings` that differ from the usual ones, epochs and batch size among them.
        views: Views of each image over which its evaluation averages, as in `Run.evaluate`; None for none.
        accuracy: Share of the test set that it gets right; None where nobody has measured it.
        measured: How that was measured.

    Example:
        >>> known = recipe("cifar10-resnet")
        >>> known.fit(seed=3).evaluate(views=known.views)  # doctest: +SKIP
    """

    name: str
    summary: str
    network: NetworkSpec
    data: Mapping[str, Any]
    augmentation: tuple[Mapping[str, Any], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    views: str | None = None
    accuracy: float | None = None
    measured: str = ""

    def __post_init__(self) -> None:
        if self.views is not None and self.views not in VIEWS:
            raise UnknownNameError("views", self.views, VIEWS)
        object.__setattr__(self, "augmentation", tuple(read_augmentation(self.augmentation)))
        self.trainer()

    @property
    def train_settings(self) -> TrainSettings:
        """All settings, the usual ones included."""
        return self.trainer().settings

    @property
    def data_name(self) -> str:
        """What the data is called."""
        args = self.data.get("args", {})
        return str(args.get("name") or args.get("path") or self.data.get("loader", ""))

    def changed(self, **changes: Any) -> Recipe:
        """The same recipe with some attributes replaced; settings that are named are merged into the others.

        What it reaches is not known any more, unless `accuracy` is among the changes.
        """
        if "settings" in changes:
            changes["settings"] = {**self.settings, **changes["settings"]}
        return replace(self, **{"accuracy": None, "measured": "", **changes})

    def trainer(self, **overrides: Any) -> Trainer:
        """A trainer of new weights, with the recipe's settings.

        Args:
            **overrides: Settings to replace, or `callbacks` and other arguments of `Trainer`.

        Raises:
            UnknownNameError: A setting, or a name in it, does not exist.
        """
        return Trainer(self.network, **{**self.settings, **overrides})

    def load(self, data: DataBundle | None = None) -> DataBundle:
        """Its data with its augmentation.

        Args:
            data: Data to take in place of its own; augmented like its own where it has no augmentation yet.

        Raises:
            DataError: The data is neither here (`data_dir()`) nor can it be downloaded.
        """
        bundle = load_source(self.data) if data is None else data
        if self.augmentation and not bundle.train.augmentation:
            bundle = bundle.with_augmentation(self.augmentation)
        return bundle

    def start(self, data: DataBundle | None = None, **overrides: Any) -> Run:
        """Loads the data, starts training in the background and returns.

        Args:
            data: Data to take in place of its own.
            **overrides: Settings to replace (`epochs`, `seed`, …) and options of `Trainer.start` (`name`, `where`, …).
        """
        return self.trainer().start(self.load(data), **{"name": self.name, **overrides})

    def fit(self, data: DataBundle | None = None, **overrides: Any) -> Run:
        """Loads the data, trains, and returns the finished run.

        Args:
            data: Data to take in place of its own.
            **overrides: As for `start`, and `verbose`.
        """
        return self.trainer().fit(self.load(data), **{"name": self.name, **overrides})

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that `from_dict` reads."""
        return {
            "schema_version": SCHEMA_VERSION,
            **{name: getattr(self, name) for name in _FIELDS},
            "network": self.network.to_dict(),
            "data": dict(self.data),
            "augmentation": [dict(step) for step in self.augmentation],
            "settings": dict(self.settings),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """Reads what `to_dict` wrote.

        Raises:
            TrainingError: It is no recipe, or one of a newer version.
            UnknownNameError: A layer, a setting or a step of the augmentation does not exist.
        """
        if not isinstance(data, Mapping):
            raise TrainingError("this is no recipe", expected="an object", received=type(data).__name__)
        version = data.get("schema_version", SCHEMA_VERSION)
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise TrainingError(
                "the recipe was saved by a newer version",
                expected=f"schema_version {SCHEMA_VERSION} or lower",
                received=repr(version),
                do="Update Lepton Lab: pip install --upgrade lepton-lab",
            )
        given = {key: value for key, value in data.items() if key != "schema_version"}
        missing = [key for key in ("name", "summary", "network", "data") if key not in given]
        foreign = [key for key in given if key not in _FIELDS]
        if missing or foreign:
            raise TrainingError(
                "this is no recipe", expected="the fields " + ", ".join(_FIELDS), received=", ".join(map(str, given))
            )
        return cls(**{**given, "network": NetworkSpec.from_dict(given["network"])})

    def to_json(self) -> str:
        """The recipe as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Reads what `to_json` wrote; see `from_dict` for its errors."""
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise TrainingError("the recipe is no JSON", received=str(error)) from error

    def _repr_html_(self) -> str:
        settings = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        steps = "; ".join(str(step["kind"]) for step in self.augmentation)
        reached = "" if self.accuracy is None else f"{self.accuracy:.2%} ({self.measured})"
        rows = (
            ("Recipe", self.name), ("", self.summary), ("Network", self.network.name), ("Data", self.data_name),
            ("Augmentation", steps or "none"), ("Settings", settings), ("Test accuracy", reached or "not measured"),
        )  # fmt: skip
        cells = "".join(
            f"<tr><th scope='row'>{html.escape(label)}</th><td>{html.escape(value)}</td></tr>" for label, value in rows
        )
        return f"<table class='ll-table'><tbody>{cells}</tbody></table>"
