"""Compiled steps: forward, backward and update of several batches in one call of generated code.

Such a call takes half the time of the same eager steps of a small network, but compiling takes a minute when it is
done for the first time on a machine, a few seconds from torch's cache, and nothing where this process has the function
already. So a training starts eagerly; where the time left is worth it, a second thread compiles beside it, and the
loop changes over between two batches. The compiled function works on the very tensors of parameters and optimizer, so
nothing is handed over, and eager and compiled steps can follow each other in any order.

Orders are obeyed before each call, so one that comes during a call waits for its end: a few batches of a network whose
steps are so short that it pays to take them together. Where single batches are ordered, eager steps take them.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import logging
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lepton_lab.data.folders import cache_dir
from lepton_lab.training.compiled import CompiledSteps, GraphSteps, build_steps, several_steps
from lepton_lab.training.feeds import ResidentFeed
from lepton_lab.training.optimizers import FusedOptimizer

if TYPE_CHECKING:
    from lepton_lab.training.engine import Engine

__all__ = ["Turbo", "reason_against"]

STEPS_PER_CALL = 5
_COLD, _WARM = 75.0, 8.0  # s to compile without and with torch's cache, beside a training on two CPUs
_SLOWED = 2.3  # what an eager step takes, relative, while another thread compiles on two CPUs
_SHARE = 0.8  # what a compiled step takes, relative, with half of the usual gain
_LATE = 2.0  # compiling may take so many times what is expected
_TURN = 50  # steps of either kind in turn, before it is decided which are quicker
_KEPT: dict[str, CompiledSteps] = {}
_kept_lock = threading.Lock()
_log = logging.getLogger(__name__)


def reason_against(engine: Engine) -> str | None:
    """Why the steps of a training cannot be compiled; None where they can."""
    settings, optimizer = engine.settings, engine.optimizer
    if settings.compile is False:
        return "it was switched off"
    if settings.deterministic:
        return "a deterministic run trains eagerly"
    if not engine.options.usual or engine.options.autocast is not None:
        return "steps do more than forward, backward and update"
    if not isinstance(optimizer, FusedOptimizer) or optimizer.options.get("amsgrad") or optimizer.options["maximize"]:
        return f"the optimizer {optimizer.name!r} has no compiled form"
    if len(optimizer.params) != sum(1 for _ in engine.module.parameters()) or len(optimizer.counters) > 1:
        return "some parameters are frozen or not always used"
    if optimizer.options.get("nesterov") or optimizer.options.get("dampening"):
        return "this kind of momentum has no compiled form"
    if not isinstance(engine.feed, ResidentFeed) or not engine.feed.plain:
        return "batches are prepared one by one"
    if any(engine.callbacks.has(name) for name in ("on_train_batch_begin", "on_train_batch_end")):
        return "callbacks want to see every batch"
    if engine.device.type == "cpu" and not (shutil.which("g++") or shutil.which("clang++") or os.environ.get("CXX")):
        return "there is no C++ compiler"
    return _reason_against_module(engine.head.forward)


def _reason_against_module(module: nn.Module) -> str | None:
    if any(True for _ in module.buffers()):
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
    """Decides, compiles beside the training, and trains several batches a call.

    Args:
        engine: What is trained.
        steps: Batches of one call.
    """

    def __init__(self, engine: Engine, steps: int = STEPS_PER_CALL) -> None:
        self.engine, self.steps = engine, steps
        self.ready = False
        self._function: CompiledSteps | GraphSteps | None = None
        self._rate: tuple[float, Tensor] | None = None
        self._key = _key(engine, steps)
        self._size = engine.feed.batch_size
        trusted = engine.settings.compile is True or engine.device.type != "cpu"
        self._trial = None if trusted else Trial()

    def decide(self) -> bool:
        """Starts to compile where that shortens the expected time, or where it was asked for."""
        engine = self.engine
        if engine.device.type == "cuda":
            return self._capture()
        self.poll()
        if self.ready:
            return True
        left = (engine.total_steps() - engine.progress.step) * engine.step_seconds
        if engine.settings.compile is not True and not pays(left, _expected(self._key)):
            return False
        thread = self._start()
        if engine.settings.compile is True:
            thread.join()
            self.poll()
        return True

    def _capture(self) -> bool:
        engine, optimizer = self.engine, _optimizer(self.engine)
        try:
            run = several_steps(engine.head.forward, engine.head.loss, optimizer, self.steps)
            self._function = GraphSteps(run, optimizer, *self._example())
            self.ready = True
        except RuntimeError as problem:  # an operation that cannot be captured: training goes on eagerly
            _log.info("steps could not be captured as a CUDA graph: %s", problem)
        return self.ready

    def _example(self) -> tuple[Tensor, Tensor]:
        feed = self.engine.feed
        assert isinstance(feed, ResidentFeed)
        rows = torch.arange(self.steps * self._size, device=feed.x.device) % feed.samples
        return self._shaped(feed.x.index_select(0, rows)), self._shaped(feed.y.index_select(0, rows))

    def _start(self) -> threading.Thread:
        """Compiles in a thread of its own, which holds copies only, so that it may outlive the training."""
        engine = self.engine
        x, y = self._example()
        function = build_steps(engine.head.forward, engine.head.loss, _optimizer(engine), self.steps, engine.threads)
        thread = threading.Thread(target=_compile, args=(self._key, function, x, y), name="lepton-compile", daemon=True)
        thread.start()
        return thread

    def poll(self) -> None:
        """Takes the compiled function over once it is there; asked at every reading."""
        if self._function is None:
            with _kept_lock:
                self._function = _KEPT.get(self._key)
            self.ready = self._function is not None

    def _shaped(self, x: Tensor) -> Tensor:
        return x.reshape(self.steps, self._size, *x.shape[1:])

    def advance(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Trains `steps` batches; None where fewer whole ones are left in the epoch.

        Returns:
            Losses (steps,), outputs and targets of all samples.
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
        rates = self._rates()
        x, y = feed.take(count)
        losses, outputs = self._function(_optimizer(engine), self._shaped(x), self._shaped(y), rates)
        return losses, outputs, y

    def _take_turn(self, trial: Trial) -> bool:
        """Whether compiled steps are next; goes back to eager ones for good where those were quicker."""
        compiled = trial.compiled_next(self.engine.progress.step)
        if trial.decided:
            self._trial = None
            if not compiled:
                self.engine.turbo = None
        return compiled

    @property
    def waiting(self) -> int:
        """Steps since the last reading, which a call may not run past."""
        return self.engine.unread()

    def _rates(self) -> Tensor:
        engine = self.engine
        if not engine.schedule.changes:
            lr = engine.optimizer.lr
            if self._rate is None or self._rate[0] != lr:
                self._rate = lr, torch.full((self.steps,), lr, device=engine.device)
            return self._rate[1]
        values = []
        for i in range(self.steps):
            engine.follow_schedule(-i * self._size)
            values.append(engine.optimizer.lr)
        return torch.tensor(values, device=engine.device)

    def settings_changed(self) -> None:
        """Goes back to eager steps where the compiled ones would not do the same."""
        if _key(self.engine, self.steps) != self._key or _reason_against_module(self.engine.head.forward):
            self.engine.turbo = None


class Trial:
    """Lets compiled and eager steps take turns, twice each, and finds out which are quicker.

    Attributes:
        decided: Whether that is known.
    """

    def __init__(self) -> None:
        self.decided = False
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
        return min(self._times[::2]) < min(self._times[1::2])


def _compile(key: str, function: CompiledSteps, x: Tensor, y: Tensor) -> None:
    start = time.perf_counter()
    try:
        torch.set_flush_denormal(True)
        function.warm_up(x, y)
        with _kept_lock:
            _KEPT[key] = function
        _remember(key, time.perf_counter() - start)
    except Exception as problem:  # no compiler, no disk, an operation that it cannot do: training goes on eagerly
        _log.info("steps could not be compiled: %s", problem)


def pays(left: float, cost: float) -> bool:
    """Whether compiling for `cost` seconds beside a training with `left` eager seconds to go loses no time.

    While it compiles, the training is slowed; afterwards each step takes a part of its time. That must come out even
    where compiling takes twice as long as expected and brings half of what it usually does.
    """
    late = _LATE * cost
    return late + max(0.0, left - late / _SLOWED) * _SHARE < left


def _optimizer(engine: Engine) -> FusedOptimizer:
    assert isinstance(engine.optimizer, FusedOptimizer)
    return engine.optimizer


def _key(engine: Engine, steps: int) -> str:
    """What a compiled function depends on; equal keys may share one."""
    optimizer, feed = _optimizer(engine), engine.feed
    assert isinstance(feed, ResidentFeed)
    about = [
        torch.__version__, repr(engine.head.forward), engine.head.loss_name, repr(engine.settings.loss_args),
        engine.settings.label_smoothing, repr(engine.settings.class_weights), optimizer.name,
        dict(optimizer.options), [list(p.shape) for p in optimizer.params],
        list(feed.x.shape[1:]), str(feed.x.dtype), list(feed.y.shape[1:]), str(feed.y.dtype), feed.batch_size,
        steps, str(engine.device), engine.threads, engine.channels_last, str(optimizer.params[0].dtype),
        engine.plan.loss is None or id(engine.plan.loss),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(about, default=str).encode()).hexdigest()[:24]


def _notes() -> Path:
    return cache_dir() / "compiled.json"


def _marker(key: str) -> Path:
    """A file in torch's cache that says that a function was compiled; gone where the cache was cleared."""
    folder = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    return Path(folder or Path(tempfile.gettempdir()) / f"torchinductor_{getpass.getuser()}") / f"lepton-{key}"


def _expected(key: str) -> float:
    """Seconds that compiling will take: less than it took here before where torch's cache has it, or a guess."""
    try:
        if not _marker(key).exists():  # torch keeps its cache among the temporary files
            return _COLD
        notes = json.loads(_notes().read_text(encoding="utf-8"))
        return max(_WARM, 0.2 * float(notes["seconds"][key]))
    except (OSError, ValueError, KeyError, TypeError):
        return _COLD


def _remember(key: str, seconds: float) -> None:
    try:
        path = _notes()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            known = dict(json.loads(path.read_text(encoding="utf-8"))["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            known = {}
        known[key] = seconds
        path.write_text(json.dumps({"seconds": dict(list(known.items())[-200:])}), encoding="utf-8")
        _marker(key).parent.mkdir(parents=True, exist_ok=True)
        _marker(key).touch()
    except (OSError, KeyError):  # no disk, or a user without a name
        return
