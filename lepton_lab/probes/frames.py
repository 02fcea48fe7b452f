"""Feature maps that are kept: eight bits a number, with a scale for each map, in bounded space."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lepton_lab.errors import StoreError, UnknownNameError

__all__ = ["Frame", "Maps", "quantise"]

_HEAD = struct.Struct("<I")


@dataclass(frozen=True)
class Maps:
    """The maps of one layer.

    Attributes:
        codes: (N, C, H, W) for images, (N, C, T) for sequences, (N, F) for vectors; 0 to 255.
        low: What code 0 stands for, one a map: (N, C), or (N,) for vectors.
        scale: What one code is worth, as `low`.
    """

    codes: NDArray[np.uint8]
    low: NDArray[np.float32]
    scale: NDArray[np.float32]

    def values(self) -> NDArray[np.float32]:
        """The maps again; off by half of `scale` at most."""
        extra = (1,) * (self.codes.ndim - self.low.ndim)
        shape = self.low.shape + extra
        out: NDArray[np.float32] = self.codes * self.scale.reshape(shape) + self.low.reshape(shape)
        return out.astype(np.float32)


def quantise(values: NDArray[np.float32]) -> Maps:
    """Rounds maps to eight bits each between their least and their largest value; what is not finite becomes 0.

    Args:
        values: (N, C, …) with a scale for each of N × C maps, or (N, F) with one for each sample.
    """
    clean = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    axes = tuple(range(2, clean.ndim)) or (1,)
    low, high = clean.min(axes), clean.max(axes)
    scale = ((high.astype(np.float64) - low) / 255).astype(np.float32)
    shape = low.shape + (1,) * (clean.ndim - low.ndim)
    divisor = np.where(scale > 0, scale, 1).reshape(shape)
    codes = np.rint((clean - low.reshape(shape)) / divisor).clip(0, 255).astype(np.uint8)
    return Maps(codes, low, scale)


@dataclass(frozen=True)
class Frame:
    """The feature maps of the pinned samples at one step.

    Attributes:
        step: The step.
        layers: The maps by layer, in the order of the network.
    """

    step: int
    layers: Mapping[str, Maps]

    def __getitem__(self, layer: str) -> NDArray[np.float32]:
        """One layer's maps as numbers.

        Raises:
            UnknownNameError: This layer was not kept.
        """
        if layer not in self.layers:
            raise UnknownNameError("layer", layer, self.layers)
        return self.layers[layer].values()

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        return sum(m.codes.nbytes + m.low.nbytes + m.scale.nbytes for m in self.layers.values())

    def to_bytes(self) -> bytes:
        """The frame as one blob: a JSON head and raw little-endian arrays."""
        head = [{"layer": n, "shape": m.codes.shape, "scales": m.low.shape} for n, m in self.layers.items()]
        text = json.dumps({"step": self.step, "layers": head}).encode()
        parts = [_HEAD.pack(len(text)), text]
        for m in self.layers.values():
            parts += [m.codes.tobytes(), m.low.astype("<f4").tobytes(), m.scale.astype("<f4").tobytes()]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frame:
        """Reads what `to_bytes` wrote.

        Raises:
            StoreError: The blob is damaged.
        """
        try:
            (length,) = _HEAD.unpack_from(data)
            head = json.loads(data[_HEAD.size : _HEAD.size + length])
            at, layers = _HEAD.size + length, {}
            for part in head["layers"]:
                shape, scales = tuple(map(int, part["shape"])), tuple(map(int, part["scales"]))
                n, m = math.prod(shape), math.prod(scales)
                codes = np.frombuffer(data, np.uint8, n, at).reshape(shape)
                low = np.frombuffer(data, "<f4", m, at + n).reshape(scales).astype(np.float32)
                scale = np.frombuffer(data, "<f4", m, at + n + 4 * m).reshape(scales).astype(np.float32)
                layers[str(part["layer"])] = Maps(codes, low, scale)
                at += n + 8 * m
            if at != len(data):
                raise ValueError(f"{len(data) - at} bytes are left over")
            return cls(int(head["step"]), layers)
        except (ValueError, KeyError, TypeError, struct.error) as error:
            raise StoreError("feature maps of a run's record are damaged", received=str(error)) from error
