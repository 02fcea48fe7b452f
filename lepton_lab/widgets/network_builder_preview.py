"""One real sample sent through the untrained network, beside the edits and never in their way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lepton_lab.data import DataBundle
from lepton_lab.errors import LeptonError
from lepton_lab.network import BlockSpec, LayerSpec, NetworkSpec

__all__ = ["Picture", "Preview", "filters_of", "sample_of"]

_MAPS, _SIDE, _BARS = 8, 28, 165
_APART_S = 0.3  # between two pictures: the wire has its limits
_REST_S = 0.2  # without an edit before a picture is made: the shapes go out first, and who types needs only the last
_LATEST_S = 1.0  # after the first edit: who goes on and on typing sees a picture now and then
_HEAVIEST = 2_000_000_000  # multiply-adds: about a second on one core
_LARGEST = 30_000_000  # parameters: about half a second to draw them at random


class _OutdatedError(Exception):
    """A newer network is waiting."""


@dataclass
class Picture:
    """What one sample becomes in each layer.

    Attributes:
        version: The builder's version of the network.
        rows: For each path: `n` maps of `height` × `width`, at an offset in `codes`; the values that 0 and 255 mean.
        codes: All maps, eight bits a value.
        note: Why there is none, in plain words; empty where there is.
        module: The untrained module.
    """

    version: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    codes: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    note: str = ""
    module: nn.Module | None = None


class Preview:
    """Makes pictures in a thread of its own; only the latest wish counts.

    Args:
        done: Called in that thread with each picture that is still wanted.
    """

    def __init__(self, done: Callable[[Picture], None]) -> None:
        self._done = done
        self._lock = threading.Condition()
        self._wish: tuple[int, NetworkSpec, Tensor] | None = None
        self._due = self._latest = 0.0  # when to begin with it: `time.monotonic`
        self._thread: threading.Thread | None = None
        self._closed = False

    def ask(self, version: int, network: NetworkSpec, sample: Tensor, *, soon: bool = False) -> None:
        """Wishes for a picture; one that is being made for an older wish is given up.

        Args:
            version: Goes into the picture.
            network: What the sample is sent through.
            sample: A prepared sample without the batch axis.
            soon: Whether somebody waits for the picture itself; else it is made when the edits come to rest.
        """
        with self._lock:
            if self._closed:
                return
            now = time.monotonic()
            if self._wish is None:
                self._latest = now + _LATEST_S
            self._wish = (version, network, sample)
            self._due = now if soon else min(now + _REST_S, self._latest)
            if self._thread is None:
                self._thread = threading.Thread(target=self._go, name="lepton-preview", daemon=True)
                self._thread.start()
            self._lock.notify()

    def close(self) -> None:
        """Ends the thread."""
        with self._lock:
            self._closed, self._wish = True, None
            self._lock.notify()

    def _outdated(self) -> None:
        if self._wish is not None or self._closed:
            raise _OutdatedError

    def _go(self) -> None:
        while True:
            with self._lock:
                while self._wish is None and not self._closed:
                    if not self._lock.wait(5.0):
                        self._thread = None
                        return
                while not self._closed and (rest := self._due - time.monotonic()) > 0:
                    self._lock.wait(rest)
                if self._closed:
                    return
                assert self._wish is not None
                (version, network, sample), self._wish = self._wish, None
            try:
                picture = picture_of(version, network, sample, self._outdated)
            except _OutdatedError:
                continue
            self._done(picture)
            with self._lock:
                self._lock.wait_for(lambda: self._closed, _APART_S)


def picture_of(
    version: int, network: NetworkSpec, sample: Tensor, still_wanted: Callable[[], None] = lambda: None
) -> Picture:
    """Builds the network with seed 0 and sends one sample through it, in evaluation mode.

    Args:
        version: Goes into the picture.
        network: A network; an invalid one is drawn as far as it goes.
        sample: A prepared sample without the batch axis.
        still_wanted: Called between layers; raises to give up.
    """
    network = _valid_part(network)
    if not network.layers:
        return Picture(version)
    shapes = network.infer_shapes()
    if shapes.parameters > _LARGEST or shapes.multiply_adds > _HEAVIEST:
        return Picture(version, note="This network is too large for a preview while it is edited.")
    try:
        module = network.build("cpu", seed=0).eval()
        outputs = _outputs(network, module, sample, still_wanted)
    except LeptonError as error:
        return Picture(version, note=str(error))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:  # a stranger's module may do as it likes
        return Picture(version, note=f"The sample cannot pass: {str(error).splitlines()[0][:200]}")
    rows: list[dict[str, Any]] = []
    parts: list[NDArray[np.uint8]] = []
    at = 0
    for path, value in outputs.items():
        row, codes = _drawn(value)
        rows.append({"path": path, "at": at, **row})
        parts.append(codes)
        at += codes.size
    return Picture(version, rows, np.concatenate(parts) if parts else np.zeros(0, np.uint8), "", module)


def _valid_part(network: NetworkSpec) -> NetworkSpec:
    """The outer layers before the one at fault."""
    check = network.check()
    if check.ok:
        return network
    good = {row.path for row in check.rows if row.depth == 0}
    count = next((n for n, layer in enumerate(network.layers) if layer.name not in good), len(network.layers))
    return network.changed(layers=network.layers[:count])


def _outputs(
    network: NetworkSpec, module: nn.Module, sample: Tensor, still_wanted: Callable[[], None]
) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    hooks = []

    def keep(path: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            still_wanted()
            if isinstance(output, Tensor):
                found[path] = output[0]

        return hook

    order = [path for path, _ in network.walk()]
    try:
        for path, (_, part) in _parts(network.layers, module, "").items():
            hooks.append(part.register_forward_hook(keep(path)))
        with torch.no_grad():
            module(sample.unsqueeze(0))
    finally:
        for handle in hooks:
            handle.remove()
    return {path: found[path] for path in order if path in found}


def _parts(
    layers: Sequence[LayerSpec], module: nn.Module, prefix: str
) -> dict[str, tuple[nn.Module | None, nn.Module]]:
    """Each layer's main module (not the activation behind it), and the one that gives its output, by path."""
    own: dict[str, list[tuple[str, nn.Module]]] = {layer.name: [] for layer in layers}
    for name, part in module.named_children():
        of = [known for known in own if name == known or name.startswith(f"{known}_")]
        if of:
            own[max(of, key=len)].append((name, part))
    found: dict[str, tuple[nn.Module | None, nn.Module]] = {}
    for layer in layers:
        path = f"{prefix}/{layer.name}" if prefix else layer.name
        parts = own[layer.name]
        if not parts:
            continue
        main = dict(parts).get(layer.name)
        found[path] = (main, parts[-1][1])
        if isinstance(layer, BlockSpec) and main is not None:
            for part_name, inner in layer.children().items():
                holder = (
                    main if not part_name else getattr(main, part_name, None) or getattr(main, str(layer.runs), None)
                )
                if isinstance(holder, nn.Module):
                    found.update(_parts(inner, holder, f"{path}/{part_name}" if part_name else path))
    return found


def _drawn(value: Tensor) -> tuple[dict[str, Any], NDArray[np.uint8]]:
    """Some maps of one layer's output for one sample, in eight bits with one scale."""
    x = value.detach().to("cpu", torch.float32)
    if x.dim() >= 3:
        maps = x.reshape(x.shape[0], x.shape[-2] * (x[0].numel() // (x.shape[-1] * x.shape[-2])), x.shape[-1])[:_MAPS]
        kind, of = "maps", x.shape[0]
    elif x.dim() == 2:
        maps, kind, of = x.unsqueeze(0), "sequence", 1
    else:
        maps, kind, of = x.reshape(1, 1, -1), "bars", x.numel()
    most = (1, _BARS) if kind == "bars" else (_SIDE, _SIDE if kind == "maps" else _BARS)
    height, width = (min(n, m) for n, m in zip(maps.shape[-2:], most, strict=True))
    if (height, width) != tuple(maps.shape[-2:]):
        steps = [-(-n // m) for n, m in zip(maps.shape[-2:], most, strict=True)]
        maps = nn.functional.avg_pool2d(maps.unsqueeze(0), steps, ceil_mode=True)[0]
        height, width = maps.shape[-2:]
    array = np.nan_to_num(maps.numpy().astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(array.min(initial=0.0)), float(array.max(initial=0.0))
    codes = np.rint((array - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)
    row = {"kind": kind, "n": int(maps.shape[0]), "of": int(of), "height": height, "width": width}
    return {**row, "low": low, "high": high}, codes.ravel()


def sample_of(data: DataBundle, index: int) -> tuple[Tensor, dict[str, Any], NDArray[np.uint8]]:
    """A prepared training sample, what is said of it, and its picture where it is an image.

    Args:
        data: The data.
        index: Which sample of train; counted round.
    """
    index %= len(data.train)
    x, y = data.train.sample(index)
    about: dict[str, Any] = {"index": index, "count": len(data.train), "label": "", "data": data.name}
    if data.task.is_classification and data.classes:
        about["label"] = str(data.classes[int(y)])
    elif y.numel() == 1:
        about["label"] = f"{float(y):.4g}"
    if x.dim() == 3 and x.shape[0] in (1, 3):
        image = x.detach().to("cpu", torch.float32)
        low, high = image.amin(), image.amax()
        pixels = ((image - low) / (high - low).clamp_min(1e-12) * 255).round().to(torch.uint8)
        about.update(kind="image", channels=int(x.shape[0]), height=int(x.shape[1]), width=int(x.shape[2]))
        return x, about, np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
    row, codes = _drawn(x)
    return x, {**about, **row, "kind": "values"}, codes


def filters_of(module: nn.Module, network: NetworkSpec, path: str) -> tuple[dict[str, Any], NDArray[np.uint8]] | None:
    """Some filters of a convolution as they were drawn; None where the layer has none.

    Args:
        module: The built network.
        network: Its description.
        path: The layer.
    """
    part = _parts(network.layers, module, "").get(path, (None, None))[0]
    weight = getattr(part, "weight", None)
    if isinstance(weight, Tensor) and weight.dim() == 4:
        shown = weight.detach().to("cpu", torch.float32)[:12, 0].numpy()
        low, high = float(shown.min()), float(shown.max())
        codes = np.rint((shown - low) * (255 / (high - low) if high > low else 0)).astype(np.uint8)
        shape = list(weight.shape)
        about = {"n": len(shown), "of": shape, "height": shape[2], "width": shape[3], "low": low, "high": high}
        return about, codes.ravel()
    return None
