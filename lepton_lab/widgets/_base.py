"""The base of every widget: its bundle, its orders, its views and its still picture."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import anywidget
import numpy as np
import traitlets

from lepton_lab.errors import UnknownNameError
from lepton_lab.widgets._bundles import bundle, loader
from lepton_lab.widgets._orders import RESERVED, Desk, Reply, collect, command, failure
from lepton_lab.widgets._still import Still
from lepton_lab.widgets._views import Views, pump

__all__ = ["Reply", "Widget", "command"]


class Widget(anywidget.AnyWidget):
    """A view with orders.

    A subclass names its `_bundle`, keeps in traits only what must survive a redraw, marks what the front end may call
    with `@command`, and sends what is new in `pulse`.

    Attributes:
        last_error: The last unexpected error of an order or of a pulse, with its traceback.

    Threads: orders arrive in the main thread or beside it, `pulse` runs in the pump's thread.
    """

    _bundle: ClassVar[str] = ""

    _esm = traitlets.Unicode().tag(sync=True)
    _module = traitlets.Unicode().tag(sync=True)

    _desk: Desk | None = None
    _layout: Any = None
    _pulse_error: BaseException | None = None

    def __init_subclass__(cls, **keys: Any) -> None:
        super().__init_subclass__(**keys)
        known = collect(Widget)
        taken = sorted(name for name, made in collect(cls).items() if hasattr(Widget, name) and made != known.get(name))
        if taken:
            raise TypeError(
                f"{cls.__name__}.{taken[0]} would hide a method of every widget; give the order another name"
            )

    def __init__(self, **traits: Any) -> None:
        unknown = sorted(set(traits) - set(self.trait_names()))
        if unknown:
            raise UnknownNameError("argument", unknown[0], self._settable())
        self._views = Views()
        self._picture = Still(self.still)
        self._pushed, self._push_lock = 0, threading.Lock()
        super().__init__(**traits)
        self._layout = None if "layout" in traits else self.layout
        self._desk = Desk(self, self._deliver)
        self.on_msg(self._receive)

    @traitlets.default("_esm")
    def _default_esm(self) -> str:
        return loader(self._module)

    @traitlets.default("_module")
    def _default_module(self) -> str:
        return bundle(self._bundle) if type(self)._esm is Widget._esm else ""

    @property
    def visible(self) -> bool:
        """Whether a view of this widget is on somebody's screen."""
        return self._views.any

    @property
    def last_error(self) -> BaseException | None:
        """The last unexpected error, kept for whoever looks for its traceback."""
        return self._pulse_error or (self._desk.last_error if self._desk is not None else None)

    @property
    def ref(self) -> str:
        """How another widget's front end names this one, to draw it inside itself."""
        return f"anywidget:{self.model_id}"

    def push(self, kind: str, content: Mapping[str, Any] | None = None, buffers: Sequence[Any] = ()) -> None:
        """Sends one message to all views of this widget, with a number, by which a view notices that it missed one.

        Args:
            kind: What the front end listens for.
            content: Plain JSON data.
            buffers: Arrays or bytes; an array is sent as it lies in memory.
        """
        if kind in RESERVED:
            raise ValueError(f"{kind!r} is what answers to orders are called; give the message another kind")
        if content and not isinstance(content.get("to", ""), str):
            raise ValueError('"to" names the one view that a message is for; give a number another name')
        with self._push_lock:
            self._pushed += 1
            self._deliver({**(content or {}), "kind": kind, "number": self._pushed}, buffers)

    def show_error(self, error: BaseException) -> None:
        """Shows an error in every view, in plain words."""
        self.push("error", {"error": failure(error)})

    @command
    def set_synced(self, name: str, value: Any) -> None:
        """Sets a trait that somebody changed in a view; a plain change would be lost with a broken connection."""
        own = [known for known in self.traits(sync=True) if not known.startswith("_") and not hasattr(Widget, known)]
        if name not in own:
            raise UnknownNameError("trait", name, own)
        setattr(self, name, value)

    def pulse(self) -> None:
        """Sends what is new. Called at most ten times a second, and only while somebody looks."""

    def seen(self) -> None:
        """Called when a view comes into sight."""

    def still(self) -> str | None:
        """HTML without scripts that stands for the widget in a notebook without a kernel; None for none."""
        return None

    def refresh_still(self, force: bool = False) -> None:
        """Draws the still picture anew, where the widget is displayed; cheap when called often."""
        self._picture.refresh(force)

    def released(self) -> None:
        """Called once when the widget is closed: let go of what it holds."""

    def open(self) -> None:
        """Opens the widget's channel to the browser."""
        super().open()
        if self.comm is not None:
            # ipykernel 7.4 hands what comes from the browser to the shell from which the kernel last sent, for the
            # pump that of the cell that made the widget: orders would wait for the cells that run there
            self.comm._reply_subshell_for = None

    def close(self) -> None:
        """Frees the widget in the kernel and in the browser."""
        desk, self._desk = self._desk, None
        if desk is not None:
            self._views.clear()
            desk.close()
            self.released()
        super().close()
        layout, self._layout = self._layout, None
        if layout is not None:  # a model of its own, on both sides, which nobody else closes
            layout.close()

    def _ipython_display_(self, **kwargs: Any) -> None:
        from IPython.display import display

        bundle_, metadata = self._repr_mimebundle_() or ({}, {})
        display(bundle_, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        if type(self).still is not Widget.still:
            self._picture.show()

    def _receive(self, _: Any, content: Any, buffers: Sequence[Any]) -> None:
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "view":
            view, visible, apart = str(content.get("view")), bool(content.get("visible")), content.get("apart")
            if visible:
                with self._push_lock:  # what was sent before must be there before: else it was lost with the connection
                    self._deliver({"kind": "beat", "to": view, "number": self._pushed})
            if self._views.tell(view, visible, float(apart) if isinstance(apart, int | float) else 0.0):
                pump.add(self)
                self.seen()
        elif kind == "order" and (desk := self._desk) is not None:
            desk.take(content, buffers)

    def _pulse(self) -> None:
        try:
            self.pulse()
        except Exception as error:  # one widget's mistake must not silence the others
            if repr(error) != repr(self._pulse_error):
                self._pulse_error = error
                self.show_error(error)
        else:
            self._pulse_error = None

    def _deliver(self, content: Mapping[str, Any], buffers: Sequence[Any] = ()) -> None:
        if self.comm is None:  # closed meanwhile
            return
        ready = [np.ascontiguousarray(b) if isinstance(b, np.ndarray) else b for b in buffers]
        self.send(
            dict(content), [b.data.cast("B") if isinstance(b, np.ndarray) and b.size else _bytes(b) for b in ready]
        )

    def _settable(self) -> list[str]:
        return sorted(name for name in self.trait_names() if not name.startswith("_"))


def _bytes(buffer: Any) -> Any:
    return b"" if isinstance(buffer, np.ndarray) else buffer
