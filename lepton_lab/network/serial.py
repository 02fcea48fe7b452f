"""Layers as plain JSON and back. Nothing of a file is ever executed: kinds are looked up in the catalogue."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lepton_lab.errors import LeptonError, PluginError, SpecError
from lepton_lab.network.base import LayerSpec
from lepton_lab.network.catalogue import LAYERS
from lepton_lab.plugins import install_line
from lepton_lab.registry import BUILT_IN, USER

__all__ = [
    "layer_from_dict",
    "layer_to_dict",
    "network_parts",
    "providers",
    "read_json",
    "revived",
    "write_whole",
]

_DEEPEST = 64  # blocks within blocks; a file that nests deeper is refused


def layer_to_dict(layer: LayerSpec) -> dict[str, Any]:
    """A layer as JSON values: its kind, its plugin where it has one, and what differs from the defaults."""
    result: dict[str, Any] = {"kind": layer.kind}
    provider = LAYERS.entry(layer.kind).provider if layer.kind in LAYERS else USER
    if provider != BUILT_IN:
        result["plugin"] = provider
    for key, info in type(layer).model_fields.items():
        value = getattr(layer, key)
        if info.is_required() or value != info.get_default(call_default_factory=True):
            result[key] = _plain(value)
    return result


def layer_from_dict(data: Any, *, where: str = "network", depth: int = 0) -> LayerSpec:
    """The layer that `layer_to_dict` described.

    Raises:
        PluginError: The layer comes from a plugin that is not installed; names it with its install line.
        UnknownNameError: No such kind; suggests the closest ones.
        SpecError: The description is damaged.
    """
    if depth > _DEEPEST:
        raise SpecError(f"blocks are nested deeper than {_DEEPEST}", where=where)
    if not isinstance(data, Mapping) or not isinstance(data.get("kind"), str):
        raise SpecError(
            "a layer cannot be read", where=where, expected="an object with a 'kind'", received=repr(data)[:120]
        )
    kind, plugin = data["kind"], data.get("plugin")
    if plugin not in (None, BUILT_IN) and (kind not in LAYERS or LAYERS.entry(kind).provider != plugin):
        raise _missing(kind, plugin, where)
    cls = LAYERS.entry(kind, where=where).value
    values = {key: _revived(value, where, depth) for key, value in data.items() if key not in ("kind", "plugin")}
    unknown = [key for key in values if key not in cls.model_fields]
    try:
        return cls(**values)
    except LeptonError as error:
        if error.where is None and not unknown:
            raise SpecError(
                error.what, where=f"{where}: {data.get('name') or kind}",
                expected=error.expected, received=error.received, do=error.do,
            ) from None  # fmt: skip
        raise


def providers(layer: LayerSpec) -> set[str]:
    """The plugins that a layer and those inside it come from."""
    found = set()
    for _, inner in layer.walk():
        provider = LAYERS.entry(inner.kind).provider if inner.kind in LAYERS else USER
        if provider not in (BUILT_IN, USER):
            found.add(provider)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, LayerSpec):
        return layer_to_dict(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _revived(value: Any, where: str, depth: int) -> Any:
    if isinstance(value, Mapping) and "kind" in value:
        return layer_from_dict(value, where=where, depth=depth + 1)
    if isinstance(value, list | tuple):
        return tuple(_revived(item, where, depth) for item in value)
    return value


def _missing(kind: str, plugin: Any, where: str) -> PluginError:
    if plugin == USER:
        return PluginError(
            f"the layer kind {kind!r} is not registered here; it was registered by a notebook or a script",
            where=where,
            do="Run its definition with @register_layer first",
        )
    if not isinstance(plugin, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", plugin):
        return PluginError(f"the layer kind {kind!r} comes from a plugin whose name cannot be read", where=where)
    return PluginError(
        f"the layer kind {kind!r} comes from the plugin {plugin!r}, which is not installed or could not be loaded",
        where=where,
        do=f"Install it with: {install_line(plugin)}",
    )


def network_parts(data: Any, newest: int) -> tuple[list[LayerSpec], dict[str, Any]]:
    """The layers and the other values of a network in its JSON form.

    Args:
        data: What `NetworkSpec.to_dict` gave.
        newest: The schema version that this release writes.

    Raises:
        PluginError: A layer comes from a plugin that is not installed.
        SpecError: The description is damaged or from a newer version.
    """
    if not isinstance(data, Mapping):
        raise SpecError("a network cannot be read", expected="a JSON object", received=type(data).__name__)
    version = data.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise SpecError(
            "a network cannot be read", expected="a schema_version", received=repr(version)[:80],
            do="Check that the file is a network that Lepton Lab saved",
        )  # fmt: skip
    if version > newest:
        raise SpecError(
            "this network was saved by a newer version of Lepton Lab",
            expected=f"schema_version up to {newest}",
            received=str(version),
            do="Update with: pip install --upgrade lepton-lab",
        )
    known = {"schema_version", "name", "input_shape", "input_dtype", "plugins", "layers"}
    if set(data) - known or not isinstance(data.get("layers", []), list):
        raise SpecError(
            "a network cannot be read", expected=", ".join(sorted(known)), received=", ".join(map(str, data))
        )
    values = {key: data[key] for key in ("name", "input_shape", "input_dtype") if key in data}
    layers = [layer_from_dict(item, where=f"layer {n}") for n, item in enumerate(data.get("layers", []), 1)]
    return layers, values


def revived(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an edit, with layers where they describe layers."""
    return {key: _revived(value, "fix", 0) for key, value in values.items()}


def read_json(text: str | bytes) -> Any:
    """The JSON values in a text.

    Raises:
        SpecError: It is no JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError("a network cannot be read", expected="JSON", received=str(error)[:200]) from None


def write_whole(target: Path, text: str) -> Path:
    """Writes a text file, whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return target
