"""The app's real server over HTTP and websockets: who comes in, what a page may do, and what becomes of kernels."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from lepton_lab.app.kernels import REFILL_S
from lepton_lab.app.nursery import FORKS
from tests.browser.app import RunningApp, serving


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with serving(tmp_path_factory.mktemp("server"), small=True) as running:
        yield running


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """Ends a kernel one second after its page is gone, and its kernels never stop talking."""
    folder = tmp_path_factory.mktemp("impatient")
    environment = {"SMALL_APP_NOISY": "1"}
    with serving(folder, "--left", "1", "--never-came", "3", small=True, environment=environment) as running:
        yield running


def until(true: Callable[[], Any], what: str, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} did not come true"
        time.sleep(0.05)


def open_socket(app: RunningApp, path: str, **headers: str) -> ClientConnection:
    sent = {"Authorization": f"token {app.token}", **headers}
    return connect(app.url.replace("http", "ws") + path, additional_headers=sent, open_timeout=30)


def channels(app: RunningApp, kernel: str) -> ClientConnection:
    return open_socket(app, f"/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}")


def send(connection: ClientConnection, kind: str, content: dict[str, Any], channel: str = "shell") -> str:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": "s",
        "username": "",
        "version": "5.3",
        "date": "",
    }
    message = {"channel": channel, "header": header, "parent_header": {}, "metadata": {}, "content": content}
    connection.send(json.dumps(message))
    return header["msg_id"]


def answer(connection: ClientConnection, kind: str, parent: str) -> dict[str, Any]:
    while True:
        text = connection.recv(timeout=30)
        message = json.loads(text) if isinstance(text, str) else {}
        if message.get("msg_type") == kind and message["parent_header"].get("msg_id") == parent:
            return message


def test_nobody_comes_in_without_the_token(app: RunningApp) -> None:
    status, _, headers = app.ask("GET", "/", token=False)
    assert status == 302
    assert headers["location"].startswith("/lepton/login")
    status, body, _ = app.ask("GET", headers["location"], token=False)
    assert status == 401
    assert b"?token=" in body
    assert app.ask("GET", "/?token=wrong", token=False)[0] == 302
    assert app.ask("POST", f"/lepton/uploads/{uuid.uuid4().hex}", b"", token=False)[0] == 403


def test_the_token_leaves_the_address_and_stays_in_a_cookie(app: RunningApp) -> None:
    status, _, headers = app.ask("GET", f"/?token={app.token}", token=False)
    assert (status, headers["location"]) == (302, "/")
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=Lax" in headers["set-cookie"]
    cookie = headers["set-cookie"].split(";")[0]
    status, _, headers = app.ask("GET", "/lepton/login", headers={"Cookie": cookie}, token=False)
    assert (status, headers["location"]) == (302, "/")
    secret = app.workspace / ".app-cookie-secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_another_web_site_gets_nothing(app: RunningApp) -> None:
    assert app.ask("GET", "/", headers={"Host": "evil.example"})[0] == 403
    kernel, _ = app.new_page()
    cookie = app.ask("GET", f"/?token={app.token}", token=False)[2]["set-cookie"].split(";")[0]
    path = f"/api/kernels/{kernel}/channels"
    with pytest.raises(InvalidStatus, match="403"):
        open_socket(app, path, Authorization="", Cookie=cookie, Origin="https://evil.example")
    forged = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    assert app.ask("POST", f"/lepton/goodbye/{kernel}", b"", forged, token=False)[0] == 403
    assert app.ask("GET", f"/api/kernels/{kernel}")[0] == 200


def test_the_page_says_something_before_its_kernel_and_loads_nothing_from_elsewhere(app: RunningApp) -> None:
    status, body, headers = app.ask("GET", "/")
    html = body.decode()
    assert status == 200
    assert html.index('role="status"') < html.index('id="rendered_cells"')
    assert "<title>Lepton Lab</title>" in html
    assert 'name="viewport"' in html
    assert 'data-base-url="/"' in html
    assert "import anywidget" not in html  # no source
    links = [part.split('"')[0] for name in ('src="', 'href="') for part in html.split(name)[1:]]
    assert links
    assert all(link.startswith(("/", "data:")) for link in links)
    policy = headers["content-security-policy"]
    assert "script-src 'self' blob:;" in policy
    assert "unsafe-eval" not in policy
    assert "object-src 'none'" in policy
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/kernels"),
        ("POST", "/api/kernels"),
        ("GET", "/api/kernelspecs"),
        ("GET", "/api/contents"),
        ("GET", "/api/sessions"),
        ("POST", "/api/terminals"),
        ("GET", "/api/status"),
        ("GET", "/files/output.txt"),
        ("GET", "/tree"),
        ("GET", "/lab"),
        ("GET", "/voila/files/app.ipynb"),
        ("GET", "/voila/render/app.ipynb"),
        ("GET", "/voila/query/00000000-0000-0000-0000-000000000000"),
        ("GET", "/voila/api/contents/"),
        ("GET", "/lepton/static/page.html"),
        ("GET", "/voila/static/../../../../../../etc/passwd"),
    ],
)
def test_what_voila_and_jupyter_offer_is_not_there(app: RunningApp, method: str, path: str) -> None:
    assert app.ask(method, path)[0] in (403, 404, 405)


def test_a_kernel_can_be_looked_at_and_nothing_else(app: RunningApp) -> None:
    kernel, _ = app.new_page()
    assert json.loads(app.ask("GET", f"/api/kernels/{kernel}")[1])["id"] == kernel
    assert app.ask("DELETE", f"/api/kernels/{kernel}")[0] == 405
    for action in ("interrupt", "restart"):
        assert app.ask("POST", f"/api/kernels/{kernel}/{action}")[0] == 404
    other = str(uuid.uuid4())
    assert app.ask("GET", f"/api/kernels/{other}")[0] == 404
    with pytest.raises(InvalidStatus, match="404"):
        channels(app, other)
    app.ask("POST", f"/lepton/goodbye/{kernel}")


def test_no_message_of_a_page_runs_code_or_ends_the_kernel(app: RunningApp, tmp_path: Path) -> None:
    kernel, _ = app.new_page()
    mark = tmp_path / "mark"
    code = {
        "code": f"open({str(mark)!r}, 'w')",
        "silent": False,
        "user_expressions": {"a": f"open({str(mark)!r}, 'w')"},
    }
    made = {"comm_id": "1" * 32, "target_name": "jupyter.widget", "data": {"state": {"_model_name": "OutputModel"}}}
    with channels(app, kernel) as connection:
        for channel in ("shell", "control", "stdin"):
            send(connection, "execute_request", code, channel)
            send(
                connection, "debug_request", {"command": "evaluate", "arguments": {"expression": code["code"]}}, channel
            )
            send(connection, "shutdown_request", {"restart": False}, channel)
            send(connection, "interrupt_request", {}, channel)
            send(connection, "create_subshell_request", {}, channel)
        for kind in ("inspect_request", "complete_request", "history_request", "is_complete_request", "input_reply"):
            send(connection, kind, {"code": code["code"], "cursor_pos": 3, "value": "x"})
        send(connection, "comm_open", made)
        found = answer(connection, "comm_info_reply", send(connection, "comm_info_request", {}))
        assert made["comm_id"] not in found["content"]["comms"]
        assert found["content"]["comms"]  # those of the page's own widgets
    assert not mark.exists()
    assert app.ask("GET", f"/api/kernels/{kernel}")[0] == 200
    app.ask("POST", f"/lepton/goodbye/{kernel}")


def test_binary_messages_are_filtered_too(app: RunningApp, tmp_path: Path) -> None:
    from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1

    kernel, _ = app.new_page()
    mark = tmp_path / "mark"
    with connect(
        f"{app.url.replace('http', 'ws')}/api/kernels/{kernel}/channels?session_id=b",
        additional_headers={"Authorization": f"token {app.token}"},
        subprotocols=["v1.kernel.websocket.jupyter.org"],  # type: ignore[list-item]
    ) as connection:
        assert connection.subprotocol == "v1.kernel.websocket.jupyter.org"
        for kind, content in [
            ("execute_request", {"code": f"open({str(mark)!r}, 'w')"}),
            ("comm_open", {"comm_id": "2" * 32, "target_name": "jupyter.widget", "data": {}}),
            ("comm_info_request", {}),
        ]:
            header = {"msg_id": kind, "msg_type": kind, "session": "s", "username": "", "version": "5.3", "date": ""}
            message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": []}
            pack = lambda value: json.dumps(value).encode()  # noqa: E731
            connection.send(serialize_msg_to_ws_v1(message, "shell", pack))
        while b"comm_info_reply" not in (got := connection.recv(timeout=30)):  # type: ignore[operator]
            pass
        assert b"2" * 32 not in got  # type: ignore[operator]
    assert not mark.exists()
    app.ask("POST", f"/lepton/goodbye/{kernel}")


def test_a_goodbye_ends_the_kernel(app: RunningApp) -> None:
    kernel, _ = app.new_page()
    with open_socket(app, f"/lepton/life/{kernel}") as life:
        assert json.loads(life.recv(timeout=30)) == {"kernel": "there"}
        assert app.ask("POST", f"/lepton/goodbye/{kernel}")[0] == 204
        assert json.loads(life.recv(timeout=30)) == {"kernel": "gone"}
    assert app.ask("GET", f"/api/kernels/{kernel}")[0] == 404
    assert app.ask("POST", f"/lepton/goodbye/{kernel}")[0] == 204


def test_a_killed_kernel_leaves_no_zombie_and_its_page_hears_of_it(app: RunningApp) -> None:
    kernel, _ = app.new_page()
    pid = page_process(app, kernel)
    with open_socket(app, f"/lepton/life/{kernel}") as life:
        life.recv(timeout=30)
        os.kill(pid, signal.SIGKILL)
        assert json.loads(life.recv(timeout=30)) == {"kernel": "gone"}
    until(lambda: not psutil.pid_exists(pid), "the end of the process")
    with open_socket(app, f"/lepton/life/{kernel}") as life:  # a page that comes back hears it at once
        assert json.loads(life.recv(timeout=30)) == {"kernel": "gone"}
    assert app.new_page()[0] != kernel


def page_process(app: RunningApp, kernel: str) -> int:
    """The process of a page's kernel."""
    (pid,) = [pid for pid, found in app.kernel_ids().items() if found == kernel]
    return pid


def test_a_pooled_kernel_that_dies_is_replaced(app: RunningApp) -> None:
    until(lambda: len(app.kernels()) >= 1, "a kernel in the pool")
    for pid in app.kernels():
        os.kill(pid, signal.SIGKILL)
    kernel, _ = app.new_page()
    assert page_process(app, kernel)


def test_a_kernel_ends_when_its_page_is_gone_whatever_its_threads_send(impatient: RunningApp) -> None:
    kernel, _ = impatient.new_page()
    pid = page_process(impatient, kernel)
    with channels(impatient, kernel) as connection:
        connection.recv(timeout=30)  # it talks
        assert impatient.ask("GET", f"/api/kernels/{kernel}")[0] == 200
    until(lambda: not psutil.pid_exists(pid), "the end of the kernel")
    assert impatient.ask("GET", f"/api/kernels/{kernel}")[0] == 404


def test_a_kernel_that_no_page_came_for_ends_and_the_pool_stays(impatient: RunningApp) -> None:
    kernel, _ = impatient.new_page()
    pid = page_process(impatient, kernel)
    until(lambda: not psutil.pid_exists(pid), "the end of the kernel")
    until(lambda: len(impatient.kernels()) >= 1, "a kernel in the pool")
    pooled = impatient.kernels()
    again, _ = impatient.new_page()
    assert page_process(impatient, again) in pooled


def test_a_dropped_connection_that_comes_back_keeps_its_kernel(app: RunningApp) -> None:
    kernel, _ = app.new_page()
    pid = page_process(app, kernel)
    for _ in range(3):
        with channels(app, kernel) as connection:
            answer(connection, "comm_info_reply", send(connection, "comm_info_request", {}))
    assert psutil.pid_exists(pid)
    app.ask("POST", f"/lepton/goodbye/{kernel}")


@pytest.mark.parametrize("late", [0.05, 0.25, 0.5])
def test_it_ends_while_a_kernel_is_just_starting(tmp_path: Path, late: float) -> None:
    with serving(tmp_path, small=True) as app:
        app.new_page()
        time.sleep(REFILL_S + late)  # the pool is being filled again
        assert app.stop(30) == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_end_leaves_no_process(tmp_path: Path, how: signal.Signals) -> None:
    with serving(tmp_path, small=True) as app:
        app.new_page()
        app.processes()
        app.process.send_signal(how)
        assert app.process.wait(40) == 0
        assert app.tree
        until(lambda: not app.remaining(), "the end of all processes")
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(app.url.rsplit(":", 1)[1]))) != 0


def ended(process: psutil.Process) -> bool:
    """Whether a process is gone, or has left its status only."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.skipif(not FORKS, reason="kernels are forked on Linux alone")
def test_kernels_are_forked_and_where_that_fails_started(tmp_path: Path) -> None:
    with serving(tmp_path, small=True) as app:
        kernel, _ = app.new_page()
        forked = psutil.Process(page_process(app, kernel))
        nursery = forked.parent()
        assert nursery is not None
        assert "lepton_lab.app.nursery" in nursery.cmdline()
        assert forked.cmdline() == nursery.cmdline()
        born = nursery.children()  # the page's kernel, and one that waits for a page
        assert forked in born
        nursery.kill()
        until(lambda: all(map(ended, born)), "the end of the forked ones")
        kernel, _ = app.new_page()
        assert "ipykernel_launcher" in psutil.Process(page_process(app, kernel)).cmdline()
        assert app.stop() == 0
        until(lambda: not app.remaining(), "the end of all processes")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serving(tmp_path, "--port", str(port), "--open", small=True) as app:
            said = app.output.read_text()
            assert f"Port {port} is taken" in said
            assert said.count("http://") == 1
            assert app.token == ""
            assert app.ask("GET", "/lepton/login")[0] == 302  # nothing to ask for
            assert app.ask("GET", "/", headers={"Host": "evil.example"})[0] == 403
            app.new_page()


def test_sizes_of_uploads_on_the_command_line() -> None:
    from lepton_lab.commands.app import size
    from lepton_lab.errors import LeptonError

    assert (size("500M"), size("2 GiB"), size("1.5k"), size("77")) == (500 << 20, 2 << 30, 1536, 77)
    for wrong in ("", "many", "-5M", "0", "5 X"):
        with pytest.raises(LeptonError, match="is no size"):
            size(wrong)
