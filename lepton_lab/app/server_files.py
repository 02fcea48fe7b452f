"""Files in and files out over HTTP, behind the same token and cookie as the page."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from lepton_lab.app.uploads import BODY_BYTES, Receiver, RefusedError, Uploads
from lepton_lab.widgets._orders import failure

__all__ = ["Download", "Upload"]

_OVERHEAD = 8 << 20


@web.stream_request_body
class Upload(JupyterHandler):
    """Takes files as they come; see `uploads` for the body's form. Answers problems in plain words, as JSON."""

    SUPPORTED_METHODS = ("POST", "DELETE")

    def initialize(self, uploads: Uploads) -> None:
        """Args:
        uploads: Where the files go.
        """
        self.uploads = uploads
        self._receiver: Receiver | None = None
        self._problem: RefusedError | None = None

    async def prepare(self) -> None:  # type: ignore[override]
        """Checks who asks before anything is taken; a problem is told when the body has come, else nobody hears it."""
        await super().prepare()
        if self._finished or self.request.method != "POST" or self.get_query_argument("files", None) is not None:
            return
        self.request.connection.set_max_body_size(BODY_BYTES + 2 * _OVERHEAD)  # type: ignore[union-attr]
        length = int(self.request.headers.get("Content-Length") or BODY_BYTES)
        try:
            self._receiver = self.uploads.receiver(self.path_args[0], length)
        except RefusedError as error:
            if length > BODY_BYTES + _OVERHEAD:
                raise
            self._problem = error

    def data_received(self, chunk: bytes) -> None:
        """Writes what comes; after a problem, drops it."""
        if self._receiver is None or self._problem is not None:
            return
        try:
            self._receiver.write(chunk)
        except RefusedError as error:
            self._problem = error

    @web.authenticated
    async def post(self, upload_id: str) -> None:
        """Ends a request with files; with `?files=N&bytes=M` ends the upload.

        Raises:
            RefusedError: Something cannot be taken; what came so far is gone then.
        """
        try:
            if self._problem is not None:
                raise self._problem
            if self._receiver is not None:
                self._receiver.done()
                self.finish({"upload": upload_id})
                return
            files, size = (int(self.get_query_argument(name)) for name in ("files", "bytes"))
            self.uploads.finish(upload_id, files, size)
            self.finish({"upload": upload_id, "files": files, "bytes": size})
        except RefusedError as error:
            if error.status != 409 or self._receiver is not None:
                await self._drop(upload_id)
            raise

    @web.authenticated
    async def delete(self, upload_id: str) -> None:
        """Breaks an upload off; nothing of it stays."""
        await self._drop(upload_id)
        self.set_status(204)

    def on_connection_close(self) -> None:
        """The visitor has left in the middle of a body."""
        super().on_connection_close()
        if self._receiver is not None and (folder := self.uploads.cancel(self.path_args[0])) is not None:
            asyncio.get_running_loop().run_in_executor(None, _delete, folder)

    async def _drop(self, upload_id: str) -> None:
        if self._receiver is not None:
            self._receiver.close()
        folder = self.uploads.cancel(upload_id)
        if folder is not None:
            await asyncio.get_running_loop().run_in_executor(None, _delete, folder)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Title, detail and fix, as the views show them."""
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, RefusedError):
            self.set_status(error.status)
            words = failure(error)
        elif status_code == 403:
            words = {"title": "This page is no longer signed in.", "detail": "", "fix": "Load the page again"}
        else:
            words = {"title": "The files could not be taken.", "detail": "", "fix": "Try again"}
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(words))

    def log_exception(self, *args: Any) -> None:
        """A file that is refused is no mistake of the server."""
        if not isinstance(args[1], RefusedError):
            super().log_exception(*args)


class Download(JupyterHandler, web.StaticFileHandler):
    """Gives what was made for a project: `<workspace>/exports/<project id>/<name>`, never anything else."""

    SUPPORTED_METHODS = ("GET", "HEAD")

    @web.authenticated
    async def get(self, project: str, name: str) -> None:  # type: ignore[override]
        """Sends the file.

        Raises:
            HTTPError: There is no such file.
        """
        await self._send(project, name, True)

    @web.authenticated
    async def head(self, project: str, name: str) -> None:  # type: ignore[override]
        """What `get` would send, without it.

        Raises:
            HTTPError: There is no such file.
        """
        await self._send(project, name, False)

    async def _send(self, project: str, name: str, include_body: bool) -> None:
        if "/" in name or "\\" in name or name.startswith("."):
            raise web.HTTPError(404)
        self._name = name
        await web.StaticFileHandler.get(self, f"{project}/{name}", include_body)

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """The file, where it lies in the folder of exports.

        Raises:
            HTTPError: It does not.
        """
        path = Path(absolute_path)
        if not path.is_file() or not path.resolve().is_relative_to(Path(root).resolve()):
            raise web.HTTPError(404)
        return str(path)

    def set_extra_headers(self, path: str) -> None:
        """To be kept, not to be shown: a report is no page of this server."""
        self.set_header("Content-Disposition", f"attachment; filename*=utf-8''{quote(self._name, safe='')}")
        self.set_header("Cache-Control", "no-cache")


def _delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
