"""`NetworkBuilder`: a network put together from cards, with its shapes, its costs and a sample passing through."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import traitlets
from torch import nn

from lepton_lab.data import DataBundle
from lepton_lab.errors import LeptonError, SpecError
from lepton_lab.network import LAYERS, LayerSpec, NetworkSpec, read_module
from lepton_lab.network.diagram import diagram
from lepton_lab.network.from_source import read_source
from lepton_lab.network.templates import for_samples
from lepton_lab.widgets._base import Reply, Widget, command
from lepton_lab.widgets.network_builder_edits import Editor
from lepton_lab.widgets.network_builder_palette import palette, templates
from lepton_lab.widgets.network_builder_preview import Picture, Preview, filters_of, sample_of
from lepton_lab.widgets.network_builder_table import builder_table

__all__ = ["NetworkBuilder"]

_LONG = 16  # layers; a longer network is shown with its blocks folded

Thing = DataBundle | NetworkSpec | nn.Module | Sequence[LayerSpec]


class NetworkBuilder(Widget):
    """Puts a network together: add layers from the palette, set their parameters, see shapes and costs at once.

    `builder = ll.NetworkBuilder(data)` begins an empty network for the data and shows one of its samples in every
    layer. `builder.network` is always the network as it is on screen; setting it redraws. Everything that people do
    can be undone, also after the page was reloaded, and two tabs show the same.

    Args:
        thing: Data to build for, or a network to begin with: a `NetworkSpec`, a torch module, or a list of layers.
        data: Data, where `thing` is a network.
        batch_size: Samples in a batch, for the estimate of memory.

    Attributes:
        selection: Paths of the selected layers.
        folded: Paths of the folded blocks.
        tab: "build", "code", "json", "diagram" or "templates".

    Threads: orders arrive beside the main thread; the network is read and set under a lock.

    Raises:
        SpecError: `thing` is none of these, or the module cannot be read.
    """

    _bundle: ClassVar[str] = "network_builder"

    state = traitlets.Dict().tag(sync=True)
    selection = traitlets.List(traitlets.Unicode()).tag(sync=True)
    folded = traitlets.List(traitlets.Unicode()).tag(sync=True)
    tab = traitlets.Enum(["build", "code", "json", "diagram", "templates"], "build").tag(sync=True)

    def __init__(
        self, thing: Thing | None = None, *, data: DataBundle | None = None, batch_size: int = 32, **traits: Any
    ) -> None:
        self._lock = threading.RLock()
        self._changed: list[Callable[[NetworkSpec], Any]] = []
        self._trained: list[Callable[[], Any]] = []
        if isinstance(thing, DataBundle):
            if data is not None:
                raise SpecError("NetworkBuilder received data twice", do="Give it once")
            thing, data = None, thing
        self._data = data
        self._batch_size = batch_size
        self._sample = 0
        self._version = 0
        self._passing: Picture | None = None
        self._notes: tuple[str, ...] = ()
        network, self._notes = _network_of(thing)
        self._editor = Editor(_fitted(network, data))
        self._preview = Preview(self._pictured)
        super().__init__(**traits)
        self._refresh()
        if "folded" not in traits:
            self._fold()

    # Python's side

    @property
    def network(self) -> NetworkSpec:
        """The network as it is now; may be set to a NetworkSpec, a torch module or a list of layers."""
        with self._lock:
            return self._editor.network

    @network.setter
    def network(self, value: NetworkSpec | nn.Module | Sequence[LayerSpec]) -> None:
        network, notes = _network_of(value)
        with self._lock:
            self._notes = notes
            self._editor.put(_fitted(network, self._data))
            self._refresh()
            self._fold()

    @property
    def data(self) -> DataBundle | None:
        """The data that the network is for."""
        return self._data

    @data.setter
    def data(self, value: DataBundle | None) -> None:
        with self._lock:
            self._data, self._sample = value, 0
            self._editor.put(_fitted(self._editor.network, value), self._editor.selection)
            self._refresh()

    @property
    def batch_size(self) -> int:
        """Samples in a batch, for the estimate of memory."""
        return self._batch_size

    @batch_size.setter
    def batch_size(self, value: int) -> None:
        if value < 1:
            raise SpecError("a batch has at least one sample", received=str(value))
        with self._lock:
            self._batch_size = int(value)
            self._refresh()

    def on_change(self, callback: Callable[[NetworkSpec], Any]) -> None:
        """Calls `callback(network)` after every edit that a person made."""
        self._changed.append(callback)

    def on_train(self, callback: Callable[[], Any]) -> None:
        """Calls `callback()` when somebody presses Train; the button is off while nobody listens."""
        with self._lock:
            self._trained.append(callback)
            self._refresh()

    # What the front end may order

    @command
    def edit(self, edit: dict[str, Any], selection: list[str] | None = None) -> dict[str, Any]:
        """Carries out one edit; see `Editor.edit`.

        Args:
            edit: The edit.
            selection: What is selected in the view that gives the order.
        """
        with self._lock:
            before = self._editor.network
            if selection is not None:
                self._editor.selection = tuple(selection)
            self._editor.edit(edit)
            if self._editor.network != before:
                self._notes = ()
            self._refresh()
            network, version = self._editor.network, self._version
            if edit.get("do") in ("template", "json"):
                self._fold()
        if network != before:
            self._tell(network)
        return {"version": version, "selection": list(self.selection)}

    @command
    def palette(self) -> dict[str, Any]:
        """The kinds of layers, and the networks to begin with."""
        return {**palette(), "templates": templates()}

    @command
    def copy(self, paths: list[str]) -> str:
        """The selected layers as JSON text."""
        with self._lock:
            return self._editor.copy(paths)

    @command
    def batch(self, size: int) -> None:
        """Sets the batch size of the estimate."""
        self.batch_size = size

    @command(background=True)
    def code(self) -> str:
        """The network as Python."""
        return self.network.to_python()

    @command
    def as_json(self) -> str:
        """The network as JSON text."""
        return self.network.to_json()

    @command(background=True)
    def drawing(self) -> str:
        """The network as SVG."""
        return diagram(self.network)

    @command(background=True)
    def read(self, source: str) -> dict[str, Any]:
        """Reads a module's source text, which is never executed, and puts it in the network's place."""
        shape = self.network.input_shape
        network, notes = read_source(source, shape)
        with self._lock:
            self._editor.put(network)
            self._notes = notes
            self._refresh()
            self._fold()
        self._tell(network)
        return {"notes": list(notes)}

    @command
    def sample(self, step: int = 1) -> None:
        """Shows another sample."""
        with self._lock:
            self._sample += step
            self._show(asked=True)

    @command
    def preview(self) -> None:
        """Sends the sample's way through the network again, for a view that is new."""
        with self._lock:
            picture = self._passing
            if picture is not None and picture.version == self._version:
                self._send_picture(picture)
            else:
                self._show(asked=True)

    @command(background=True)
    def filters(self, path: str) -> Reply:
        """Some filters of a layer, as they were drawn."""
        with self._lock:
            picture, network = self._passing, self._editor.network
        if picture is not None and picture.module is not None:
            found = filters_of(picture.module, network, path)
            if found is not None:
                return Reply(found[0], [found[1]])
        return Reply(None)

    @command(background=True)
    def train(self) -> None:
        """Hands the network to whoever listens for Train.

        Raises:
            SpecError: The network is not ready.
        """
        reason = self._reason(dict(self.state))
        if reason:
            raise SpecError(reason)
        for callback in list(self._trained):
            callback()

    # Its life

    def seen(self) -> None:
        """Layers may have been registered since."""
        with self._lock:
            if self.state.get("kinds") != len(LAYERS.entries()):
                self._refresh()
            elif self._passing is None or self._passing.version != self._version:
                self._show()

    def still(self) -> str | None:
        """The stack of layers as it was."""
        network = self.network
        return network._repr_html_() if network.layers else None

    def released(self) -> None:
        """Ends the thread that makes previews."""
        self._preview.close()
        self._passing = None

    def _refresh(self) -> None:
        """Brings what is synced up to date; called with the lock held, or before anybody else knows the widget."""
        self._version += 1
        state = builder_table(self._editor.network, self._data, self._batch_size)
        state.update(
            version=self._version,
            undo=self._editor.can_undo,
            redo=self._editor.can_redo,
            notes=list(self._notes),
            kinds=len(LAYERS.entries()),
            data=None if self._data is None else {"name": self._data.name, "task": str(self._data.task)},
        )
        state["train"] = self._reason(state)
        with self.hold_sync():
            self.state = state
            self.selection = list(self._editor.selection)
        self._show()
        self.refresh_still()

    def _fold(self) -> None:
        """Folds the blocks of a network that is new and long."""
        layers = list(self._editor.network.walk())
        self.folded = [path for path, layer in layers if layer.children()] if len(layers) > _LONG else []

    def _reason(self, state: Mapping[str, Any]) -> str:
        """Why nothing can be trained now; empty where it can."""
        problem = state.get("problem")
        if not self._editor.network.layers:
            return "Add a layer first."
        if problem:
            return f"Fix {problem['path']} first: {problem['brief']}." if problem["path"] else str(problem["title"])
        if not self._trained:
            return "Nobody listens yet: pass a function to builder.on_train, or use ll.Workbench."
        return ""

    def _show(self, *, asked: bool = False) -> None:
        """Wishes for a picture of the network as it is now, where somebody looks."""
        if self._data is None or not len(self._data.train) or not (asked or self.visible):
            return
        with contextlib.suppress(LeptonError):
            sample, _, _ = sample_of(self._data, self._sample)
            self._preview.ask(self._version, self._editor.network, sample, soon=asked)

    def _pictured(self, picture: Picture) -> None:
        with self._lock:
            self._passing = picture
            if picture.version == self._version:
                self._send_picture(picture)

    def _send_picture(self, picture: Picture) -> None:
        if self._data is None:
            return
        _, about, pixels = sample_of(self._data, self._sample)
        content = {"version": picture.version, "rows": picture.rows, "note": picture.note, "sample": about}
        self.push("preview", content, [np.ascontiguousarray(pixels).ravel(), picture.codes])

    def _tell(self, network: NetworkSpec) -> None:
        for callback in list(self._changed):
            callback(network)

    @traitlets.observe("selection")
    def _selected(self, change: Any) -> None:
        """A view selects; an edit that follows goes by it."""
        with self._lock:
            self._editor.selection = tuple(change["new"])


def _network_of(thing: Any) -> tuple[NetworkSpec, tuple[str, ...]]:
    """The network that something is, and what is to be said about its reading.

    Raises:
        SpecError: It is none of the accepted types.
    """
    if thing is None:
        return NetworkSpec(), ()
    if isinstance(thing, NetworkSpec):
        return thing, ()
    if isinstance(thing, nn.Module):
        reading = read_module(thing)
        return reading.spec, reading.notes
    if isinstance(thing, LayerSpec):
        return NetworkSpec([thing]), ()
    if isinstance(thing, list | tuple):
        return NetworkSpec(thing), ()
    raise SpecError(
        "NetworkBuilder cannot show this",
        expected="data, a NetworkSpec, a torch module or a list of layers",
        received=type(thing).__name__,
    )


def _fitted(network: NetworkSpec, data: DataBundle | None) -> NetworkSpec:
    """The network with the data's samples as its input."""
    return network if data is None else for_samples(network, data.sample_shape, data.sample_dtype)
