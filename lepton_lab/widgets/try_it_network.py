"""A network's present weights in a copy, so that a sample is answered at once, whatever the training does."""

from __future__ import annotations

import copy
import threading

import torch
from torch import Tensor, nn

from lepton_lab.errors import DataError
from lepton_lab.probes.layers import Layers
from lepton_lab.training.evaluate import outcome, predict
from lepton_lab.widgets.feature_map_viewer_source import Origin, Source

__all__ = ["Present"]


class Present:
    """Answers with a copy of the weights that is renewed now and then.

    Args:
        source: Where the weights come from.
        task: The data's task.

    Attributes:
        origin: Which weights the copy holds; None before the first.

    Threads: safe. `renew` may wait for a batch of the training, `answer` never does after the first time.
    """

    def __init__(self, source: Source, task: str) -> None:
        self._source, self._task = source, task
        self._lock = threading.Lock()
        self._copy: nn.Module | None = None
        self._random = False
        self.origin: Origin | None = None

    def behind(self) -> bool:
        """Whether there are newer weights than those of the copy."""
        found, have = self._source.origin(), self.origin
        return have is None or (found.kind, found.step) != (have.kind, have.step)

    def renew(self, x: Tensor) -> Tensor:
        """Copies the present weights, and answers a prepared sample with them.

        Raises:
            LeptonError: There are none.
        """
        origin = self._source.origin()

        def work(module: nn.Module, _: Layers) -> Tensor:
            before = torch.get_rng_state()
            found = self._outcome(module, x)
            with self._lock:
                self._random = not torch.equal(before, torch.get_rng_state())
                self._take(module)
            return found

        found = self._source.examine(work)
        self.origin = origin
        return found

    def answer(self, x: Tensor) -> Tensor:
        """What the network says of a prepared sample: probabilities or values, without the batch axis."""
        with self._lock:
            if self._copy is not None and not self._random:
                return self._outcome(self._copy, x)
        return self.renew(x)

    def answers(self, x: Tensor) -> Tensor:
        """The same for a batch of samples."""
        self.answer(x[0])
        with self._lock:
            if self._copy is not None and not self._random:
                return self._outcomes(self._copy, x)
        return self._source.examine(lambda module, _: self._outcomes(module, x))

    def _outcome(self, module: nn.Module, x: Tensor) -> Tensor:
        return self._outcomes(module, x[None])[0]

    def _outcomes(self, module: nn.Module, x: Tensor) -> Tensor:
        found = outcome(predict(module, x), module, self._task)
        if found.dim() > 2:
            raise DataError(
                "the network's answer is no row of numbers", expected="one number for each class or target",
                received=f"numbers in the shape {tuple(found.shape[1:])}", do="End the network with a Linear layer",
            )  # fmt: skip
        if self._task == "binary" and found.shape[-1] == 1:
            return torch.cat([1 - found, found], 1)  # one output says how sure it is of the second class
        return found if found.dim() == 2 else found[:, None]

    def _take(self, module: nn.Module) -> None:
        try:
            if self._copy is None:
                self._copy = copy.deepcopy(module)
                return
            with torch.no_grad():
                ours = [*self._copy.parameters(), *self._copy.buffers()]
                theirs = [*module.parameters(), *module.buffers()]
                for a, b in zip(ours, theirs, strict=True):
                    a.copy_(b)
        except (RuntimeError, TypeError, AttributeError, ValueError):  # it holds a lock, a file, a graph …
            self._copy = None
