"""A network answers what a person draws, photographs, types or uploads: while it trains, and afterwards."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import traitlets
from torch import nn

from lepton_lab.data import DataBundle
from lepton_lab.errors import DataError, LeptonError
from lepton_lab.widgets._base import Reply, Widget, command
from lepton_lab.widgets._orders import failure
from lepton_lab.widgets.feature_map_viewer_source import Origin, Source
from lepton_lab.widgets.feature_map_viewer_still import png_tag
from lepton_lab.widgets.gradient_monitor_source import AnyRun, find_run
from lepton_lab.widgets.try_it_drawing import Hand, hand_of
from lepton_lab.widgets.try_it_form import fields_of
from lepton_lab.widgets.try_it_network import Present
from lepton_lab.widgets.try_it_rows import Answered, answer_rows
from lepton_lab.widgets.try_it_samples import Asked, base_name, drawn, example, kind_of, of_file, of_text, of_values

__all__ = ["TryIt"]

PERIOD_S = 0.25
"""Between two looks for newer weights."""

_SHEET = 512  # pixels of the longer side of a drawing that is sent
_MODES = ["", "draw", "upload", "camera", "example", "form", "rows", "text"]


class TryIt(Widget):
    """A person tries the network on samples of their own, while it trains and afterwards.

    Images are drawn, uploaded or photographed; rows are typed into a form or come as a file; texts are typed. Whatever
    the data are, one of the validation samples can be asked too. The answer is repeated when the network has learnt.

    Args:
        run: A run (its id, its name), or a module that nobody trains meanwhile.
        data: The data, where the run cannot say or there is no run.
        **traits: `mode`, `drawing`, `values`, …

    Attributes:
        run_id: Id of the run; empty for none, and for a module.
        mode: How the sample is made: "draw", "upload", "camera", "example", "form", "rows" or "text"; empty for the
            first one that suits the data.
        drawing: The strokes: lists of x, y, x, y, … in thousandths of the sheet's width.
        pen: Width of the pen in thousandths of the sheet's width.
        tidy: Whether a photograph of a drawing is brought to where the data's own images show what was drawn.
        values: The form's fields by name.
        text: The text.
    """

    _bundle = "try_it"

    run_id = traitlets.Unicode().tag(sync=True)
    mode = traitlets.Enum(_MODES, "").tag(sync=True)
    drawing: Any = traitlets.List().tag(sync=True)
    pen = traitlets.Int(75).tag(sync=True)
    tidy = traitlets.Bool(True).tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, run: AnyRun | str | nn.Module | None = None, data: DataBundle | None = None, **traits: Any
    ) -> None:
        self._lock = threading.RLock()
        self._given = data
        self._source: Source | None = None
        self._present: Present | None = None
        self._known: tuple[DataBundle, str, Hand | None, list[dict[str, Any]]] | None = None
        self._asked: Asked | None = None
        self._answer: tuple[dict[str, Any], Any] | None = None
        self._rows: Answered | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._busy, self._next = False, 0.0
        self._told: Any = None
        super().__init__(**traits)
        if run is not None or self.run_id:
            self.use(run if run is not None else self.run_id, data)
        self.observe(self._chosen, ["run_id"])

    @property
    def run(self) -> AnyRun | None:
        """The run that answers; assign another one, or None."""
        return self._source.run if self._source is not None else None

    @run.setter
    def run(self, run: AnyRun | str | None) -> None:
        self.use(run, self._given)

    @property
    def data(self) -> DataBundle | None:
        """The data, where they are at hand; assign them where the run cannot say."""
        source = self._source
        return source.data if source is not None else self._given

    @data.setter
    def data(self, data: DataBundle | None) -> None:
        source = self._source
        self.use(source.thing if source is not None else None, data)

    def use(self, run: AnyRun | str | nn.Module | None, data: DataBundle | None = None) -> None:
        """Asks another run or module from now on; what was drawn or typed stays.

        Args:
            run: A run, its id or its name, or a module; None for none.
            data: The data, where the run cannot say.

        Raises:
            UnknownNameError: There is no such run.
        """
        thing = run if isinstance(run, nn.Module) else find_run(run)
        with self._lock:
            self._given = data
            self._source = Source(thing, data, untrained=True) if thing is not None else None
            self._present, self._known, self._told, self._rows = None, None, None, None
            self._asked = self._answer = None
        self.run_id = "" if thing is None or isinstance(thing, nn.Module) else thing.id
        self.push("changed")

    @command(background=True)
    def catch_up(self) -> Reply:
        """What can be asked, and how; reads the data where nobody has yet."""
        source = self._source
        if source is None and self._given is None:
            return Reply({"kind": "none", "state": self._state()})
        try:
            data, kind, hand, fields = self._about()
        except LeptonError as error:
            return Reply({"kind": "none", "state": self._state(), "problem": failure(error)})
        targets = data.train.targets().float()
        regression = data.task.value == "regression"
        ends = [[float(v) for v in f(0).values] for f in (targets.min, targets.max)] if regression else []
        return Reply(
            {
                "kind": kind, "task": data.task.value, "classes": list(data.classes),
                "targets": list(data.target_names),
                "ends": ends, "shape": list(data.sample_shape), "fields": fields, "hand": _hand_json(hand),
                "held": data.valid is not None, "state": self._state(), "name": data.name,
            }
        )  # fmt: skip

    @command(background=True)
    def ask_drawing(self, sample: str, height: int, width: int, buffers: list[memoryview]) -> Reply:
        """Asks a drawing: bytes (height, width), 255 where the sheet is covered."""
        data, _, hand, _ = self._about()
        if hand is None:
            raise DataError("the network does not look at grey pictures, so it cannot read drawings")
        right = len(buffers) == 1 and min(height, width) > 0 and max(height, width) <= _SHEET
        if not right or len(buffers[0]) != height * width:
            raise DataError("the drawing has another size than it says", expected=f"{height} × {width} bytes")
        return self._ask(drawn(data, hand, np.frombuffer(buffers[0], np.uint8).reshape(height, width), sample))

    @command(background=True)
    def ask_file(self, sample: str, name: str, buffers: list[memoryview], tidy: bool = True) -> Reply:
        """Asks a picture or a recording; it is checked and decoded within limits."""
        data, _, hand, _ = self._about()
        if len(buffers) != 1:
            raise DataError("one file at a time", received=f"{len(buffers)}")
        try:
            return self._ask(of_file(data, hand, bytes(buffers[0]), sample, tidy=bool(tidy)))
        except DataError as error:
            if error.where:
                raise
            raise type(error)(
                error.what, where=base_name(name), expected=error.expected, received=error.received, do=error.do
            ) from error

    @command(background=True)
    def ask_values(self, sample: str, values: dict[str, Any]) -> Reply:
        """Asks a filled-in form."""
        return self._ask(of_values(self._about()[0], values, sample))

    @command(background=True)
    def ask_text(self, sample: str, text: str) -> Reply:
        """Asks a text."""
        return self._ask(of_text(self._about()[0], text, sample))

    @command(background=True)
    def ask_example(self, sample: str, label: str = "") -> Reply:
        """Asks a random validation sample, of one class where it is named, and tells what it truly is."""
        return self._ask(example(self._about()[0], sample, label))

    @command(background=True)
    def ask_rows(self, name: str, buffers: list[memoryview]) -> Reply:
        """Asks all rows of a file."""
        data, present = self._about()[0], self._needed()
        if len(buffers) != 1:
            raise DataError("one file at a time", received=f"{len(buffers)}")
        self._rows = answer_rows(data, name, bytes(buffers[0]), present.answers)
        return Reply({**self._rows.to_json(), "name": base_name(name), "state": self._state()})

    @command(background=True)
    def take_rows(self) -> Reply:
        """The rows with their answers, as a CSV file."""
        if self._rows is None:
            raise DataError("no rows were answered yet", do="Choose a file")
        return Reply({"name": "predictions.csv"}, [self._rows.csv()])

    def pulse(self) -> None:
        """Has the last sample answered again where the network has learnt since."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + PERIOD_S
        state = self._state()
        if state != self._told:
            self._told = state
            self.push("state", {"origin": state})
        present, asked = self._present, self._asked
        with self._lock:
            if present is None or asked is None or self._busy or not present.behind():
                return
            self._busy = True
            if self._worker is None:
                self._worker = ThreadPoolExecutor(1, thread_name_prefix="lepton-try-it")
            self._worker.submit(self._again, present, asked)

    def still(self) -> str | None:
        """The last answer in words."""
        with self._lock:
            last, asked = self._answer, self._asked
        if last is None or asked is None or self._known is None:
            return None
        data, (_, found) = self._known[0], last
        if data.task.value == "regression":
            said = ", ".join(f"{v:.4g}" for v in found.tolist())
        else:
            best = int(found.argmax())
            said = f"{data.classes[best]}, {100 * float(found[best]):.1f} % sure"
        picture = ""
        if asked.seen is not None:
            pixels = asked.seen[0] if len(asked.seen) == 1 else asked.seen.transpose(1, 2, 0)
            picture = png_tag(pixels, 56, "the sample")
        return f"<p>Try it: {picture} {html.escape(said)}</p>"

    def released(self) -> None:
        """Ends the thread that asks again."""
        with self._lock:
            worker, self._worker = self._worker, None
            self._asked = None
        if worker is not None:
            worker.shutdown(wait=False, cancel_futures=True)

    def _ask(self, asked: Asked) -> Reply:
        with self._lock:
            self._asked = asked
        if self._source is None:
            return self._reply(asked, None, None)
        present = self._needed()
        found = present.answer(asked.x)
        return self._reply(asked, found.numpy(), present.origin)

    def _again(self, present: Present, asked: Asked) -> None:
        began = time.monotonic()
        try:
            found = present.renew(asked.x)
            if self._asked is asked:
                reply = self._reply(asked, found.numpy(), present.origin, again=True)
                self.push("guess", reply.result, reply.buffers)
        except Exception as error:  # whoever looks must read it
            self.show_error(error)
            self._next = time.monotonic() + 20 * PERIOD_S
        finally:
            self._next = max(self._next, time.monotonic() + max(PERIOD_S, 4 * (time.monotonic() - began)))
            with self._lock:
                self._busy = False

    def _reply(self, asked: Asked, found: Any, origin: Origin | None, *, again: bool = False) -> Reply:
        numbers = np.zeros(0, np.float32) if found is None else np.asarray(found, np.float32)
        about: dict[str, Any] = {"sample": asked.id, "origin": _origin_json(origin), "seen": [], **asked.told}
        buffers: list[Any] = [numbers]
        if again:  # the front end has the rest
            about = {"sample": asked.id, "origin": about["origin"]}
        elif asked.seen is not None:
            about["seen"] = list(asked.seen.shape)
            buffers.append(asked.seen)
        if found is not None:
            with self._lock:
                self._answer = about, numbers
            self.refresh_still()
        return Reply(about, buffers)

    def _about(self) -> tuple[DataBundle, str, Hand | None, list[dict[str, Any]]]:
        """The data and how they can be asked."""
        with self._lock:
            known, source = self._known, self._source
        if known is None:
            data = source.need_data() if source is not None else self._given
            if data is None:
                raise DataError("nothing is there to ask", do="Choose a run, or pass one: TryIt(run)")
            kind = kind_of(data)
            known = data, kind, hand_of(data), fields_of(data) if kind == "form" else []
            with self._lock:
                if self._source is source:
                    self._known = known
        return known

    def _needed(self) -> Present:
        data = self._about()[0]
        with self._lock:
            if self._source is None:
                raise DataError("no network is there to ask", do="Train one first")
            if self._present is None:
                self._present = Present(self._source, data.task.value)
            return self._present

    def _state(self) -> dict[str, Any]:
        source = self._source
        return _origin_json(source.origin() if source is not None else None)

    def _chosen(self, change: Any) -> None:
        run = self.run
        if (run.id if run is not None else "") != self.run_id:
            try:
                self.use(self.run_id or None)
            except Exception as error:
                self.show_error(error)


def _origin_json(origin: Origin | None) -> dict[str, Any]:
    if origin is None:
        return {"kind": "none", "step": 0, "epoch": 0, "state": ""}
    return {"kind": origin.kind, "step": origin.step, "epoch": origin.epoch, "state": origin.state}


def _hand_json(hand: Hand | None) -> Mapping[str, Any] | None:
    """Whether drawings are read, whether they are cut out, and whether ink is lighter than its ground."""
    return None if hand is None else {"cut": hand.box > 0, "light": hand.ink > hand.ground}
