"""The wheel, built as pip builds it: every bundle is in it, and no system Node is needed."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = ROOT / "lepton_lab" / "widgets" / "frontend"
WIDGETS = sorted(path.parent.name for path in FRONTEND.glob("*/index.tsx") if "node_modules" not in path.parts)
LARGEST = 150_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy that has neither bundles nor npm packages, with no Node on the path."""
    base = tmp_path_factory.mktemp("wheel")
    tree = base / "tree"
    built = shutil.ignore_patterns("node_modules", "static", "__pycache__")
    shutil.copytree(ROOT / "lepton_lab", tree / "lepton_lab", ignore=built)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    (base / "nothing").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", base, tree],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": str(base / "nothing")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(base.glob("*.whl")))


def test_every_widget_has_its_bundle(wheel: zipfile.ZipFile) -> None:
    inside = {
        Path(n).stem for n in wheel.namelist() if n.startswith("lepton_lab/widgets/static/") and n.endswith(".js")
    }
    assert inside == set(WIDGETS)
    assert WIDGETS


def test_what_the_app_serves_is_in_it(wheel: zipfile.ZipFile) -> None:
    template = {f"template/{path.name}" for path in (ROOT / "lepton_lab" / "app" / "template").iterdir()}
    inside = {n.removeprefix("lepton_lab/app/") for n in wheel.namelist()}
    assert template | {"app.ipynb"} <= inside
    assert len(template) > 3


def test_no_source_of_the_front_end_is_in_it(wheel: zipfile.ZipFile) -> None:
    assert [n for n in wheel.namelist() if "frontend" in n or "node_modules" in n] == []


@pytest.mark.parametrize("name", WIDGETS)
def test_bundles_are_small_and_need_nothing_else(wheel: zipfile.ZipFile, name: str) -> None:
    text = wheel.read(f"lepton_lab/widgets/static/{name}.js").decode()
    assert len(text.encode()) <= LARGEST
    assert re.findall(r"""(?:^|[;}\n])import\s*(?:[\w*{][^;"']*from\s*)?["']([^"']+)""", text) == []
    assert re.search(r"export\s*\{[^}]*\bas default\b|export default", text)


def test_python_and_front_end_pair_by_name() -> None:
    python = {p.stem for p in FRONTEND.parent.glob("*.py")}
    for page in (FRONTEND.parents[1] / "app").glob("*.py"):
        python |= set(re.findall(r'^ {4}_bundle\b.* = "(\w+)"', page.read_text(), re.MULTILINE))
    assert [name for name in WIDGETS if name not in python] == []


def test_the_lock_file_names_no_address() -> None:
    text = (FRONTEND / "package-lock.json").read_text()
    assert "resolved" not in text
    assert "://" not in re.sub(r'"(?:url|funding|license|homepage)": "[^"]*"', "", text)
