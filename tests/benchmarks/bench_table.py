"""Time and peak memory of `load_table` on a large CSV, beside `pandas.read_csv` alone.

    python tests/benchmarks/bench_table.py [ROWS] [COLUMNS]

Each loader runs in a process of its own, so that its peak is its own; what importing takes is measured and
subtracted from neither, but shown.
"""

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


def main() -> None:
    rows, columns = (int(value) for value in (sys.argv[1:] + ["1000000", "50"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        write(path, rows, columns)
        print(f"{rows:,} × {columns}, {path.stat().st_size / 2**20:.0f} MiB")
        results = {name: measure(code.format(path=str(path))) for name, code in LOADERS.items()}
    time_of, peak_of = results["pandas.read_csv"]
    for name, (seconds, peak) in results.items():
        times = f"{seconds:7.2f} s ({seconds / time_of:.2f} ×)"
        print(f"{name:<16} {times}   peak {peak:7.0f} MiB ({peak / peak_of:.2f} ×)")


if __name__ == "__main__":
    main()
