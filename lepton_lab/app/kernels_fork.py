"""Kernels that are forked from a process which has imported everything already; see `nursery`."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

__all__ = ["PROVISIONER", "ForkProvisioner", "Nursery", "register"]

PROVISIONER = "lepton-lab-fork"
_READY_S = 120.0


class Nursery:
    """The process from which kernels are forked, as the server sees it.

    Args:
        process: The process, with pipes for input and output.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[int]] = {}
        self._born: dict[int, _Forked] = {}
        self._reading: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self.gone = False

    async def fork(self, argv: list[str], env: dict[str, str], cwd: str) -> _Forked | None:
        """A new kernel; None where there can be none.

        Args:
            argv: Arguments of ipykernel.
            env: Its environment.
            cwd: Its folder.
        """
        loop = asyncio.get_running_loop()
        if self._reading is None:
            self._ready = loop.create_future()
            self._reading = asyncio.create_task(self._read())
        assert self._ready is not None
        assert self.process.stdin is not None
        number = next(self._numbers)
        self._asked[number] = loop.create_future()
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), _READY_S)
            order = {"id": number, "argv": argv, "env": env, "cwd": cwd}
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            return self._born[await asyncio.wait_for(self._asked[number], 10.0)]
        except (TimeoutError, OSError, _GoneError):
            return None
        finally:
            self._asked.pop(number, None)

    def close(self) -> None:
        """Ends the process and what is left of its children."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(3.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._reading is not None:
            self._reading.cancel()
        if self.process.stdout is not None and self._reading is None:
            self.process.stdout.close()

    async def _read(self) -> None:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self.process.stdout
        )
        try:
            while line := await reader.readline():
                self._hear(json.loads(line))
        finally:
            transport.close()
            self.gone = True
            for child in self._born.values():  # they notice that their parent is gone and end too
                child.returncode = -9 if child.returncode is None else child.returncode
            for future in [*self._asked.values(), self._ready]:
                if future is not None and not future.done():
                    future.set_exception(_GoneError())

    def _hear(self, said: dict[str, Any]) -> None:
        if "ready" in said:
            if self._ready is not None and not self._ready.done():
                self._ready.set_result(None)
        elif "ended" in said:
            if (child := self._born.pop(said["ended"], None)) is not None:
                child.returncode = said["status"]
        else:
            self._born[said["pid"]] = _Forked(said["pid"])
            if (asked := self._asked.get(said["id"])) is not None and not asked.done():
                asked.set_result(said["pid"])


class ForkProvisioner(LocalProvisioner):
    """Starts a kernel by a fork where there is a nursery, else as any kernel is started."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Starts the kernel."""
        nursery: Nursery | None = getattr(getattr(self.parent, "parent", None), "nursery", None)
        child = None
        if nursery is not None and not nursery.gone:
            argv = cmd[cmd.index("-f") :]
            child = await nursery.fork(argv, dict(kwargs["env"]), str(kwargs.get("cwd") or Path.cwd()))
        if child is None:
            info = await super().launch_kernel(cmd, **kwargs)
        else:
            self.process, self.pid, self.pgid = child, child.pid, child.pid  # type: ignore[assignment]
            self.cwd = kwargs.get("cwd")
            info = self.connection_info
        self.log.info("Kernel %s is process %s", self.kernel_id, self.pid)
        return info


def register() -> None:
    """Makes the provisioner known, for which Jupyter looks among installed packages otherwise."""
    entry = EntryPoint(PROVISIONER, f"{__name__}:{ForkProvisioner.__name__}", KernelProvisionerFactory.GROUP_NAME)
    KernelProvisionerFactory.instance().provisioners[PROVISIONER] = entry


class _GoneError(Exception):
    """The nursery has ended."""


class _Forked:
    """A forked kernel, with what Jupyter wants of a process."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, None while it lives."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Its exit status; Jupyter asks when it has ended."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends it a signal."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Asks it to end."""
        self.send_signal(15)

    def kill(self) -> None:
        """Ends it."""
        self.send_signal(9)
