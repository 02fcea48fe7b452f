"""What `import lepton_lab` costs and gives."""

import inspect
import json
import statistics
import subprocess
import sys
import types

import pytest

import lepton_lab

FORBIDDEN = ("torch", "torchvision", "ipywidgets", "anywidget", "matplotlib", "pandas", "sklearn")
BUDGET_SECONDS = 0.150  # of CPU time, which is what it takes on a machine that does nothing else

PROBE = f"""
import json, sys, time
start = time.process_time()
import lepton_lab
seconds = time.process_time() - start
print(json.dumps(dict(seconds=seconds, loaded=[m for m in {FORBIDDEN!r} if m in sys.modules])))
"""


def import_once() -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_import_is_light() -> None:
    runs = [import_once() for _ in range(5)]
    assert runs[0]["loaded"] == []
    assert min(float(str(run["seconds"])) for run in runs) <= BUDGET_SECONDS
    assert statistics.median(float(str(run["seconds"])) for run in runs) <= 2 * BUDGET_SECONDS


def test_all_is_sorted_and_without_duplicates() -> None:
    assert lepton_lab.__all__ == sorted(set(lepton_lab.__all__))


def test_dir_shows_every_public_name() -> None:
    assert set(lepton_lab.__all__) <= {*dir(lepton_lab), "__version__"}


@pytest.mark.parametrize("name", sorted(set(lepton_lab.__all__) - {"__version__"}))
def test_public_name_exists_and_is_documented(name: str) -> None:
    value = getattr(lepton_lab, name)
    text = inspect.getdoc(value) if isinstance(value, type | types.FunctionType | types.ModuleType) else value.__doc__
    assert text, f"lepton_lab.{name} has no docstring"
    assert len(text.split()) >= 2


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = lepton_lab.no_such_name
