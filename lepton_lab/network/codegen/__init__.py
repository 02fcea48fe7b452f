"""Writes a network as the PyTorch module that a good programmer would have written.

Here live the text of expressions (`expression`), where classes come from (`sources`), classes for blocks
(`blocks`) and the module as a whole (`module`). Nothing here constructs or runs a network.
"""

from lepton_lab.network.codegen.module import to_python

__all__ = ["to_python"]
