"""The network that a builder edits: every edit by name, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lepton_lab.errors import SpecError, UnknownNameError
from lepton_lab.network import LAYERS, BlockSpec, LayerSpec, NetworkSpec, edits, zoo
from lepton_lab.network.layers.blocks import Parallel
from lepton_lab.network.serial import layer_from_dict, layer_to_dict, read_json, revived
from lepton_lab.network.wrapping import insert_layers, move_layers, outermost, remove_layers, unwrap, wrap

__all__ = ["Editor", "first_of"]

_KEPT = 200  # steps that can be undone

_FIRST: dict[str, dict[str, Any]] = {
    "Conv1d": {"out_channels": 16, "kernel_size": 3},
    "Conv2d": {"out_channels": 16, "kernel_size": 3},
    "Conv3d": {"out_channels": 16, "kernel_size": 3},
    "ConvTranspose2d": {"out_channels": 16, "kernel_size": 2, "stride": 2},
    "SeparableConv2d": {"out_channels": 32, "kernel_size": 3, "padding": 1},
    "DepthwiseConv2d": {"kernel_size": 3, "padding": 1},
    "Linear": {"out_features": 64},
    "Embedding": {"num_embeddings": 10000, "embedding_dim": 64},
    "LSTM": {"hidden_size": 64},
    "GRU": {"hidden_size": 64},
    "RNN": {"hidden_size": 64},
    "TransformerEncoderLayer": {"num_heads": 4, "dim_feedforward": 256},
    "GroupNorm": {"num_groups": 4},
    "Residual": {},
    "Repeat": {"body": (), "times": 2},
    "Parallel": {"branches": ((), ())},
    "SubNetwork": {},
}


def first_of(kind: str) -> LayerSpec:
    """A layer of a kind with sensible values, as the palette adds it.

    Raises:
        UnknownNameError: No such kind.
    """
    cls = LAYERS[kind]
    if kind in _FIRST:
        return cls(**_FIRST[kind])
    if all(not info.is_required() for info in cls.model_fields.values()):
        return cls()
    try:
        return cls.example()[0].changed(name="")
    except NotImplementedError:
        return cls(**{name: 1 for name, info in cls.model_fields.items() if info.is_required()})


@dataclass(frozen=True)
class _Step:
    network: NetworkSpec
    selection: tuple[str, ...]


class Editor:
    """A network, what is selected in it, and its history.

    An edit is plain data, `{"do": "set", "path": "conv2d_1", …}`; its other keys are the arguments of the method of the
    same name. An edit that fails changes nothing.

    Attributes:
        network: The network as it is now.
        selection: Paths of the selected layers; one that ends with "/" is a list inside a block.

    Threads: not safe; the widget has a lock around it.
    """

    def __init__(self, network: NetworkSpec) -> None:
        self.network = network
        self.selection: tuple[str, ...] = ()
        self._past: list[_Step] = []
        self._future: list[_Step] = []
        self._gesture = ""

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether an edit was taken back."""
        return bool(self._future)

    def edit(self, edit: Mapping[str, Any]) -> None:
        """Carries out one edit.

        Args:
            edit: Its name as `do`, and its arguments. Edits with the same `gesture` in a row, such as the keys of one
                number, are undone together.

        Raises:
            LeptonError: It cannot be done; the network is as before.
        """
        values = dict(edit)
        name, gesture = str(values.pop("do", "")), str(values.pop("gesture", ""))
        if name == "undo":
            self.undo()
            return
        if name == "redo":
            self.redo()
            return
        method = _EDITS.get(name)
        if method is None:
            raise UnknownNameError("edit", name, [*_EDITS, "undo", "redo"])
        try:
            network, selection = method(self, **values)
        except TypeError as error:
            raise SpecError(f"the edit {name!r} cannot be read", received=str(error)) from None
        self.put(network, selection, gesture=gesture)

    def put(self, network: NetworkSpec, selection: Sequence[str] = (), *, gesture: str = "") -> None:
        """Makes another network the present one."""
        if network != self.network:
            if not (gesture and gesture == self._gesture):
                self._past.append(_Step(self.network, self.selection))
                del self._past[:-_KEPT]
            self._gesture = gesture
            self._future.clear()
        self.network, self.selection = network, tuple(selection)

    def undo(self) -> None:
        """Takes the last edit back; nothing happens where there is none."""
        self._travel(self._past, self._future)

    def redo(self) -> None:
        """Does again what was taken back; nothing happens where there is nothing."""
        self._travel(self._future, self._past)

    def _travel(self, back: list[_Step], forth: list[_Step]) -> None:
        if back:
            forth.append(_Step(self.network, self.selection))
            step = back.pop()
            self.network, self.selection, self._gesture = step.network, step.selection, ""

    # Edits: each returns the new network and what is selected then

    def _add(self, kind: str, into: str | None = None, index: int | None = None) -> _Result:
        layer = first_of(kind)
        if into is None:
            into, index = self._place()
        return insert_layers(self.network, [layer], into, index)

    def _place(self) -> tuple[str, int | None]:
        """Where new layers go: into the selected list, or behind the last selected layer."""
        if not self.selection:
            return "", None
        last = self.selection[-1]
        if last.endswith("/"):
            return last[:-1], None
        holder, name = edits.parent(self.network.layers, outermost(self.network, self.selection)[-1])
        return holder, [la.name for la in edits.list_at(self.network.layers, holder)].index(name) + 1

    def _set(self, path: str, values: Mapping[str, Any]) -> _Result:
        if {"name", "input_shape", "input_layout"} & set(values):
            raise SpecError("this parameter is not set here", received=", ".join(values))
        return self.network.replace(path, **revived(values)), self.selection

    def _rename(self, path: str, name: str) -> _Result:
        if not name.strip():
            raise SpecError("a layer needs a name", do="Write letters, digits and _")
        network = self.network.replace(path, name=name.strip())
        new = f"{path.rpartition('/')[0]}/{name.strip()}".lstrip("/")
        return network, tuple(_moved(p, path, new) for p in self.selection)

    def _move(self, paths: Sequence[str], into: str = "", index: int | None = None) -> _Result:
        return move_layers(self.network, paths, into, index)

    def _shift(self, paths: Sequence[str], to: str) -> _Result:
        """One place up or down in the list, out of the block behind it, or into the block before."""
        chosen = outermost(self.network, paths)
        if not chosen:
            return self.network, self.selection
        holder, first = edits.parent(self.network.layers, chosen[0])
        _, last = edits.parent(self.network.layers, chosen[-1])
        names = [layer.name for layer in edits.list_at(self.network.layers, holder)]
        if to == "in":
            before = names.index(first) - 1
            block = edits.list_at(self.network.layers, holder)[before] if before >= 0 else None
            if not isinstance(block, BlockSpec):
                raise SpecError("there is no block before this layer", do="Wrap layers in a block first")
            part = next(iter(block.children()))
            path = f"{holder}/{block.name}" if holder else block.name
            return move_layers(self.network, chosen, f"{path}/{part}" if part else path)
        if to == "out" or (to == "up" and first == names[0]) or (to == "down" and last == names[-1]):
            if not holder:
                return self.network, self.selection
            block_path = _block_of(self.network, holder)
            outer, name = edits.parent(self.network.layers, block_path)
            at = [layer.name for layer in edits.list_at(self.network.layers, outer)].index(name)
            return move_layers(self.network, chosen, outer, at if to == "up" else at + 1)
        at = names.index(first) - 1 if to == "up" else names.index(last) + 2
        return move_layers(self.network, chosen, holder, at)

    def _duplicate(self, paths: Sequence[str]) -> _Result:
        chosen = outermost(self.network, paths)
        if not chosen:
            return self.network, self.selection
        copies = [edits.find(self.network.layers, path) for path in chosen]
        holder, name = edits.parent(self.network.layers, chosen[-1])
        at = [layer.name for layer in edits.list_at(self.network.layers, holder)].index(name) + 1
        return insert_layers(self.network, copies, holder, at)

    def _remove(self, paths: Sequence[str]) -> _Result:
        chosen = outermost(self.network, paths)
        order = [path for path, _ in self.network.walk()]
        left = remove_layers(self.network, chosen)
        known = {path for path, _ in left.walk()}
        after = [p for p in order[order.index(chosen[-1]) + 1 :] if p in known] if chosen else []
        before = [p for p in order[: order.index(chosen[0])] if p in known] if chosen else []
        return left, tuple(after[:1] or before[-1:])

    def _wrap(self, paths: Sequence[str], kind: str) -> _Result:
        network, path = wrap(self.network, paths, kind)
        return network, (path,)

    def _unwrap(self, path: str) -> _Result:
        return unwrap(self.network, path)

    def _branch(self, path: str, remove: int | None = None) -> _Result:
        """Adds an empty branch to a Parallel, or removes one by its number from 1."""
        block = edits.find(self.network.layers, path)
        if not isinstance(block, Parallel):
            raise SpecError(f"{path!r} has no branches", received=block.kind)
        branches = block.branches
        branches = (*branches, ()) if remove is None else (*branches[: remove - 1], *branches[remove:])
        chosen = (path,) if remove is not None else (f"{path}/branch_{len(branches)}/",)
        return self.network.replace(path, branches=branches), chosen

    def _paste(self, text: str) -> _Result:
        data = read_json(text)
        items = data.get("layers", [data]) if isinstance(data, Mapping) else data
        if not isinstance(items, list) or not items:
            raise SpecError("there are no layers in the clipboard", expected="layers as JSON, as Copy writes them")
        into, index = self._place()
        return insert_layers(self.network, [layer_from_dict(item, where="clipboard") for item in items], into, index)

    def _fix(self, fix: Mapping[str, Any]) -> _Result:
        network = self.network.apply(fix)
        known = {path for path, _ in network.walk()}
        return network, tuple(path for path in self.selection if path in known)

    def _template(self, name: str, classes: int | None = None) -> _Result:
        return fitted(name, self.network, classes), ()

    def _json(self, text: str) -> _Result:
        return NetworkSpec.from_json(text), ()

    def _input(self, shape: Sequence[int], dtype: str = "float32") -> _Result:
        return self.network.changed(input_shape=tuple(shape), input_dtype=dtype), self.selection

    def copy(self, paths: Sequence[str]) -> str:
        """Layers as JSON text, as `paste` reads it."""
        layers = [edits.find(self.network.layers, path) for path in outermost(self.network, paths)]
        return json.dumps({"layers": [layer_to_dict(layer) for layer in layers]}, indent=2, ensure_ascii=False)


_Result = tuple[NetworkSpec, Sequence[str]]
_EDITS: dict[str, Callable[..., _Result]] = {
    "add": Editor._add,
    "branch": Editor._branch,
    "duplicate": Editor._duplicate,
    "fix": Editor._fix,
    "input": Editor._input,
    "json": Editor._json,
    "move": Editor._move,
    "paste": Editor._paste,
    "remove": Editor._remove,
    "rename": Editor._rename,
    "set": Editor._set,
    "shift": Editor._shift,
    "template": Editor._template,
    "unwrap": Editor._unwrap,
    "wrap": Editor._wrap,
}


def fitted(name: str, network: NetworkSpec, classes: int | None) -> NetworkSpec:
    """A network of the zoo for the input of another one.

    Raises:
        UnknownNameError: No such network in the zoo.
        SpecError: It cannot take such an input.
    """
    template = zoo.get(name)
    if network.input_shape is None:
        return template
    values: dict[str, Any] = {} if classes is None or name == "autoencoder" else {"classes": classes}
    try:
        made = zoo.ZOO[name](network.input_shape, **values)
    except (TypeError, ValueError) as error:
        raise SpecError(
            f"{name} cannot take samples {network.input}",
            expected=f"samples such as {template.input}",
            received=str(error)[:120],
        ) from None
    return made if made.input_dtype == network.input_dtype else made.changed(input_dtype=network.input_dtype)


def _block_of(network: NetworkSpec, holder: str) -> str:
    """The block that has a list, by the list's path."""
    known = {path for path, _ in network.walk()}
    return holder if holder in known else holder.rpartition("/")[0]


def _moved(path: str, old: str, new: str) -> str:
    return new + path[len(old) :] if path == old or path.startswith(old + "/") else path
