"""Imports go downwards only, and files stay small."""

import ast
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lepton_lab"

LAYERS = {
    0: {"errors", "registry", "plugins", "markup"},
    1: {"network", "data", "nn", "datasets"},
    2: {"training", "probes", "doctor", "evaluate", "explain", "tune", "compress", "export", "serve", "recipes"},
    3: {"workspace", "figures"},
    4: {"widgets"},
    5: {"app", "cli", "commands", "_wiring", "__main__"},
}
LAYER_OF = {name: layer for layer, names in LAYERS.items() for name in names}
TOP = 6
"""`lepton_lab/__init__.py` hands out everybody's names."""

STANDARD_LIBRARY_ONLY = {0}
NO_JUPYTER = {0, 1, 2, 3}
JUPYTER = {"ipywidgets", "anywidget", "IPython", "ipykernel", "traitlets", "jupyterlab", "voila"}
MATPLOTLIB_ONLY_IN = {"figures"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    """The top-level module or folder that a file belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def layer(path: Path) -> int:
    return TOP if room(path) == "__init__" else LAYER_OF[room(path)]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imported(path: Path) -> list[tuple[int, str]]:
    """Line and absolute name of every import of a file, those inside functions included."""
    found: list[tuple[int, str]] = []
    package = ["lepton_lab", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            stem = ".".join(part for part in (base, node.module) if part)
            found += [(node.lineno, f"{stem}.{alias.name}") for alias in node.names]
    return found


def test_every_module_has_a_layer() -> None:
    assert {room(path) for path in MODULES} - {"__init__"} <= set(LAYER_OF)


def test_imports_go_downwards() -> None:
    upwards = []
    for path in MODULES:
        for line, name in imported(path):
            parts = name.split(".")
            if parts[0] != "lepton_lab" or len(parts) < 2 or parts[1] == "__version__":
                continue
            if LAYER_OF[parts[1]] > layer(path):
                upwards.append(f"{path}:{line} imports {name}")
    assert upwards == []


def test_outside_packages_stay_in_their_layer() -> None:
    strange = []
    for path in MODULES:
        outside = {name.split(".")[0] for _, name in imported(path)} - {"lepton_lab"}
        wrong: set[str] = set()
        if layer(path) in STANDARD_LIBRARY_ONLY:
            wrong |= outside - sys.stdlib_module_names
        if layer(path) in NO_JUPYTER:
            wrong |= outside & JUPYTER
        if layer(path) < TOP and room(path) not in MATPLOTLIB_ONLY_IN:
            wrong |= outside & {"matplotlib"}
        strange += [f"{path} imports {name}" for name in sorted(wrong)]
    assert strange == []


def test_no_folder_imports_in_a_circle() -> None:
    needs: dict[str, set[str]] = {}
    for path in MODULES:
        if layer(path) == TOP:
            continue
        for _, name in imported(path):
            parts = name.split(".")
            if parts[0] == "lepton_lab" and len(parts) > 1 and parts[1] != "__version__":
                needs.setdefault(room(path), set()).add(parts[1])

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [*needs.get(start, set()) - {start}]
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += needs.get(name, set()) - {name}
        return seen

    assert [name for name in needs if name in reachable(name)] == []


def test_files_stay_small() -> None:
    lines = {str(path): len(path.read_text().splitlines()) for path in MODULES}
    long = {path: number for path, number in lines.items() if number > 600}
    assert long == {}, "which two things does each of them do?"


def test_every_folder_says_what_lives_there() -> None:
    folders = [path for path in MODULES if path.name == "__init__.py"]
    assert [str(path) for path in folders if not ast.get_docstring(parsed(path))] == []


def test_nothing_reads_pickles_or_runs_text() -> None:
    """No pickle, eval, exec, or unsafe torch.load anywhere in the package."""
    bad = []
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in {"eval", "exec", "torch.load", "joblib.load"} or called.startswith(("pickle.", "dill.")):
                    bad.append(f"{path}:{node.lineno} {called}")
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
                bad.append(f"{path}:{node.value.lineno} allow_pickle={ast.unparse(node.value)}")
    assert bad == []
