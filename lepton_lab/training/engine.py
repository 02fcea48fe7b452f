"""Everything that a training holds: module, data, step, optimizer, and how they change together."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lepton_lab.errors import TrainingError, UnknownNameError
from lepton_lab.training.callbacks import CallbackList
from lepton_lab.training.captures import TURNS
from lepton_lab.training.checkpoint import CheckpointWriter, Snapshot, load_model
from lepton_lab.training.feeds import Feed, StreamFeed, make_feed
from lepton_lab.training.guard import Guard
from lepton_lab.training.memory import available_memory, release
from lepton_lab.training.metrics import MetricSet
from lepton_lab.training.optimizers import make_optimizer
from lepton_lab.training.progress import Clock, Progress
from lepton_lab.training.schedules import Schedule, Span, make_schedule
from lepton_lab.training.setup import (
    Head,
    autocast_type,
    is_out_of_memory,
    make_head,
    resolve_device,
    usable_cpus,
    wants_channels_last,
)
from lepton_lab.training.snapshots import load_snapshot, take_snapshot
from lepton_lab.training.status import RunState
from lepton_lab.training.steps import Average, FullStep, Step, StepOptions, make_step
from lepton_lab.training.threads import best_time, pick_threads
from lepton_lab.training.turbo import Turbo, reason_against
from lepton_lab.training.updates import EngineOptimizer, FusedOptimizer
from lepton_lab.training.validate import measure

if TYPE_CHECKING:
    from lepton_lab.training.plan import Plan
    from lepton_lab.training.probing import Probing
    from lepton_lab.training.run import Run

__all__ = ["Engine"]

_READ_EVERY = 0.04  # s between two readings, about
_MOST_STEPS = 50  # between two readings
_KEPT_NUMBERS = 1 << 22  # outputs that may wait for a reading
_GUARD_SHARE = 0.25  # of the free memory that the copy of the last good state may take
_UP = ("acc", "auroc", "f1", "precision", "recall", "r2", "top_")


class Engine:
    """The parts of one training. `set_up` makes them; the loop uses them; `close` gives everything back.

    Args:
        run: The run.
        plan: What it trains.
    """

    module: nn.Module
    head: Head
    feed: Feed
    optimizer: EngineOptimizer
    schedule: Schedule
    metrics: MetricSet
    step: Step

    def __init__(self, run: Run, plan: Plan) -> None:
        self.run, self.plan, self.settings = run, plan, plan.settings
        self.progress, self.clock = Progress(), Clock()
        self.callbacks = CallbackList(plan.callbacks)
        self.options = StepOptions()
        self.guard: Guard | None = None
        self.turbo: Turbo | None = None
        self.probing: Probing | None = None
        self.waiting: Callable[[], int] = lambda: 0
        self.writer: CheckpointWriter | None = None
        self.device = torch.device("cpu")
        self.watched: list[Tensor] = []
        self.log_every = self.most_unread = self.threads = 1
        self.turn: AbstractContextManager[object] = nullcontext()  # around all that draws from a GPU's generator
        self.step_seconds = 0.0
        self.weight_decay: float | None = None
        self.dropout: float | None = None
        self.base_lr = 0.0
        self.in_epoch = False
        self.channels_last = self._weights_last = False
        self._home: torch.device | None = None
        self._last_write = 0.0

    def set_up(self) -> None:
        """Builds everything, loads what to go on from, and measures a few steps.

        Raises:
            LeptonError: Module, data and settings do not fit each other.
        """
        settings, run = self.settings, self.run
        run.publish(state=RunState.STARTING, epochs=settings.epochs)
        self.device = resolve_device(settings.device)
        if self.device.type == "cuda":
            self.turn = TURNS
        torch.manual_seed(settings.seed)
        module = self.plan.module if self.plan.module is not None else self.plan.build()
        self.plan.module = self.module = module
        self._home = next((p.device for p in module.parameters()), torch.device("cpu"))
        module.to(self.device)
        x, _ = next(self.plan.data.train.batches(2, device=self.device))
        weights_last, self.channels_last = wants_channels_last(settings.channels_last, module, x)
        self._weights_last = weights_last
        if weights_last:
            module.to(memory_format=torch.channels_last)
        self.head = make_head(module, self.plan.data, settings, self.plan.loss, self.device)
        module.train()
        self.head.forward.train()
        self.metrics = MetricSet(self.plan.metrics, self.head.about)
        self._make_monitor()
        self._make_optimizer()
        self.feed = make_feed(
            self.plan.data.train, settings.batch_size, self.device,
            seed=settings.seed, shuffle=settings.shuffle, channels_last=self.channels_last,
        )  # fmt: skip
        self.schedule = make_schedule(settings.schedule, settings.schedule_args)
        self._make_step()
        self._warm_up()
        if self.plan.start is not None:
            load_snapshot(self, self.plan.start)
        if self.plan.probes:
            from lepton_lab.training.probing import Probing

            self.probing = Probing(self, self.plan.probes, run.probes, settings.probe_budget, self._tell_of_probe)
        if reason_against(self) is None:
            self.turbo = Turbo(self)
            if not self.turbo.decide():
                self.drop_turbo()
        if run.folder is not None:
            self.writer = CheckpointWriter(run.folder / "checkpoints")

    def _tell_of_probe(self, message: str) -> None:
        self.run.history.add_event("probe", message, step=self.progress.step)

    def _make_monitor(self) -> None:
        settings = self.settings
        self.validates = settings.validate and self.plan.data.valid is not None
        columns = [c for c in self.run.history.epochs.columns if c not in ("epoch", "time", "lr")]
        self.monitor = settings.monitor or ("val_loss" if self.validates else "loss")
        if self.monitor not in columns:
            raise UnknownNameError("column to monitor", self.monitor, columns)
        mode = settings.monitor_mode
        up = mode == "max" or (mode == "auto" and any(part in self.monitor for part in _UP))
        self.monitor_sign = -1.0 if up else 1.0

    def _make_optimizer(self) -> None:
        settings = self.settings
        choice = self.plan.optimizer if self.plan.optimizer is not None else settings.optimizer
        self.optimizer = make_optimizer(
            choice, self.module.parameters(), lr=settings.lr, momentum=settings.momentum,
            weight_decay=settings.weight_decay, options=settings.optimizer_args,
            decay_biases=settings.decay_biases, plain=settings.precision == "fp16",
        )  # fmt: skip
        self.base_lr = self.optimizer.lr
        self.watched = [p.detach() for p in self.optimizer.params]

    def _make_step(self) -> None:
        settings, options = self.settings, self.options
        options.autocast = autocast_type(settings.precision, self.device)
        if options.autocast is torch.float16:
            options.scaler = torch.amp.GradScaler(self.device.type)
        options.clip_norm, options.accumulate = settings.clip_norm, settings.accumulate
        if settings.ema is not None:
            options.average = Average(self.optimizer.params, self.module.buffers(), settings.ema)
        if self.callbacks.has("on_grad_computed"):
            options.on_grad = lambda: self.callbacks.call("on_grad_computed", self.batch_index(0) - 1, {})
        if self.optimizer.closure and (settings.accumulate > 1 or options.scaler is not None):
            raise TrainingError(
                f"{self.optimizer.name!r} evaluates each batch several times, so it cannot accumulate or use fp16",
                do="Drop accumulate= and precision=, or choose another optimizer",
            )
        state_bytes = sum(t.nbytes for t in self.live_tensors())
        options.check = (
            isinstance(self.feed, StreamFeed)
            or not isinstance(self.optimizer, FusedOptimizer)
            or settings.accumulate > 1
            or state_bytes > _GUARD_SHARE * available_memory(self.device)
        )
        options.buffers = list(self.module.buffers())
        if not options.check:
            self.guard = Guard(self.live_tensors, self.device)
        self.step = make_step(self.head.forward, self.head.loss, self.optimizer, options, self.device)

    def live_tensors(self) -> list[Tensor]:
        """Everything that a step changes."""
        tensors = [p.detach() for p in self.optimizer.params] + list(self.module.buffers())
        if self.options.average is not None:
            tensors += self.options.average.shadow
        return tensors + list(self.optimizer.state_dict()[0].values())

    def _warm_up(self) -> None:
        """Runs a few steps that are taken back: lazy imports, the number of threads, the time of a step."""
        settings = self.settings
        self.feed.begin(0)
        batch = self.feed.next()
        if batch is None:
            raise TrainingError("there is nothing to train on", expected="at least one sample", received="0")
        x, y = batch
        trial = Guard(lambda: [p.detach() for p in self.optimizer.params] + list(self.module.buffers()), self.device)
        trial.save(None)

        def step() -> None:
            with (
                self.turn,
                torch.autocast(self.device.type, self.options.autocast, enabled=self.options.autocast is not None),
            ):
                loss = self.head.loss(self.head.forward(x), y)
            torch.autograd.backward(loss)
            self.optimizer.zero_grad()
            if self.device.type == "cuda":
                torch.cuda.current_stream(self.device).synchronize()  # else only launching would be timed

        most = 1 if settings.deterministic or self.device.type != "cpu" else settings.threads or usable_cpus()
        try:
            if settings.threads is not None and self.device.type == "cpu":
                torch.set_num_threads(most)
                self.threads = most
                step()
                self.step_seconds = best_time(step, 1)
            else:
                self.threads, self.step_seconds = pick_threads(step, most)
            if settings.precision == "auto" and self.device.type == "cpu" and self.options.autocast is not None:
                self._pick_precision(step)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        finally:
            release(self.device, self.optimizer)
            trial.restore()
        per_reading = max(1, min(_MOST_STEPS, int(_READ_EVERY / max(1e-6, self.step_seconds))))
        self.most_unread = max(1, _KEPT_NUMBERS // max(1, self.head.output_numel * settings.batch_size))
        self.log_every = settings.log_every or min(per_reading, self.most_unread)
        if self.optimizer.closure:
            self.log_every = 1

    def _pick_precision(self, step: Callable[[], None]) -> None:
        """Goes back to full precision where bf16 is slower: not every CPU that has it gains by it."""
        mixed, kept = best_time(step, 3), self.options.autocast
        self.options.autocast = None
        step()
        full = best_time(step, 3)
        self.step_seconds = min(full, mixed)
        self.use_autocast(kept if mixed < full else None)

    def use_autocast(self, dtype: torch.dtype | None) -> None:
        """Trains in mixed precision of `dtype` from the next step on; None for full precision."""
        self.options.autocast = dtype
        self.step = make_step(self.head.forward, self.head.loss, self.optimizer, self.options, self.device)

    def unread(self) -> int:
        """Steps since the last reading; the loop says how many."""
        return self.waiting()

    def begin_epoch(self) -> None:
        """Starts the sums of an epoch anew."""
        self.metrics.reset()
        self.progress.loss_sum, self.progress.loss_count = 0.0, 0

    def span(self, taken: int = 0) -> Span:
        """Where in its schedule the training is; `taken` samples of the feed are not trained on yet."""
        size = self.feed.batch_size * self.options.accumulate
        per_epoch = max(1, math.ceil(self.feed.samples / size))
        done = self.progress.epoch * per_epoch + (self.feed.position - taken) // size
        return Span(done, max(1, per_epoch * self.settings.epochs), per_epoch)

    def follow_schedule(self, taken: int) -> None:
        """Sets the learning rate of the next update."""
        self.optimizer.set_lr(self.base_lr * self.schedule(self.span(taken)))

    def batch_index(self, taken: int) -> int:
        """Number of the batch in its epoch, from 0."""
        return -(-(self.feed.position - taken) // self.feed.batch_size)

    def total_steps(self) -> int:
        """Batches of the whole training at the present batch size."""
        later = max(0, self.settings.epochs - self.progress.epoch - 1)
        per_epoch = math.ceil(self.feed.samples / self.feed.batch_size)
        return self.progress.step + self.feed.batches_left() + later * per_epoch

    def set_batch_size(self, size: int) -> None:
        """Sets the number of samples of the next batch."""
        self.feed.batch_size = size
        if self.turbo is not None:
            self.turbo.settings_changed()
        self.guard_place()

    def settings_changed(self) -> None:
        """Something that a prepared step was built on may have changed."""
        self.guard_place()
        if self.turbo is not None:
            self.turbo.settings_changed()

    def drop_turbo(self) -> None:
        """Trains eagerly from here on."""
        if self.turbo is not None:
            self.turbo.close()
            self.turbo = None

    def forget_gathered(self) -> None:
        """Drops gradients of an update that was not finished."""
        if isinstance(self.step, FullStep):
            self.step.gathered = self.step.samples = 0

    def update_rest(self) -> None:
        """Uses the gradients of an epoch's last batches where they are fewer than `accumulate`."""
        if isinstance(self.step, FullStep):
            self.step.update()

    def guard_place(self) -> None:
        """Copies the present state as the last good one."""
        if self.guard is not None:
            self.guard.save((self.progress.step, self.feed.position))

    def after_reading(self) -> None:
        """Everything was finite: keeps the state, and writes it down where that is due."""
        if self.turbo is not None and not self.turbo.ready:
            self.turbo.poll()
        self.guard_place()
        seconds = self.settings.checkpoint_seconds
        if self.writer is not None and seconds is not None and self.clock.elapsed() - self._last_write > seconds:
            self._write_step()

    def validate(self) -> dict[str, float]:
        """Loss and metrics on the validation split, by the averaged weights where there is an average."""
        split = self.plan.data.valid
        assert split is not None
        average = self.options.average
        if average is not None:
            average.swap()
        try:
            found = measure(
                self.module, self._eval_forward, self.head.loss, split, self.plan.metrics, self.head.about,
                batch_size=self.feed.batch_size, autocast=self.options.autocast, channels_last=self.channels_last,
            )  # fmt: skip
        finally:
            if average is not None:
                average.swap()
        assert found is not None
        return found

    def _eval_forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head.forward(x)
        return output

    def judge(self, row: dict[str, float]) -> bool:
        """Compares an epoch with the best one, and keeps its weights if better; True where it is time to stop."""
        progress, value = self.progress, row[self.monitor] * self.monitor_sign
        if self.schedule.plateau is not None:
            self.schedule.plateau.observe(value)
            self.follow_schedule(0)
        if progress.best is None or value < progress.best - self.settings.min_delta:
            progress.best, progress.best_epoch, progress.waited = value, progress.epoch, 0
            self.plan.best = take_snapshot(self, weights_only=True)
            if self.writer is not None:
                self.writer.put(self.plan.best, best=True)
        else:
            progress.waited += 1
        patience = self.settings.patience
        return patience is not None and progress.waited > patience

    def checkpoint_epoch(self) -> None:
        """Writes the state down after an epoch, where the settings say so."""
        every = self.settings.checkpoint_every
        if self.writer is not None and every is not None and self.progress.epoch % every == 0:
            self._write_step()

    def _write_step(self) -> None:
        assert self.writer is not None
        self._last_write = self.clock.elapsed()
        self.writer.put(self.snapshot())
        if self.writer.problem is not None:
            problem, self.writer.problem = self.writer.problem, None
            message = f"a checkpoint could not be written: {problem}"
            self.run.history.add_event("checkpoint failed", message)
            self.run.publish(message=message)

    def snapshot(self) -> Snapshot:
        """A copy of everything that the next step depends on."""
        return take_snapshot(self)

    def finish(self, *, stopped: bool) -> None:
        """Keeps the last state, and puts the averaged or the best weights into the module."""
        self.plan.last = self.snapshot()
        if self.writer is not None:
            self._write_step()
        best, settings = self.plan.best, self.settings
        wanted = settings.restore_best if settings.restore_best is not None else settings.patience is not None
        if best is not None and (stopped or wanted):
            load_model(self.module, best.part("model"))
        elif self.options.average is not None:
            self.options.average.swap()

    def close(self) -> None:
        """Gives back threads and memory; the module goes back to where it came from.

        Side effects: gradients are forgotten.
        """
        self.drop_turbo()
        if self.probing is not None:
            self.probing.close()
            self.probing = None
        if self.writer is not None:
            self.writer.close()
        module = self.plan.module
        if module is not None and hasattr(self, "optimizer"):
            self.optimizer.zero_grad()
        if module is not None and self._weights_last:
            module.to(memory_format=torch.contiguous_format)
        if module is not None and self._home is not None and self._home != self.device:
            module.to(self._home)
        if hasattr(self, "feed"):
            self.feed.close()
        self.guard = None
        self.watched, self.options = [], StepOptions()
        for name in ("optimizer", "step", "metrics", "head"):  # an error that is kept holds this by its traceback
            self.__dict__.pop(name, None)
        release(self.device)
