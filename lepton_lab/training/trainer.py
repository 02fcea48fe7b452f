"""`Trainer`: a module, how to train it, and `start`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from lepton_lab.data import DataBundle, from_arrays, load_source
from lepton_lab.errors import TrainingError
from lepton_lab.network import NetworkSpec
from lepton_lab.probes.base import PROBES, make_probes
from lepton_lab.training import recording
from lepton_lab.training.callbacks import EarlyStopping
from lepton_lab.training.checkpoint import Snapshot
from lepton_lab.training.history import History
from lepton_lab.training.loop import train
from lepton_lab.training.losses import LOSSES
from lepton_lab.training.metrics import default_metrics, metric_name
from lepton_lab.training.optimizers import OPTIMIZERS
from lepton_lab.training.plan import Plan
from lepton_lab.training.progress_line import follow
from lepton_lab.training.run import Run
from lepton_lab.training.schedules import make_schedule
from lepton_lab.training.settings import TrainSettings
from lepton_lab.training.setup import describe_data
from lepton_lab.training.slots import Slots, default_slots

__all__ = ["StartRequest", "Trainer", "as_bundle", "start_spec", "trainer_of"]

_AS_BEFORE: Any = object()


@dataclass(frozen=True)
class StartRequest:
    """A training as plain data, for another process to start.

    Attributes:
        network: `NetworkSpec.to_dict()`.
        data: What `load_source` loads.
        settings: `TrainSettings.to_json()`.
        name: What to call the run.
        options: Further keyword arguments of `start`.
    """

    network: Mapping[str, Any]
    data: Mapping[str, Any]
    settings: Mapping[str, Any]
    name: str = ""
    options: Mapping[str, Any] | None = None


class Trainer:
    """Trains a module, or new modules of a network's specification.

    A module is trained in place, one run at a time. A specification is a recipe: each `start` builds new weights from
    the seed.

    Args:
        network: Any `nn.Module`, or a `NetworkSpec`.
        loss: A name, or a function of outputs and targets; "auto" chooses by the data's task.
        optimizer: A name, a class or function that builds one from the parameters, or a `torch.optim.Optimizer`.
        lr: Learning rate; None for the usual one.
        metrics: Names, torchmetrics metrics or functions of outputs and targets; None chooses by the data's task.
        schedule: Name of a learning-rate schedule, or a dict of its "name" and options.
        callbacks: `Callback`s, or objects with methods of Keras's names.
        probes: What to measure inside the network while it trains: "standard", names and `Probe`s, or None for
            nothing. The weights are the same with and without; `probe_budget` limits the share of time.
        **settings: Everything else that `TrainSettings` knows: `momentum`, `weight_decay`, `precision`, `compile`,
            `clip_norm`, `accumulate`, `label_smoothing`, `class_weights`, `ema`, `seed`, `deterministic`, `device`, …

    Raises:
        UnknownNameError: A loss, optimizer, metric, schedule or setting that does not exist.
        TrainingError: A setting that cannot be used.

    Example:
        >>> run = Trainer(module, optimizer="sgd", lr=0.1).start(data, epochs=5)  # doctest: +SKIP
    """

    def __init__(
        self,
        network: nn.Module | NetworkSpec,
        loss: str | Callable[..., Any] = "auto",
        optimizer: Any = "adam",
        lr: float | None = None,
        metrics: Sequence[Any] | None = None,
        schedule: str | Mapping[str, Any] | None = None,
        callbacks: Sequence[Any] = (),
        probes: Any = None,
        **settings: Any,
    ) -> None:
        if not isinstance(network, nn.Module | NetworkSpec):
            raise TrainingError(
                "this cannot be trained", expected="an nn.Module or a NetworkSpec", received=type(network).__name__
            )
        self.spec = network if isinstance(network, NetworkSpec) else None
        self.module = network if isinstance(network, nn.Module) else None
        self.callbacks = [c for c in callbacks if not isinstance(c, EarlyStopping)]
        for stopping in (c for c in callbacks if isinstance(c, EarlyStopping)):
            settings = {**stopping.settings(), **settings}
        self._loss = None if isinstance(loss, str) else loss
        self._optimizer = None if isinstance(optimizer, str) else optimizer
        self._metrics = None if metrics is None else tuple([metrics] if isinstance(metrics, str) else metrics)
        for metric in self._metrics or ():
            metric_name(metric)
        self._probes: Any = probes
        settings["probes"] = _probe_names(probes)
        if isinstance(loss, str) and loss != "auto":
            LOSSES.entry(loss)
        if isinstance(optimizer, Mapping):
            options = dict(optimizer)
            optimizer, self._optimizer = str(options.pop("name")), None
            settings["optimizer_args"] = options
        if isinstance(optimizer, str):
            optimizer = OPTIMIZERS.entry(optimizer.lower()).name
        schedule_args = settings.pop("schedule_args", None)
        if isinstance(schedule, Mapping):
            schedule_args = {k: v for k, v in schedule.items() if k != "name"}
            schedule = str(schedule["name"])
        make_schedule(schedule, schedule_args)
        if settings.get("class_weights") is not None and not isinstance(settings["class_weights"], str):
            settings["class_weights"] = tuple(float(w) for w in settings["class_weights"])
        self.settings = TrainSettings().changed(
            loss=loss if isinstance(loss, str) else _name_of(loss),
            optimizer=optimizer if isinstance(optimizer, str) else _name_of(optimizer),
            lr=lr,
            metrics=("auto",) if self._metrics is None else tuple(metric_name(m) for m in self._metrics),
            schedule=schedule,
            schedule_args=schedule_args,
            **settings,
        )
        self._run: Run | None = None

    def start(
        self,
        data: DataBundle | tuple[Any, Any],
        epochs: int | None = None,
        batch_size: int | None = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        name: str = "",
        where: str = "thread",
        recorder: recording.Recorder | None = None,
        record: bool = True,
        run_id: str | None = None,
        folder: str | Path | None = None,
        slots: Slots | None = None,
        resume_from: Snapshot | None = None,
        history: History | None = None,
        parent: Mapping[str, Any] | None = None,
        probes: Any = _AS_BEFORE,
        **changes: Any,
    ) -> Run:
        """Starts training in the background and returns at once.

        Args:
            data: A `DataBundle`, or samples and targets.
            epochs: Epochs to train.
            batch_size: Samples a step.
            validation_data: Samples and targets to validate on; for a bundle, in place of its own.
            name: What to call the run.
            where: "thread" for this process, or a place that upper layers offer, such as "worker".
            recorder: Keeps the run's record; the default one where None.
            record: Whether to keep a record at all.
            run_id: The run's id; a new one where None.
            folder: Where checkpoints go where nobody records the run.
            slots: In which line to wait; the process's own where None.
            resume_from: A snapshot to go on from.
            history: What the run has measured before.
            parent: Where it was forked from.
            probes: What to measure in this run, in place of what the trainer was given.
            **changes: Settings to replace for this run.

        Raises:
            TrainingError: A run trains this module already.
        """
        given: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size}
        given = {k: v for k, v in given.items() if v is not None}
        if probes is _AS_BEFORE:
            probes = self._probes
        else:
            given["probes"] = _probe_names(probes)
        settings = self.settings.changed(**given, **changes)
        if where != "thread":
            starter = recording.place(where)
            elsewhere: Run = starter(self.request(data, name=name, probes=probes, settings=settings))
            return elsewhere
        bundle = as_bundle(data, validation_data)
        if self._run is not None and not self._run.state.ended and self.module is not None and self.spec is None:
            raise TrainingError(
                f"{self._run.name!r} trains this module already", do="Wait for it or stop it, or train a copy"
            )
        metrics = self._metrics if self._metrics is not None else default_metrics(str(bundle.task))
        columns = [metric_name(m) for m in metrics]
        validated = settings.validate and bundle.valid is not None
        run = Run(
            settings=settings.to_json(),
            data=describe_data(bundle),
            network=self.spec.to_dict() if self.spec is not None else None,
            name=name,
            run_id=run_id,
            folder=Path(folder) if folder is not None else None,
            parent=parent,
            history=history if history is not None else History(columns, validated),
        )
        plan = Plan(
            data=bundle,
            settings=settings,
            build=self._builder(settings),
            module=self.module if self.spec is None else None,
            loss=self._loss,
            optimizer=self._optimizer,
            metrics=metrics,
            callbacks=self.callbacks,
            probes=make_probes(probes),
            start=resume_from,
            slots=slots or default_slots,
        )
        if recorder is None and record:
            recorder = recording.default_recorder()
        self._run = run
        return run.launch(lambda r: train(r, plan), plan, recorder=recorder)

    def fit(
        self,
        data: DataBundle | tuple[Any, Any],
        epochs: int | None = None,
        batch_size: int | None = None,
        *,
        verbose: int | str = "auto",
        **options: Any,
    ) -> Run:
        """Trains and returns the finished run: `start(…)`, a progress line, and `wait()`.

        Args:
            data: See `start`.
            epochs: See `start`.
            batch_size: See `start`.
            verbose: 0 is silent, 1 a live line in a terminal, 2 one line an epoch; "auto" is 1 in a terminal, 0 in a
                notebook, and 2 elsewhere.
            **options: See `start`.
        """
        return follow(self.start(data, epochs, batch_size, **options), verbose)

    def lr_find(self, data: DataBundle | tuple[Any, Any], **options: Any) -> Any:
        """Tries learning rates from small to large for a few steps each; see `lr_finder.lr_find`."""
        from lepton_lab.training.lr_finder import lr_find

        return lr_find(self, data, **options)

    def _builder(self, settings: TrainSettings) -> Callable[[], nn.Module]:
        spec, module = self.spec, self.module
        if spec is None:
            assert module is not None
            return lambda: module
        return lambda: spec.build(seed=settings.seed)

    def request(
        self,
        data: DataBundle | tuple[Any, Any],
        *,
        name: str = "",
        probes: Any = _AS_BEFORE,
        settings: TrainSettings | None = None,
    ) -> StartRequest:
        """A training as plain data, for another process to start.

        Args:
            data: A bundle that was loaded by name or from a file.
            name: What to call the run.
            probes: What to measure, in place of what the trainer was given.
            settings: How to train, in place of the trainer's settings.

        Raises:
            TrainingError: Network, data, or something given as an object cannot travel as plain data.
        """
        chosen = self._probes if probes is _AS_BEFORE else probes
        own_probes = not isinstance(chosen, str | None) and any(not isinstance(p, str) for p in chosen)
        custom = any(not isinstance(m, str) for m in self._metrics or ()) or bool(self.callbacks) or own_probes
        if self.spec is None or custom or self._loss is not None or self._optimizer is not None:
            raise TrainingError(
                "only plain descriptions travel to another process",
                expected="a NetworkSpec, and losses, optimizers, metrics and probes by name",
                received="a module" if self.spec is None else "an object of your own",
                do='Train it here: where="thread"',
            )
        if not isinstance(data, DataBundle) or data.source is None:
            raise TrainingError(
                "the data cannot be loaded again by another process",
                expected="a data set that was loaded by name or from a file",
                do='Train it here: where="thread"',
            )
        return StartRequest(self.spec.to_dict(), data.source, (settings or self.settings).to_json(), name)


def as_bundle(data: DataBundle | tuple[Any, Any], validation_data: tuple[Any, Any] | None = None) -> DataBundle:
    """The data as a bundle; `validation_data` takes the place of its own."""
    from dataclasses import replace

    if isinstance(data, DataBundle):
        if validation_data is None:
            return data
        x, y = validation_data
        other = from_arrays(x, y, valid=0, test=0, task=data.task, classes=data.classes or None)
        return replace(data, valid=other.train)
    x, y = data
    if validation_data is None:
        return from_arrays(x, y, valid=0, test=0)
    return from_arrays(x, y, validation_data=validation_data, valid=0, test=0)


def start_spec(
    network: Mapping[str, Any],
    data: Mapping[str, Any] | DataBundle,
    settings: Mapping[str, Any],
    **options: Any,
) -> Run:
    """Starts a run from plain data: what a worker or a command does.

    Args:
        network: `NetworkSpec.to_dict()`.
        data: What `load_source` loads, or the bundle.
        settings: `TrainSettings.to_json()`.
        **options: See `Trainer.start`.
    """
    bundle = data if isinstance(data, DataBundle) else load_source(data)
    return trainer_of(network, settings).start(bundle, **options)


def trainer_of(network: Mapping[str, Any], settings: Mapping[str, Any]) -> Trainer:
    """A trainer for a specification and settings that were kept as plain data."""
    chosen = TrainSettings.from_json(settings)
    trainer = Trainer(NetworkSpec.from_dict(network), metrics=None if chosen.metrics == ("auto",) else chosen.metrics)
    trainer.settings = chosen
    trainer._probes = _known_probes(chosen)
    return trainer


def _probe_names(choice: Any) -> tuple[str, ...] | None:
    """What a record keeps of the probes: their names.

    Raises:
        UnknownNameError: There is no probe of this name.
    """
    if choice is None:
        return None
    names = [p.name for p in make_probes(choice)]
    return ("standard",) if choice == "standard" else tuple(names)


def _known_probes(settings: TrainSettings) -> list[str]:
    """The probes that a record names, without those of a plugin or a notebook that is not there."""
    return [name for name in settings.probes or () if name == "standard" or name in PROBES]


def _name_of(thing: Any) -> str:
    return getattr(thing, "__name__", type(thing).__name__)
