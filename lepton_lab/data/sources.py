"""Loads data again from the plain JSON that a `DataBundle` keeps as its `source`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lepton_lab.data.audio import load_audio
from lepton_lab.data.builtin import DATASETS, load_dataset
from lepton_lab.data.bundle import DataBundle
from lepton_lab.data.images import load_images
from lepton_lab.data.tables import load_table
from lepton_lab.data.text import load_text
from lepton_lab.errors import DataError, PluginError, UnknownNameError
from lepton_lab.plugins import install_line

__all__ = ["LOADERS", "load_source"]

LOADERS: dict[str, Callable[..., DataBundle]] = {
    "load_audio": load_audio,
    "load_dataset": load_dataset,
    "load_images": load_images,
    "load_table": load_table,
    "load_text": load_text,
}
"""What a source may name; nothing else is ever called."""


def load_source(source: Mapping[str, Any] | None) -> DataBundle:
    """Loads the same data again.

    Args:
        source: A bundle's `source`, possibly read from a file.

    Raises:
        DataError: There is no source, or its data cannot be loaded any more.
        UnknownNameError: It names a loader that does not exist.
        PluginError: Its data set comes from a plugin that is not installed; gives the install line.
    """
    if source is None:
        raise DataError(
            "this data came from memory and cannot be loaded again",
            expected="data that was loaded by name or from a file",
            do="Load it again as it was made, or save it to a file first",
        )
    known = source if isinstance(source, Mapping) else {}
    loader, args = known.get("loader"), known.get("args")
    if not isinstance(loader, str) or not isinstance(args, Mapping):
        raise DataError(
            "this does not say where the data came from",
            expected="an object with 'loader' and 'args'",
            received=repr(source)[:200],
        )
    if loader not in LOADERS:
        raise UnknownNameError("loader", loader, LOADERS)
    plugin = source.get("plugin")
    if plugin and args.get("name") not in DATASETS:
        raise PluginError(
            f"the data set {args.get('name')!r} comes from {plugin!r}, which is not here",
            do=f"Run the cell that registers it, or install it with: {install_line(str(plugin))}",
        )
    try:
        bundle = LOADERS[loader](**args)
    except TypeError as error:
        raise DataError(f"the source does not fit {loader}", received=str(error)) from error
    if source.get("edits"):
        bundle = bundle.edited(*source["edits"])
    if source.get("augmentation"):
        bundle = bundle.with_augmentation(source["augmentation"])
    if source.get("balance"):
        bundle = bundle.balanced(source["balance"], seed=int(source.get("balance_seed", 0)))
    return bundle
