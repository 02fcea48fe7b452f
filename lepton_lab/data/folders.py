"""Where data sets are looked for and kept."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_dir", "data_dir", "find_data"]


def cache_dir() -> Path:
    """The folder for what can be made or fetched again: `$LEPTON_CACHE`, or `~/.cache/lepton-lab`."""
    chosen = os.environ.get("LEPTON_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "lepton-lab"


def data_dir() -> Path:
    """The folder with the standard data sets: `$LEPTON_DATA`, or `datasets` in the cache, where downloads go.

    It may hold `mnist/*.gz` (IDX files; likewise `fashion-mnist`, `kmnist`), `cifar10-images.zip` (a folder of
    images for each class in `train` and `test`), or what torchvision downloads.
    """
    chosen = os.environ.get("LEPTON_DATA")
    return Path(chosen).expanduser() if chosen else cache_dir() / "datasets"


def find_data(*names: str) -> Path | None:
    """The first of `names` that exists under `data_dir()` or among the downloads; None where none does."""
    for folder in dict.fromkeys((data_dir(), cache_dir() / "datasets")):
        for name in names:
            if (folder / name).exists():
                return folder / name
    return None
