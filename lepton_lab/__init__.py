"""Lepton Lab: assemble, train, watch, diagnose and take away neural networks in Jupyter.

The public names are those of the stub beside this file; each is loaded when it is first used, so that
`import lepton_lab` costs a few milliseconds and loads neither torch nor ipywidgets nor matplotlib.
"""

from typing import Any

import lazy_loader

__version__ = "0.1.0"

_load, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = sorted([*_names, "__version__"])

_WIRED = ("lepton_lab.training", "lepton_lab.recipes", "lepton_lab.workspace", "lepton_lab.widgets")


def __getattr__(name: str) -> Any:
    value = _load(name)
    if getattr(value, "__module__", "").startswith(_WIRED):
        from lepton_lab import _wiring

        _wiring.connect()
    return value
