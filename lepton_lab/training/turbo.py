"""Compiled steps: forward, backward and update of some batches in one call of generated code.

Such a call takes a third to a half of the time of the same eager steps of a small network. Compiling takes about ten
seconds, loading what was compiled before takes a millisecond. So a training starts with compiled steps where the cache
has them, and eagerly elsewhere. Once it has trained for a second, its speed tells the time left; where that is worth
it (`payback`), a process of low priority compiles beside it, and the loop changes over between two batches. The
compiled function works on the very tensors of parameters and optimizer, so nothing is handed over, and eager and
compiled steps can follow each other in any order.

On a GPU the steps are captured as a CUDA graph, which takes some hundredths of a second: at the first reading, so that
the first step does not wait for it, where enough steps are left; and again where a setting has changed.

Orders are obeyed before each call, so one that comes during a call waits for its end: two batches of a network whose
steps are short, one of others; on a GPU as many as take no longer than 10 ms eagerly, ten at most, so that copies and
launches are paid once for all of them. A CPU's samples are gathered for some calls at once; an order hands back those
that were not trained on. Where single batches are ordered, eager steps take them.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lepton_lab.training.compile_job import CompileJob, expected, library_of, load_library, order_of
from lepton_lab.training.compiled import GraphSteps, LoadedSteps
from lepton_lab.training.feeds import ResidentFeed
from lepton_lab.training.payback import Estimate, note_share
from lepton_lab.training.setup import usable_cpus
from lepton_lab.training.updates import FusedOptimizer

if TYPE_CHECKING:
    from lepton_lab.training.engine import Engine

__all__ = ["Turbo", "reason_against"]

STEPS_PER_CALL = 2  # five are hardly quicker, and take three times as long to compile
_SHORT = 0.02  # s; longer steps are taken one a call, so that orders take effect at once
_LOOK = 1.0  # s of training after which its speed is known
_TURN = 50  # steps of either kind in turn, before it is decided which are quicker
_GRAPH_STEPS = 10  # of one CUDA graph, at most
_GRAPH_SECONDS = 0.01  # s that they may take eagerly
_GRAPH_CALLS = 20  # fewer are not worth a capture
_FEWER_READS = 4  # times as many steps between two readings, as a reading takes longer than some compiled steps
_CALLS = 4  # of a library, whose samples are gathered at once
_READ_EVERY = 0.05  # s between two readings of a library's steps, at most
_log = logging.getLogger(__name__)


def reason_against(engine: Engine) -> str | None:
    """Why the steps of a training cannot be compiled; None where they can."""
    settings, optimizer, on_cpu = engine.settings, engine.optimizer, engine.device.type == "cpu"
    if settings.compile is False:
        return "it was switched off"
    if engine.device.type not in ("cpu", "cuda"):
        return f"nothing compiles for {engine.device.type}"
    if settings.deterministic:
        return "a deterministic run trains eagerly"
    if not engine.options.usual or (on_cpu and engine.options.autocast is not None):
        return "steps do more than forward, backward and update"
    if not isinstance(optimizer, FusedOptimizer) or optimizer.options.get("amsgrad") or optimizer.options["maximize"]:
        return f"the optimizer {optimizer.name!r} has no compiled form"
    if len(optimizer.params) != sum(1 for _ in engine.module.parameters()) or len(optimizer.counters) > 1:
        return "some parameters are frozen or not always used"
    if on_cpu and (optimizer.options.get("nesterov") or optimizer.options.get("dampening")):
        return "this kind of momentum has no compiled form"
    if on_cpu and optimizer.spares:
        return "weight decay spares some parameters"
    if not isinstance(engine.feed, ResidentFeed) or not engine.feed.plain:
        return "batches are prepared one by one"
    if not on_cpu and engine.plan.loss is not None:
        return "a loss of the user's may wait for the device"
    if any(engine.callbacks.has(name) for name in ("on_train_batch_begin", "on_train_batch_end")):
        return "callbacks want to see every batch"
    return _reason_against_module(engine.head.forward, on_cpu)


def _reason_against_module(module: nn.Module, on_cpu: bool) -> str | None:
    if on_cpu and any(True for _ in module.buffers()):
        return "the network keeps running averages"
    for m in module.modules():
        if m._forward_hooks or m._forward_pre_hooks or m._backward_hooks:
            return "somebody watches the network"
        if isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0:
            return "the network drops units at random"
        if not type(m).__module__.startswith(("torch.nn.modules", "lepton_lab.network.")):
            return f"{type(m).__name__} is not one of torch's layers"
    return None


class Turbo:
    """Decides, has steps compiled beside the training, and trains several batches a call.

    Args:
        engine: What is trained.
        steps: Batches of one call; None for as many as suit the length of a step.
    """

    def __init__(self, engine: Engine, steps: int | None = None) -> None:
        self.engine = engine
        self.steps = steps or _steps_for(engine)
        self.ready = False
        self._function: LoadedSteps | GraphSteps | None = None
        self._job: CompileJob | None = None
        self._library: Path | None = None
        self._order: dict[str, Any] | None = None  # what would be compiled; None once that is decided
        self._estimate: Estimate | None = None
        self._begin = engine.progress.step, engine.clock.elapsed()
        self._rate: tuple[float, Tensor] | None = None
        self._size = engine.feed.batch_size
        self._about = _about(engine)
        trusted = engine.settings.compile is True or engine.device.type != "cpu"
        self._trial = None if trusted else Trial()
        self._log_every: int | None = None  # what it was before compiled steps took over

    def decide(self) -> bool:
        """Loads what was compiled before; compiles where that was asked for.

        Returns:
            Whether there are compiled steps, or may be later.
        """
        engine = self.engine
        if engine.device.type == "cuda":
            return self._capture() if engine.settings.compile is True else True
        x, y = self._example()
        order = order_of(engine, _optimizer(engine), x, y)
        if order is None:
            return False
        self._library = library_of(order)
        if self._load():
            return True
        if not (shutil.which("g++") or shutil.which("clang++") or os.environ.get("CXX")):
            return False
        if engine.settings.compile is True:
            if self._start(order, patient=False):
                assert self._job is not None
                self._job.wait()
                self.poll()
            return self.ready
        self._order, self._estimate = order, expected(order)
        return engine.threads < usable_cpus()

    def _start(self, order: dict[str, Any], *, patient: bool) -> bool:
        assert self._library is not None
        try:
            self._job = CompileJob(order, self._library, patient=patient)
        except OSError as problem:
            _log.info("no process could be started to compile steps: %s", problem)
        return self._job is not None

    def _capture(self) -> bool:
        engine, optimizer = self.engine, _optimizer(self.engine)
        head = engine.head
        try:
            forward, loss = self._cast(head.forward), head.loss
            self._function = GraphSteps(forward, loss, optimizer, *self._example(), buffers=engine.options.buffers)
            self.ready = True
        except RuntimeError as problem:  # an operation that cannot be captured: training goes on eagerly
            _log.info("steps could not be captured as a CUDA graph: %s", problem)
        if self.ready and self.steps == _GRAPH_STEPS:
            self._read_less(engine.most_unread)
        return self.ready

    def _cast(self, forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """The forward pass in the run's precision."""
        device, dtype = self.engine.device.type, self.engine.options.autocast
        if dtype is None:
            return forward

        def mixed(x: Tensor) -> Tensor:
            with torch.autocast(device, dtype, cache_enabled=False):  # a graph must make its own copies of the weights
                return forward(x).float()

        return mixed

    def _read_less(self, most: int) -> None:
        """Lets more steps pass between two readings, at most so many; `close` takes it back."""
        engine = self.engine
        if engine.settings.log_every is None and self._log_every is None:
            self._log_every = engine.log_every
            engine.log_every = max(engine.log_every, min(_FEWER_READS * engine.log_every, most))

    def _example(self) -> tuple[Tensor, Tensor]:
        feed = self.engine.feed
        assert isinstance(feed, ResidentFeed)
        rows = torch.arange(self.steps * self._size, device=feed.x.device) % feed.samples
        x = feed.x.index_select(0, rows)
        if feed.layout:
            x = x.contiguous(memory_format=torch.channels_last)
        return self._shaped(x)[0], self._shaped(feed.y.index_select(0, rows))[0]

    def _load(self) -> bool:
        assert self._library is not None
        engine, self._function = self.engine, load_library(self._library)
        self.ready = self._function is not None
        if self.ready and self.steps == STEPS_PER_CALL:
            self._read_less(min(engine.most_unread, int(_READ_EVERY / max(1e-6, engine.step_seconds))))
        return self.ready

    def poll(self) -> None:
        """Starts to compile where that pays, and takes the compiled steps over once they are there.

        Asked at every reading while steps are eager.
        """
        job = self._job
        if self.engine.device.type == "cuda":
            steps_left = self.engine.total_steps() - self.engine.progress.step
            if steps_left < _GRAPH_CALLS * self.steps or not self._capture():
                self.engine.drop_turbo()
            return
        if job is None:
            self._consider()
            return
        if not job.done:
            late = self._estimate is not None and job.seconds > self._estimate.limit
            if late and not self._pays(job.seconds):
                self.engine.drop_turbo()
            return
        self._job = None
        if not self._load():  # no compiler, no disk, an operation that it cannot do: training goes on eagerly
            _log.info("steps could not be compiled: %s", job.problem)
            self.engine.drop_turbo()

    def _consider(self) -> None:
        """Decides once, as soon as the speed is known."""
        if self._order is None or self.engine.clock.elapsed() - self._begin[1] < _LOOK:
            return
        order, self._order = self._order, None
        if not self._pays() or not self._start(order, patient=True):
            self.engine.drop_turbo()

    def _pays(self, spent: float = 0.0) -> bool:
        engine, (step, elapsed) = self.engine, self._begin
        assert self._estimate is not None
        seconds = (engine.clock.elapsed() - elapsed) / max(1, engine.progress.step - step)
        return self._estimate.pays((engine.total_steps() - engine.progress.step) * seconds, spent)

    def close(self) -> None:
        """Ends what still compiles; forgets a graph, and its memory with it."""
        self._function, self.ready = None, False
        if self._log_every is not None:
            self.engine.log_every, self._log_every = self._log_every, None
        if self._job is not None:
            self._job.stop()
            self._job = None

    def _shaped(self, x: Tensor, calls: int = 1) -> tuple[Tensor, ...]:
        return x.reshape(calls, self.steps, self._size, *x.shape[1:]).unbind()

    def advance(self, most: int) -> tuple[list[Tensor], list[Tensor], Tensor] | None:
        """Trains `steps` batches, or a few times as many; None where fewer whole ones are left in the epoch.

        Args:
            most: Steps after which there is something else to do; more are taken only where one call takes more.

        Returns:
            Losses (steps,) and outputs of each call, and the targets of all samples.
        """
        engine, feed, count = self.engine, self.engine.feed, self.steps * self._size
        assert isinstance(feed, ResidentFeed)
        assert self._function is not None
        if feed.batch_size != self._size or feed.samples - feed.position < count:
            return None
        if engine.log_every - self.waiting < self.steps:
            return None
        if self._trial is not None and not self._take_turn(self._trial):
            return None
        calls = 1
        if self._trial is None and engine.device.type == "cpu":
            room = min(most, engine.log_every - self.waiting, (feed.samples - feed.position) // self._size)
            calls = max(1, min(_CALLS, room // self.steps))
        rates = self._rates(calls)
        x, y = feed.take(calls * count)
        controls, optimizer = engine.run.controls, _optimizer(engine)
        losses, outputs = [], []
        for x_i, y_i, rate in zip(self._shaped(x, calls), self._shaped(y, calls), rates, strict=True):
            loss, output = self._function(optimizer, x_i, y_i, rate)
            losses.append(loss)
            outputs.append(output)
            if controls.pending:
                break
        left = (calls - len(losses)) * count
        if left:
            feed.position -= left
            y = y[: len(losses) * count]
            if engine.schedule.changes:
                engine.follow_schedule(self._size)  # the rate of the last batch that was trained
        return losses, outputs, y

    def _take_turn(self, trial: Trial) -> bool:
        """Whether compiled steps are next; goes back to eager ones for good where those were quicker."""
        compiled = trial.compiled_next(self.engine.progress.step)
        if trial.decided:
            self._trial = None
            if self._library is not None:
                note_share(self._library, trial.share)
            if not compiled:
                self.engine.drop_turbo()
        return compiled

    @property
    def waiting(self) -> int:
        """Steps since the last reading, which a call may not run past."""
        return self.engine.unread()

    def _rates(self, calls: int) -> Sequence[Tensor]:
        """The learning rates (steps,) of each call."""
        engine = self.engine
        if not engine.schedule.changes:
            lr = engine.optimizer.lr
            if self._rate is None or self._rate[0] != lr:
                self._rate = lr, torch.full((self.steps,), lr, device=engine.device)  # no copy: nothing waits
            return [self._rate[1]] * calls
        values = []
        for i in range(calls * self.steps):
            engine.follow_schedule(-i * self._size)
            values.append(engine.optimizer.lr)
        pinned = engine.device.type == "cuda"  # from there it is copied without waiting for the steps before
        rates = torch.tensor(values, pin_memory=pinned).to(engine.device, non_blocking=True)
        return rates.reshape(calls, self.steps).unbind()

    def settings_changed(self) -> None:
        """Goes back to eager steps where the compiled ones would not do the same; on a GPU until the next reading."""
        engine = self.engine
        on_cpu = engine.device.type == "cpu"
        if _about(engine) == self._about and not _reason_against_module(engine.head.forward, on_cpu):
            return
        engine.drop_turbo()
        if engine.device.type == "cuda" and reason_against(engine) is None:
            engine.turbo = Turbo(engine)


class Trial:
    """Lets compiled and eager steps take turns, twice each, and finds out which are quicker.

    Attributes:
        decided: Whether that is known.
        share: Then, what a compiled step takes of an eager one's time.
    """

    def __init__(self) -> None:
        self.decided, self.share = False, 1.0
        self._begin: tuple[float, int] | None = None
        self._times: list[float] = []  # s a step: compiled, eager, compiled, eager

    def compiled_next(self, step: int) -> bool:
        """Whether the next steps are to be compiled ones; `step` have been trained so far."""
        now = time.perf_counter()
        if self._begin is None:
            self._begin = now, step
        elif step - self._begin[1] >= _TURN:
            self._times.append((now - self._begin[0]) / (step - self._begin[1]))
            self._begin = now, step
        if len(self._times) < 4:
            return len(self._times) % 2 == 0
        self.decided = True
        self.share = min(self._times[::2]) / max(1e-9, min(self._times[1::2]))
        return self.share < 1.0


def _steps_for(engine: Engine) -> int:
    """How many batches one call takes."""
    if engine.device.type == "cuda":
        short = int(_GRAPH_SECONDS / max(1e-6, engine.step_seconds))
        return max(1, min(_GRAPH_STEPS, engine.log_every, short, engine.feed.samples // engine.feed.batch_size))
    return STEPS_PER_CALL if engine.step_seconds < _SHORT else 1


def _optimizer(engine: Engine) -> FusedOptimizer:
    assert isinstance(engine.optimizer, FusedOptimizer)
    return engine.optimizer


def _about(engine: Engine) -> tuple[Any, ...]:
    """What a run may change of all that compiled steps were made for."""
    return engine.feed.batch_size, repr(_optimizer(engine).options)
