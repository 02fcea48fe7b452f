"""How much memory a training step takes, estimated from the table of shapes."""

from __future__ import annotations

from lepton_lab.network.shapes import NetworkShapes

__all__ = ["OPTIMIZER_NUMBERS", "training_bytes"]

OPTIMIZER_NUMBERS = {"sgd": 0, "momentum": 1, "rmsprop": 1, "adam": 2, "adamw": 2}
"""Numbers that an optimizer keeps for each weight."""


def training_bytes(shapes: NetworkShapes, batch_size: int, *, optimizer: str = "adam", element_bytes: int = 4) -> int:
    """Bytes at the peak of a training step: weights, gradients, the optimizer's numbers, and what backward needs.

    Backward needs every output that was kept and, at its widest place, the gradients of one layer's input and output
    beside them. Libraries' workspaces and the process itself are not counted, so that this is a lower estimate.

    Args:
        shapes: The network's table.
        batch_size: Samples in a batch.
        optimizer: A name of `OPTIMIZER_NUMBERS`; others count as Adam.
        element_bytes: Bytes of one weight.
    """
    weights = shapes.parameters * element_bytes
    trained = shapes.trainable * element_bytes * (1 + OPTIMIZER_NUMBERS.get(optimizer.lower(), 2))
    widest = max((row.input.bytes + row.output.bytes for row in shapes.rows), default=0)
    return weights + trained + batch_size * (shapes.input.bytes + shapes.activation_bytes + widest)
