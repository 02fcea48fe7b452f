"""Makes the fixes that rules offer: settings, and edits of a specification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lepton_lab.doctor.case import Case
from lepton_lab.doctor.fixes import Fix
from lepton_lab.doctor.words import fix_label
from lepton_lab.network import LayerSpec, NetworkSpec
from lepton_lab.training.optimizers import OPTIMIZERS

__all__ = [
    "activation_fix",
    "batch_fix",
    "clip_fix",
    "current_lr",
    "data_fix",
    "dropout_fix",
    "hidden_activations",
    "init_fix",
    "input_norm_fix",
    "lr_fix",
    "norm_fix",
    "output_layer",
    "replace_norm_fix",
    "set_outputs_fix",
    "settings_fix",
    "without_output_activation",
]

SQUASHING = ("Sigmoid", "Tanh", "Hardsigmoid", "Softsign")
_CAPITAL = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "ReLU", "hardsigmoid": "Hardsigmoid", "softmax": "Softmax",
            "log_softmax": "LogSoftmax", "leaky_relu": "LeakyReLU"}  # fmt: skip
_WEIGHTED = ("Linear", "Conv1d", "Conv2d", "Conv3d")
_LEAST_LR, _MOST_LR = 1e-7, 1.0


def settings_fix(key: str, changes: Mapping[str, Any], *, fresh: bool = False, **values: Any) -> Fix:
    """A change of settings."""
    return Fix(fix_label(key, **values), "settings", settings=dict(changes), fresh=fresh)


def data_fix(key: str, change: Mapping[str, Any], **values: Any) -> Fix:
    """A change of the data; the training starts anew."""
    return Fix(fix_label(key, **values), "data", data=dict(change), fresh=True)


def current_lr(case: Case) -> float:
    """The learning rate: the one that was set, or the optimizer's usual one."""
    if case.settings.lr is not None:
        return case.settings.lr
    if len(case.steps["lr"]):
        return float(case.steps["lr"][0])
    name = case.settings.optimizer
    return OPTIMIZERS[name].lr if name in OPTIMIZERS else 1e-3


def lr_fix(case: Case, factor: float, *, fresh: bool = True) -> tuple[Fix, ...]:
    """A higher or lower learning rate; none where it would leave what is sensible.

    A rate that is out of all proportion goes back to the optimizer's usual one at once.
    """
    now = current_lr(case)
    name = case.settings.optimizer
    usual = OPTIMIZERS[name].lr if name in OPTIMIZERS else 1e-3
    lr = now * factor
    if (factor > 1 and lr < usual) or (factor < 1 and lr > usual):
        lr = usual
    lr = float(f"{lr:.2g}")
    if not _LEAST_LR <= lr <= _MOST_LR:
        return ()
    key = "raise_lr" if factor > 1 else "lower_lr"
    return (settings_fix(key, {"lr": lr}, fresh=fresh, lr=f"{lr:g}"),)


def clip_fix(*, fresh: bool = True) -> Fix:
    """Clipping of gradients to a norm of 1."""
    return settings_fix("clip", {"clip_norm": 1.0}, fresh=fresh, norm="1.0")


def batch_fix(case: Case, size: int, *, fresh: bool = True) -> Fix:
    """Another batch size."""
    return settings_fix("batch_size", {"batch_size": size}, fresh=fresh, size=size)


def init_fix(scheme: str = "kaiming") -> Fix:
    """New first weights."""
    return Fix(fix_label("new_weights", scheme=scheme), "network", init=scheme, fresh=True)


def hidden_activations(spec: NetworkSpec | None, kinds: tuple[str, ...]) -> list[tuple[str, LayerSpec, str]]:
    """Path, layer and kind of activations in the specification, that of the output left out."""
    if spec is None:
        return []
    last = output_layer(spec)
    found = []
    for path, layer in spec.walk():
        if layer.kind in kinds and path != last and spec.layers[-1] is not layer:
            found.append((path, layer, layer.kind))
        named = _CAPITAL.get(str(getattr(layer, "activation", None)), "")
        if named in kinds and path != last:
            found.append((path, layer, named))
    return found


def activation_fix(case: Case, kinds: tuple[str, ...], new: str = "ReLU") -> tuple[Fix, ...]:
    """Other activations in all hidden layers of some kinds."""
    found = hidden_activations(case.spec, kinds)
    if not found:
        return ()
    edits: list[dict[str, Any]] = []
    name = next(k for k, v in _CAPITAL.items() if v == new)
    for path, layer, kind in found:
        if layer.kind == kind:
            edits.append({"op": "replace", "path": path, "layer": {"kind": new}})
        else:
            edits.append({"op": "set", "path": path, "values": {"activation": name}})
    old = " and ".join(sorted({kind for _, _, kind in found}))
    if len(found) == 1:
        label = fix_label("replace_activation_one", old=old, new=new, layer=found[0][0])
    else:
        label = fix_label("replace_activation", old=old, new=new, count=len(found))
    return (Fix(label, "network", edits=tuple(edits), fresh=True),)


def norm_fix(case: Case) -> tuple[Fix, ...]:
    """A normalisation behind every hidden layer with weights; none where there is one already."""
    spec = case.spec
    if spec is None or any("Norm" in layer.kind for _, layer in spec.walk()):
        return ()
    last = output_layer(spec)
    paths = [
        (path, "LayerNorm" if layer.kind == "Linear" else "BatchNorm")
        for path, layer in spec.walk()
        if layer.kind in _WEIGHTED and path != last
    ]
    if not paths:
        return ()
    edits = [{"op": "insert", "path": path, "place": "after", "layer": {"kind": kind}} for path, kind in paths]
    return (Fix(fix_label("add_norm", count=len(paths)), "network", edits=tuple(edits), fresh=True),)


def input_norm_fix(case: Case) -> tuple[Fix, ...]:
    """A batch normalisation of the input."""
    if case.spec is None or not case.spec.layers or case.spec.input_dtype != "float32":
        return ()
    first = case.spec.layers[0]
    if first.input_shape is not None:
        return ()
    edit = {"op": "insert", "path": first.name, "place": "before", "layer": {"kind": "BatchNorm"}}
    return (Fix(fix_label("add_input_norm"), "network", edits=(edit,), fresh=True),)


def replace_norm_fix(case: Case) -> tuple[Fix, ...]:
    """Normalisation that does not need a batch, in place of batch normalisation."""
    if case.spec is None:
        return ()
    found = [path for path, layer in case.spec.walk() if layer.kind.startswith("BatchNorm")]
    if not found:
        return ()
    edits = tuple({"op": "replace", "path": path, "layer": {"kind": "LayerNorm"}} for path in found)
    return (Fix(fix_label("replace_norm", new="LayerNorm", count=len(found)), "network", edits=edits, fresh=True),)


def dropout_fix(case: Case) -> tuple[Fix, ...]:
    """Dropout before the last layer; none where the network has dropout already."""
    spec = case.spec
    last = output_layer(spec) if spec is not None else None
    if spec is None or last is None or any("Dropout" in layer.kind for _, layer in spec.walk()):
        return ()
    edit = {"op": "insert", "path": last, "place": "before", "layer": {"kind": "Dropout", "p": 0.3}}
    return (Fix(fix_label("add_dropout"), "network", edits=(edit,), fresh=True),)


def output_layer(spec: NetworkSpec | None) -> str | None:
    """Path of the last layer with an `out_features`, in the outermost list; None where there is none."""
    if spec is None:
        return None
    for layer in reversed(spec.layers):
        if hasattr(layer, "out_features"):
            return layer.name
    return None


def set_outputs_fix(case: Case, count: int) -> tuple[Fix, ...]:
    """Another number of outputs."""
    last = output_layer(case.spec)
    if last is None:
        return ()
    edit = {"op": "set", "path": last, "values": {"out_features": count}}
    return (Fix(fix_label("set_outputs", layer=last, count=count), "network", edits=(edit,), fresh=True),)


def without_output_activation(case: Case) -> tuple[Fix, ...]:
    """The network without the activation at its end."""
    spec = case.spec
    if spec is None or not spec.layers:
        return ()
    last = spec.layers[-1]
    named = _CAPITAL.get(str(getattr(last, "activation", None)), str(getattr(last, "activation", "")))
    if getattr(last, "activation", None) is not None:
        edit: dict[str, Any] = {"op": "set", "path": last.name, "values": {"activation": None}}
        return (Fix(fix_label("remove_activation", kind=named, layer=last.name), "network", edits=(edit,), fresh=True),)
    if hasattr(last, "out_features"):
        return ()
    edit = {"op": "remove", "path": last.name}
    return (Fix(fix_label("remove_layer", layer=last.name, kind=last.kind), "network", edits=(edit,), fresh=True),)
