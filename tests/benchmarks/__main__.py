"""Runs the benchmarks and writes what they measured into RESULTS.md.

    python -m tests.benchmarks                 all of them, except those that take over ten minutes
    python -m tests.benchmarks shapes table    some of them
    python -m tests.benchmarks --list

Each `bench_NAME.py` has a function `run()` that returns rows {"what", "value", "unit", "target"}; `LONG = True`
marks one that runs only when it is named. A section of RESULTS.md is rewritten when its benchmark runs; the others
stay as they were, each with its own date and machine.
"""

import argparse
import importlib
import os
import platform
import re
import sys
from datetime import date
from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "RESULTS.md"
HEAD = """# Measured

Written by `make bench` (`python -m tests.benchmarks`), never by hand. Ratios are taken within one run, the two sides in
turn; other figures move with the machine.
"""


def names() -> list[str]:
    """The benchmarks, by the names of their files."""
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def machine() -> str:
    """Processor, cores, memory and the versions that matter."""
    import psutil
    import torch

    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return (
        f"{model[1].strip() if model else platform.machine()}, {os.cpu_count()} cores, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, {device}; Python {platform.python_version()}, "
        f"torch {torch.__version__}"
    )


def number(value: float | str) -> str:
    """Three figures that matter, thousands with a comma."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def section(name: str, title: str, rows: list[dict]) -> str:
    """One benchmark's part of RESULTS.md."""
    lines = [f"## {name}", "", title, "", f"{date.today().isoformat()}, {machine()}", ""]
    lines += ["| what | measured | to reach |", "|---|---|---|"]
    for row in rows:
        unit = f" {row['unit']}" if row.get("unit") else ""
        target = row.get("target")
        target = "" if target is None else target if isinstance(target, str) else f"≤ {number(target)}{unit}"
        lines.append(f"| {row['what']} | {number(row['value'])}{unit} | {target} |")
    return "\n".join(lines) + "\n"


def write(name: str, text: str) -> None:
    """Puts a section into RESULTS.md in the place of its older version."""
    old = RESULTS.read_text() if RESULTS.exists() else HEAD
    parts = {part.split("\n", 1)[0]: "## " + part.rstrip() + "\n" for part in old.split("\n## ")[1:]}
    parts[name] = text
    RESULTS.write_text(HEAD + "\n" + "\n".join(parts[key] for key in sorted(parts)))


def main() -> None:
    """Runs the benchmarks that were named, or all short ones."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run: " + ", ".join(names()))
    parser.add_argument("--list", action="store_true", help="only list them")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(names()))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(names())}")
    for name in options.names or names():
        module = importlib.import_module(f"tests.benchmarks.bench_{name}")
        title = (module.__doc__ or name).split("\n")[0]
        if options.list or (not options.names and getattr(module, "LONG", False)):
            print(f"{name}: {title}" + (" (runs only when named)" if getattr(module, "LONG", False) else ""))
            continue
        print(f"{name}: {title}", flush=True)
        text = section(name, title, module.run())
        write(name, text)
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
