"""`ImagesDoor`: images from the visitor's disk or camera, looked through together, and made into data to train on."""

from __future__ import annotations

import contextlib
import copy
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import traitlets

from lepton_lab.app import words_images as words
from lepton_lab.app.images_look import Look, check_pixels, look_at
from lepton_lab.app.images_plan import (
    Plan,
    assigned,
    augmentation_for,
    first_plan,
    load_options,
    settings_for,
)
from lepton_lab.app.images_problems import describe
from lepton_lab.app.uploads import folder_of
from lepton_lab.app.visit import Visit
from lepton_lab.data.images import load_images
from lepton_lab.data.images_decode import ImageFormat, decode
from lepton_lab.data.images_reader import LoadingCancelledError, Watch
from lepton_lab.errors import DataError, UnknownNameError
from lepton_lab.widgets._base import Reply, Widget, command

__all__ = ["ImagesDoor"]

_FITS = ("crop", "pad", "stretch")
_REMEDIES = ("tiny", "twice", "both", "blank", "balance")
_EVERY_S = 0.2  # between two messages about how far something is
_THUMB = ImageFormat(72, 72, 3, "crop")
_MOST_THUMBS = 60
_LONGEST_NAME = 80


class ImagesDoor(Widget):
    """The page on which somebody's images become data: bring them, look at what was found, decide, go on.

    Nothing of the files is changed: what is decided is kept beside them, and a reload shows it again.

    Args:
        visit: The visitor; the address names the upload, `new/images?upload=…`.

    Attributes:
        stage: "empty", "looking", "review" or "loading".
        upload: Which upload is looked at; empty for none.
        found: What the review shows; see `images_problems.describe`.
        progress: `{"done", "total", "what"}` while something takes its time.
        trouble: Title, detail and fix where the upload cannot be used at all; empty for nothing.
    """

    _bundle: ClassVar[str] = "app_images"

    stage = traitlets.Unicode("empty").tag(sync=True)
    upload = traitlets.Unicode().tag(sync=True)
    found = traitlets.Dict().tag(sync=True)
    progress = traitlets.Dict().tag(sync=True)
    trouble = traitlets.Dict().tag(sync=True)

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self._lock = threading.RLock()
        self._look: Look | None = None
        self._plan = Plan()
        self._damaged: dict[str, str] = {}
        self._cancel = threading.Event()
        self._told = 0.0
        super().__init__()
        self._end = visit.on_change(self._changed)
        self._changed("page")

    # bringing files

    @command
    def uploaded(self, upload: str) -> None:
        """Looks at what has just arrived."""
        self.visit.go("new/images", {"upload": upload})

    @command
    def cancel(self) -> None:
        """Ends looking or loading; what was uploaded and decided stays."""
        self._cancel.set()

    @command
    def begin_again(self) -> None:
        """Back to choosing files."""
        self._cancel.set()
        self.visit.go("new/images")

    # deciding

    @command
    def rename(self, name: str, to: str) -> None:
        """Gives a class another name; that of another class joins the two.

        Raises:
            DataError: The name is empty or too long.
        """
        to = " ".join(to.split())
        if not to or len(to) > _LONGEST_NAME:
            raise DataError(words.NAME_NEEDED, do=words.NAME_NEEDED_FIX)
        self._join([name], to)

    @command
    def join(self, names: list[str], into: str) -> None:
        """Makes several classes one."""
        self._join(names, into)

    @command
    def use_class(self, name: str, use: bool) -> None:
        """Leaves a class out, or takes it back."""
        with self._changing() as plan:
            self._known(name)
            plan.out = [n for n in plan.out if n != name] + ([] if use else [name])

    @command
    def remedy(self, kind: str, on: bool) -> None:
        """Does what a problem's button says, or takes it back."""
        if kind == "unbalanced":
            kind = "balance"
        if kind not in _REMEDIES:
            raise UnknownNameError("remedy", kind, _REMEDIES)
        with self._changing() as plan:
            plan.remedies = [k for k in plan.remedies if k != kind] + ([kind] if on else [])

    @command
    def sort(self, files: list[str], into: str) -> None:
        """Puts single images into a class, which is made where there is none; "" takes them out of theirs."""
        with self._changing() as plan:
            look = self._looked()
            known = set(look.files)
            wanted = {name for name in files if name in known}
            for name, beginnings in plan.classes.items():
                plan.classes[name] = [b for b in beginnings if b not in wanted]
            if into:
                plan.classes.setdefault(into, []).extend(sorted(wanted))
            plan.gone = [name for name in plan.gone if name not in wanted]

    @command
    def new_class(self, name: str) -> None:
        """Makes a class without images, to sort some into it."""
        name = " ".join(name.split())
        if not name or len(name) > _LONGEST_NAME:
            raise DataError(words.NAME_NEEDED, do=words.NAME_NEEDED_FIX)
        with self._changing() as plan:
            plan.classes.setdefault(name, [])

    @command
    def leave_out(self, files: list[str], out: bool) -> None:
        """Leaves single images out, or takes them back."""
        with self._changing() as plan:
            some = set(files) & set(self._looked().files)
            plan.gone = sorted((set(plan.gone) | some) if out else (set(plan.gone) - some))

    @command
    def choose(self, choices: dict[str, Any]) -> None:
        """Changes title, side, fit or variation.

        Raises:
            UnknownNameError: There is no such choice.
            DataError: A value cannot be used.
        """
        readers: Mapping[str, Callable[[Any], Any]] = {"title": _title, "side": _side, "fit": _fit, "vary": bool}
        with self._changing() as plan:
            for name, value in choices.items():
                if name not in readers:
                    raise UnknownNameError("choice", name, readers)
                setattr(plan, name, readers[name](value))

    # looking

    @command(background=True)
    def pictures(self, name: str, first: int = 0, count: int = 8) -> Reply:
        """Small pictures of a class's images ("" for those of no class).

        Returns:
            `{"files", "gone", "total", "bad"}`, and bytes (N, 72, 72, 3); a picture that cannot be read is grey.
        """
        with self._lock:
            look, plan = self._looked(), self._plan
            files = assigned(look, plan).get(name, [])
            bad = {*look.unreadable, *(n for n, why in self._damaged.items() if why != "blank")}
        files = [f for f in files if f not in bad]
        some = files[max(0, first) : max(0, first) + min(count, _MOST_THUMBS)]
        pixels = np.full((len(some), *_THUMB.shape), 128, np.uint8)
        for i, file in enumerate(some):
            try:
                pixels[i] = decode(look.source.read(file), _THUMB)
            except (DataError, OSError):
                continue
        gone = set(plan.gone)
        said = {"files": some, "gone": [f in gone for f in some], "total": len(files)}
        return Reply(said, [np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))])

    @command(background=True)
    def use(self) -> dict[str, Any]:
        """Reads the images as they were decided and goes on to training.

        Returns:
            The new project's id; empty where it was cancelled or could not be done, which the page says.
        """
        with self._lock:
            look, plan = self._looked(), replace(self._plan)
            blank = [name for name, why in self._damaged.items() if why == "blank"]
            options = load_options(look, plan, blank)
            upload = self.upload
            self._cancel.set()  # of the check that may still go on: reading finds the same
            cancel = self._cancel = threading.Event()
        self.trouble, self.stage = {}, "loading"
        self._tell(words.LOADING, 0, len(look.sizes), force=True)
        try:
            data = load_images(
                look.path, **options, progress=lambda done, total: self._tell(words.LOADING, done, total), cancel=cancel
            )
            if data.name != plan.title:
                data = replace(data, name=plan.title)
            if plan.vary:
                data = data.with_augmentation(augmentation_for(look, len(data.train)))
            if "balance" in plan.remedies:
                data = data.balanced("weights")
        except LoadingCancelledError:
            self._review()
            return {"project": ""}
        except Exception as error:
            self._review()
            self.trouble = words.trouble(error)
            return {"project": ""}
        about = {"door": "images", "upload": upload}
        project = self.visit.create(plan.title, data, settings=settings_for(len(data.train)), about=about)
        self._review()
        return {"project": project}

    def released(self) -> None:
        """Ends what goes on."""
        self._end()
        self._cancel.set()
        with self._lock:
            self._forget()

    # within

    def _forget(self) -> None:
        if self._look is not None:
            self._look.source.close()
        self._look, self._plan, self._damaged = None, Plan(), {}

    def _changed(self, what: str) -> None:
        """Shows the upload that the address names."""
        if what != "page" or self.visit.page != "new/images":
            return
        upload = self.visit.query.get("upload", "")
        with self._lock:
            if upload == self.upload and (self.stage != "empty" or not upload):
                return
            self._cancel.set()
            cancel = self._cancel = threading.Event()
            self._forget()
            self.stage = "looking" if upload else "empty"  # first: a review without what was found cannot be drawn
            self.upload, self.found, self.trouble, self.progress = upload, {}, {}, {}
        if upload:
            threading.Thread(target=self._see, args=(upload, cancel), name="lepton-look", daemon=True).start()

    def _see(self, upload: str, cancel: threading.Event) -> None:
        """Looks at an upload, shows what it finds, and then decodes everything to find the rest."""
        watch = Watch(lambda done, total: self._tell(words.LOOKING, done, total), cancel)
        try:
            look = look_at(folder_of(self.visit.workspace, upload), watch)
            if not look.files:
                look.source.close()
                kinds = sorted({name.rpartition(".")[2].lower() for name, _ in look.others})
                raise DataError("there are no images", received=", ".join(kinds[:5]) or "an empty folder")
            with self._lock:
                if cancel.is_set():
                    look.source.close()
                    return
                self._look = look
                kept = Plan.load(self.visit.workspace.folder, upload)
                self._plan = kept or first_plan(look, words.UNTITLED)
            self._review()
            damaged = check_pixels(look, Watch(lambda done, total: self._tell(words.CHECKING, done, total), cancel))
            with self._lock:
                if cancel.is_set():
                    return
                self._damaged = damaged
            self.progress = {}
            self._review()
        except LoadingCancelledError:
            with self._lock:
                if self._cancel is cancel and self._look is None:  # the visitor said so, and no other upload came
                    self.stage, self.progress = "empty", {}
        except Exception as error:  # shown where the files were brought, whatever it is
            with self._lock:
                if not cancel.is_set():
                    self.trouble, self.stage, self.progress = words.trouble(error), "empty", {}

    def _review(self) -> None:
        with self._lock:
            if self._look is not None:
                self.found = describe(self._look, self._plan, self._damaged)
                self.stage = "review"

    def _tell(self, what: str, done: int, total: int, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self._told >= _EVERY_S:
            self._told = now
            self.progress = {"what": what, "done": done, "total": total}

    def _looked(self) -> Look:
        if self._look is None:
            raise DataError(words.NOTHING_YET, do=words.NOTHING_YET_FIX)
        return self._look

    def _known(self, *names: str) -> None:
        for name in names:
            if name not in self._plan.classes:
                raise UnknownNameError("class", name, self._plan.classes)

    def _join(self, names: Sequence[str], into: str) -> None:
        with self._changing() as plan:
            self._known(*names)
            moved = [b for name in names for b in plan.classes.pop(name)]
            plan.classes[into] = [*plan.classes.get(into, []), *moved]
            plan.out = [name for name in plan.out if name in plan.classes and name != into]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Plan]:
        """The plan while it is changed; saved and shown afterwards, and as it was where something went wrong."""
        with self._lock:
            self._looked()
            before = copy.deepcopy(self._plan)
            try:
                yield self._plan
            except BaseException:
                self._plan = before
                raise
            self._plan.save(self.visit.workspace.folder, self.upload)
            self._review()


def _title(value: Any) -> str:
    title = " ".join(str(value).split())[:_LONGEST_NAME]
    if not title:
        raise DataError(words.NAME_NEEDED, do=words.NAME_NEEDED_FIX)
    return title


def _side(value: Any) -> int:
    side = int(value)
    if side != 0 and not 8 <= side <= 512:
        raise DataError("images cannot be brought to this size", expected="8 to 512 pixels", received=str(side))
    return side


def _fit(value: Any) -> str:
    fit = str(value)
    if fit not in _FITS:
        raise UnknownNameError("way to fit images", fit, _FITS)
    return fit
