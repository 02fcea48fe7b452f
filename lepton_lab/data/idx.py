"""MNIST's own file format: a big-endian header and bytes, often gzipped.

Source: http://yann.lecun.com/exdb/mnist/ (section "File formats").
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lepton_lab.errors import DataError, UnsafeDataError

__all__ = ["find_idx", "read_idx", "write_idx"]

_MAX_BYTES = 4 << 30
_UINT8 = 0x08


def find_idx(folder: Path, stem: str) -> Path | None:
    """The file `stem` or `stem.gz` in `folder`."""
    return next((p for p in (folder / stem, folder / f"{stem}.gz") if p.is_file()), None)


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file, gzipped or not.

    Raises:
        DataError: The file is missing, damaged or holds another type.
        UnsafeDataError: It declares an absurd size.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] != _UINT8 or not 1 <= head[3] <= 4:
                raise DataError(
                    "this is not an IDX file of bytes",
                    where=str(path),
                    expected="the magic number 0x08",
                    received=head.hex(" ") or "an empty file",
                )
            raw = file.read(4 * head[3])
            if len(raw) < 4 * head[3]:
                raise DataError("the IDX file is cut off", where=str(path))
            shape = struct.unpack(f">{head[3]}I", raw)
            size = math.prod(shape)
            if size > _MAX_BYTES:
                raise UnsafeDataError(
                    "the IDX file declares an absurd size",
                    where=str(path),
                    expected=f"at most {_MAX_BYTES >> 30} GiB",
                    received=f"{size / 2**30:.1f} GiB",
                )
            data = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("the IDX file cannot be read", where=str(path), received=str(error)) from error
    if len(data) != size:
        raise DataError(
            "the IDX file has another length than its header says",
            where=str(path),
            expected=f"{size:,} bytes",
            received=f"{len(data):,}",
        )
    return np.frombuffer(bytearray(data), np.uint8).reshape(shape)


def write_idx(path: Path, array: npt.NDArray[np.uint8]) -> None:
    """Writes a gzipped IDX file; the same array gives the same bytes.

    Side effects: overwrites `path`.
    """
    head = bytes([0, 0, _UINT8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=0) as file:
        file.write(head + np.ascontiguousarray(array).tobytes())
