"""A network of two inputs that learns before one's eyes: drawn points, live boundary, neurons as pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import traitlets

from lepton_lab.data import DataBundle
from lepton_lab.errors import DataError, SpecError, UnknownNameError
from lepton_lab.network import NetworkSpec
from lepton_lab.widgets._base import Reply, Widget, command
from lepton_lab.widgets.gradient_monitor_source import AnyRun
from lepton_lab.widgets.playground_data import KINDS, MAX_CLASSES, MAX_POINTS, Points, generate, pasted
from lepton_lab.widgets.playground_network import (
    ACTIVATIONS,
    MAX_LAYERS,
    MAX_UNITS,
    Portrait,
    checked,
    layers_of_spec,
    look_over,
    packed,
    spec_of,
)
from lepton_lab.widgets.playground_project import Watched, points_of, settings_of, take_weights, why_not
from lepton_lab.widgets.playground_still import still_picture
from lepton_lab.widgets.playground_training import OPTIMIZERS, SETTINGS, Lessons

__all__ = ["Playground"]

_OWN = 0.2, 2
_WATCHING = 0.5, 12
_LONGEST_S = 3.0
"""Seconds between two pictures at least, and how often the time that one took; a run of the project is spared."""

_BYTES_PER_S = 120_000
_FIRST = ({"units": 6, "activation": "tanh"}, {"units": 4, "activation": "tanh"})


class Playground(Widget):
    """Points of a plane, a small network that one puts together, and a real training of it in the background.

    Args:
        network: A network of two inputs, in place of the first one; the list of layers edits it where it consists of
            linear layers.
        data: Form of the first points: "spirals", "moons", "circles", "xor", "blobs", or "" for none; or data of two
            inputs and up to four classes.
        seed: Of points and weights.
        run: A run to watch, in place of a training of one's own; `data` are then its own where none are given.
        **traits: `layers`, `settings`, `speed`.

    Raises:
        SpecError: The network does not take two inputs.
        DataError: The data are no points of a plane with classes.

    Attributes:
        layers: The hidden layers, each with `units` and `activation`; empty where the network is one of your own.
        settings: `lr`, `batch_size`, `weight_decay`, `optimizer`.
        speed: Epochs a second at most; 0 for as fast as it goes.
        watching: Whether a run is shown as it is, and not a training of one's own.

    Threads: trains in a thread of its own; the boundary is of weights that are copied between two batches.
    """

    _bundle = "playground"

    layers = traitlets.List(traitlets.Dict()).tag(sync=True)
    settings = traitlets.Dict(dict(SETTINGS)).tag(sync=True)
    speed = traitlets.Float(20.0).tag(sync=True)
    watching = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        network: NetworkSpec | None = None,
        data: str | DataBundle = "circles",
        *,
        seed: int = 0,
        run: AnyRun | None = None,
        **traits: Any,
    ) -> None:
        self._lock = threading.RLock()
        self._own: NetworkSpec | None = None
        self._given: NetworkSpec | None = None
        self._seed = seed
        if run is not None and not isinstance(data, DataBundle):
            data = Watched(run).source.need_data()
        self._data = data if isinstance(data, DataBundle) else None
        self._lessons = Lessons()
        self._watched: Watched | None = None
        self._callbacks: list[Callable[[NetworkSpec, dict[str, Any]], Any]] = []
        if isinstance(data, DataBundle):
            if reason := why_not(data, network):
                raise DataError(reason)
            self._points, self._lessons.frame = points_of(data)
        elif data:
            self._points = generate(data, seed=seed)
        else:
            self._points = Points.of(np.zeros((0, 2), np.float32), np.zeros(0, int))
        self._portrait: Portrait | None = None
        self._shown: Any = None
        self._sent: tuple[str, int] = ("", 0)
        self._busy = False
        self._next = 0.0
        self._worker: ThreadPoolExecutor | None = None
        wanted = dict(traits.pop("settings", None) or {})
        super().__init__(**{"layers": list(_FIRST), "watching": run is not None, **traits})
        self._watched = Watched(run, self._data) if run is not None else None
        self.settings = settings_of(wanted) if self._data is not None else {**SETTINGS, **wanted}
        if network is not None:
            self._take(network)
        self._build()
        self._lessons.speed = self.speed
        self.observe(self._faster, ["speed"])
        self.observe(lambda _: self._tell(), ["watching"])

    @property
    def network(self) -> NetworkSpec:
        """The specification of the network."""
        return self._own if self._own is not None else spec_of(self.layers, self._points.classes)

    @property
    def run(self) -> Any:
        """The present run: the one that is watched, or the last one of one's own; None before the first."""
        return self._watched.run if self._watched is not None and self.watching else self._lessons.run

    def watch(self, run: AnyRun | None) -> None:
        """Shows a run that trains the data elsewhere, or did; None for one's own trainings only."""
        with self._lock:
            self._watched = Watched(run, self._data) if run is not None else None
        if self.watching != (run is not None):
            self.watching = run is not None
        else:
            self._tell()

    def use(self, network: NetworkSpec, settings: Mapping[str, Any]) -> None:
        """Takes another network and other settings for one's own trainings, with new weights."""
        if network == self._given and settings_of(settings) == self.settings:
            return
        self.settings = settings_of(settings)
        if network != self._given:
            self._take(network)
            self._build()
        self._tell()

    def on_adopt(self, callback: Callable[[NetworkSpec, dict[str, Any]], Any]) -> None:
        """Calls `callback` with network and settings when a person wants to go on with what was found here."""
        self._callbacks.append(callback)

    @command
    def catch_up(self) -> Reply:
        """Points, network, state, the whole loss curve and the last picture."""
        with self._lock:
            points, portrait = self._points, self._portrait
            rows, generation = self._shown_by.rows()
        buffers: list[Any] = [points.x, points.y.astype(np.uint8), points.valid.astype(np.uint8), *rows]
        drawn = None
        if portrait is not None:
            drawn, arrays = packed(portrait, len(buffers))
            buffers += arrays
        about = {
            "points": len(points), "most": MAX_POINTS, "kinds": list(KINDS), "rows": len(rows[0]),
            "generation": generation, "portrait": drawn, **self._about(),
            "limits": {"layers": MAX_LAYERS, "units": MAX_UNITS, "activations": ACTIVATIONS, "optimizers": OPTIMIZERS},
        }  # fmt: skip
        self._ask()
        return Reply(about, buffers)

    @command(background=True)
    def own_copy(self) -> None:
        """Goes on with a copy of the run that is watched: its network and, where they fit, its weights."""
        watched = self._watched
        if watched is None:
            raise DataError("no run is shown", do="Train the network first")
        network = watched.network
        if network is not None:
            self._take(network)
        module = self.network.build(seed=self._seed)
        take_weights(watched.source, module)
        self._lessons.begin(module)
        self.watching = False

    @command(background=True)
    def own_points(self) -> None:
        """Takes the points of the data again, in place of drawn ones."""
        if self._data is None:
            raise DataError("there are no data to go back to", do="Choose a form of points")
        self._replace(points_of(self._data)[0])

    @command
    def adopt(self) -> None:
        """Hands network and settings to whoever asked for them: the project."""
        name = self._given.name if self._given is not None else ""
        self._given = self.network.changed(name=name) if name else self.network
        for callback in list(self._callbacks):
            callback(self._given, dict(self.settings))

    @command(background=True)
    def play(self) -> None:
        """Trains on, from the present weights."""
        with self._lock:
            points = self._points
        self._lessons.play(points, self.settings)

    @command
    def pause(self) -> None:
        """Holds the training."""
        self._lessons.pause()

    @command(background=True)
    def step(self) -> None:
        """Trains one batch."""
        with self._lock:
            points = self._points
        self._lessons.step(points, self.settings)

    @command(background=True)
    def reset(self) -> None:
        """Begins anew with other weights."""
        self._seed += 1
        self._build()
        self._tell()

    @command(background=True)
    def set_layers(self, layers: list[dict[str, Any]]) -> None:
        """Takes another list of hidden layers; the weights begin anew."""
        self.layers = checked(layers)
        self._own = None
        self._build()
        self._tell()

    @command(background=True)
    def set_training(self, name: str, value: Any) -> None:
        """Changes `lr`, `batch_size`, `weight_decay` or `optimizer`; the network goes on learning with it."""
        if name not in SETTINGS:
            raise UnknownNameError("setting", name, SETTINGS)
        changed = {**self.settings, name: value}
        self._lessons.change(name, value, changed)
        self.settings = changed

    @command(background=True)
    def generate(self, kind: str, count: int = 300, noise: float = 0.1, seed: int = 0) -> None:
        """Takes generated points in place of the present ones."""
        self._replace(generate(kind, int(count), float(noise), int(seed)))

    @command(background=True)
    def paste(self, text: str) -> str:
        """Takes a pasted table of points; says what was done to it."""
        found = pasted(text)
        self._replace(found)
        return found.said

    @command(background=True)
    def draw(self, buffers: list[memoryview]) -> None:
        """Adds points: places (N, 2) as float32 and classes (N,) as bytes."""
        if len(buffers) != 2 or len(buffers[0]) % 8:
            raise DataError("points come as places and classes", received=f"{len(buffers)} arrays")
        x = np.frombuffer(buffers[0], dtype=np.float32).reshape(-1, 2)
        y = np.frombuffer(buffers[1], dtype=np.uint8).astype(np.int64)
        with self._lock:
            points = self._points.added(x, y)
        self._replace(points)

    @command(background=True)
    def erase(self, x: float, y: float, radius: float) -> None:
        """Takes points within a circle away."""
        with self._lock:
            points = self._points.without(float(x), float(y), float(radius))
        self._replace(points)

    @command(background=True)
    def clear(self) -> None:
        """Takes all points away."""
        self._replace(Points.of(np.zeros((0, 2), np.float32), np.zeros(0, np.int64)))

    def pulse(self) -> None:
        """Sends new rows of the curve and the state, and asks for a new picture where the weights have changed."""
        rows, generation = self._shown_by.rows()
        count = len(rows[0])
        state = self._shown_by.state()
        before, known = self._sent
        if before != generation or known > count:
            self._sent = (generation, count)
            self._tell()
        elif count > known or state != self._shown:
            self._sent, self._shown = (generation, count), state
            content = {**state, "from": known, "until": count, "generation": generation}
            self.push("rows", content, [r[known:] for r in rows])
        self._ask()

    def still(self) -> str | None:
        """The plane as it was looked at last."""
        with self._lock:
            portrait, points = self._portrait, self._points
        return still_picture(portrait, points, self._shown_by.state()) if portrait is not None else None

    def released(self) -> None:
        """Ends the training."""
        self._lessons.close()
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.shutdown(wait=False, cancel_futures=True)

    @property
    def _shown_by(self) -> Lessons | Watched:
        watched = self._watched
        return watched if watched is not None and self.watching else self._lessons

    def _about(self) -> dict[str, Any]:
        watched = self._watched
        shown = watched.network if watched is not None and self.watching else self.network
        try:
            code = shown.to_python() if shown is not None else ""
        except SpecError as error:
            code = f"# {error}"
        frame = self._lessons.frame
        return {
            **self._shown_by.state(), "code": code, "own": self._own is not None, "classes": self._points.classes,
            "pens": MAX_CLASSES if self._own is None else self._points.classes, "said": self._points.said,
            "project": self._data is not None, "adopts": bool(self._callbacks), "names": list(frame.names),
            "run": watched.run.name if watched is not None else "",
        }  # fmt: skip

    def _take(self, network: NetworkSpec) -> None:
        spec = network if network.input_shape is not None else network.changed(input_shape=(2,))
        if spec.input_shape != (2,):
            raise SpecError("the playground's networks take two inputs", received=f"input_shape={spec.input_shape}")
        self._given = network
        layers = layers_of_spec(spec)
        self._own, self.layers = (spec, []) if layers is None else (None, layers)

    def _replace(self, points: Points) -> None:
        """Takes other points; a training that goes on takes them up, with the weights that it has."""
        with self._lock:
            before, self._points = self._points, points
        if self._own is None and points.classes != before.classes:
            self._build()
        else:
            self._lessons.use(points, self.settings)
        self._tell()

    def _build(self) -> None:
        """New weights, and no curve."""
        spec = self.network
        spec.infer_shapes()
        self._lessons.begin(spec.build(seed=self._seed))
        self._ask()

    def _tell(self) -> None:
        """Has every view ask for everything."""
        self.push("reset")
        self._next = 0.0
        self._ask()

    def _faster(self, change: Any) -> None:
        self._lessons.speed = float(self.speed)

    def _ask(self) -> None:
        """Has a picture made beside everything else, where the weights are others than those of the last one."""
        with self._lock:
            moment = self._shown_by.moment()
            late = time.monotonic() < self._next and self._portrait is not None
            if self._busy or late or self.comm is None or (self._portrait is not None and moment == self._seen()):
                return
            self._busy = True
            if self._worker is None:
                self._worker = ThreadPoolExecutor(1, thread_name_prefix="lepton-playground")
            self._worker.submit(self._look, moment)

    def _seen(self) -> Any:
        return getattr(self, "_moment", None)

    def _look(self, moment: Any) -> None:
        began, size = time.monotonic(), 0
        try:
            frame = self._lessons.frame
            portrait = self._shown_by.examine(lambda module: look_over(module, frame))
            with self._lock:
                first = self._portrait is None
                self._portrait, self._moment = portrait, moment
            about, buffers = packed(portrait, 0)
            size = sum(b.nbytes for b in buffers)
            self.push("portrait", {**about, "step": moment[1]}, buffers)
            self.refresh_still(force=first)
        except Exception as error:
            self._moment = moment
            self.show_error(error)
        finally:
            spent = time.monotonic() - began
            period, rest = _WATCHING if self._shown_by is self._watched else _OWN
            self._next = time.monotonic() + max(period, min(_LONGEST_S, rest * spent), size / _BYTES_PER_S)
            with self._lock:
                self._busy = False
