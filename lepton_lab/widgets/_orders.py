"""Orders from the browser: named, checked, carried out once however often they arrive, and always answered."""

from __future__ import annotations

import inspect
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from lepton_lab.errors import LeptonError, UnknownNameError

__all__ = ["RESERVED", "Desk", "Reply", "collect", "command", "failure"]

F = TypeVar("F", bound=Callable[..., Any])

RESERVED = ("ack", "answer")
"""Kinds of message that answer one order; no other message may be called so."""

_KEPT = 256  # answers that are remembered, for orders that are sent again, after a night with the lid closed too
_KEPT_S = 60.0  # those with arrays: such an order asks for something and does no harm the second time


@dataclass(frozen=True)
class Reply:
    """An answer with arrays.

    Attributes:
        result: Plain JSON data.
        buffers: Contiguous arrays or bytes, in the order that the front end reads them.
    """

    result: Any = None
    buffers: Sequence[Any] = field(default=())


@overload
def command(method: F) -> F: ...
@overload
def command(*, background: bool) -> Callable[[F], F]: ...
def command(method: Any = None, *, background: bool = False) -> Any:
    """Makes a method of a widget an order that the front end can give by the method's name.

    Args:
        method: The method. One with a parameter `buffers` receives the order's binary parts, a list of memoryviews.
        background: True carries it out in the widget's own thread, one after the other: for what takes longer than
            a few milliseconds.

    Threads: without `background` it runs in the thread that delivers messages, which may be beside the main thread.
    """

    def mark(function: F) -> F:
        function._ll_command = background  # type: ignore[attr-defined]
        return function

    return mark(method) if method is not None else mark


def collect(cls: type) -> dict[str, Callable[..., Any]]:
    """The orders of a class by name, inherited ones included."""
    named = {name: member for base in reversed(cls.__mro__) for name, member in vars(base).items()}
    return {name: member for name, member in named.items() if hasattr(member, "_ll_command")}


def failure(error: BaseException) -> dict[str, str]:
    """An error in the parts that a view shows."""
    if isinstance(error, LeptonError):
        detail = " ".join(
            f"{word} {text}." for word, text in (("Expected", error.expected), ("Received", error.received)) if text
        )
        title = f"{error.where}: {error.what}" if error.where else error.what
        return {"title": title, "detail": detail, "fix": error.do or "", "type": type(error).__name__}
    return {"title": str(error) or type(error).__name__, "detail": "", "fix": "", "type": type(error).__name__}


@dataclass
class _Entry:
    at: float
    answer: dict[str, Any] | None = None
    buffers: Sequence[Any] = ()


class Desk:
    """Takes a widget's orders.

    Args:
        owner: The widget; its methods carry the orders out.
        send: Sends a message with buffers to the front end.

    Attributes:
        last_error: The last error of an order that was not one of Lepton Lab's own, with its traceback.

    Threads: safe.
    """

    def __init__(self, owner: Any, send: Callable[[dict[str, Any], Sequence[Any]], None]) -> None:
        self._owner, self._send = owner, send
        self._commands = collect(type(owner))
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, _Entry] = OrderedDict()
        self._worker: ThreadPoolExecutor | None = None
        self._closed = False
        self.last_error: BaseException | None = None

    def take(self, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Carries an order out, or repeats its answer where it came before."""
        order = str(content.get("id", ""))
        with self._lock:
            if self._closed:
                return
            known = self._seen.get(order)
            if known is None:
                self._seen[order] = _Entry(time.monotonic())
                self._forget()
        if known is not None:
            if known.answer is None:
                self._send({"kind": "ack", "id": order}, ())
            else:
                self._send(known.answer, known.buffers)
            return
        try:
            method, arguments = self._prepared(content, buffers)
        except Exception as error:
            self._answer(order, error=error)
            return
        if method._ll_command:
            self._send({"kind": "ack", "id": order}, ())
            with self._lock:
                if self._closed:
                    return
                if self._worker is None:
                    name = f"lepton-{type(self._owner).__name__}"
                    self._worker = ThreadPoolExecutor(1, thread_name_prefix=name)
                self._worker.submit(self._carry_out, order, method, arguments)
        else:
            self._carry_out(order, method, arguments)

    def close(self) -> None:
        """Takes no more orders; those that wait are dropped."""
        with self._lock:
            self._closed = True
            self._seen.clear()
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.shutdown(wait=False, cancel_futures=True)

    def _prepared(self, content: Mapping[str, Any], buffers: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
        name, arguments = str(content.get("op", "")), dict(content.get("args") or {})
        method = self._commands.get(name)
        if method is None:
            raise UnknownNameError("order", name, sorted(self._commands))
        signature = inspect.signature(method)
        if "buffers" in signature.parameters:
            arguments["buffers"] = list(buffers)
        try:
            signature.bind(self._owner, **arguments)
        except TypeError as error:
            raise LeptonError(
                f"the order {name!r} cannot be read",
                expected=f"{name}{signature}",
                received=f"{sorted(arguments)}",
                do="Reload the page: its front end may be of another version than the kernel",
            ) from error
        return method, arguments

    def _carry_out(self, order: str, method: Any, arguments: dict[str, Any]) -> None:
        try:
            found = method(self._owner, **arguments)
        except Exception as error:  # whatever happens, the person who gave the order must read it
            self._answer(order, error=error)
            return
        reply = found if isinstance(found, Reply) else Reply(found)
        self._answer(order, reply)

    def _answer(self, order: str, reply: Reply | None = None, error: BaseException | None = None) -> None:
        if error is not None:
            if not isinstance(error, LeptonError):
                self.last_error = error
            answer, buffers = {"kind": "answer", "id": order, "ok": False, "error": failure(error)}, ()
        else:
            assert reply is not None
            answer = {"kind": "answer", "id": order, "ok": True, "result": reply.result}
            buffers = tuple(reply.buffers)
        with self._lock:
            if self._closed:
                return
            entry = self._seen.setdefault(order, _Entry(time.monotonic()))
            entry.answer, entry.buffers = answer, buffers
        self._send(answer, buffers)

    def _forget(self) -> None:
        """Drops old answers; called with the lock held. An order that is still carried out is kept."""
        now = time.monotonic()
        for key in list(self._seen)[:-1]:
            entry = self._seen[key]
            old = bool(entry.buffers) and now - entry.at > _KEPT_S
            if entry.answer is not None and (len(self._seen) > _KEPT or old):
                del self._seen[key]
