"""MNIST with a small fully connected network, at its best."""

from __future__ import annotations

from lepton_lab.network import zoo
from lepton_lab.recipes.recipe import Recipe

__all__ = ["MNIST_MLP", "MNIST_MLP_PLAIN"]

_DATA = {"loader": "load_dataset", "args": {"name": "mnist", "valid": 0}}
_SETTINGS = {
    "optimizer": "adam",
    "lr": 0.01,
    "schedule": "one_cycle",
    "epochs": 10,
    "batch_size": 128,
}

MNIST_MLP = Recipe(
    name="mnist-mlp",
    summary="Digits with a 784-64-64-10 network: slightly turned, moved and scaled images, one cycle of the rate",
    network=zoo.mlp(),
    data=_DATA,
    augmentation=({"kind": "affine", "degrees": 7, "translate": 0.03, "scale": [0.93, 1.07], "shear": 4},),
    settings=_SETTINGS,
)

MNIST_MLP_PLAIN = Recipe(
    name="mnist-mlp-plain",
    summary="Digits with a 784-64-64-10 network, images as they are",
    network=zoo.mlp(),
    data=_DATA,
    settings=_SETTINGS,
)
