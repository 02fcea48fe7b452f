"""Two-dimensional views of a network: the last hidden layer as a map of samples, and decision boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lepton_lab.errors import DataError, MissingExtraError, TrainingError, UnknownNameError
from lepton_lab.probes.access import Trains, examine, layers_of, look, prepare, split_of
from lepton_lab.probes.layers import first_tensor

__all__ = ["Boundary", "Embedding", "decision_boundary", "embedding", "hidden_of", "lay_out"]

_METHODS = ("pca", "umap")
_FEWEST, _FEW = 5, 30  # samples for UMAP at all, and for the spectral way to begin
_EPOCHS_ON = 100  # of UMAP, from where an earlier map ended


@dataclass(frozen=True)
class Embedding:
    """Samples as points of a plane, close together where the last hidden layer puts out alike.

    Attributes:
        points: (n, 2).
        targets: Their targets (n, …).
        layer: The layer whose input was taken: the last one with parameters.
        method: "pca" or "umap".
        explained: Share of the variance that each axis shows (2,); NaN for "umap".
    """

    points: NDArray[np.float32]
    targets: NDArray[Any]
    layer: str
    method: str
    explained: NDArray[np.float32]


def embedding(
    run: nn.Module | Trains,
    split: Any = "valid",
    n: int = 1000,
    method: str = "pca",
    *,
    seed: int = 0,
    start: NDArray[np.float32] | None = None,
) -> Embedding:
    """A map of samples by what reaches the last layer with parameters, with the weights of this moment.

    Args:
        run: A run, also while it trains, or a module.
        split: The name of a split of the run's data, a `DataBundle`, a split, or samples and targets.
        n: Samples at most; drawn at random, the same ones each time.
        method: "pca", or "umap" where umap-learn is installed.
        seed: Of the draw, and of UMAP.
        start: Where UMAP begins (n, 2), such as the points of an earlier look at the same samples: so the map of a
            network that learns moves, and does not jump. Ignored where the number of samples is another one.

    Raises:
        UnknownNameError: There is no such method.
        MissingExtraError: umap-learn is not installed.
        DataError: There is no such split, no sample in it, too few for UMAP, or the network puts out NaN.

    Side effects: the name "test" counts as a look at the test set.
    """
    if method not in _METHODS:
        raise UnknownNameError("method", method, _METHODS)
    hidden, targets, label = hidden_of(run, split, n, seed=seed)
    points, explained = lay_out(hidden, method, seed=seed, start=start)
    return Embedding(points, targets.numpy(), label, method, explained)


def hidden_of(run: nn.Module | Trains, split: Any, n: int, *, seed: int = 0) -> tuple[Tensor, Tensor, str]:
    """What of `n` samples reaches the last layer with parameters (n, D), their targets (n, …), and that layer.

    Raises:
        DataError: There is no such split, no sample in it, or the network puts out NaN.
    """
    source = split_of(run, split)
    generator = torch.Generator().manual_seed(seed)
    batches = source.batches(256, shuffle=True, generator=generator) if hasattr(source, "batches") else source

    def work(module: nn.Module) -> tuple[Tensor, Tensor, str]:
        known = layers_of(run, module)
        inputs: list[Tensor] = []
        targets: list[Tensor] = []
        label, count = "", 0
        for x, y in batches:
            last, label = _before_last(module, known, prepare(run, x, module))
            inputs.append(last.reshape(len(last), -1)[: n - count].cpu().float())
            targets.append(y[: n - count].cpu())
            count += len(inputs[-1])
            if count >= n:
                break
        if not inputs:
            raise DataError("there are no samples to show", do="Name a split that is not empty")
        return torch.cat(inputs), torch.cat(targets), label

    hidden, targets, label = examine(run, work)
    if not bool(hidden.isfinite().all()):
        raise DataError(
            f"what reaches {label!r} holds NaN or infinity",
            expected="numbers, to lay samples out by them",
            do="Ask the doctor where it began: lepton_lab.diagnose(run)",
        )
    return hidden, targets, label


def lay_out(
    hidden: Tensor, method: str, *, seed: int = 0, start: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows (n, D) as points of a plane (n, 2), and the share of the variance that each axis shows; see `embedding`."""
    if method == "umap":
        return _umap(hidden, seed, start), np.full(2, np.nan, dtype=np.float32)
    return _pca(hidden)


@dataclass(frozen=True)
class Boundary:
    """What a network says about every point of a rectangle.

    Attributes:
        x: Positions along the first input (W,).
        y: Positions along the second input (H,).
        scores: Its outputs (H, W, C): probabilities where the run classifies, raw outputs otherwise.
        classes: The class with the highest score (H, W); for one output 1 where it is above one half or 0.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]


def decision_boundary(
    run_or_module: nn.Module | Trains, bounds: Sequence[Sequence[float]], resolution: int = 100
) -> Boundary:
    """What a network of two inputs says about a rectangle, with the weights of this moment.

    Args:
        run_or_module: A run, whose preprocessing is applied to the points, or a module that takes them as they are.
        bounds: ((least x, largest x), (least y, largest y)).
        resolution: Points along each axis.

    Raises:
        TrainingError: The bounds are no rectangle, or the network does not take two inputs.
    """
    try:
        (x0, x1), (y0, y1) = ((float(a), float(b)) for a, b in bounds)
    except (TypeError, ValueError):
        raise TrainingError("these are no bounds", expected="((x0, x1), (y0, y1))", received=repr(bounds)) from None
    if not (x0 < x1 and y0 < y1) or resolution < 2:
        raise TrainingError(
            "the rectangle is empty", expected="x0 < x1, y0 < y1, resolution ≥ 2", received=repr((bounds, resolution))
        )
    x, y = np.linspace(x0, x1, resolution, dtype=np.float32), np.linspace(y0, y1, resolution, dtype=np.float32)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)

    def work(module: nn.Module) -> Tensor:
        points = prepare(run_or_module, grid, module)
        module.eval()
        try:
            with torch.no_grad():
                output: Tensor = module(points)
        except RuntimeError as error:
            raise TrainingError(
                "the network does not take two inputs", expected="samples of shape (N, 2)", received=str(error)
            ) from error
        return output.float().reshape(len(points), -1).cpu()

    output = examine(run_or_module, work)
    about = getattr(run_or_module, "data", None) or {}
    task = str(about.get("task", "")) if isinstance(about, dict) else ""
    scores = _probabilities(output, task)
    one = scores.shape[1] == 1
    classes = (scores[:, 0] > (0.5 if task in ("binary", "multilabel") else 0)).long() if one else scores.argmax(1)
    shape = resolution, resolution
    return Boundary(x, y, scores.reshape(*shape, -1).numpy(), classes.reshape(shape).numpy())


def _before_last(module: nn.Module, known: Any, x: Tensor) -> tuple[Tensor, str]:
    """The input of the last layer with parameters of its own that the forward pass comes to."""
    seen: list[tuple[str, Tensor]] = []

    def hook(label: str) -> Any:
        def keep(part: nn.Module, inputs: Any) -> None:
            found = first_tensor(inputs)
            if found is not None:
                seen[:] = [(label, found.detach())]

        return keep

    separator = known._separator
    handles = [
        part.register_forward_pre_hook(hook(path.replace(".", separator))) for path, part in known.owner_modules()
    ]
    try:
        look(module, known, x, lambda *_: None)
    finally:
        for handle in handles:
            handle.remove()
    return (seen[0][1], seen[0][0]) if seen else (x.float(), "")


def _pca(hidden: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    centred = (hidden - hidden.mean(0)).double()
    _, sizes, axes = torch.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()  # an axis and its mirror image are the same
    points = centred @ (axes * torch.where(signs == 0, 1.0, signs)).T
    variance = sizes.square()
    explained = variance[:2] / variance.sum().clamp_min(1e-30)
    pad = 2 - points.shape[1]
    points, explained = nn.functional.pad(points, (0, pad)), nn.functional.pad(explained, (0, pad))
    return points.float().numpy(), explained.float().numpy()


def _umap(hidden: Tensor, seed: int, start: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """UMAP (McInnes, Healy and Melville 2018), one thread, so that a seed gives the same map."""
    try:
        import umap
    except ImportError as error:
        raise MissingExtraError("umap-learn", "umap", "a map by UMAP") from error
    n = len(hidden)
    if n < _FEWEST:
        raise DataError("UMAP has too few samples", expected=f"at least {_FEWEST}", received=str(n), do='Use "pca"')
    known = start is not None and start.shape == (n, 2)
    init = np.asarray(start, dtype=np.float32) if known else "spectral" if n > _FEW else "random"
    made = umap.UMAP(
        n_components=2,
        n_neighbors=min(15, n - 1),
        random_state=seed,
        n_jobs=1,
        init=init,
        n_epochs=_EPOCHS_ON if known else None,
    )
    return np.asarray(made.fit_transform(hidden.numpy()), dtype=np.float32)


def _probabilities(output: Tensor, task: str) -> Tensor:
    if task in ("binary", "multiclass") and output.shape[1] > 1:
        rows = output.sum(1)
        already = bool((output >= 0).all()) and bool(torch.allclose(rows, torch.ones_like(rows), atol=1e-3))
        return output if already else output.softmax(1)
    if task in ("binary", "multilabel"):
        return output if bool(((output >= 0) & (output <= 1)).all()) else output.sigmoid()
    return output
