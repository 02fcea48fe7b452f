"""Loading CIFAR-10's 60,000 images from their zip, the first time and from the decoded cache, and streaming them.

Each case runs in a process of its own with an empty cache, so that peak memory is that of the case.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_CASE = """
import json, resource, sys, time
import psutil, torch, torchvision
from lepton_lab.data import load_images
path, cap = sys.argv[1], int(sys.argv[2]) or None
base = psutil.Process().memory_info().rss
began = time.perf_counter()
data = load_images(path, image_size=32, memory_cap=cap)
seconds = time.perf_counter() - began
began, seen = time.perf_counter(), 0
for x, _ in data.train.batches(128, shuffle=True):
    seen += len(x)
    if seen >= 20_000:
        break
rate = seen / (time.perf_counter() - began)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - base
print(json.dumps([seconds, peak / 2**20, rate, type(data.train).__name__]))
"""


def run() -> list[dict[str, Any]]:
    """Rows of what was measured; none where the zip is absent."""
    folder = Path(os.environ.get("LEPTON_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
    path = folder / "cifar10-images.zip"
    if not path.exists():
        return []
    with tempfile.TemporaryDirectory() as cache:
        first = _case(path, 0, cache)
        again = _case(path, 0, cache)
        cap = 64 << 20
        streamed = _case(path, cap, cache)
    if streamed[3] != "StreamSplit":
        raise RuntimeError("a cap of 64 MiB did not make CIFAR-10 stream")
    return [
        _row("CIFAR-10, 60,000 JPEGs from the zip, first time", first[0], "s", None),
        _row("CIFAR-10 again, from the decoded cache", again[0], "s", None),
        _row("peak memory above the start, first time (176 MiB decoded)", first[1], "MiB", None),
        _row("peak memory above the start, from the cache", again[1], "MiB", None),
        _row("CIFAR-10 streamed from the zip under a cap of 64 MiB", streamed[2], "images/s", None),
        _row("time to the first streamed batch (headers of all images read)", streamed[0], "s", None),
        _row("peak memory above the start, streamed", streamed[1], "MiB", None),
    ]


def _case(path: Path, cap: int, cache: str) -> list[Any]:
    result = subprocess.run(
        [sys.executable, "-c", _CASE, str(path), str(cap)],
        env={**os.environ, "LEPTON_CACHE": cache, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(result.stdout))


def _row(what: str, value: float, unit: str, target: float | None) -> dict[str, Any]:
    return {"what": what, "value": round(value, 2), "unit": unit, "target": target}


if __name__ == "__main__":
    for row in run():
        print(f"{row['value']:>12,} {row['unit']:<9} {row['what']}")
