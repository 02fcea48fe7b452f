"""Time and peak memory of `load_table` on a large CSV, beside `pandas.read_csv` alone.

Each loader runs in a process of its own, in turn, so that its peak is its own; what importing takes is measured and
subtracted from neither, but shown.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

LOADERS = {
    "imports only": "import lepton_lab.data, sklearn.preprocessing; 0",
    "pandas.read_csv": "import pandas; pandas.read_csv({path!r})",
    "load_table": "import lepton_lab.data as d, sklearn.preprocessing; d.load_table({path!r}, target='target')",
}


def write(path: Path, rows: int, columns: int) -> None:
    """Writes numbers, whole ones, categories and missing values, and a target of two classes."""
    rng = np.random.default_rng(0)
    table = {}
    for i in range(columns - 7):
        table[f"x{i}"] = pa.array(rng.normal(size=rows).round(6), mask=rng.random(rows) < 0.01)
    for i in range(4):
        table[f"k{i}"] = pa.array(rng.integers(0, 10_000, rows))
    for i in range(2):
        table[f"c{i}"] = pa.array(np.array(["red", "green", "blue", "grey"])[rng.integers(0, 4, rows)])
    table["target"] = pa.array(np.array(["no", "yes"])[rng.integers(0, 2, rows)])
    csv.write_csv(pa.table(table), path)


def measure(code: str) -> tuple[float, float]:
    """Measures seconds of the code alone, and peak MiB of the process."""
    imports, _, work = code.partition("; ")
    script = (
        f"{imports}\nimport resource, time\nstart = time.perf_counter()\n{work}\n"
        "print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    return float(out[-2]), float(out[-1])


def run(rows: int = 1_000_000, columns: int = 50, rounds: int = 3) -> list[dict]:
    """Medians of the rounds: seconds, peaks, and their ratios to pandas alone."""
    seconds: dict[str, list[float]] = {name: [] for name in LOADERS}
    peaks: dict[str, list[float]] = {name: [] for name in LOADERS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write(path, rows, columns)
        size = path.stat().st_size / 2**20
        for _ in range(rounds):
            for name, code in LOADERS.items():
                taken, peak = measure(code.format(path=str(path)))
                seconds[name].append(taken)
                peaks[name].append(peak)
    table = f"CSV of {rows:,} × {columns}, {size:.0f} MiB"
    ratios = [ours / pandas for ours, pandas in zip(seconds["load_table"], seconds["pandas.read_csv"], strict=True)]
    found = [
        {"what": f"{table}: load_table / pandas.read_csv", "value": statistics.median(ratios), "unit": "× its time"}
    ]
    ratios = [ours / pandas for ours, pandas in zip(peaks["load_table"], peaks["pandas.read_csv"], strict=True)]
    found.append({"what": "the same", "value": statistics.median(ratios), "unit": "× its peak memory"})
    for name in LOADERS:
        if name != "imports only":
            found.append({"what": name, "value": statistics.median(seconds[name]), "unit": "s"})
        found.append({"what": f"{name}: peak", "value": statistics.median(peaks[name]), "unit": "MiB"})
    return found
