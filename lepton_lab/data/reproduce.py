"""The line of Python that makes a bundle again."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lepton_lab.data.bundle import DataBundle

__all__ = ["to_python"]

_FIRST = {"load_dataset": "name", "load_images": "path", "load_audio": "path", "load_table": "source",
          "load_text": "source"}  # fmt: skip


def to_python(bundle: DataBundle, *, variable: str = "data") -> str:
    """Code that loads the same data; empty where it came from memory.

    Only options that differ from the loader's defaults are written, and paths below the current folder are relative.

    Args:
        bundle: What to load again.
        variable: What the code calls it.
    """
    source = bundle.source
    if source is None:
        return ""
    from lepton_lab.data.sources import LOADERS

    loader, args = str(source["loader"]), dict(source["args"])
    first = args.pop(_FIRST[loader], None)
    defaults = {name: p.default for name, p in inspect.signature(LOADERS[loader]).parameters.items()}
    written = [repr(_path(first) if loader != "load_dataset" else first)]
    written += [
        f"{key}={_value(key, value)}"
        for key, value in args.items()
        if value is not None and value != defaults.get(key, ...) and not _implied(key, value, first)
    ]
    code = f"{variable} = ll.{loader}({', '.join(written)})"
    if source.get("edits"):
        code += f".edited({', '.join(map(repr, source['edits']))})"
    if source.get("augmentation"):
        code += f".with_augmentation({list(source['augmentation'])!r})"
    if source.get("balance"):
        seed = source.get("balance_seed")
        code += f".balanced({source['balance']!r}{f', seed={seed}' if seed else ''})"
    return code


def _implied(key: str, value: Any, first: Any) -> bool:
    """Whether the loader would choose the same by itself."""
    if key == "name":
        return bool(value == Path(str(first)).name)
    return isinstance(value, (list, tuple, Mapping)) and not value


def _value(key: str, value: Any) -> str:
    return repr(_path(value) if key.endswith(("path", "_source", "_table")) else value)


def _path(value: Any) -> str:
    path = Path(str(value))
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
