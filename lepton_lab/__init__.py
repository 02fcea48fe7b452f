"""Lepton Lab: assemble, train, watch, diagnose and take away neural networks in Jupyter."""

__version__ = "0.1.0"
