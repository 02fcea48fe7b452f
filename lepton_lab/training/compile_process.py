"""The process that compiles training steps: reads an order as JSON from its standard input, writes a library.

    python -m lepton_lab.training.compile_process < order.json

A process of its own, because torch's compiler takes some ten seconds of Python that would stop every other thread of
a notebook, and because it can run at the lowest priority. `compile_job` writes the orders and loads the libraries.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lepton_lab.training.blueprint import built
from lepton_lab.training.compiled import several_steps
from lepton_lab.training.losses import bind_loss

__all__ = ["compile_order", "main"]

_KEPT = 40  # libraries in the cache, of 1 to 5 MB each
_RELATIVE, _ABSOLUTE = 1e-3, 1e-4  # by how much compiled and eager numbers may differ


def compile_order(order: dict[str, Any], library: Path) -> None:
    """Compiles what an order describes, compares it with eager steps, and puts it at `library` with a note beside it.

    Args:
        order: What `compile_job.order_of` has made.
        library: The file to write; it appears whole.

    Raises:
        RuntimeError: Compiled and eager steps differ.
    """
    run, arguments = _function(order)
    import torch._inductor.lowering  # decompositions need it
    from torch._inductor.decomposition import select_decomp_table
    from torch.fx.experimental.proxy_tensor import make_fx

    graph = make_fx(run, tracing_mode="fake", decomposition_table=select_decomp_table())(*arguments)
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent, prefix="compiling-") as folder:
        made = Path(folder) / "steps.so"
        options = {
            "cpp.threads": order["threads"],
            "aot_inductor.output_path": str(made),
            "aot_inductor.compile_wrapper_opt_level": "O0",  # it only calls the kernels
        }
        torch._inductor.aot_compile(graph, tuple(arguments), options=options)
        _compare(run, made, arguments)
        checksum = hashlib.sha256(made.read_bytes()).hexdigest()
        about = {"sha256": checksum, "seconds": time.time() - order["ordered"], "kind": order["kind"]}
        note = Path(folder) / "steps.json"
        note.write_text(json.dumps(about), encoding="utf-8")
        note.replace(library.with_suffix(".json"))
        made.replace(library)
    _forget_oldest(library.parent)


def _function(order: dict[str, Any]) -> tuple[Callable[..., tuple[Tensor, Tensor]], list[Tensor]]:
    module = built(order["network"])
    shapes = [list(p.shape) for p in module.parameters()]
    count = len(shapes)
    if shapes != [shape for shape, _, _ in order["tensors"][:count]]:
        raise RuntimeError("the network that was rebuilt has other parameters")
    *state, x, y, rates = [_example(*tensor) for tensor in order["tensors"]]
    groups = (len(state) - 1) // count - 1
    with torch.device("meta"):
        output = module(torch.empty(x.shape[1:], device="meta"))
    if not y.is_floating_point():
        y = torch.arange(y.numel()).reshape(y.shape) % min(2, output.shape[1])
    elif y.dim() > 1:
        y = torch.rand(y.shape)
    loss = _loss(order["loss"], torch.zeros(output.shape), y[0])
    name, options, steps = order["optimizer"]["name"], order["optimizer"]["options"], order["steps"]
    train = several_steps(module, loss, name, options, steps)

    def run(*flat: Tensor) -> tuple[Tensor, Tensor]:
        params, rest = list(flat[:count]), flat[count:]
        states = [list(rest[i * count : (i + 1) * count]) for i in range(groups)]
        return train(params, states, *rest[groups * count :])

    return run, [*state, x, y, rates]


def _example(shape: list[int], stride: list[int], dtype: str) -> Tensor:
    """Numbers of the size of a young network's: weights and samples; states and counters are taken as they come."""
    kind = getattr(torch, dtype)
    tensor = torch.empty_strided(shape, stride, dtype=kind)
    return tensor.normal_(std=0.05).abs_() if kind.is_floating_point else tensor.zero_()


def _loss(about: dict[str, Any], output: Tensor, y: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    if "module" in about:
        module: nn.Module = built(about["module"])
        return module
    weights = about["class_weights"]
    return bind_loss(
        about["name"], output, y,
        probabilities=about["probabilities"], options=about["options"], label_smoothing=about["label_smoothing"],
        class_weights=None if weights is None else torch.tensor(weights),
    )  # fmt: skip


def _compare(run: Callable[..., Any], library: Path, arguments: list[Tensor]) -> None:
    """Holds the library against the function that it was made of.

    Raises:
        RuntimeError: They differ.
    """
    runner = torch._C._aoti.AOTIModelContainerRunnerCpu(str(library), 1)
    first, second = [t.clone() for t in arguments], [t.clone() for t in arguments]
    compiled, eager = [*runner.run(first), *first], [*run(*second), *second]
    for a, b in zip(compiled, eager, strict=True):
        if not torch.allclose(a, b, _RELATIVE, _ABSOLUTE):
            raise RuntimeError("compiled steps do not do what eager ones do")


def _forget_oldest(folder: Path) -> None:
    libraries = sorted(folder.glob("*.so"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in libraries[_KEPT:]:
        path.unlink(missing_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)


def main() -> None:
    """Carries out the order on standard input."""
    order = json.load(sys.stdin)
    torch.set_num_threads(1)
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no pool of processes for one file
    compile_order(order, Path(order["library"]))


if __name__ == "__main__":
    main()
