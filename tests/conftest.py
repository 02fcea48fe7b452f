"""Fixtures that every test may use."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # a thread that spins while it waits takes a core of the other test process
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

ROOT = Path(__file__).resolve().parents[1]

LONGEST_FIRST = (
    "notebooks/test_notebooks.py",
    "workspace",
    "programs/test_programs.py",
    "app/test_server.py",
    "export/test_python.py",
    "export/test_notebook.py",
    "probes/test_compiled.py",
    "house/test_plugins.py",
    "export/test_onnx.py",
    "widgets/test_memory.py",
    "training/test_compiled.py",
    "network/test_from_module_vision.py",
    "probes/test_on_demand.py",
    "app/test_server_runs.py",
    "doctor/test_diagnose.py",
    "browser/test_survival.py",
    "browser/test_training_monitor.py",
    "browser/test_journey.py",
    "browser/test_app_train.py",
    "browser/test_opened_and_closed.py",
    "browser/test_inspect.py",
    "browser/test_app_take_away.py",
)
"""Files and folders that take long: begun late, one would keep a test process at work when the others have ended."""

TOGETHER = {"workspace"}
"""Folders whose files stay in one test process; the processes that these tests start are forked from one beside it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with what takes longest."""
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(_part(item.nodeid), len(order)))


def _part(nodeid: str) -> str:
    """The file or folder of a test that one test process runs, as seen from here."""
    file = nodeid.split("::")[0].removeprefix("tests/")
    return folder if (folder := file.split("/")[0]) in TOGETHER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """`--dist loadfile` as it is, but with folders that stay together, and in the order above."""
    if config.option.dist != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _part(nodeid)

    config.option.loadscopereorder = False  # it would begin with the files of the most tests
    return Scheduling(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are CPUs, since many tests wait: for kernels, servers and workers."""
    return len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)) + 1


def _beside(name: str) -> Path:
    return ROOT.parent / "shared" / name


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what needs a GPU where there is none."""
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("this machine has no CUDA device")


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
    """Names of folders, one a test; none is made, since few write (`mktemp` looks at all earlier ones each time)."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def _own_folders(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps every test out of the user's workspace, cache and data."""
    home = next(_homes)
    monkeypatch.setenv("LEPTON_WORKSPACE", str(home / "workspace"))
    monkeypatch.setenv("LEPTON_CACHE", str(home / "cache"))
