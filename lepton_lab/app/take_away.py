"""The page 'Take away': what was learnt as files, each with a word on who it is for."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from lepton_lab.app import words_take_away as words
from lepton_lab.app.take_away_shelf import ENDINGS, Shelf
from lepton_lab.errors import LeptonError, UnknownNameError
from lepton_lab.export import Cancelled, export, export_all
from lepton_lab.widgets._base import Widget, command

if TYPE_CHECKING:
    from lepton_lab.app.visit import Visit

__all__ = ["TakeAwayPage"]

_LOOK_S = 1.0  # between two looks at the run
_APART_S = 0.1  # between two messages of progress


class TakeAwayPage(Widget):
    """Makes the files in the background, one after the other, and says where they can be fetched.

    What was made lies in the workspace, so that another page of the project shows it too.

    Args:
        visit: What the visitor works on.

    Attributes:
        view: What is shown: the project, what of it is taken away, which files there are, what is being made.
        error: The last unexpected error, kept for whoever looks for its traceback.
    """

    _bundle: ClassVar[str] = "app_take_away"

    view = traitlets.Dict().tag(sync=True)

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.error: BaseException | None = None
        self._lock, self._telling = threading.Lock(), threading.RLock()
        self._queue: list[str] = []  # kinds that were asked for, the first one being made
        self._cancelled: set[str] = set()
        self._problems: dict[str, dict[str, str]] = {}
        self._shown = ("", "")
        self._looked = 0.0
        super().__init__()
        self._end = visit.on_change(self._changed)
        self._tell()

    # --- orders --------------------------------------------------------------------------------------------------

    @command(background=True)
    def make(self, kind: str) -> dict[str, Any] | None:
        """Makes a file and returns `{"project", "name"}` of it; None where it was cancelled or could not be made."""
        project, work = self.visit.project_id, self.visit.work
        try:
            if work is None or work.run is None:
                return None
            with self._lock:
                if kind in self._cancelled:
                    return None
                self._problems.pop(kind, None)
            self._tell()
            return self._make(kind, project, work)
        except Cancelled:
            return None
        except Exception as error:  # shown on the card that it belongs to
            if not isinstance(error, LeptonError):
                self.error = error
            self._problems[kind] = words.problem(error)
            return None
        finally:
            with self._lock:
                self._cancelled.discard(kind)
                if kind in self._queue:
                    self._queue.remove(kind)
            self._tell()

    @command
    def ask(self, kind: str) -> None:
        """Notes that a file is wanted, so that the page shows it at once; `make` follows.

        Raises:
            UnknownNameError: There is no such kind.
        """
        if kind not in ENDINGS:
            raise UnknownNameError("kind of file", kind, ENDINGS)
        with self._lock:
            self._cancelled.discard(kind)
            if kind not in self._queue:
                self._queue.append(kind)
        self._tell()

    @command
    def cancel(self, kind: str) -> None:
        """Gives up a file that is being made or waits for its turn."""
        with self._lock:
            if kind in self._queue:
                self._cancelled.add(kind)
        self._tell()

    @command
    def go(self, page: str) -> None:
        """Shows another page of the app."""
        self.visit.go(page)

    # --- life ----------------------------------------------------------------------------------------------------

    def pulse(self) -> None:
        """Follows the run, and what other pages of the project made."""
        if time.monotonic() - self._looked > _LOOK_S:
            self._looked = time.monotonic()
            self._tell()

    def seen(self) -> None:
        """A page that comes into sight shows what happened meanwhile."""
        self._looked = 0.0

    def released(self) -> None:
        """Gives up what is being made."""
        self._end()
        with self._lock:
            self._cancelled.update(self._queue)

    # --- making --------------------------------------------------------------------------------------------------

    def _make(self, kind: str, project: str, work: Any) -> dict[str, Any]:
        run, shelf = work.run, Shelf(self.visit.workspace, project)
        shelf.tidy()
        sent = 0.0

        def progress(share: float) -> bool:
            nonlocal sent
            if time.monotonic() - sent > _APART_S or share >= 1:
                sent = time.monotonic()
                self.push("progress", {"kind_of_file": kind, "share": round(share, 3)})
            return kind not in self._cancelled

        target, data = shelf.place(kind, work.name), _same_data(run, work.data)
        about = {"run": run.id, "run_name": run.name, "step": run.status.step, "epoch": run.status.epoch}
        if kind == "everything":
            found = export_all(run, target, data=data, title=work.name, progress=progress)
        else:
            found = export(kind, run, target, data=data, title=work.name, progress=progress)
        shelf.note(kind, found.path, **about, notes=_notes(found.notes, found.difference if kind == "onnx" else None))
        return {"project": project, "name": found.path.name}

    # --- what is shown -------------------------------------------------------------------------------------------

    def _changed(self, what: str) -> None:
        if what in ("project", "run"):
            work = self.visit.work
            now = (self.visit.project_id, getattr(getattr(work, "run", None), "id", ""))
            if now != self._shown:
                self._shown = now
                self._problems.clear()
        self._tell()

    def _tell(self) -> None:
        with self._telling:  # else a view that was put together earlier could replace a later one
            view = self._view()
            if view != self.view:
                self.view = view

    def _view(self) -> dict[str, Any]:
        work = self.visit.work
        if work is None:
            return {"empty": words.NO_PROJECT}
        run = work.run
        made = Shelf(self.visit.workspace, self.visit.project_id).made()
        with self._lock:
            queue = [kind for kind in self._queue if kind not in self._cancelled]
            stopping = [kind for kind in self._queue if kind in self._cancelled]
        view = {
            "project": self.visit.project_id,
            "title": work.name,
            "queue": queue,
            "stopping": stopping,
            "problems": dict(self._problems),
        }
        if run is None:
            return view | {"empty": words.NO_RUN, "made": {}}
        status = run.status
        if not _has_weights(run):
            return view | {"empty": words.NO_WEIGHTS if not status.state.ended else words.NO_RUN, "made": {}}
        said = words.kept_weights if status.state.ended else words.best_so_far
        return view | {
            "said": said(run.name, _metric(run)),
            "live": not status.state.ended,
            "made": {kind: _shown(about, run, status.step) for kind, about in made.items()},
        }


def _shown(about: dict[str, Any], run: Any, step: int) -> dict[str, Any]:
    """A file as its card shows it."""
    old = about.get("run") != run.id or about.get("step") != step
    return {
        "name": about["name"],
        "size": about["size"],
        "at": float(about.get("at") or 0.0),
        "of": str(about.get("run_name") or ""),
        "old": old,
        "notes": [str(note) for note in about.get("notes") or ()],
    }


def _has_weights(run: Any) -> bool:
    """Whether a run has anything to take away yet."""
    folder = getattr(run, "folder", None)
    if folder is not None and any((folder / "checkpoints").glob("*.json")):
        return True
    plan = getattr(run, "_plan", None)
    return plan is not None and (plan.last is not None or plan.best is not None)


def _metric(run: Any) -> str:
    """The best accuracy on data that it has not seen, as words; empty for none."""
    history = run.history.history
    values = [v for v in history.get("val_accuracy", ()) if v == v]
    return f"{100 * max(values):.1f} % right on data that it has not seen" if values else ""


def _same_data(run: Any, data: Any) -> Any:
    """The project's data where the run was trained on them; else None, and they are loaded from their source."""
    source = run.data.get("source")
    return data if data is not None and (source is None or source == data.source) else None


def _notes(notes: tuple[str, ...], difference: float | None) -> list[str]:
    """What a visitor should know of a file, in plain words."""
    found = [words.difference(difference)] if difference is not None else []
    for note in notes:
        if "too large to travel along" in note:
            found.append(note[:1].upper() + note[1:])
        elif "left out, because" in note:
            kind, _, why = note.partition(": left out, because ")
            found.append(words.left_out(kind, why))
    return list(dict.fromkeys(found))
