"""The engine: trains any module on any data in a background thread, steered and recorded while it runs.

Here live the loop, what a run is, its controls, its history and its checkpoints. Nothing here draws, prints from
the training thread, writes to a store or knows a notebook: upper layers plug in through `recording`.

The public names are those of the stub beside this file. Each is loaded when it is first used, so that whoever only
reads records of runs does not wait for torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
