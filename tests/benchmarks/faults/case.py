"""What one case of the suite is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lepton_lab.data import DataBundle


@dataclass
class Setup:
    """What is trained.

    Attributes:
        model: A specification or a module.
        data: The data.
        settings: Keyword arguments of `Trainer`, `epochs` and `batch_size` among them.
        trains: Whether it is trained at all, or only looked at before.
        fails: Whether the training is expected to end with an error.
    """

    model: Any
    data: DataBundle
    settings: dict[str, Any] = field(default_factory=dict)
    trains: bool = True
    fails: bool = False


@dataclass(frozen=True)
class Trial:
    """A case: how it is made, and what is right to say about it.

    Attributes:
        name: What is broken, or what is healthy.
        make: Makes it.
        rules: The rules that name the fault; empty for a healthy one.
        layers: Layers that may be named; empty where the fault is in no layer.
    """

    name: str
    make: Callable[[], Setup]
    rules: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
