"""Fixtures that every test may use."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # a thread that spins while it waits takes a core of the other test process
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

ROOT = Path(__file__).resolve().parents[1]


def _beside(name: str) -> Path:
    return ROOT.parent / "shared" / name


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the full data sets; skips where there is none."""
    folder = Path(os.environ.get("LEPTON_DATA") or _beside("data"))
    if not (folder / "mnist").is_dir():
        pytest.skip(f"the full data sets are not here: no {folder / 'mnist'} (set LEPTON_DATA to their folder)")
    return folder


@pytest.fixture(scope="session")
def shared_programs() -> Path:
    """The folder with the programs that users write; skips where there is none."""
    folder = _beside("programs")
    if not folder.is_dir():
        pytest.skip(f"the users' programs are not here: no {folder}")
    return folder


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of folders, one a test; none is made, since few tests write (`mktemp` looks at all earlier ones each time)."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def _own_folders(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps every test out of the user's workspace, cache and data."""
    home = next(_homes)
    monkeypatch.setenv("LEPTON_WORKSPACE", str(home / "workspace"))
    monkeypatch.setenv("LEPTON_CACHE", str(home / "cache"))
