"""The command `lepton-lab`."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from lepton_lab import __version__, cli
from lepton_lab.commands import COMMANDS, info


def test_help_names_every_command_and_loads_no_torch() -> None:
    code = (
        "import sys; from lepton_lab import cli\ntry: cli.main(['--help'])\nfinally: sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for command in COMMANDS:
        assert command.__name__.rsplit(".", 1)[-1] in done.stdout


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.strip() == f"lepton-lab {__version__}"


def test_info_shows_versions_devices_and_memory(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    assert cli.main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["lepton_lab"] == __version__
    assert facts["versions"]["torch"] == torch.__version__.split("+")[0]
    assert facts["devices"][-1]["name"] == "cpu"
    assert facts["memory"]["total"] >= facts["memory"]["available"] > 0
    assert facts["missing"] == {}


def test_info_gives_the_install_line_of_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ["no-such-package-x>=2", "no-such-extra-y ; extra == 'serve'"]
    monkeypatch.setattr(info, "requires", lambda name: wanted)
    assert cli.main(["info"]) == 1
    printed = capsys.readouterr().out
    assert "pip install 'no-such-package-x>=2'" in printed
    assert "pip install 'lepton-lab[serve]'" in printed


def test_lab_refuses_a_path_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lab", str(tmp_path / "none.ipynb")]) == 1
    assert "there is no notebook or folder" in capsys.readouterr().err


def test_lab_prints_an_address_that_answers_and_leaves_no_process(tmp_path: Path) -> None:
    import psutil

    (tmp_path / "one note.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    names = ("CONFIG", "DATA", "RUNTIME")
    environment = {**os.environ, **{f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in names}}
    command = [sys.executable, "-m", "lepton_lab.cli", "lab", "--no-browser", "--port", "18888"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "one note.ipynb")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a job in the background ignores Ctrl-C
    )
    try:
        assert process.stdout is not None
        printed = ""
        end = time.monotonic() + 90
        while "token=" not in printed and time.monotonic() < end:
            printed += process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/one%20note\.ipynb\?token=\S+", printed)
        assert found, printed
        with urllib.request.urlopen(found[0], timeout=10) as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(re.sub(r"/lab/tree.*", "/api/contents", found[0]), timeout=10)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
    finally:
        for left in [*psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []:
            left.kill()
        process.kill()
        process.wait()
