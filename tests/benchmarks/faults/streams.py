"""A split that takes its time."""

import time
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from lepton_lab.data.bundle import Split, TensorSplit


class SlowSplit(Split):
    """Reads as if from a slow disk.

    Args:
        inner: Where the samples are.
        seconds: What a batch takes.
    """

    def __init__(self, inner: TensorSplit, seconds: float) -> None:
        self.inner, self.seconds = inner, seconds

    def __len__(self) -> int:
        return len(self.inner)

    def targets(self) -> Tensor:
        return self.inner.targets()

    def tensors(self) -> None:
        return None

    def batches(self, batch_size: int, **options: Any) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self.inner.batches(batch_size, **options):
            time.sleep(self.seconds)
            yield batch

    def sample(self, index: int) -> tuple[Tensor, Tensor]:
        return self.inner.sample(index)

    def digest(self) -> str:
        return self.inner.digest()

    def with_augmentation(self, spec: Any) -> "SlowSplit":
        return SlowSplit(self.inner.with_augmentation(spec), self.seconds)

    def resampled(self, **options: Any) -> "SlowSplit":
        return SlowSplit(self.inner.resampled(**options), self.seconds)
