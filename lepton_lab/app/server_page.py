"""The one page of the app: a skeleton at once, then a kernel's widget; and where page and kernel meet."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated, ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.handlers import KernelHandler
from tornado import web
from tornado.websocket import WebSocketHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from lepton_lab.app.kernels import AppKernels, Pool

__all__ = [
    "ALLOWED_MESSAGES",
    "POLICY",
    "TEMPLATE",
    "Channels",
    "Connection",
    "Goodbye",
    "KernelState",
    "Life",
    "Login",
    "PageHandler",
    "VoilasGoodbye",
    "fill",
    "tail",
]

TEMPLATE = Path(__file__).parent / "template"

ALLOWED_MESSAGES = ("comm_open", "comm_close", "comm_msg", "comm_info_request", "kernel_info_request")
"""What a page may send to its kernel: orders to widgets that are there, and the questions by which it finds them."""

_ALLOWED_TARGETS = ("jupyter.widget.control",)
"""What a page may open: the question for the state of the widgets; widgets themselves are made by Python alone."""

POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' blob:",  # widgets arrive as text and are imported from blobs; nothing inline, no eval
        "style-src 'self' 'unsafe-inline'",  # JupyterLab's and our parts bring their styles with them
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    ]
)


class PageHandler(JupyterHandler):
    """Sends the page: first what can be seen, then, when a kernel is ready, its widget."""

    def initialize(self, pool: Pool, failed: Callable[[BaseException], None]) -> None:
        """Args:
        pool: Where the kernels come from.
        failed: Hears why a page could not be made.
        """
        self.pool, self.failed = pool, failed
        self._left = False

    def on_connection_close(self) -> None:
        """The visitor has left before the page was sent."""
        self._left = True
        super().on_connection_close()

    @web.authenticated
    async def get(self) -> None:
        """The page; where the address carries the token, the same address without it."""
        if "token" in self.request.query_arguments:  # it is in the cookie now, and must not stay in the history
            self.redirect(self.base_url)
            return
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.write(fill("page.html", base=self.base_url, xsrf=self.xsrf_token.decode()))
        await self.flush()
        try:
            page = await self.pool.take()
        except Exception as error:
            self.failed(error)
            self.write(fill("failed.html", base=self.base_url))
            return
        if self._left:
            self.pool.give_back(page)
            return
        self.write(page.html)


class Login(JupyterHandler):
    """Asks for the token where an address came without it."""

    @allow_unauthenticated
    def get(self) -> None:
        """The form."""
        if self.current_user is not None:
            self.redirect(self.base_url)
            return
        self.set_status(401)
        self.set_header("Cache-Control", "no-store")
        self.finish(fill("login.html", base=self.base_url))


class KernelState(KernelHandler):
    """What a page may ask about its kernel: whether it is there."""

    SUPPORTED_METHODS = ("GET",)

    @web.authenticated
    async def get(self, kernel_id: str) -> None:
        """The kernel's state.

        Raises:
            HTTPError: No page has such a kernel.
        """
        _check(self.settings["kernel_manager"], kernel_id)
        self.finish(json.dumps(self.kernel_manager.kernel_model(kernel_id), default=str))


class Channels(VoilaKernelWebsocketHandler):
    """A page's connection to its kernel; kernels that wait in the pool cannot be reached."""

    kernel_id: str

    @ws_authenticated
    async def get(self, kernel_id: str) -> None:
        """Opens the connection.

        Raises:
            HTTPError: No page has such a kernel.
        """
        _check(self.settings["kernel_manager"], kernel_id)
        await super().get(kernel_id)


class Connection(ZMQChannelsWebsocketConnection):
    """Passes a page's messages on to its kernel, those that it may send."""

    def handle_incoming_message(self, incoming_msg: Any) -> None:
        """Drops a message that would make an object in the kernel; what is not allowed at all, the base drops."""
        if _opens(incoming_msg, self.subprotocol) in (None, *_ALLOWED_TARGETS):
            super().handle_incoming_message(incoming_msg)


class Life(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """A page listens here for the end of its kernel; while it listens, it counts as somebody who looks."""

    kernel_id = ""
    _forget: Callable[[], None] | None = None

    @ws_authenticated
    async def get(self, kernel_id: str) -> None:
        """Opens the connection."""
        self.kernel_id = kernel_id
        await super().get(kernel_id)

    def open(self, kernel_id: str) -> None:
        """Says at once where the kernel is gone already."""
        super().open(kernel_id)
        kernels: AppKernels = self.settings["kernel_manager"]
        if not kernels.is_handed(kernel_id):
            self._gone()
            return
        kernels.came(kernel_id)
        self._forget = kernels.when_gone(kernel_id, self._gone)
        self.write_message({"kernel": "there"})

    def on_message(self, message: str | bytes) -> None:
        """A page has nothing to say here."""

    def on_close(self) -> None:
        """The page is gone, or its connection was lost."""
        if self._forget is not None:
            self._forget()
            self.settings["kernel_manager"].left(self.kernel_id)

    def _gone(self) -> None:
        self._forget = None
        if self.ws_connection is not None:
            if not self.settings["kernel_manager"].closing:
                self.write_message({"kernel": "gone"})
            self.close()


class Goodbye(JupyterHandler):
    """A page that closes says so, and its kernel ends at once."""

    SUPPORTED_METHODS = ("POST",)

    @web.authenticated
    async def post(self, kernel_id: str) -> None:
        """Ends the kernel."""
        kernels: AppKernels = self.settings["kernel_manager"]
        if kernels.is_handed(kernel_id):
            await kernels.end(kernel_id)
        self.set_status(204)


class VoilasGoodbye(JupyterHandler):
    """Voila's front end says goodbye too, without the token against forged requests: heard, and left to `Goodbye`."""

    SUPPORTED_METHODS = ("POST",)

    def check_xsrf_cookie(self) -> None:
        """Nothing is done here that could be forged."""

    @allow_unauthenticated
    def post(self) -> None:
        """Answers, so that no page reports an error."""
        self.set_status(204)


def fill(name: str, **values: str) -> str:
    """A page of the template with its `{{name}}` places filled, escaped."""
    text = _read(name)
    for key, value in values.items():
        text = text.replace("{{" + key + "}}", html.escape(value))
    return text


def tail(kernel_id: str, config: dict[str, Any], outputs: list[dict[str, Any]], script: str) -> str:
    """The end of the page: whom to connect to and what to draw.

    Args:
        kernel_id: The page's kernel.
        config: JupyterLab's page config.
        outputs: The outputs of the notebook's cells.
        script: The address of Voila's front end.
    """
    parts = ['<div id="rendered_cells"><div>']
    for output in outputs:
        text = _json({**output, "trusted": True})
        parts.append(f'<div><script type="application/vnd.voila.cell-output+json">{text}</script></div>')
    parts.append("</div></div>")
    parts.append(f'<script id="jupyter-config-data" type="application/json">{_json(config)}</script>')
    parts.append(f'<script src="{html.escape(script)}"></script></body></html>')
    return "\n".join(parts)


def _json(value: Any) -> str:
    """JSON that cannot end the script element in which it stands."""
    return json.dumps(value).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@cache
def _read(name: str) -> str:
    text = (TEMPLATE / name).read_text(encoding="utf-8")
    return text.replace("{{style}}", (TEMPLATE / "page.css").read_text(encoding="utf-8"))


def _check(kernels: AppKernels, kernel_id: str) -> None:
    if not kernels.is_handed(kernel_id):
        raise web.HTTPError(404, "this page's kernel has ended")


def _opens(message: Any, protocol: str | None) -> str | None:
    """The target that a message would open; None where it opens nothing."""
    from jupyter_server.services.kernels.connection.base import deserialize_binary_message, deserialize_msg_from_ws_v1

    try:
        if protocol == "v1.kernel.websocket.jupyter.org":
            parts = deserialize_msg_from_ws_v1(message)[1]
            kind, content = json.loads(parts[0])["msg_type"], parts[3]
            return str(json.loads(content).get("target_name")) if kind == "comm_open" else None
        found = deserialize_binary_message(message) if isinstance(message, bytes) else json.loads(message)
        opens = found["header"]["msg_type"] == "comm_open"
        return str(found["content"].get("target_name")) if opens else None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "a message that cannot be read"
