"""Chooses the digits of `mnist-sample`: `python -m lepton_lab.data.embedded.make_mnist_sample FOLDER`.

FOLDER holds MNIST's four IDX files. 240 digits of each class come from its training set and 60 from its test
set, drawn with a fixed seed, so that running it again writes the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from lepton_lab.data.idx import find_idx, read_idx, write_idx

__all__ = ["make"]

_SEED = 2024
_PER_CLASS = {"train": 240, "t10k": 60}


def make(source: Path, target: Path) -> None:
    """Writes four gzipped IDX files to `target`.

    Raises:
        FileNotFoundError: `source` lacks one of MNIST's files.
        DataError: One of them is damaged.
    """
    target.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(_SEED)
    for part, count in _PER_CLASS.items():
        names = f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"
        paths = [find_idx(source, name) for name in names]
        if paths[0] is None or paths[1] is None:
            raise FileNotFoundError(f"{source} has no {' or no '.join(names)}")
        images, labels = read_idx(paths[0]), read_idx(paths[1])
        chosen = np.concatenate([rng.choice(np.flatnonzero(labels == c), count, replace=False) for c in range(10)])
        chosen = rng.permutation(chosen)
        write_idx(target / f"{names[0]}.gz", images[chosen])
        write_idx(target / f"{names[1]}.gz", labels[chosen])


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(__file__).parent / "mnist-sample")
