"""Batches for the loop, in an order that depends on the seed and the epoch alone, from any position on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor
from typing_extensions import override

from lepton_lab.data.arrays import ArrayPreprocessing
from lepton_lab.data.augmentation import augment, batch_generator
from lepton_lab.data.bundle import Split, TensorSplit
from lepton_lab.data.image_preprocessing import ImagePreprocessing

__all__ = ["Feed", "ResidentFeed", "StreamFeed", "make_feed"]

_PREPARED_BYTES = 1 << 30  # a split that takes no more once prepared is prepared once and kept
_LARGE = 0x7FFF_FFFF_FFFF_FFFF

Batch = tuple[Tensor, Tensor]


class Feed(ABC):
    """Batches of one split.

    Attributes:
        samples: Samples in an epoch.
        position: Samples of this epoch that were handed out.
        batch_size: Samples of the next batch; may change at any time.
    """

    samples: int
    position: int
    batch_size: int

    @abstractmethod
    def begin(self, epoch: int, position: int = 0) -> None:
        """Starts an epoch (from 0) at a position, in samples."""

    @abstractmethod
    def next(self) -> Batch | None:
        """The next batch, prepared and on the device; None at the epoch's end."""

    @abstractmethod
    def replay(self, start: int, sizes: list[int]) -> Iterator[Batch] | None:
        """Batches of this epoch once more, from a position on; None where they cannot be had again."""

    def batches_left(self) -> int:
        """Batches until the end of the epoch."""
        return -(-(self.samples - self.position) // self.batch_size)

    def retry(self, batch: Batch) -> None:
        """Takes a batch back, to hand its samples out once more."""
        self.position -= len(batch[1])

    @abstractmethod
    def close(self) -> None:
        """Gives memory back."""


class ResidentFeed(Feed):
    """A split that lies on the device; a batch is one gather of its rows.

    Args:
        split: The split.
        batch_size: Samples of a batch.
        device: Where the batches are wanted.
        seed: Of the order and of the augmentation.
        shuffle: Whether every epoch draws a new order.
        channels_last: Whether images are kept with their channels last.
    """

    def __init__(
        self, split: TensorSplit, batch_size: int, device: torch.device, seed: int, shuffle: bool, channels_last: bool
    ) -> None:
        self.split, self.batch_size, self.device, self.seed, self.shuffle = split, batch_size, device, seed, shuffle
        self.samples, self.position, self.epoch = len(split), 0, 0
        self.augmentation = getattr(split, "augmentation", None) or None
        x, self.y = split.on_device(device)
        self.x = x
        self.prepared = self._prepare_once()
        self.layout = channels_last and self.x.dim() == 4
        if self.layout and self.prepared:
            self.x = self.x.contiguous(memory_format=torch.channels_last)
        self.plain = self.prepared and self.x.device == device and not self.augmentation
        self.order: Tensor | None = None

    def _prepare_once(self) -> bool:
        """Prepares all samples now where that is the same every time; returns whether they are prepared."""
        preprocessing = self.split.preprocessing
        if self.augmentation is not None or self.x.device != self.device:
            return False
        if type(preprocessing) not in (ArrayPreprocessing, ImagePreprocessing):
            return False
        one = preprocessing.batch(self.x[:1])
        if one.nbytes * self.samples > _PREPARED_BYTES:
            return False
        if one.dtype == self.x.dtype and preprocessing.batch(self.x) is self.x:
            return True
        self.x = torch.cat([preprocessing.batch(part) for part in torch.split(self.x, 4096)])
        return True

    @override
    def begin(self, epoch: int, position: int = 0) -> None:
        self.epoch, self.position = epoch, position
        self.order = None
        if self.shuffle:
            generator = torch.Generator().manual_seed(_mix(self.seed, epoch))
            self.order = self.split.order(generator).to(self.x.device)

    @override
    def next(self) -> Batch | None:
        start = self.position
        if start >= self.samples:
            return None
        batch = self._at(start, min(start + self.batch_size, self.samples))
        self.position = start + len(batch[1])
        return batch

    def take(self, count: int) -> Batch:
        """The samples of the next batches together; only where `plain`, and where so many are left."""
        batch = self._at(self.position, self.position + count)
        self.position += count
        return batch

    def _at(self, start: int, stop: int) -> Batch:
        if self.order is None:
            x, y = self.x[start:stop], self.y[start:stop]
        else:
            rows = self.order[start:stop]
            x, y = self.x.index_select(0, rows), self.y.index_select(0, rows)
        if not self.plain:
            if x.device != self.device:
                x, y = x.to(self.device), y.to(self.device)
            if self.augmentation is not None:
                x = augment(x, self.augmentation, batch_generator(_mix(self.seed, self.epoch) >> 33, start))
            if not self.prepared:
                x = self.split.preprocessing.batch(x, training=True)
        if self.layout:
            x = x.contiguous(memory_format=torch.channels_last)
        return x, y

    @override
    def replay(self, start: int, sizes: list[int]) -> Iterator[Batch] | None:
        def again() -> Iterator[Batch]:
            position = start
            for size in sizes:
                yield self._at(position, position + size)
                position += size

        return again()

    @override
    def close(self) -> None:
        self.split.release()
        self.x = self.y = torch.empty(0)
        self.order = None


class StreamFeed(Feed):
    """A split that hands out its own batches; a position is reached by leaving out what comes before it.

    Args:
        split: The split.
        batch_size: Samples of a batch; a change takes effect by cutting batches in pieces, or with the next epoch.
        device: Where the batches are wanted.
        seed: Of the order.
        shuffle: Whether every epoch draws a new order.
        channels_last: Whether images are kept with their channels last.
    """

    def __init__(
        self, split: Split, batch_size: int, device: torch.device, seed: int, shuffle: bool, channels_last: bool
    ) -> None:
        self.split, self.batch_size, self.device, self.seed, self.shuffle = split, batch_size, device, seed, shuffle
        self.layout = channels_last
        self.samples, self.position = len(split), 0
        self._source: Iterator[Batch] = iter(())
        self._rest: Batch | None = None

    @override
    def begin(self, epoch: int, position: int = 0) -> None:
        generator = torch.Generator().manual_seed(_mix(self.seed, epoch))
        self._source = self.split.batches(
            self.batch_size, shuffle=self.shuffle, generator=generator, device=self.device, training=True
        )
        self._rest, self.position = None, 0
        while self.position < position:
            batch = self._draw()
            if batch is None:
                return
            left = position - self.position
            if len(batch[1]) > left:
                self._rest = batch[0][left:], batch[1][left:]
            self.position += min(left, len(batch[1]))

    def _draw(self) -> Batch | None:
        if self._rest is not None:
            batch, self._rest = self._rest, None
            return batch
        return next(self._source, None)

    @override
    def next(self) -> Batch | None:
        batch = self._draw()
        if batch is None:
            return None
        x, y = batch
        if len(y) > self.batch_size:
            self._rest = x[self.batch_size :], y[self.batch_size :]
            x, y = x[: self.batch_size], y[: self.batch_size]
        self.position += len(y)
        if self.layout and x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        return x, y

    @override
    def retry(self, batch: Batch) -> None:
        super().retry(batch)
        if self._rest is not None:
            batch = torch.cat([batch[0], self._rest[0]]), torch.cat([batch[1], self._rest[1]])
        self._rest = batch

    @override
    def replay(self, start: int, sizes: list[int]) -> Iterator[Batch] | None:
        return None

    @override
    def close(self) -> None:
        close = getattr(self._source, "close", None)
        if close is not None:
            close()
        self._source, self._rest = iter(()), None


def make_feed(
    split: Split,
    batch_size: int,
    device: torch.device,
    *,
    seed: int = 0,
    shuffle: bool = True,
    channels_last: bool = False,
) -> Feed:
    """The quickest feed for a split."""
    if isinstance(split, TensorSplit):
        return ResidentFeed(split, batch_size, device, seed, shuffle, channels_last)
    return StreamFeed(split, batch_size, device, seed, shuffle, channels_last)


def _mix(seed: int, epoch: int) -> int:
    """A seed of its own for every epoch (the finaliser of SplitMix64, https://doi.org/10.1145/2714064.2660195)."""
    z = (seed + (epoch + 1) * 0x9E3779B97F4A7C15) & 0xFFFF_FFFF_FFFF_FFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFF_FFFF_FFFF_FFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFF_FFFF_FFFF_FFFF
    return (z ^ (z >> 31)) & _LARGE
