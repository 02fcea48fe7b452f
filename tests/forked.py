"""Programs in a process of their own, forked from one that has loaded torch and nothing of ours.

A new interpreter spends two seconds of CPU on torch and pandas alone. Nothing of Lepton Lab is loaded before the fork,
so a program finds what it would find in a new interpreter, two modules aside.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

LOADED = "torch", "pandas"

_SERVER = """
import json, os, sys
for name in sys.argv[1:]:
    __import__(name)
for line in sys.stdin:
    order = json.loads(line)
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    for number, name in enumerate(order["streams"]):
        os.dup2(os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY), number)
    sys.stdin = open(0, closefd=False)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.argv = ["-c", *order["arguments"]]
    exec(compile(order["code"], "<string>", "exec"), {"__name__": "__main__"})
    sys.exit()
"""


@cache
def _server() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _SERVER, *LOADED]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.communicate)  # it ends with its input
    return server


def run_python(
    code: str, *arguments: str, folder: Path | str = ".", text: str = ""
) -> subprocess.CompletedProcess[str]:
    """What `python -c CODE ARGUMENTS` does.

    Args:
        code: The program.
        *arguments: What follows in `sys.argv`.
        folder: Where it runs.
        text: What it reads from its standard input.
    """
    if not hasattr(os, "fork"):
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, input=text, cwd=folder, capture_output=True, text=True, check=False)
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as scratch:
        streams = [Path(scratch) / name for name in ("in", "out", "err")]
        for path in streams:
            path.write_text(text if path.name == "in" else "", encoding="utf-8")
        order = {
            "code": code, "arguments": arguments, "folder": str(Path(folder).resolve()),
            "streams": [str(path) for path in streams], "environment": dict(os.environ),
        }  # fmt: skip
        server.stdin.write(json.dumps(order) + "\n")
        server.stdin.flush()
        ended = int(server.stdout.readline())
        said, complained = (path.read_text(encoding="utf-8") for path in streams[1:])
    return subprocess.CompletedProcess([sys.executable, "-c", code, *arguments], ended, said, complained)
