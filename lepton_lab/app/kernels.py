"""The kernels behind the app's pages: warm before they are needed, ended when nobody looks any more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_core.utils import ensure_async
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from lepton_lab.app.kernels_fork import PROVISIONER, Nursery, register

__all__ = ["AppKernelSpecs", "AppKernels", "Page", "Pool", "pool_size"]

NEVER_CAME_S = 60.0
"""A kernel whose page never connected ends after so long, in seconds."""

LEFT_S = 20.0
"""A kernel whose page is gone ends after so long, in seconds: a dropped connection comes back earlier."""

REFILL_S = 1.5
"""The pool is filled again so long after a visitor came, in seconds, so that their page is drawn first."""

AGAIN_S = 30.0
"""What failed by itself is tried again after so long, in seconds; a visitor's page is always tried."""

KERNEL_BYTES = 400 << 20
"""What a kernel may need, for the choice of the pool's size."""


class AppKernelSpecs(KernelSpecManager):
    """The one kernel of the app: this Python, whatever kernels the user has installed."""

    def find_kernel_specs(self) -> dict[str, str]:
        """Names and folders of the kernels."""
        return {"python3": ""}

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The kernel; there is one, by whatever name."""
        return KernelSpec(
            argv=[
                sys.executable,
                "-m",
                "ipykernel_launcher",
                "-f",
                "{connection_file}",
                "--HistoryManager.enabled=False",
            ],
            display_name="Lepton Lab",
            language="python",
            interrupt_mode="signal",
            metadata={"debugger": False, "kernel_provisioner": {"provisioner_name": PROVISIONER}},
        )


@dataclass
class _Held:
    """A kernel that was handed to a page."""

    since: float
    connections: int = 0
    came: bool = False
    gone: list[Callable[[], None]] = field(default_factory=list)


class AppKernels(AsyncMappingKernelManager):
    """Counts who looks at each kernel, and ends those at which nobody does, whatever their threads still send.

    Attributes:
        left_s: A kernel whose page is gone ends after so long, in seconds.
        never_came_s: A kernel whose page never connected ends after so long, in seconds.
        nursery: The process from which kernels are forked; None where they are started as any other.
        closing: Whether the server ends: pages wait for it then, instead of asking it for another kernel.
    """

    left_s = LEFT_S
    never_came_s = NEVER_CAME_S
    nursery: Nursery | None = None
    closing = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        register()
        self._held: dict[str, _Held] = {}
        self._ending: set[str] = set()

    def hand(self, kernel_id: str) -> None:
        """Remembers that a kernel was given to a page, which is now expected to connect."""
        self._held[kernel_id] = _Held(time.monotonic())

    def is_handed(self, kernel_id: str) -> bool:
        """Whether a page has this kernel, and it lives."""
        return kernel_id in self._held and kernel_id in self and kernel_id not in self._ending

    def when_gone(self, kernel_id: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back once when a kernel has ended; returns what takes the call-back away again."""
        calls = self._held[kernel_id].gone
        calls.append(callback)
        return lambda: calls.remove(callback) if callback in calls else None

    def came(self, kernel_id: str) -> None:
        """A page has opened a connection of any kind."""
        if (held := self._held.get(kernel_id)) is not None:
            held.connections, held.came = held.connections + 1, True

    def left(self, kernel_id: str) -> None:
        """A page has lost or closed a connection."""
        if (held := self._held.get(kernel_id)) is not None:
            held.connections, held.since = max(held.connections - 1, 0), time.monotonic()

    def notify_connect(self, kernel_id: str) -> None:
        """A page has opened a connection to its kernel."""
        super().notify_connect(kernel_id)
        self.came(kernel_id)

    def notify_disconnect(self, kernel_id: str) -> None:
        """A page has lost or closed a connection to its kernel."""
        super().notify_disconnect(kernel_id)
        self.left(kernel_id)

    def _handle_kernel_died(self, kernel_id: str) -> None:
        """Frees what belongs to a kernel that ended by itself."""
        kernel = self.get_kernel(kernel_id)
        self.stop_watching_activity(kernel_id)
        self.stop_buffering(kernel_id)
        _end_children(kernel)
        super()._handle_kernel_died(kernel_id)
        self._cleaning = asyncio.ensure_future(ensure_async(kernel.cleanup_resources()))

    def remove_kernel(self, kernel_id: str) -> Any:
        """Forgets a kernel that has ended, and tells its page."""
        held = self._held.pop(kernel_id, None)
        found = super().remove_kernel(kernel_id)
        for callback in list(held.gone) if held is not None else ():
            callback()
        return found

    async def end(self, kernel_id: str) -> None:
        """Ends a kernel, once; one that is gone already is no mistake."""
        if kernel_id in self._ending or kernel_id not in self:
            return
        self._ending.add(kernel_id)
        kernel = self.get_kernel(kernel_id)
        try:
            await self.shutdown_kernel(kernel_id)
            _end_children(kernel)
        except Exception as error:  # a kernel that dies meanwhile is what was wanted
            self.log.warning("Kernel %s: %s", kernel_id, error)
        finally:
            self._ending.discard(kernel_id)
            self._held.pop(kernel_id, None)

    def kill(self, kernel_id: str) -> None:
        """Ends a kernel and its helpers without asking."""
        _end_children(self.get_kernel(kernel_id))

    async def reap(self) -> None:
        """Ends the kernels that nobody has looked at for too long."""
        now = time.monotonic()
        late = [
            kernel_id
            for kernel_id, held in self._held.items()
            if not held.connections and now - held.since > (self.left_s if held.came else self.never_came_s)
        ]
        await asyncio.gather(*(self.end(kernel_id) for kernel_id in late))


@dataclass(frozen=True)
class Page:
    """A kernel that has run the app's notebook, and what its page shows.

    Attributes:
        kernel_id: The kernel.
        html: The end of the page: what the browser needs to draw the widget of that kernel.
    """

    kernel_id: str
    html: str


class Pool:
    """Pages that are ready before anybody asks for them.

    Args:
        kernels: Where kernels are started and ended.
        make: Starts a kernel and runs the notebook in it.
        size: How many pages are kept ready.
    """

    def __init__(self, kernels: AppKernels, make: Callable[[], Awaitable[Page]], size: int) -> None:
        self.kernels, self.size = kernels, size
        self._make = make
        self._ready: list[asyncio.Task[Page]] = []
        self._one_at_a_time = asyncio.Semaphore(max(1, (os.cpu_count() or 2)))
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def take(self) -> Page:
        """A page of its own for a visitor: a ready one, else the one that will be ready first.

        Raises:
            Exception: The notebook cannot be run.
        """
        while True:
            waited = bool(self._ready)
            task = self._ready.pop(0) if waited else self._start()
            self._later(REFILL_S)
            try:
                page = await asyncio.shield(task)
            except Exception:
                if not waited:
                    raise
                continue  # it may have been killed meanwhile; what is wrong with the notebook shows in the next one
            if page.kernel_id in self.kernels:  # else it has died while it waited
                self.kernels.hand(page.kernel_id)
                return page

    def give_back(self, page: Page) -> None:
        """Takes a page back whose visitor left before it was sent."""
        self.kernels._held.pop(page.kernel_id, None)
        done: asyncio.Future[Page] = asyncio.get_running_loop().create_future()
        done.set_result(page)
        self._ready.insert(0, asyncio.ensure_future(_value(done)))

    def fill(self) -> None:
        """Starts what is missing."""
        if self._closed:
            return
        while len(self._ready) < self.size:
            self._ready.append(self._start())

    async def tend(self) -> None:
        """Ends kernels that nobody looks at, and puts others in the place of those that died; call it once a second."""
        await self.kernels.reap()
        dead = [task for task in self._ready if task.done() and not self._lives(task)]
        if dead:
            failed = any(not task.cancelled() and task.exception() is not None for task in dead)
            self._ready = [task for task in self._ready if task not in dead]
            self._later(AGAIN_S if failed else REFILL_S)

    async def close(self) -> None:
        """Ends every kernel, those of visitors as well."""
        self._closed = self.kernels.closing = True
        for task in [*self._tasks, *self._ready]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._ready, return_exceptions=True)
        await asyncio.gather(*(self.kernels.end(kernel_id) for kernel_id in self.kernels.list_kernel_ids()))

    def _start(self) -> asyncio.Task[Page]:
        return self._keep(asyncio.create_task(self._made()))

    async def _made(self) -> Page:
        async with self._one_at_a_time:
            return await self._make()

    def _later(self, seconds: float) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            self.fill()

        self._keep(asyncio.create_task(wait()))

    def _keep(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _lives(self, task: asyncio.Task[Page]) -> bool:
        return not task.cancelled() and task.exception() is None and task.result().kernel_id in self.kernels


def _end_children(kernel: Any) -> None:
    """Ends the helper processes that a kernel has left; a worker is none of them, it has a session of its own."""
    pid = getattr(kernel.provisioner, "pid", None)
    if pid and hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


async def _value(future: asyncio.Future[Page]) -> Page:
    return await future


def pool_size() -> int:
    """How many pages to keep ready: two where there is room for them, else one."""
    roomy = psutil.virtual_memory().available > 8 * KERNEL_BYTES and (os.cpu_count() or 1) > 1
    return 2 if roomy else 1
