"""pyproject.toml, environment.yml and constraints.txt tell one story."""

import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]

CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
"""conda-forge's name → PyPI's, where they differ."""

ONLY_CONDA = {"python", "pip", "pytest"}
"""Python itself, and what pyproject.toml keeps in its `test` extra."""


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pyproject_requirements() -> dict[str, Requirement]:
    requirements = map(Requirement, project()["dependencies"])
    return {requirement.name: requirement for requirement in requirements}


def conda_requirements() -> dict[str, Requirement]:
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    requirements = [Requirement(entry) for entry in entries if isinstance(entry, str)]
    return {CONDA_NAMES.get(r.name, r.name): r for r in requirements}


def constraints() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {pin.name.lower().replace("_", "-"): Version(next(iter(pin.specifier)).version) for pin in pins}


def test_conda_names_the_same_packages() -> None:
    assert set(conda_requirements()) - ONLY_CONDA == set(pyproject_requirements())


def test_conda_has_the_same_ranges() -> None:
    conda = conda_requirements()
    differing = {
        name: (str(requirement.specifier), str(conda[name].specifier))
        for name, requirement in pyproject_requirements().items()
        if requirement.specifier != conda[name].specifier
    }
    assert differing == {}


def test_python_range_agrees() -> None:
    assert str(conda_requirements()["python"].specifier) == project()["requires-python"]


def test_broken_ipykernel_is_excluded() -> None:
    for requirements in (pyproject_requirements(), conda_requirements()):
        ranges = requirements["ipykernel"].specifier
        assert not ranges.contains("7.0.0")
        assert not ranges.contains("7.0.1")
        assert ranges.contains("6.29.5")
        assert ranges.contains("7.1.0")


def test_constraints_pin_every_requirement_inside_its_range() -> None:
    pins = constraints()
    wanted = list(pyproject_requirements().values())
    for extra in project()["optional-dependencies"].values():
        wanted += map(Requirement, extra)
    outside = [str(r) for r in wanted if r.name.lower() not in pins or not r.specifier.contains(pins[r.name.lower()])]
    assert outside == []


def test_the_files_of_the_house_are_there() -> None:
    names = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", ".ci/run"]
    assert [name for name in names if not (ROOT / name).is_file()] == []
    assert "Apache License" in (ROOT / "LICENSE").read_text()
