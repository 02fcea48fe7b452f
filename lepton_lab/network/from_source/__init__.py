"""Reads the source text of a torch module by its syntax tree. Nothing of the text is ever executed."""

from lepton_lab.network.from_source.read import read_source

__all__ = ["read_source"]
