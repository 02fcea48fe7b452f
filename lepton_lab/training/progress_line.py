"""The progress line of `fit`: written by the thread that waits, never by the one that trains."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, TextIO

from lepton_lab.errors import UnknownNameError

if TYPE_CHECKING:
    from lepton_lab.training.run import Run

__all__ = ["follow", "resolve_verbose"]

_WIDTH = 20


def resolve_verbose(verbose: int | str, stream: TextIO | None = None) -> int:
    """0 silent, 1 a live line, 2 one line an epoch; "auto" by where the program runs."""
    if verbose == "auto":
        stream = stream or sys.stdout
        if _in_notebook():
            return 0
        return 1 if stream.isatty() else 2
    if verbose not in (0, 1, 2):
        raise UnknownNameError("kind of output", verbose, ("0", "1", "2", "auto"))
    return int(verbose)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")  # loaded where there is a shell, not needed where there is none
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def follow(run: Run, verbose: int | str = "auto", stream: TextIO | None = None) -> Run:
    """Waits for a run and writes how far it is; Ctrl-C stops it and keeps the best weights.

    Raises:
        BaseException: What the training raised.
    """
    stream = stream or sys.stdout
    level = resolve_verbose(verbose, stream)
    if level == 0:
        return _wait(run)
    written = 0
    try:
        while not run._done.wait(0.1):
            written = _epochs(run, written, level, stream)
            if level == 1:
                stream.write("\r" + _line(run) + "\x1b[K")
                stream.flush()
    except KeyboardInterrupt:
        run.stop()
        run._done.wait()
        _epochs(run, written, level, stream)
        raise
    _epochs(run, written, level, stream)
    return run.wait()


def _wait(run: Run) -> Run:
    try:
        return run.wait()
    except KeyboardInterrupt:
        if threading.current_thread() is threading.main_thread():
            run.stop()
            run._done.wait()
        raise


def _epochs(run: Run, written: int, level: int, stream: TextIO) -> int:
    """Writes the epochs that have ended since; returns how many are written in all."""
    count = len(run.history.epochs)
    if count <= written:
        return written
    columns = run.history.epochs.since(written)[1]
    for i in range(count - written):
        row = {name: float(values[i]) for name, values in columns.items()}
        values = " - ".join(f"{k}: {v:.4f}" for k, v in row.items() if k not in ("epoch", "time", "lr"))
        start = "\r" if level == 1 else ""
        end = "\x1b[K\n" if level == 1 else "\n"
        stream.write(f"{start}Epoch {int(row['epoch'])}/{run.status.epochs} - {row['time']:.1f} s - {values}{end}")
    stream.flush()
    return count


def _line(run: Run) -> str:
    s = run.status
    if not s.steps or not s.epochs:
        return f"{run.name}: {s.state}"
    per_epoch = max(1, s.steps // s.epochs)
    done = min(per_epoch, s.step - s.epoch * per_epoch)
    filled = int(_WIDTH * max(0, done) / per_epoch)
    bar = "━" * filled + "─" * (_WIDTH - filled)
    values: dict[str, Any] = {"loss": s.loss, **s.metrics}
    shown = " - ".join(f"{k}: {v:.4f}" for k, v in values.items() if v is not None and not k.startswith("val_"))
    left = "" if s.eta_s is None else f" - {s.eta_s:.0f} s left"
    head = f"Epoch {min(s.epoch + 1, s.epochs)}/{s.epochs} {max(0, done)}/{per_epoch}"
    return f"{head} {bar} {s.samples_per_s:,.0f} samples/s{left} - {shown}"
