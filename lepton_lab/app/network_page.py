"""The network page: templates that fit the data, each with what it costs here, and the whole builder below."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import Any, ClassVar

import traitlets

from lepton_lab.app import words_network as words
from lepton_lab.app.examples import all_examples
from lepton_lab.app.network_offers import Offer, costs, drawing, offers
from lepton_lab.app.network_speed import Speed, measure_beside
from lepton_lab.app.visit import Visit
from lepton_lab.data import DataBundle
from lepton_lab.errors import SpecError, UnknownNameError
from lepton_lab.network import NetworkSpec
from lepton_lab.widgets._base import Widget, command
from lepton_lab.widgets.network_builder import NetworkBuilder
from lepton_lab.widgets.network_builder_table import builder_table

__all__ = ["NetworkPage"]

_LOOK_S = 1.0  # between two looks whether the machine was measured
_KEPT = 50  # choices that can be taken back


class NetworkPage(Widget):
    """Where a visitor picks a network, or builds one.

    Args:
        visit: What the visitor works on.

    Attributes:
        state: What the page draws.
        building: Whether the builder is unfolded.
        builder: How the front end names the builder; empty before it was asked for.
    """

    _bundle: ClassVar[str] = "app_network"

    state = traitlets.Dict().tag(sync=True)
    building = traitlets.Bool(False).tag(sync=True)
    builder = traitlets.Unicode("").tag(sync=True)

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self._lock = threading.RLock()
        self._offers: tuple[DataBundle | None, tuple[Offer, ...]] = (None, ())
        self._past: list[tuple[NetworkSpec | None, NetworkSpec]] = []
        self._builder: NetworkBuilder | None = None
        self._project = visit.project_id
        self._speed = Speed.read(visit.workspace.folder)
        self._measuring: subprocess.Popen[bytes] | None = None
        self._looked = 0.0
        self._wanted, self._drawing = 0, False
        super().__init__()
        self._end = visit.on_change(self._changed)
        self._soon()

    # --- orders --------------------------------------------------------------------------------------------------

    @command
    def choose(self, template: str, size: str) -> str:
        """Takes a template in the place of the present network; returns what to say."""
        found = next((o for o in self._offers[1] if (o.template, o.size) == (template, size)), None)
        if found is None:
            raise UnknownNameError("template", f"{template} {size}".strip(), [o.template for o in self._offers[1]])
        self._take(found.network)
        return words.changed_to(found.name)

    @command
    def undo(self) -> str:
        """Goes back to the network before the last choice; returns what to say."""
        with self._lock:
            if not self._undoable():
                return ""
            before, _ = self._past.pop()
        if before is not None:
            self.visit.use_network(before)
        return words.changed_to(self._name(before))

    @command
    def fix(self, number: int) -> None:
        """Applies one of the fixes that stand beside the problem."""
        network, data = self._network, self._data
        problem = builder_table(network, data, 1)["problem"] if network is not None else None
        if network is None or problem is None or not 0 <= number < len(problem["fixes"]):
            raise SpecError("this problem is not there any more", do="Look at the page again")
        self._take(network.apply(problem["fixes"][number]["fix"]))

    @command(background=True)
    def build(self) -> None:
        """Makes the builder, where it is not there yet."""
        with self._lock:
            if self._builder is None and self.visit.work is not None:
                self._builder = self._made_builder()
                self.builder = self._builder.ref

    @command
    def train(self) -> None:
        """Goes on to training."""
        self.visit.go("train")

    # --- life ----------------------------------------------------------------------------------------------------

    def seen(self) -> None:
        """Has the machine measured, where nobody did yet."""
        with self._lock:
            if self._speed is None and self._measuring is None:
                self._measuring = measure_beside(self.visit.workspace.folder)

    def pulse(self) -> None:
        """Looks whether the machine was measured meanwhile."""
        now = time.monotonic()
        if self._speed is None and now - self._looked > _LOOK_S:
            self._looked = now
            if self._measuring is None or self._measuring.poll() is not None:  # or another page had it measured
                self._speed = Speed.read(self.visit.workspace.folder)
                if self._speed is not None:
                    self._soon()

    def released(self) -> None:
        """Closes the builder, and ends a measurement that is under way."""
        self._end()
        self._drop_builder()
        if self._measuring is not None and self._measuring.poll() is None:
            self._measuring.terminate()

    # --- what it draws -------------------------------------------------------------------------------------------

    @property
    def _network(self) -> NetworkSpec | None:
        return self.visit.work.network if self.visit.work is not None else None

    @property
    def _data(self) -> DataBundle | None:
        return self.visit.work.data if self.visit.work is not None else None

    def _soon(self) -> None:
        """Draws the page anew in a thread of its own; what changes meanwhile is drawn after it."""
        with self._lock:
            self._wanted += 1
            if self._drawing:
                return
            self._drawing = True
        threading.Thread(target=self._draw, name="lepton-network-page", daemon=True).start()

    def _draw(self) -> None:
        while True:
            wanted = self._wanted
            try:
                self.state = self._state()
            except Exception as error:  # the page says it; the thread must not leave the page waiting for ever
                self.show_error(error)
            with self._lock:
                if self._wanted == wanted or self._desk is None:
                    self._drawing = False
                    return

    def _state(self) -> dict[str, Any]:
        work, data, network = self.visit.work, self._data, self._network
        state: dict[str, Any] = {
            "project": self.visit.title, "busy": self.visit.busy, "form": "", "templates": [], "now": None,
            "problem": None, "undo": "", "measured": self._speed is not None, "samples": 0, "live": False,
        }  # fmt: skip
        if work is None or data is None:
            return state
        if self._offers[0] is not data:
            self._offers = (data, offers(data))
        settings = work.settings
        batch, optimizer = int(settings["batch_size"]), str(settings["optimizer"])
        found = self._offers[1]
        state["form"] = found[0].form
        state["templates"] = self._templates(found, data, batch, optimizer)
        state["samples"] = len(data.train)
        state["live"] = work.run is not None and not work.run.status.state.ended
        if network is not None:
            check = network.check()
            state["problem"] = builder_table(network, data, batch)["problem"]
            state["now"] = {
                "name": self._name(network),
                "layers": sum(1 for _ in network.walk()),
                "costs": None if check.shapes is None else costs(
                    network, check.shapes, data, batch, optimizer, self._speed
                ),
                "drawing": [] if check.shapes is None else drawing(check.shapes),
            }  # fmt: skip
        with self._lock:
            state["undo"] = self._name(self._past[-1][0]) if self._undoable() else ""
        return state

    def _templates(
        self, found: tuple[Offer, ...], data: DataBundle, batch: int, optimizer: str
    ) -> list[dict[str, Any]]:
        shown: dict[str, dict[str, Any]] = {}
        for offer in found:
            title, text = words.WHAT[offer.form, offer.template]
            card = shown.setdefault(offer.template, {"name": offer.template, "title": title, "text": text, "sizes": []})
            card["sizes"].append(
                {
                    "size": offer.size,
                    "title": words.SIZES.get(offer.size, ""),
                    "current": offer.is_like(self._network),
                    "drawing": drawing(offer.shapes),
                    **costs(offer.network, offer.shapes, data, batch, optimizer, self._speed),
                }
            )
        return list(shown.values())

    def _name(self, network: NetworkSpec | None) -> str:
        if network is None or not network.layers:
            return words.NO_NETWORK
        offer = next((offer for offer in self._offers[1] if offer.is_like(network)), None)
        if offer is not None:
            return offer.name
        return words.EXAMPLE if any(one.network.layers == network.layers for one in all_examples()) else words.OWN

    # --- what changes --------------------------------------------------------------------------------------------

    def _take(self, network: NetworkSpec) -> None:
        before = self._network
        if network == before:
            return
        with self._lock:
            self._past.append((before, network))
            del self._past[:-_KEPT]
        self.visit.use_network(network)

    def _undoable(self) -> bool:
        """Whether the last choice still holds: what was changed by hand since is not thrown away."""
        return bool(self._past) and self._past[-1][0] is not None and self._past[-1][1] == self._network

    def _changed(self, what: str) -> None:
        work = self.visit.work
        if what == "project" or self.visit.project_id != self._project:
            self._project = self.visit.project_id
            with self._lock:
                self._past.clear()
            self._drop_builder()
        elif self._builder is not None and work is not None:
            if what == "data" and work.data is not None and self._builder.data is not work.data:
                self._builder.data = work.data
            if what in ("data", "network") and work.network is not None and self._builder.network != work.network:
                self._builder.network = work.network
        if what != "page":
            self._soon()

    def _made_builder(self) -> NetworkBuilder:
        work = self.visit.work
        assert work is not None
        builder = NetworkBuilder(work.network, data=work.data, batch_size=int(work.settings["batch_size"]))
        # the present network, not the one of the edit: answers to quick edits may overtake each other
        builder.on_change(lambda _: self.visit.use_network(builder.network))
        builder.on_train(lambda: self.visit.train())
        return builder

    def _drop_builder(self) -> None:
        with self._lock:
            builder, self._builder = self._builder, None
            self.builder = ""
        if builder is not None:
            builder.close()
