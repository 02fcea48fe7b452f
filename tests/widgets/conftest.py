"""A comm without a kernel: what a widget sends is kept, and what a browser would send can be handed in."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import comm
import numpy as np
import pytest

from lepton_lab.widgets import _views


@dataclass
class Message:
    """One message to the front end."""

    content: dict[str, Any]
    buffers: list[memoryview]

    def array(self, i: int, dtype: Any = np.float32) -> np.ndarray:
        return np.frombuffer(self.buffers[i], dtype=dtype)


@dataclass
class Wire:
    """What was sent by all comms, oldest first."""

    states: list[dict[str, Any]] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def of(self, kind: str) -> list[Message]:
        with self._changed:
            return [m for m in self.messages if m.content.get("kind") == kind]

    def clear(self) -> None:
        with self._changed:
            self.messages.clear()
            self.states.clear()

    def wait(self, found: Callable[[], Any], seconds: float = 20.0) -> Any:
        """What `found` returns as soon as it is true; looks after every message."""
        end = time.monotonic() + seconds
        with self._changed:
            while not (value := found()):
                left = end - time.monotonic()
                assert left > 0, (
                    f"nothing of the kind came within {seconds} s: {[m.content for m in self.messages][-5:]}"
                )
                self._changed.wait(min(left, 0.05))
            return value

    def note(self, data: dict[str, Any], buffers: Any) -> None:
        with self._changed:
            self.threads.append(threading.current_thread().name)
            if data.get("method") == "custom":
                self.messages.append(Message(data["content"], [memoryview(b) for b in buffers or []]))
            elif data.get("method") in ("update", "echo_update"):
                self.states.append(data["state"])
            self._changed.notify_all()


class FakeComm(comm.base_comm.BaseComm):
    wire: Wire

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
    ) -> None:
        self.wire.note(data or {}, buffers)


@dataclass
class Browser:
    """One view of a widget."""

    widget: Any
    wire: Wire
    view: str = field(default_factory=lambda: uuid.uuid4().hex)

    def look(self, visible: bool = True) -> None:
        self.widget._receive(self.widget, {"kind": "view", "view": self.view, "visible": visible}, [])

    def send(self, op: str, buffers: Any = (), order: str | None = None, **args: Any) -> str:
        order = order or uuid.uuid4().hex
        content = {"kind": "order", "id": order, "op": op, "args": args, "view": self.view}
        self.widget._receive(self.widget, content, list(buffers))
        return order

    def call(self, op: str, buffers: Any = (), **args: Any) -> Message:
        """Gives an order and waits for its answer."""
        order = self.send(op, buffers, **args)
        return self.wire.wait(lambda: next((m for m in self.wire.of("answer") if m.content["id"] == order), None))

    def ok(self, op: str, buffers: Any = (), **args: Any) -> Any:
        """The result of an order that must succeed."""
        answer = self.call(op, buffers, **args).content
        assert answer["ok"], answer["error"]
        return answer["result"]


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    found = Wire()
    kind = type("WiredComm", (FakeComm,), {"wire": found})
    monkeypatch.setattr(comm, "create_comm", lambda *args, **keys: kind(*args, **keys))
    yield found
    from ipywidgets import Widget

    Widget.close_all()


@pytest.fixture
def open_view(wire: Wire) -> Callable[[Any], Browser]:
    """Opens a view of a widget, as a browser does."""
    return lambda widget: Browser(widget, wire)


@pytest.fixture
def fast_pump(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times a second is long for a test."""
    monkeypatch.setattr(_views, "PERIOD_S", 0.01)
