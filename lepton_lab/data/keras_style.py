"""Standard sets in the form that Keras gives them: `datasets.mnist.load_data()`; `to_categorical`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lepton_lab.data.standard import load_standard
from lepton_lab.errors import DataError

__all__ = ["KerasSet", "cifar10", "cifar100", "fashion_mnist", "kmnist", "mnist", "svhn", "to_categorical"]

Arrays = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class KerasSet:
    """One standard set.

    Args:
        name: Its name for `load_dataset`.
        colour: Whether images are (N, H, W, 3) with labels (N, 1); else (N, H, W) with labels (N,).
    """

    def __init__(self, name: str, colour: bool) -> None:
        self.name, self.colour = name, colour

    def load_data(self) -> tuple[Arrays, Arrays]:
        """`(x_train, y_train), (x_test, y_test)`: images uint8, labels uint8 for grey and int64 for colour.

        Raises:
            DataError: The set is neither here nor can it be downloaded.
        """
        arrays = load_standard(self.name)
        return self._form(arrays.x_train, arrays.y_train), self._form(arrays.x_test, arrays.y_test)

    def _form(self, x: npt.NDArray[np.uint8], y: npt.NDArray[np.int64]) -> Arrays:
        if self.colour:
            return np.ascontiguousarray(x.transpose(0, 2, 3, 1)), y[:, None]
        return x[:, 0], y.astype(np.uint8)

    def __repr__(self) -> str:
        return f"<data set {self.name!r}: load_data() gives (x_train, y_train), (x_test, y_test)>"


mnist = KerasSet("mnist", colour=False)
fashion_mnist = KerasSet("fashion-mnist", colour=False)
kmnist = KerasSet("kmnist", colour=False)
cifar10 = KerasSet("cifar10", colour=True)
cifar100 = KerasSet("cifar100", colour=True)
svhn = KerasSet("svhn", colour=True)


def to_categorical(y: npt.ArrayLike, num_classes: int | None = None) -> npt.NDArray[np.float32]:
    """Class numbers as one-hot rows, float32 (N, num_classes).

    Args:
        y: Whole numbers from 0, (N,) or (N, 1).
        num_classes: Width of a row; the largest number and one where None.

    Raises:
        DataError: Numbers below 0, not whole, or from `num_classes` on.
    """
    labels = np.asarray(y)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels.reshape(labels.shape[:-1])
    try:
        whole = labels.astype(np.int64)
        right = bool((whole == labels).all()) and (whole.size == 0 or whole.min() >= 0)
    except (TypeError, ValueError):
        right = False
    if not right:
        raise DataError("these are not class numbers", expected="whole numbers from 0", received=str(labels[:5]))
    width = num_classes if num_classes is not None else (int(whole.max()) + 1 if whole.size else 0)
    if whole.size and whole.max() >= width:
        raise DataError(
            "a class number is outside the classes",
            expected=f"0 to {width - 1}",
            received=str(int(whole.max())),
            do=f"Pass num_classes={int(whole.max()) + 1}",
        )
    return np.eye(width, dtype=np.float32)[whole]
