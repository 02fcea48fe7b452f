"""Data to look at before a network sees them: samples, balance, columns, findings with their remedies, splits."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import traitlets

from lepton_lab.data import DataBundle
from lepton_lab.data.checks import examine
from lepton_lab.data.cleaning import cleaned, remedy, unbalanced
from lepton_lab.data.edits import made_again
from lepton_lab.data.images_reader import Watch
from lepton_lab.data.profile import TableProfile, profile_table
from lepton_lab.data.report import DataFinding, DataReport
from lepton_lab.data.samples import form_of, groups, mirror_facts, pictures, preview
from lepton_lab.errors import DataError
from lepton_lab.markup import escape
from lepton_lab.widgets._base import Reply, Widget, command
from lepton_lab.widgets.data_explorer_content import (
    describe_finding,
    overview,
    report_reply,
    sample_reply,
    table_json,
)
from lepton_lab.widgets.data_explorer_jobs import Jobs

__all__ = ["DataExplorer"]

_UNDONE = 20  # steps back that are kept
_DRAWS = 6

Mirror = tuple[str, float, float] | None


class DataExplorer(Widget):
    """Samples by class, what augmentation makes of them, columns, balance, and the report with one-click remedies.

    `data` is always the data as it is now: every remedy makes a new bundle and can be undone.

    Args:
        data: What to look at.

    Attributes:
        version: Counts the changes of `data`; views draw anew when it moves.

    Threads: the report and whatever loads again run in threads of their own; callbacks of `on_change` are called from
        there.
    """

    _bundle: ClassVar[str] = "data_explorer"

    version = traitlets.Int(0).tag(sync=True)

    def __init__(self, data: DataBundle | None = None) -> None:
        self._data = data
        self._before: list[DataBundle] = []
        self._callbacks: list[Callable[[DataBundle], Any]] = []
        self._lock = threading.RLock()
        self._report: tuple[DataBundle, DataReport, Mirror] | None = None
        self._profile: tuple[DataBundle, TableProfile] | None = None
        super().__init__()
        self._jobs = Jobs(self.push)

    @property
    def data(self) -> DataBundle | None:
        """The data as it is now, remedies included; assign other data to look at those."""
        return self._data

    @data.setter
    def data(self, data: DataBundle | None) -> None:
        if data is self._data:
            return
        with self._lock:
            self._before.clear()
        self._become(data)

    def on_change(self, callback: Callable[[DataBundle], Any]) -> None:
        """Calls `callback` with the new data whenever a person changes them in the view."""
        self._callbacks.append(callback)

    @command
    def overview(self) -> dict[str, Any] | None:
        """What is known without looking at samples; None without data."""
        data = self._data
        if data is None:
            return None
        return overview(data) | {"undo": len(self._before), "version": self.version}

    @command(background=True)
    def samples(self, split: str, seed: int = 0, prepared: bool = True, first: int = 0, per_group: int = 12) -> Reply:
        """A few samples of each class."""
        return sample_reply(self._known(), split, int(seed), prepared, int(first), max(1, min(int(per_group), 48)))

    @command(background=True)
    def preview(self, steps: list[dict[str, Any]], row: int, seed: int = 0) -> Reply:
        """A training image and six draws of an augmentation that need not be chosen yet."""
        data = self._known()
        images, drawn = preview(data, steps, int(row), _DRAWS, seed=int(seed))
        y = data.train.targets()[int(row)]
        label = data.classes[int(y)] if data.task.is_classification else ""
        _, height, width, channels = images.shape
        content = {"drawn": drawn, "height": height, "width": width, "channels": channels, "label": label}
        return Reply({**content, "kinds": [step.get("kind") for step in steps]}, [images])

    @command
    def augment(self, steps: list[dict[str, Any]]) -> None:
        """Changes training images by these steps, or not at all where there are none."""
        data = self._known()
        again = bool(self._before) and self._before[-1].train.augmentation != data.train.augmentation
        changed = data.with_augmentation(steps or None)
        known = self._report
        with self._lock:
            if known is not None and known[0] is data:  # the samples are the same, and so is what was found in them
                self._report = (changed, *known[1:])
        self._change(data, changed, undoable=not again)

    @command
    def report(self) -> Reply | None:
        """The report; None while it is being made, and then a message says that it is there."""
        data = self._known()
        known = self._report
        if known is not None and known[0] is data:
            return report_reply(*known)
        if not self._jobs.running("report"):
            self._jobs.start("report", lambda watch: _examined(data, watch), self._keep_report)
        return None

    @command
    def columns(self) -> dict[str, Any] | None:
        """A table's columns; None while they are being looked at."""
        data = self._known()
        known = self._profile
        if known is not None and known[0] is data:
            return table_json(known[1])
        if not self._jobs.running("columns"):
            self._jobs.start("columns", lambda watch: (data, profile_table(data, watch)), self._keep_profile)
        return None

    @command(background=True)
    def finding(self, at: int) -> Reply:
        """The samples or files of one finding."""
        data, found = self._finding(at)
        return describe_finding(data, found)

    @command(background=True)
    def remedy(self, at: int) -> None:
        """Carries out what one finding suggests."""
        data, found = self._finding(at)
        known = remedy(data, found)
        if known is None:
            raise DataError("nothing can be done about this by itself", where=found.code, do=found.suggestion or None)
        self._reload("remedy", lambda: known.apply(data))

    @command(background=True)
    def weigh(self, on: bool) -> None:
        """Weighs classes in the loss by their size, or no longer."""
        data = self._known()
        self._change(data, data.balanced("weights") if on else unbalanced(data))

    @command
    def clean(self, changes: list[list[str]]) -> None:
        """Loads the table again with columns changed: pairs of what to do and a column's name."""
        data = self._known()
        known = self._profile
        columns = known[1].columns if known is not None else ()
        words = {column.name: dict(issue.words) for column in columns for issue in column.issues if issue.words}
        pairs = [(str(change), str(name)) for change, name in changes]
        self._reload("clean", lambda: cleaned(data, pairs, words))

    @command
    def resplit(self, seed: int, stratified: bool, valid: float | None = None, test: float | None = None) -> None:
        """Divides the samples anew; a share that is None stays as it was asked for."""
        data = self._known()
        asked: dict[str, Any] = {"seed": int(seed), "stratified": bool(stratified)}
        asked |= {name: float(share) for name, share in (("valid", valid), ("test", test)) if share is not None}
        self._reload("split", lambda: made_again(data, **asked))

    @command
    def retarget(self, target: str) -> None:
        """Predicts another column of the table."""
        data = self._known()
        others = {"features": None, "task": None, "classes": None, "mark_missing": None, "join": None}
        self._reload("clean", lambda: made_again(data, target=target, **others))

    @command
    def reread(self) -> None:
        """Reads the source again."""
        data = self._known()
        self._reload("read", lambda: made_again(data))

    @command
    def cancel(self, name: str) -> None:
        """Ends what runs under this name; nothing is changed then."""
        self._jobs.cancel(name)

    @command
    def undo(self) -> None:
        """Takes the last change back."""
        with self._lock:
            if not self._before:
                return
            data = self._before.pop()
        self._become(data)
        self._tell(data)

    def still(self) -> str | None:
        """A sheet of samples and the summary, for a notebook without a kernel."""
        data = self._data
        if data is None:
            return None
        drawn = form_of(data) == "image" and data.train.tensors() is not None  # reading files would hold a cell up
        sheet = f'<img alt="Samples of {escape(data.name)}" src="{_sheet(data)}">' if drawn else ""
        return f"{sheet}<pre>{escape(data.summary())}</pre>"

    def released(self) -> None:
        """Ends what still runs and lets the data go."""
        self._jobs.cancel()
        with self._lock:
            self._before.clear()
            self._callbacks.clear()
            self._data = self._report = self._profile = None

    def _known(self) -> DataBundle:
        if self._data is None:
            raise DataError("there is no data yet", do="Assign some: explorer.data = ll.load_dataset('mnist-sample')")
        return self._data

    def _finding(self, at: int) -> tuple[DataBundle, DataFinding]:
        data, known = self._known(), self._report
        if known is None or known[0] is not data or not 0 <= int(at) < len(known[1].findings):
            raise DataError("this finding is of other data", do="Look at the report again")
        return data, known[1].findings[int(at)]

    def _keep_report(self, found: tuple[DataBundle, DataReport, Mirror]) -> None:
        with self._lock:
            self._report = found
        self.push("report", {"version": self.version})

    def _keep_profile(self, found: tuple[DataBundle, TableProfile]) -> None:
        with self._lock:
            self._profile = found
        self.push("columns", {"version": self.version})

    def _reload(self, name: str, make: Callable[[], DataBundle]) -> None:
        """Makes other data in a thread of their own, and takes them unless somebody cancelled it."""
        before = self._known()
        self._jobs.start(name, lambda _: make(), lambda data: self._change(before, data))

    def _change(self, before: DataBundle, data: DataBundle, undoable: bool = True) -> None:
        with self._lock:
            if before is not self._data:
                raise DataError("the data were changed meanwhile", do="Look at them, and try again")
            if undoable:
                self._before = [*self._before[-_UNDONE + 1 :], before]
        self._become(data)
        self._tell(data)

    def _become(self, data: DataBundle | None) -> None:
        with self._lock:
            self._data = data
            self.version += 1
        self._jobs.cancel("report")
        self._jobs.cancel("columns")
        self.refresh_still()

    def _tell(self, data: DataBundle) -> None:
        for callback in list(self._callbacks):
            callback(data)


def _examined(data: DataBundle, watch: Watch) -> tuple[DataBundle, DataReport, Mirror]:
    """The report, kept with the bundle as if somebody had asked for it there."""
    report: DataReport | None = data.__dict__.get("report")
    if report is None:
        report = examine(data, watch)
        data.__dict__["report"] = report
    return data, report, mirror_facts(data)


def _sheet(data: DataBundle) -> str:
    from PIL import Image

    found = groups(data, "train", 12, limit=10)
    rows: list[Sequence[int]] = [group.rows for group in found]
    images = [pictures(data, "train", row)[0] for row in rows if row]
    _, height, width, channels = images[0].shape
    sheet = np.full((len(images) * (height + 2), 12 * (width + 2), channels), 255, np.uint8)
    for i, row in enumerate(images):
        for j, image in enumerate(row):
            top, left = i * (height + 2), j * (width + 2)
            sheet[top : top + height, left : left + width] = image
    file = io.BytesIO()
    Image.fromarray(sheet if channels == 3 else sheet[..., 0]).save(file, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
