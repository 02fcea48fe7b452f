"""The front end's built modules."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lepton_lab.errors import LeptonError

__all__ = ["STATIC", "bundle"]

STATIC = Path(__file__).parent / "static"


@cache
def bundle(name: str) -> str:
    """The text of a widget's ES module.

    Raises:
        LeptonError: It was not built.
    """
    path = STATIC / f"{name}.js"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LeptonError(
            f"the front end of {name!r} is missing",
            where=str(path),
            do="Install the package again with pip, which builds it; in a checkout call `make frontend`",
        ) from None
