"""Widgets in real kernels of three kinds: before subshells, the first with them, and the newest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client import BlockingKernelClient, KernelManager

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ("6.29.5", "7.1.0", "installed")

START = "from tests.widgets.kernel_widget import Counter, tell\nw = Counter()\ntell(w.comm.comm_id)"


@pytest.fixture(scope="module", params=VERSIONS)
def kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel of that version, installed apart from this environment."""
    path = [str(ROOT)]
    if request.param != "installed":
        target = tmp_path_factory.mktemp("ipykernel")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
        done = subprocess.run(
            [*command, "--target", target, f"ipykernel=={request.param}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        path.insert(0, str(target))
    manager = KernelManager()
    manager.start_kernel(env={**os.environ, "PYTHONPATH": os.pathsep.join(path)}, cwd=str(ROOT))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(60)
        yield Kernel(client, request.param)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


class Kernel:
    """A client that runs cells and speaks to a widget, as a browser does."""

    def __init__(self, client: BlockingKernelClient, version: str) -> None:
        self.client, self.version = client, version
        self.heard: list[dict[str, Any]] = []

    def run(self, code: str) -> str:
        """What the cell printed; other messages are kept in `heard`."""
        cell = self.client.execute(code)
        printed, done = "", False
        while not done:
            message = self.client.get_iopub_msg(timeout=60)
            mine = message["parent_header"].get("msg_id") == cell
            if message["msg_type"] == "error" and mine:
                raise AssertionError("\n".join(message["content"]["traceback"]))
            if message["msg_type"] == "stream" and mine:
                printed += message["content"]["text"]
            done = mine and message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
            self._keep(message)
        return printed.strip()

    def order(self, comm: str, op: str, order: str = "", **args: Any) -> str:
        order = order or uuid.uuid4().hex
        self.say(comm, {"kind": "order", "id": order, "op": op, "args": args, "view": "v"})
        return order

    def say(self, comm: str, content: dict[str, Any]) -> None:
        data = {"method": "custom", "content": content}
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        self.client.shell_channel.send(message)

    def wait(self, kind: str, n: int = 1, **parts: Any) -> list[dict[str, Any]]:
        """The messages of a kind, as soon as `n` are there."""
        end = time.monotonic() + 60
        while True:
            found = [m for m in self.heard if m.get("kind") == kind and parts.items() <= m.items()]
            if len(found) >= n:
                return found
            assert time.monotonic() < end, f"{kind} {parts} did not come; came: {self.heard[-5:]}"
            self._keep(self.client.get_iopub_msg(timeout=60))

    def _keep(self, message: dict[str, Any]) -> None:
        if message["msg_type"] == "comm_msg" and message["content"]["data"].get("method") == "custom":
            self.heard.append(message["content"]["data"]["content"])
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            self.heard.append({"kind": "idle", "of": message["parent_header"].get("msg_id")})
        if message["msg_type"] == "stream":
            self.heard.append({"kind": "printed", "text": message["content"]["text"]})


def test_a_widget_lives_in_this_kernel(kernel: Kernel) -> None:
    version = kernel.run("import ipykernel\nprint(ipykernel.__version__)")
    assert kernel.version in ("installed", version)
    comm = kernel.run(START)
    kernel.heard.clear()

    kernel.say(comm, {"kind": "view", "view": "v", "visible": True})
    counts = [m["n"] for m in kernel.wait("count", 3)]
    assert counts == sorted(counts)  # while the thread beside it computes
    assert counts[-1] > counts[0]

    thinking = kernel.order(comm, "think", seconds=0.2)
    kernel.wait("ack", id=thinking)
    twice = kernel.order(comm, "stop")
    kernel.order(comm, "stop", order=twice)
    answers = kernel.wait("answer", 2, id=twice)
    assert answers[0]["ok"]
    assert answers[0] == answers[1]
    assert kernel.wait("answer", id=thinking)[0]["result"] == "thought"

    kernel.say(comm, {"kind": "view", "view": "v", "visible": False})
    senders = kernel.run("tell(sorted(w.senders))")
    assert "trainer" not in senders
    assert "lepton-views" in senders
    assert [m for m in kernel.heard if m["kind"] == "printed" and "[" not in m["text"]] == []
    kernel.run("w.close()")


def test_orders_arrive_while_a_cell_runs(kernel: Kernel) -> None:
    """Orders of a busy kernel are answered in the end; with subshells a front end gets them answered at once."""
    comm = kernel.run(START)
    kernel.heard.clear()
    kernel.say(comm, {"kind": "view", "view": "v", "visible": True})
    kernel.wait("count")
    cell = kernel.client.execute("import time\ntime.sleep(1)")
    order = kernel.order(comm, "stop")
    seen = len(kernel.wait("count"))
    kernel.wait("count", seen + 3)  # the pump does not wait for the cell
    assert kernel.wait("answer", id=order)[0]["ok"]
    kernel.wait("idle", of=cell)
    kernel.run("w.close()")
