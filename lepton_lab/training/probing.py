"""Measures steps of a training by its probes, without changing what it trains.

An eager step is measured while it trains: hooks on the layers, gradients between backward and update, weights before
and after. Compiled steps and captured graphs cannot be looked into; there the batch that comes next is passed forward
and backward on its own, and the optimizer's next update is made on copies. Either way the weights are the same, bit by
bit, as without probes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from lepton_lab.probes.base import Moment, Probe
from lepton_lab.probes.layers import Layers
from lepton_lab.probes.log import ProbeLog
from lepton_lab.probes.quiet import uncompiled, undisturbed
from lepton_lab.probes.schedules import NEVER, Place
from lepton_lab.probes.session import Session, Watch
from lepton_lab.training.steps import FullStep, StepResult
from lepton_lab.training.updates import FusedOptimizer

if TYPE_CHECKING:
    from lepton_lab.training.engine import Engine

__all__ = ["Probing"]

Grads = list[Tensor | None]


@dataclass
class _Taking:
    """What is known of a step while it is being measured."""

    moment: Moment
    watch: Watch | None
    copies: bool
    seconds: float = 0.0
    good: bool = field(default=False)


class Probing:
    """The probes of one training.

    Args:
        engine: What is trained.
        probes: The probes.
        log: Where readings go.
        budget: Share of the time that they may take; None for no limit.
        tell: Notes a problem in the run's record.

    Attributes:
        at: Number of steps after which the loop calls `step` or `aside` for the next one.
    """

    def __init__(
        self,
        engine: Engine,
        probes: Sequence[Probe],
        log: ProbeLog,
        budget: float | None,
        tell: Callable[[str], object],
    ) -> None:
        self.engine = engine
        self._eager = _eager_twin(engine.head.forward)
        inner = getattr(engine.module, "_orig_mod", engine.module)
        separator = "." if engine.run.network is None else "/"
        layers = Layers.of(inner, separator=separator, classes=engine.plan.data.classes)
        self.session = Session(probes, layers, log, budget, engine.step_seconds, tell)
        self.at = 0
        self._previous: Grads | None = None
        self._outputs: tuple[Tensor, Tensor] | None = None
        self._events: tuple[Any, Any, float, int] | None = None
        self._plan(engine.progress.step + 1)

    def step(self, x: Tensor, y: Tensor) -> StepResult:
        """Trains on a batch as the engine's step does, and measures it where it ends in an update."""
        engine, options = self.engine, self.engine.options
        start = time.perf_counter()
        full = engine.step if isinstance(engine.step, FullStep) else self._full_step()
        if full.gathered + 1 < options.accumulate:
            return full(x, y)
        if self._lacks_previous():
            return self._remember(full, x, y)
        try:
            taking = self._take(x, y)
        except Exception as error:  # no memory for copies, say
            self._give_up(error)
            return full(x, y)
        first = self._event()
        taking.seconds += time.perf_counter() - start
        kept, on_grad = full.loss, options.on_grad
        full.loss = self._seen_by(taking, kept)
        options.on_grad = lambda: self._on_grad(taking, on_grad)
        try:
            result = full(x, y)
            taking.good = True
        finally:
            full.loss, options.on_grad = kept, on_grad
            if taking.watch is not None:
                taking.watch.close()
            if not taking.good:
                self.session.forget()
        self._finish(taking, self._parameters() if taking.copies else None, first)
        return result

    def aside(self) -> None:
        """Measures the batch that compiled steps train next; changes nothing."""
        engine, feed, start = self.engine, self.engine.feed, time.perf_counter()
        pair = self._lacks_previous()
        left = feed.samples - feed.position
        sizes = [min(feed.batch_size, left), *([min(feed.batch_size, left - feed.batch_size)] if pair else [])]
        batches = list(feed.replay(feed.position, sizes) or ()) if min(sizes) > 0 else []
        if not batches:
            self.at = engine.progress.step + 1
            return
        first = self._event()
        try:
            with undisturbed(engine.module):
                taking, after = self._measure_aside(batches)
        except Exception as error:
            self._give_up(error)
            return
        taking.seconds = time.perf_counter() - start
        self._finish(taking, after, first, ahead=len(batches))

    def saw(self, output: Tensor, target: Tensor) -> None:
        """Keeps outputs and targets that the loop has read back, for the next measured step."""
        self._outputs = output, target

    def after_reading(self, steps: int, seconds: float) -> None:
        """Takes in what has arrived, and plans anew with the present speed."""
        start = time.perf_counter()
        self.session.keeper.passed(steps, seconds)
        self._settle()
        self.session.collect()
        self.session.tell_cost()
        if self._events is None:
            self._plan(self.engine.progress.step + 1)
        self.session.keeper.owed(time.perf_counter() - start)

    def close(self) -> None:
        """Takes in everything that is on its way."""
        self._settle(wait=True)
        self.session.collect(wait=True)
        self.session.tell_cost()
        self._previous = self._outputs = None

    def _plan(self, step: int, ahead: int = 0) -> None:
        """Finds the next step to measure; `ahead` batches of the feed come before `step`."""
        engine, session = self.engine, self.session
        batch = engine.batch_index(0) if engine.in_epoch else 0
        left = engine.feed.batches_left() if engine.in_epoch else -(-engine.feed.samples // engine.feed.batch_size)
        batch, left = batch + ahead, left - ahead
        if left <= 0:
            batch, left = 0, max(1, batch)
        session.plan(step, Place(batch, left))
        if session.due >= NEVER:
            self.at = NEVER
            return
        lead = engine.options.accumulate if self._lacks_previous() else 0
        self.at = max(step, session.due - lead) - 1

    def _lacks_previous(self) -> bool:
        return self._previous is None and "previous" in self.session.wants(self.session.due)

    def _full_step(self) -> FullStep:
        engine = self.engine
        return FullStep(engine.head.forward, engine.head.loss, engine.optimizer, engine.options, engine.device)

    def _remember(self, full: FullStep, x: Tensor, y: Tensor) -> StepResult:
        """Trains on a batch and keeps its gradients, because the next step is compared with it."""
        options, on_grad = self.engine.options, self.engine.options.on_grad
        kept: Grads = []

        def keep() -> None:
            kept.extend(None if g is None else g.clone() for g in self._gradients())
            if on_grad is not None:
                on_grad()

        options.on_grad = keep
        try:
            result = full(x, y)
        finally:
            options.on_grad = on_grad
        self._previous = kept
        self.at = max(self.session.due, self.engine.progress.step + 2) - 1
        return result

    def _take(self, x: Tensor, y: Tensor) -> _Taking:
        """Prepares a measured step: what has to be computed before it, and the hooks."""
        session, number = self.session, self.engine.progress.step + 1
        wants = session.wants(number)
        moment = self._moment(number, x, self._previous)
        self._previous = None
        if "halves" in wants:
            moment.halves = self._halves(x, y)
        watch = session.watch(number)
        if self._eager is None:
            watch.__enter__()
            return _Taking(moment, watch, "update" in wants)
        module = session.layers.module
        with undisturbed(module), torch.no_grad(), watch, self._cast(), uncompiled(module):
            self._eager(x)
        moment.sums = watch.sums
        return _Taking(moment, None, "update" in wants)

    def _moment(self, number: int, x: Tensor, previous: Grads | None) -> Moment:
        moment = Moment(number, self.session.layers, inputs=x, previous=previous)
        moment.threshold = 0.5 if self.engine.head.about.probabilities else 0.0
        if self._outputs is not None:
            (moment.output, moment.target), self._outputs = self._outputs, None
        return moment

    def _seen_by(self, taking: _Taking, loss: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        def seen(output: Tensor, target: Tensor) -> Tensor:
            start = time.perf_counter()
            if taking.watch is not None:
                taking.watch.close()  # before backward: checkpointed parts pass forward a second time there
            if taking.moment.output is None:
                taking.moment.output, taking.moment.target = output.detach(), target
            taking.seconds += time.perf_counter() - start
            return loss(output, target)

        return seen

    def _on_grad(self, taking: _Taking, then: Callable[[], None] | None) -> None:
        """Gradients are there: computes all that needs them as they are now."""
        start = time.perf_counter()
        try:
            if taking.watch is not None:
                taking.moment.sums = taking.watch.sums
            taking.moment.grads = self._gradients()
            taking.moment.before = self._parameters(copies=taking.copies)
            self.session.compute(taking.moment, late=False)
            taking.moment.grads, taking.moment.previous = [], None
        except Exception as error:
            self._give_up(error)
        taking.seconds += time.perf_counter() - start
        if then is not None:
            then()

    def _finish(self, taking: _Taking, after: list[Tensor] | None, first: Any, ahead: int = 0) -> None:
        engine, session, start = self.engine, self.session, time.perf_counter()
        moment = taking.moment
        try:
            moment.after = after
            session.compute(moment, late=True)
            share = engine.feed.position / max(1, engine.feed.samples)
            session.finish(moment.step, engine.progress.epoch + share)
        except Exception as error:
            self._give_up(error)
        seconds = taking.seconds + (taking.watch.seconds if taking.watch is not None else 0.0)
        seconds += time.perf_counter() - start
        if first is not None:  # the device is still at work: its time is known with the next reading
            self._events, self.at = (first, self._event(), seconds, moment.step), NEVER
            return
        session.keeper.paid(moment.step, seconds)
        session.collect()
        self._plan(moment.step + 1, ahead)

    def _settle(self, *, wait: bool = False) -> None:
        """Takes the time that a GPU was busy with a measured step into the account."""
        if self._events is None:
            return
        first, last, seconds, step = self._events
        if wait:
            last.synchronize()
        if last.query():
            busy = first.elapsed_time(last) / 1e3 - self.session.keeper.step_seconds
            self.session.keeper.paid(step, max(seconds, busy))
            self._events = None

    def _measure_aside(self, batches: list[tuple[Tensor, Tensor]]) -> tuple[_Taking, list[Tensor] | None]:
        engine, session = self.engine, self.session
        number = engine.progress.step + len(batches)
        wants = session.wants(max(number, session.due))
        twin = _Twin(engine.optimizer, engine.head.forward) if len(batches) > 1 or "update" in wants else None
        previous: Grads | None = None
        if len(batches) > 1 and twin is not None:
            value, _ = self._evaluate(batches[0], None)
            previous = self._differentiate(value, engine.optimizer.params)
            twin.step(previous, self._rate(0))
            batches = batches[1:]
        params = twin.params if twin is not None and previous is not None else engine.optimizer.params
        x, y = batches[0]
        moment = self._moment(number, x, self._in_order(previous) if previous is not None else None)
        self._previous = None
        if "halves" in wants:
            moment.halves = self._halves(x, y)
        with session.watch(number) as watch:
            value, output = self._evaluate((x, y), twin.named if previous is not None and twin else None)
        moment.sums = watch.sums
        if moment.output is None:
            moment.output, moment.target = output.detach(), y
        grads = self._differentiate(value, params)
        moment.grads = self._in_order(grads)
        moment.before = [p for p in self._in_order([p.detach().clone() for p in params]) if p is not None]
        session.compute(moment, late=False)
        if twin is None:
            return _Taking(moment, None, copies=False), None
        twin.step(grads, self._rate(number - engine.progress.step - 1))
        after = self._in_order([p.detach() for p in twin.params])
        return _Taking(moment, None, copies=True), [p for p in after if p is not None]

    def _rate(self, ahead: int) -> float:
        """The learning rate of the batch that comes `ahead` batches after the next one."""
        engine = self.engine
        if engine.schedule.changes:
            engine.follow_schedule(-ahead * engine.feed.batch_size)
        return engine.optimizer.lr

    def _evaluate(self, batch: tuple[Tensor, Tensor], weights: dict[str, Tensor] | None) -> tuple[Tensor, Tensor]:
        forward, (x, y) = self.engine.head.forward, batch
        with self._cast(), uncompiled(forward):
            output = forward(x) if weights is None else functional_call(forward, weights, (x,))
            output = output.float() if self.engine.options.autocast is not None else output
            return self.engine.head.loss(output, y), output

    def _differentiate(self, value: Tensor, params: Sequence[Tensor]) -> Grads:
        """Gradients without touching `.grad`; scaled on the way where the run is in fp16."""
        scaler = self.engine.options.scaler
        scale = scaler.scale(torch.ones((), device=value.device)) if scaler is not None else None
        grads = torch.autograd.grad(value if scale is None else value * scale, list(params), allow_unused=True)
        return [None if g is None else g if scale is None else g / scale for g in grads]

    def _halves(self, x: Tensor, y: Tensor) -> tuple[tuple[Grads, int], tuple[Grads, int]] | None:
        n = len(y) // 2
        if n < 1:
            return None
        found: list[tuple[Grads, int]] = []
        try:
            for part in ((x[:n], y[:n]), (x[n:], y[n:])):
                with undisturbed(self.engine.module):
                    value, _ = self._evaluate(part, None)
                    params = [p for p in self.session.layers.params if p.requires_grad]
                    grads = dict(zip(map(id, params), self._differentiate(value, params), strict=True))
                found.append(([grads.get(id(p)) for p in self.session.layers.params], len(part[1])))
        except ValueError:  # batch normalisation refuses a single sample
            return None
        return found[0], found[1]

    def _in_order(self, values: Sequence[Tensor | None]) -> Grads:
        """Values of the optimizer's parameters in the module's order; None for the others."""
        found = dict(zip(map(id, self.engine.optimizer.params), values, strict=True))
        return [found.get(id(p)) for p in self.session.layers.params]

    def _gradients(self) -> Grads:
        found = (p.grad for p in self.session.layers.params)
        return [None if g is None else g.detach().to_dense() if g.is_sparse else g.detach() for g in found]

    def _parameters(self, *, copies: bool = False) -> list[Tensor]:
        params = self.session.layers.params
        return [p.detach().clone() if copies and p.requires_grad else p.detach() for p in params]

    def _cast(self) -> AbstractContextManager[Any]:
        kind = self.engine.options.autocast
        return nullcontext() if kind is None else torch.autocast(self.engine.device.type, kind)

    def _event(self) -> Any:
        if self.engine.device.type != "cuda":
            return None
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def _give_up(self, error: Exception) -> None:
        """Ends all measuring: the training goes on without probes."""
        for probe in list(self.session.probes):
            self.session.drop(probe, error)
        self.session.forget()
        self.at = self.session.due = NEVER


class _Twin:
    """An optimizer on copies: makes the updates that the real one would make next."""

    def __init__(self, optimizer: Any, forward: nn.Module) -> None:
        assert isinstance(optimizer, FusedOptimizer)
        self.params = [nn.Parameter(p.detach().clone()) for p in optimizer.params]
        place = {id(p): i for i, p in enumerate(optimizer.params)}
        self.named: dict[str, Tensor] = {
            name: self.params[place[id(p)]] for name, p in forward.named_parameters() if id(p) in place
        }
        self._optimizer = copy.copy(optimizer)
        self._optimizer.params = self.params
        known: dict[int, Tensor] = {}  # one counter may serve all parameters
        self._optimizer.state = {
            key: [known.setdefault(id(t), t.clone()) for t in values] for key, values in optimizer.state.items()
        }
        self._optimizer._bind()

    def step(self, grads: Grads, lr: float) -> None:
        """One update of the copies."""
        self._optimizer.set_lr(lr)
        for p, g in zip(self.params, grads, strict=True):
            p.grad = g if g is None or g.stride() == p.stride() else torch.empty_like(p).copy_(g)  # one layout
        self._optimizer.step()
        self._optimizer.zero_grad()


def _eager_twin(forward: nn.Module) -> Callable[[Tensor], Any] | None:
    """What to run beside the training where the user compiled the module, or parts in place; None where nothing is."""
    inner = getattr(forward, "_orig_mod", None)
    if isinstance(inner, nn.Module):
        return inner
    return forward if any(part._compiled_call_impl is not None for part in forward.modules()) else None
