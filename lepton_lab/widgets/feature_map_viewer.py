"""What each layer makes of pinned samples, with the weights of this moment or of an earlier one."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import traitlets
from torch import Tensor, nn

from lepton_lab.data import DataBundle
from lepton_lab.errors import DataError, LeptonError
from lepton_lab.probes.layers import Layers
from lepton_lab.probes.maps import top_samples
from lepton_lab.widgets._base import Reply, Widget, command
from lepton_lab.widgets.feature_map_viewer_maps import (
    Sight,
    filters_of,
    look_at_frame,
    look_at_sample,
    packed,
    unit_of,
)
from lepton_lab.widgets.feature_map_viewer_pins import (
    Pin,
    drawn,
    exciting_pool,
    first_pins,
    from_data,
    new_pin,
    picture_of,
    uploaded,
)
from lepton_lab.widgets.feature_map_viewer_samples import SamplesMap
from lepton_lab.widgets.feature_map_viewer_source import Source
from lepton_lab.widgets.feature_map_viewer_still import still_picture
from lepton_lab.widgets.feature_map_viewer_time import Past
from lepton_lab.widgets.gradient_monitor_source import AnyRun, find_run

__all__ = ["FeatureMapViewer"]

MAX_PINS = 12
PERIOD_S = 0.5
"""Between two looks at the weights of a run that trains."""

_BYTES_PER_S = 150_000  # of maps to the browser
_FILM = 7


class FeatureMapViewer(Widget):
    """Shows feature maps of pinned samples, layer by layer, while the network trains and back through its run.

    Samples are pinned from the data, drawn, or uploaded. The maps are of the present weights: the thread that trains
    copies them between two batches, at most twice a second, and only while somebody looks.

    Args:
        run: A run (its id, its name), or a module that nobody trains meanwhile.
        data: The data, where the run cannot say or there is no run.
        samples: Prepared samples (N, …) to pin at first, in place of some of the data.
        **traits: `scale`, `layer`, `unit`, …

    Attributes:
        run_id: Id of the run; empty for a module.
        pin: Id of the pinned sample that is looked at.
        scale: "map" for a brightness scale of each map's own, "layer" for one that a layer's maps share.
        layer: The layer that is opened; empty for none.
        unit: The unit whose filters and favourite samples are shown; -1 for none.
        at: The step that is looked at; -1 for now.
        method: How samples are laid out in the map of samples: "pca", or "umap", which needs umap-learn.
        every_layer: Whether layers whose activation function follows at once are shown too.
    """

    _bundle = "feature_map_viewer"

    run_id = traitlets.Unicode().tag(sync=True)
    pin = traitlets.Unicode().tag(sync=True)
    scale = traitlets.Enum(["map", "layer"], "map").tag(sync=True)
    layer = traitlets.Unicode().tag(sync=True)
    unit = traitlets.Int(-1).tag(sync=True)
    at = traitlets.Int(-1).tag(sync=True)
    method = traitlets.Enum(["pca", "umap"], "pca").tag(sync=True)
    every_layer = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        run: AnyRun | str | nn.Module | None = None,
        data: DataBundle | None = None,
        samples: Tensor | None = None,
        **traits: Any,
    ) -> None:
        self._lock = threading.RLock()
        self._pins: list[Pin] = []
        self._source: Source | None = None
        self._past = Past(None)
        self._orders: dict[str, dict[str, list[int]]] = {}
        self._last: tuple[dict[str, Any], list[Any]] | None = None
        self._pool: tuple[Tensor, list[int], Any] | None = None
        self._films: dict[tuple[str, str, int, int], Any] = {}
        self._worker: ThreadPoolExecutor | None = None
        self._samples = SamplesMap(self.push)
        self._busy = False
        self._seen_at: tuple[Any, ...] | None = None
        self._next = 0.0
        super().__init__(**traits)
        if run is not None or self.run_id:
            self.use(run if run is not None else self.run_id, data, samples)
        self.observe(self._chosen, ["run_id"])
        self.observe(lambda _: self._ask(), ["pin", "at", "layer", "every_layer"])

    def use(
        self, run: AnyRun | str | nn.Module | None, data: DataBundle | None = None, samples: Tensor | None = None
    ) -> None:
        """Looks at another run or module from now on; samples stay pinned where the new one takes them.

        Args:
            run: A run, its id or its name, or a module; None for none.
            data: See the class.
            samples: See the class.

        Raises:
            UnknownNameError: There is no such run.
        """
        thing = run if isinstance(run, nn.Module) else find_run(run)
        with self._lock:
            self._source = Source(thing, data) if thing is not None else None
            self._past = Past(self._source.folder if self._source is not None else None)
            self._last, self._pool, self._seen_at = None, None, None
            self._orders.clear()
            self._films.clear()
            self._pins = [
                new_pin("given", f"sample {i}", x, picture_of(None, i, x)) for i, x in enumerate(_list(samples))
            ]
        self.run_id = "" if thing is None or isinstance(thing, nn.Module) else thing.id
        self.at = -1
        self._settle_pin()
        self._ask()

    @command
    def catch_up(self) -> Reply:
        """Pinned samples with their pictures, the moments that can be looked at, and the maps that are known."""
        self._ask()
        with self._lock:
            about, buffers = self._about()
            maps = None
            if self._last is not None:
                content, arrays = self._last
                maps = {**content, "first": len(buffers)}
                buffers += arrays
        return Reply({**about, "maps": maps}, buffers)

    @command(background=True)
    def pin_from_data(self, split: str, label: str = "", index: int = -1) -> Reply:
        """Pins a sample of the data: number `index` of a split, or the next one of a class."""
        with self._lock:
            taken = [pin.label for pin in self._pins]
        return self._add(from_data(self._needed().need_data(), split, label, index, taken))

    @command(background=True)
    def pin_drawn(self, buffers: list[memoryview]) -> Reply:
        """Pins a drawing: bytes (H, W) of the samples' size, white on black."""
        if len(buffers) != 1:
            raise DataError("a drawing is one array", received=f"{len(buffers)}")
        return self._add(drawn(self._needed().need_data(), np.frombuffer(buffers[0], dtype=np.uint8)))

    @command(background=True)
    def pin_uploaded(self, name: str, buffers: list[memoryview], invert: bool = False) -> Reply:
        """Pins an image file; it is checked and decoded within limits."""
        if len(buffers) != 1:
            raise DataError("an upload is one file", received=f"{len(buffers)}")
        return self._add(uploaded(self._needed().need_data(), name, bytes(buffers[0]), bool(invert)))

    @command
    def unpin(self, pin: str) -> Reply:
        """Takes a pinned sample away."""
        with self._lock:
            self._pins = [one for one in self._pins if one.id != pin]
            self._orders.pop(pin, None)
        self._settle_pin()
        return self._told_pins()

    @command(background=True)
    def film(self, layer: str, unit: int) -> Reply:
        """One unit's map at up to seven moments of the run, the present one last."""
        source, pin = self._needed(), self._selected()
        steps = _spread([s for s in self._steps(pin) if s < source.moment()[0]], _FILM - 1)
        found: list[tuple[int, Any]] = []
        for step in steps:
            key = (pin.id, layer, int(unit), step)
            if key not in self._films:
                self._films[key] = unit_of(self._sight(pin, step), layer, int(unit))
            found.append((step, self._films[key]))
        if pin.frame < 0:
            now = self._sight(pin, -1)
            found.append((now.step, unit_of(now, layer, int(unit))))
        scales = [[float(m.min()), float(m.max())] for _, m in found]
        shape = list(found[0][1].shape) if found else [0, 0]
        return Reply({"steps": [s for s, _ in found], "scales": scales, "shape": shape}, [m for _, m in found])

    @command(background=True)
    def exciting(self, layer: str, unit: int, k: int = 9) -> Reply:
        """The training samples, of two thousand, for which a unit's largest output is highest."""
        source = self._needed()
        if self._pool is None:
            self._pool = exciting_pool(source.need_data())
        pool, rows, split = self._pool
        task = source.need_data()

        def work(module: nn.Module, known: Layers) -> Any:
            path = known.find(layer.partition("#")[0]).path
            return top_samples(module, (pool, None), path, int(unit), min(k, 25))

        found = source.examine(work)
        numbers = [rows[int(i)] for i in found.indices]
        pins = [from_data(task, "train", index=number) for number in numbers]
        told = [
            {**pin.to_json(), "value": float(value), "index": number}
            for pin, value, number in zip(pins, found.values, numbers, strict=True)
        ]
        return Reply(
            {"samples": told, "pool": len(rows), "of": len(split)},
            [pin.picture if pin.picture is not None else np.zeros(0, np.uint8) for pin in pins],
        )

    @command(background=True)
    def filters(self, layer: str, unit: int) -> Reply:
        """The weights that a unit looks through."""
        source, pin = self._needed(), self._selected()
        shape = tuple(pin.sample.shape) if pin.sample is not None else ()
        found = source.examine(lambda _, known: filters_of(known, layer.partition("#")[0], int(unit), shape))
        if found is None:
            return Reply(None)
        weights, owner = found
        return Reply(
            {"shape": list(weights.shape), "layer": owner, "largest": float(np.abs(weights).max(initial=0))}, [weights]
        )

    @command
    def map_of_samples(self, count: int = 500, method: str = "pca", layer: str = "") -> None:
        """Asks for samples, or an embedding's rows, as points of a plane.

        A message "plane" brings them, "no-plane" says what went wrong.
        """
        self._samples.ask(self._needed(), method, min(int(count), 2000), layer)

    def pulse(self) -> None:
        """Asks for maps of the present weights where they have changed since the last look."""
        source = self._source
        if source is None or self.at >= 0 or time.monotonic() < self._next:
            return
        if self._wanted() != self._seen_at:
            self._ask()

    def still(self) -> str | None:
        """The maps that were shown last."""
        with self._lock:
            last = self._last
        return still_picture("Feature maps", *last) if last is not None else None

    def released(self) -> None:
        """Ends the thread that looks."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.shutdown(wait=False, cancel_futures=True)
        self._samples.close()

    def _ask(self) -> None:
        """Has the maps computed beside everything else; one request waits at most."""
        with self._lock:
            if self._source is None or self._busy or self.comm is None:
                return
            self._busy = True
            if self._worker is None:
                self._worker = ThreadPoolExecutor(1, thread_name_prefix="lepton-maps")
            self._worker.submit(self._refresh)

    def _refresh(self) -> None:
        began = time.monotonic()
        size, asked = 0, self._wanted()
        try:
            size = self._compute()
            self._seen_at = asked
        except Exception as error:  # whoever looks must read it
            self._seen_at = asked
            self.show_error(error)
        finally:
            spent = time.monotonic() - began
            self._next = time.monotonic() + max(PERIOD_S, 4 * spent, size / _BYTES_PER_S)
            with self._lock:
                self._busy = False
        if self._wanted()[2:] != asked[2:]:
            self._ask()

    def _wanted(self) -> tuple[Any, ...]:
        source = self._source
        moment = source.moment() if source is not None else (0, "")
        return (*moment, self.pin, self.layer, self.every_layer, self.at)

    def _compute(self) -> int:
        source = self._needed()
        if not self._pins:
            pins = self._first_pins(source)
            with self._lock:
                self._pins = pins
            self._settle_pin()
            self._told_pins()
        try:
            pin = self._selected()
        except DataError:
            return 0
        sight = self._sight(pin, self.at)
        orders = self._orders.setdefault(pin.id, {})
        content, buffers = packed(sight, orders, self.layer, self.every_layer)
        about = {**content, **self._moments(pin), "pin": pin.id, "label": pin.label}
        with self._lock:
            first, self._last = self._last is None, (about, buffers)
        self.push("maps", about, buffers)
        self.refresh_still(force=first)
        return sum(b.nbytes for b in buffers)

    def _sight(self, pin: Pin, step: int) -> Sight:
        source = self._needed()
        if pin.frame >= 0:
            probes = source.probes
            steps = probes.frames() if probes is not None else []
            if probes is None or not steps:
                raise DataError("the run has kept no maps yet", do="Wait for its first measured step")
            return look_at_frame(probes.frame(step if step in steps else steps[-1]), pin.frame)
        sample, task, now = pin.sample, source.task, source.moment()[0]
        assert sample is not None

        def work(module: nn.Module, known: Layers) -> Sight:
            if step < 0:
                self._past.keep(now, module)
                return look_at_sample(module, known, source.ready(sample, module), now, task)
            past = self._past.module_at(step, module)
            return look_at_sample(past, source.layers_of(past), source.ready(sample, past), step, task)

        return source.examine(work)

    def _steps(self, pin: Pin) -> list[int]:
        """The moments at which a pinned sample can be looked at."""
        source = self._needed()
        if pin.frame >= 0:
            return source.probes.frames() if source.probes is not None else []
        return self._past.steps()

    def _moments(self, pin: Pin) -> dict[str, Any]:
        source = self._needed()
        step, state = source.moment()
        return {
            "steps": self._steps(pin), "now": step, "state": state, "checkpoint": source.from_checkpoint,
            "classes": source.classes,
        }  # fmt: skip

    def _about(self) -> tuple[dict[str, Any], list[Any]]:
        source, data = self._source, self._data_or_none()
        pictures = [pin.picture if pin.picture is not None else np.zeros(0, np.uint8) for pin in self._pins]
        shape = list(data.sample_shape) if data is not None else []
        about = {
            "open": source is not None, "pins": [pin.to_json() for pin in self._pins], "most": MAX_PINS,
            "splits": {n: len(s) for n, s in data.splits.items() if n != "test"} if data is not None else {},
            "classes": source.classes if source is not None else [],
            "shape": shape, "image": len(shape) == 3 and shape[0] in (1, 3, 4),
        }  # fmt: skip
        return about, pictures

    def _add(self, pin: Pin) -> Reply:
        with self._lock:
            if len(self._pins) >= MAX_PINS:
                raise DataError(f"{MAX_PINS} samples are pinned already", do="Take one away first")
            self._pins.append(pin)
        self.pin = pin.id
        return self._told_pins()

    def _told_pins(self) -> Reply:
        with self._lock:
            about, pictures = self._about()
        self.push("pins", about, pictures)
        return Reply(about["pins"][-1:] if about["pins"] else None)

    def _settle_pin(self) -> None:
        """Selects a pin that exists."""
        with self._lock:
            ids = [pin.id for pin in self._pins]
        if self.pin not in ids:
            self.pin = ids[0] if ids else ""

    def _first_pins(self, source: Source) -> list[Pin]:
        """Some samples of the data; where that is not at hand, those whose maps the run keeps by itself."""
        try:
            return first_pins(source.need_data())
        except LeptonError:
            return self._kept_pins(source)

    def _kept_pins(self, source: Source) -> list[Pin]:
        steps = source.probes.frames() if source.probes is not None else []
        if not steps or source.probes is None:
            return []
        frame = source.probes.frame(steps[-1])
        count = max((len(maps.codes) for maps in frame.layers.values()), default=0)
        return [new_pin("kept", f"kept by the run, {i + 1}", None, None, i) for i in range(count)]

    def _selected(self) -> Pin:
        with self._lock:
            for pin in self._pins:
                if pin.id == self.pin:
                    return pin
        raise DataError("no sample is pinned", do="Pin one from the data, draw or upload one")

    def _needed(self) -> Source:
        if self._source is None:
            raise DataError("no run is open", do="Choose a run, or pass one: FeatureMapViewer(run)")
        return self._source

    def _data_or_none(self) -> DataBundle | None:
        source = self._source
        if source is None:
            return None
        return source.data

    def _chosen(self, change: Any) -> None:
        source = self._source
        now = source.run.id if source is not None and source.run is not None else ""
        if now != self.run_id:
            try:
                self.use(self.run_id or None)
            except Exception as error:
                self.show_error(error)


def _list(samples: Tensor | None) -> list[Tensor]:
    return [] if samples is None else [samples[i].detach().cpu() for i in range(min(len(samples), MAX_PINS))]


def _spread(steps: list[int], count: int) -> list[int]:
    """At most `count` of the steps, evenly by their place, both ends among them."""
    if len(steps) <= count:
        return steps
    places = np.unique(np.linspace(0, len(steps) - 1, count).round().astype(int))
    return [steps[int(i)] for i in places]
