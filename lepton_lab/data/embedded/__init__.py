"""Data that travels in the package: 3,000 digits of MNIST, and the script that chose them. No loaders here."""

__all__: list[str] = []
