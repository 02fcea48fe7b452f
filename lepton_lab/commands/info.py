"""`lepton-lab info`: what is installed here, on what machine, and what is missing."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

__all__ = ["add_parser", "gather", "main"]

DISTRIBUTION = "lepton-lab"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command's options."""
    parser = subparsers.add_parser(
        "info",
        help="versions, devices, memory, and what is missing",
        description="Shows versions, devices, memory and plugins, and the line that installs what is missing.",
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for a bug report or a script")
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Prints what `gather` found; 1 where a package that the lab needs is missing."""
    facts = gather()
    print(json.dumps(facts, indent=2) if options.json else _text(facts))
    return 1 if facts["missing"] else 0


def gather() -> dict[str, Any]:
    """Everything that the command shows, as plain JSON.

    Returns:
        `versions` (package → version), `devices` (name, memory in bytes), `cpu`, `memory` (bytes),
        `plugins`, `missing` (package → the line that installs it) and `optional` (the same, for the extras).
    """
    versions, missing, optional = _packages()
    return {
        "lepton_lab": version(DISTRIBUTION),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": {"name": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "memory": _memory(),
        "devices": _devices() if "torch" in versions else [],
        "versions": versions,
        "plugins": _plugins(),
        "missing": missing,
        "optional": optional,
    }


def _packages() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    optional: dict[str, str] = {}
    for requirement in requires(DISTRIBUTION) or []:
        name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", requirement)
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            if extra is None:
                missing[name] = f"pip install '{requirement.split(';')[0].strip()}'"
            elif extra[1] != "test":
                optional[name] = f"pip install '{DISTRIBUTION}[{extra[1]}]'"
    return dict(sorted(versions.items())), missing, optional


def _memory() -> dict[str, int]:
    import psutil

    memory = psutil.virtual_memory()
    return {"total": memory.total, "available": memory.available}


def _devices() -> list[dict[str, Any]]:
    import torch

    devices: list[dict[str, Any]] = [
        {"name": f"cuda:{i}", "model": torch.cuda.get_device_name(i), "memory": torch.cuda.mem_get_info(i)[1]}
        for i in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        devices.append({"name": "mps", "model": "Apple GPU", "memory": None})
    devices.append({"name": "cpu", "model": f"{torch.get_num_threads()} threads", "memory": None})
    return devices


def _plugins() -> list[dict[str, Any]]:
    from lepton_lab.plugins import plugins

    return [
        {"name": p.name, "distribution": p.distribution, "version": p.version, "error": p.error and str(p.error)}
        for p in plugins()
    ]


def _text(facts: dict[str, Any]) -> str:
    memory = facts["memory"]
    lines = [
        f"Lepton Lab {facts['lepton_lab']}",
        f"Python     {facts['python']} on {facts['system']}",
        f"Memory     {memory['available'] / 2**30:.1f} GiB free of {memory['total'] / 2**30:.1f} GiB, "
        f"{facts['cpu']['cores']} processor cores",
    ]
    for label, device in zip(["Devices", *[""] * len(facts["devices"])], facts["devices"], strict=False):
        size = f", {device['memory'] / 2**30:.1f} GiB" if device["memory"] else ""
        lines.append(f"{label:<10} {device['name']}: {device['model']}{size}")
    for label, plugin in zip(["Plugins", *[""] * len(facts["plugins"])], facts["plugins"], strict=False):
        state = f"does not load: {plugin['error']}" if plugin["error"] else "loaded"
        lines.append(f"{label:<10} {plugin['name']} ({plugin['distribution']} {plugin['version']}): {state}")
    lines += ["", "Packages", *(f"  {name:<20} {number}" for name, number in facts["versions"].items())]
    if facts["missing"]:
        lines += ["", "Missing, and needed", *(f"  {name:<20} {line}" for name, line in facts["missing"].items())]
    if facts["optional"]:
        lines += ["", "Not installed, optional", *(f"  {name:<20} {line}" for name, line in facts["optional"].items())]
    if not facts["missing"]:
        lines += ["", "Everything that the lab needs is installed."]
    return "\n".join(lines)
