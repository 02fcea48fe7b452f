"""`lepton-lab lab`: JupyterLab on a notebook or a folder."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.parse import quote

from lepton_lab.errors import LeptonError

__all__ = ["add_parser", "main"]

LOOPBACK = "127.0.0.1"
START_SECONDS = 90.0
"""How long JupyterLab may take until it answers."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command's options."""
    parser = subparsers.add_parser("lab", help="open JupyterLab", description="Opens JupyterLab on this machine alone.")
    parser.add_argument("path", nargs="?", type=Path, default=Path(), help="a notebook or a folder (default: this one)")
    parser.add_argument("--port", type=int, default=8888, help="the first port to try (default: %(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Starts JupyterLab, prints its address once it answers, and ends it with Ctrl-C.

    Raises:
        LeptonError: The path is not there, or JupyterLab did not start.
    """
    path = options.path.expanduser().resolve()
    if not path.exists():
        raise LeptonError(
            f"there is no notebook or folder {str(options.path)!r}",
            do="Give the path of a notebook, or none to open this folder",
        )
    root, notebook = (path, None) if path.is_dir() else (path.parent, path.name)
    port, token = _free_port(options.port), secrets.token_urlsafe(24)
    address = f"http://{LOOPBACK}:{port}/lab" + (f"/tree/{quote(notebook)}" if notebook else "")
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(
            _command(root, port),
            env={**os.environ, "JUPYTER_TOKEN": token},  # not among the arguments, which every user can see
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C comes to us alone; we end the server properly
        )
        previous = signal.signal(signal.SIGTERM, _raise_interrupt)
        try:
            _wait_until_up(process, f"http://{LOOPBACK}:{port}/api", log)
            print(f"JupyterLab is open at\n\n    {address}?token={token}\n\nCtrl-C ends it.", flush=True)
            if not options.no_browser:
                webbrowser.open(f"{address}?token={token}")
            while process.poll() is None:
                time.sleep(0.5)  # one long wait could begin just after Ctrl-C came, and miss it
            return process.returncode
        except KeyboardInterrupt:
            print("\nClosing JupyterLab and its kernels.", flush=True)
            return 0
        finally:
            _end(process)
            signal.signal(signal.SIGTERM, previous)


def _command(root: Path, port: int) -> list[str]:
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--ip={LOOPBACK}", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def _free_port(first: int) -> int:
    for port in range(first, first + 50):
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise LeptonError(f"no free port from {first} to {first + 49}", do="Give another one: lepton-lab lab --port 9000")


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: IO[str]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own server on loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    _end(process)
    log.seek(0)
    raise LeptonError("JupyterLab did not start", received=f"this log:\n{log.read()[-3000:]}")


def _raise_interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
