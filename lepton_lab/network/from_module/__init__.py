"""Reads an `nn.Module` back as a `NetworkSpec`.

Here live tracing with shapes (`trace`), taking graphs apart into layers and blocks (`graph`, `reader`, `functions`,
`modules`, `patterns`, `sharing`) and the check against the original (`verify`). The layer for what cannot be read,
`Opaque`, lives with the other layers.
"""

from lepton_lab.network.from_module.reading import ModuleReading, from_module, read_module

__all__ = ["ModuleReading", "from_module", "read_module"]
