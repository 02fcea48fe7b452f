"""`lepton-lab app`: the app for people who do not write code, in the browser."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from lepton_lab.errors import LeptonError

__all__ = ["add_parser", "main", "size"]

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command's options."""
    about = "Serves the app on this machine alone: bring data, train, look inside, try it out, take it away."
    parser = subparsers.add_parser("app", help="open the app for people who do not write code", description=about)
    parser.add_argument("--port", type=int, default=8866, help="the first port to try (default: %(default)s)")
    parser.add_argument(
        "--workspace", metavar="DIR", default=None, help="where work is kept ($LEPTON_WORKSPACE, else ~/lepton-lab)"
    )
    parser.add_argument("--open", action="store_true", help="ask for no token: whoever uses this machine may come in")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument(
        "--max-upload", metavar="SIZE", default="2G", help="the most that one upload may bring (default: %(default)s)"
    )
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Serves until Ctrl-C.

    Raises:
        LeptonError: A size cannot be read, the workspace cannot be used, or no port is free.
    """
    max_upload = size(options.max_upload)
    from lepton_lab.app import nursery
    from lepton_lab.workspace.workspace import default_folder

    folder = Path(options.workspace) if options.workspace is not None else default_folder()
    folder = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100  keeps links as the user wrote them
    kernels = nursery.start(folder)  # before the server is imported, so that both happen at the same time
    from lepton_lab.app.server import Options, serve

    browser = not options.no_browser
    return serve(Options(folder, options.port, options.open, browser, max_upload), kernels)


def size(text: str) -> int:
    """Bytes of a size such as "500M", "2 GiB" or "1000000".

    Raises:
        LeptonError: It cannot be read.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    if found is None or not float(found[1]):
        raise LeptonError(f"{text!r} is no size", expected="a number of bytes, or one such as 500M or 2G")
    return int(float(found[1]) * _UNITS[found[2]])
