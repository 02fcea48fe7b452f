"""The loop: batches through a step, readings at intervals, orders between batches, epochs around it all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lepton_lab.errors import TrainingError
from lepton_lab.training.controller import Controller, Stopped
from lepton_lab.training.engine import Engine
from lepton_lab.training.memory import describe_halving, forget_frames, release, used_memory
from lepton_lab.training.native import kept_memory
from lepton_lab.training.recovery import explain_non_finite
from lepton_lab.training.setup import is_out_of_memory
from lepton_lab.training.status import RunState
from lepton_lab.training.steps import UnusualStep
from lepton_lab.training.threads import training_thread

if TYPE_CHECKING:
    from lepton_lab.training.plan import Plan
    from lepton_lab.training.run import Run

__all__ = ["Loop", "train"]

_COMPILED_READINGS = 8  # of compiled steps, of which one takes an eager step for the norm of the gradients
_FAR = 1 << 62  # steps, as many as one likes


def train(run: Run, plan: Plan) -> None:
    """Trains a run to its end, in the present thread."""
    with training_thread(plan.settings.deterministic), kept_memory():
        engine = Engine(run, plan)
        loop: Loop | None = None
        try:
            engine.set_up()
            loop = Loop(run, plan, engine)
            loop.run_all()
        except BaseException as error:
            if engine.device.type == "cuda":  # a run keeps its error, and that its frames
                forget_frames(error)
            raise
        finally:
            if loop is not None:
                loop.clear()
            engine.close()


class Loop:
    """One training, from its first to its last epoch.

    Args:
        run: The run.
        plan: What it trains.
        engine: Everything that is ready for it.
    """

    def __init__(self, run: Run, plan: Plan, engine: Engine) -> None:
        self.run, self.plan, self.engine = run, plan, engine
        self.progress = engine.progress
        self.losses: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.targets: list[Tensor] = []
        self.sizes: list[int] = []
        self.keep_outputs = engine.metrics.needs_outputs
        self.readings = 0
        engine.options.measure = True
        self.logs: dict[str, float] = {}
        engine.waiting = self.sizes.__len__
        self.controller = Controller(run, plan, engine, self)
        self.stopped_early = False

    def run_all(self) -> None:
        """Trains all epochs that are left."""
        engine, run = self.engine, self.run
        engine.callbacks.bind(run, engine.module)
        engine.callbacks.call("on_train_begin", {})
        run.publish(
            state=RunState.RUNNING, device=str(engine.device), batch_size=engine.feed.batch_size,
            steps=engine.total_steps(), message=run.status.message, lr=engine.optimizer.lr,
        )  # fmt: skip
        state = RunState.FINISHED
        engine.clock.start()
        try:
            while self.progress.epoch < self.plan.settings.epochs and not self.stopped_early:
                self._epoch()
        except Stopped:
            state = RunState.STOPPED
        engine.finish(stopped=state is RunState.STOPPED)
        engine.callbacks.call("on_train_end", dict(self.logs))
        run.publish(state=state, eta_s=None)

    def _epoch(self) -> None:
        engine, callbacks, progress = self.engine, self.engine.callbacks, self.progress
        engine.feed.begin(progress.epoch, progress.position)
        if progress.position == 0:
            engine.begin_epoch()
        engine.in_epoch = True
        callbacks.call("on_epoch_begin", progress.epoch, {})
        engine.guard_place()
        self._batches()
        engine.update_rest()
        self.read_back()
        self._end_epoch()

    def _batches(self) -> None:
        """The hot part: everything that it uses is a local variable."""
        engine, controls, progress = self.engine, self.run.controls, self.progress
        feed, callbacks = engine.feed, engine.callbacks
        losses, outputs, targets, sizes = self.losses, self.outputs, self.targets, self.sizes
        keep, moving, probing = self.keep_outputs, engine.schedule.changes, engine.probing
        before, after = callbacks.has("on_train_batch_begin"), callbacks.has("on_train_batch_end")
        next_batch, turn = feed.next, engine.turn
        while True:
            if controls.pending:
                self.controller.obey()
            if engine.turbo is not None and engine.turbo.ready and not self.controller.stepping:
                if probing is not None and progress.step >= probing.at:
                    with turn:
                        probing.aside()
                if not engine.options.measure and self._turbo():
                    continue
            batch = next_batch()
            if batch is None:
                return
            x, y = batch
            if moving:
                engine.follow_schedule(len(y))
            if before:
                callbacks.call("on_train_batch_begin", engine.batch_index(len(y)), self.logs)
            try:
                with turn:
                    if probing is not None and progress.step >= probing.at:
                        loss, output = probing.step(x, y)
                    else:
                        loss, output = engine.step(x, y)
            except UnusualStep:
                loss, output = self._not_finite((x, y))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                problem: str | None = str(error)
            else:
                problem = None
            if problem is not None:
                feed.retry(batch)
                batch = x = y = None  # type: ignore[assignment]
                self._halve(problem)
                continue
            losses.append(loss)
            sizes.append(len(y))
            if keep:
                outputs.append(output)
                targets.append(y)
            progress.step += 1
            if after:
                callbacks.call("on_train_batch_end", engine.batch_index(0) - 1, self.logs)
            if len(sizes) >= engine.log_every:
                self.read_back()

    def _turbo(self) -> bool:
        """Several steps in one call; False where fewer batches are left than a call takes."""
        engine = self.engine
        assert engine.turbo is not None
        result = engine.turbo.advance(_FAR if engine.probing is None else engine.probing.at - self.progress.step)
        if result is None:
            return False
        losses, outputs, targets = result
        steps = len(losses) * engine.turbo.steps
        self.losses.extend(losses)
        self.sizes.extend([engine.feed.batch_size] * steps)
        if self.keep_outputs:
            self.outputs.extend(outputs)
            self.targets.append(targets)
        self.progress.step += steps
        rest = 0 if self.plan.settings.log_every is not None else engine.turbo.steps - 1  # too few for another call
        if len(self.sizes) + rest >= engine.log_every:
            self.read_back()
        return True

    def read_back(self, state: RunState | None = None) -> None:
        """Brings losses and metrics of the last steps over in one transfer; looks for NaN; records and publishes.

        Args:
            state: The state that the run is in from now on, published as one with its step; None where it stays.

        Raises:
            NonFiniteError: Something is not finite; the weights are those of the last good step.
        """
        change: dict[str, Any] = {} if state is None else {"state": state}
        if not self.losses:
            if change:
                self.run.publish(**change)
            return
        engine, progress, count = self.engine, self.progress, len(self.sizes)
        parts = [torch.hstack(self.losses).float()]
        extras: list[Tensor] = []
        elements = 0
        if self.keep_outputs:
            output, target = torch.cat(self.outputs), torch.cat(self.targets)
            extras = engine.metrics.update(output, target)
            elements = engine.metrics.elements(output, target)
            if engine.probing is not None:
                engine.probing.saw(output, target)
        norm = engine.options.grad_norm
        health = torch.stack(torch._foreach_norm(engine.watched)).sum() if engine.watched else parts[0].new_zeros(())
        parts.append(torch.stack([health.float(), (norm if norm is not None else health).float()]))
        if extras:
            parts.append(torch.stack([e.float() for e in extras]))
        values = torch.cat(parts).tolist()
        if not math.isfinite(sum(values[: count + 1])):
            self._not_finite(None)
        losses = values[:count]
        grad_norm = values[count + 1] if norm is not None else math.nan
        window = engine.metrics.absorb(values[count + 2 :], elements)
        samples = sum(self.sizes)
        total = sum(loss * size for loss, size in zip(losses, self.sizes, strict=True))
        progress.loss_sum += total
        progress.loss_count += samples
        seconds, elapsed = engine.clock.lap()
        speed = samples / seconds if seconds > 0 else 0.0
        self.clear()
        self._record(total / samples, window, grad_norm, speed, elapsed, change)
        if engine.probing is not None:
            engine.probing.after_reading(count, seconds)
        engine.after_reading()
        self._measure_next()

    def _measure_next(self) -> None:
        """Has the norm of the gradients measured: once a reading, and seldom where that takes a step from a library."""
        self.readings += 1
        compiled = self.engine.turbo is not None and self.engine.turbo.ready
        self.engine.options.measure = not compiled or self.readings % _COMPILED_READINGS == 0

    def _record(
        self, loss: float, window: dict[str, float], grad_norm: float, speed: float, elapsed: float,
        change: dict[str, Any],
    ) -> None:  # fmt: skip
        engine, progress, run = self.engine, self.progress, self.run
        share = engine.feed.position / engine.feed.samples
        metrics = [window.get(name, math.nan) for name in engine.metrics.names]
        lr = engine.optimizer.lr
        run.history.steps.append((progress.step, progress.epoch + share, elapsed, loss, lr, grad_norm, speed, *metrics))
        self.logs = {"loss": loss, **window}
        steps = engine.total_steps()
        left = (steps - progress.step) * engine.feed.batch_size
        run.publish(
            epoch=progress.epoch, step=progress.step, steps=steps, loss=loss,
            metrics={**run.status.metrics, **window}, lr=lr, batch_size=engine.feed.batch_size,
            samples_per_s=speed, elapsed_s=elapsed, eta_s=left / speed if speed > 0 else None, **change,
        )  # fmt: skip

    def clear(self) -> None:
        """Forgets the steps that were not read back."""
        self.losses.clear()
        self.outputs.clear()
        self.targets.clear()
        self.sizes.clear()

    def _end_epoch(self) -> None:
        engine, progress, run = self.engine, self.progress, self.run
        row: dict[str, float] = {
            "loss": progress.loss_sum / max(1, progress.loss_count), **engine.metrics.compute(),
        }  # fmt: skip
        if engine.validates:
            engine.callbacks.call("on_test_begin", {})
            found = engine.validate()
            row.update({f"val_{name}": value for name, value in found.items()})
            engine.callbacks.call("on_test_end", dict(found))
        progress.epoch += 1
        progress.position, engine.in_epoch = 0, False
        lr, elapsed = engine.optimizer.lr, engine.clock.elapsed()
        columns = run.history.epochs.columns
        values = {"epoch": float(progress.epoch), **row, "lr": lr, "time": elapsed}
        run.history.epochs.append([values.get(name, math.nan) for name in columns])
        self.stopped_early = engine.judge(row)
        if self.stopped_early:
            message = f"stopped early: no better {engine.monitor} for {self.plan.settings.patience} epochs"
            run.history.add_event("stopped early", message, epoch=progress.epoch)
            run.publish(message=message)
        self.logs = row
        run.publish(
            epoch=progress.epoch, metrics={k: v for k, v in row.items() if k != "loss"}, loss=row["loss"],
            elapsed_s=elapsed, best_epoch=progress.best_epoch, memory_bytes=used_memory(engine.device),
        )  # fmt: skip
        engine.callbacks.call("on_epoch_end", progress.epoch - 1, {**row, "lr": lr})
        engine.checkpoint_epoch()
        engine.clock.lap()

    def _halve(self, problem: str) -> None:
        engine = self.engine
        old = engine.feed.batch_size
        if old == 1:
            raise TrainingError(
                "memory ran out with a batch of one sample", received=problem.splitlines()[0],
                do='Use a smaller network or smaller samples, or precision="auto"',
            )  # fmt: skip
        release(engine.device, engine.optimizer)
        engine.forget_gathered()
        engine.set_batch_size(old // 2)
        message = describe_halving(old, old // 2)
        self.run.history.add_event("batch size halved", message, old=old, new=old // 2)
        self.run.publish(message=message, batch_size=old // 2, steps=engine.total_steps())

    def _not_finite(self, batch: tuple[Tensor, Tensor] | None) -> Any:
        self.clear()
        raise explain_non_finite(self.engine, self.progress, batch)
