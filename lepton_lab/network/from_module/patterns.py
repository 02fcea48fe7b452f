"""Steps that only together are a layer: recurrent outputs, self-attention, learned tokens and positions."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from lepton_lab.errors import LeptonError
from lepton_lab.network.base import LayerSpec, TensorInfo
from lepton_lab.network.catalogue import LAYERS, layer
from lepton_lab.network.from_module.functions import name_of
from lepton_lab.network.from_module.graph import Level
from lepton_lab.network.from_module.items import Found, plain, readable
from lepton_lab.network.from_module.trace import Unreadable, shape_of, value_of

__all__ = ["learned", "wrapped"]


def wrapped(level: Level, node: fx.Node) -> tuple[fx.Node, Found] | None:
    """The input and the layer of a step that takes one of several outputs of a module; None for other steps.

    Raises:
        Unreadable: The module is used in a way that no layer has.
    """
    picks: list[Any] = []
    call = node
    while call.op == "call_function" and name_of(call) == "getitem":
        picks.insert(0, call.args[1])
        call = call.args[0]  # type: ignore[assignment]
    if call.op != "call_module" or call is node or isinstance(value_of(call), torch.Tensor):
        return None
    module = level.module.get_submodule(str(call.target))
    stem = readable(str(call.target))
    if isinstance(module, nn.MultiheadAttention):
        x = _attention_input(call, module, picks)
        one = _attention(module, TensorInfo(shape_of(x), value_of(x).dtype))
    elif isinstance(module, nn.RNNBase):
        x = call.args[0]  # type: ignore[assignment]
        if len(call.args) != 1 or call.kwargs:
            raise Unreadable("its first state is given")
        one = _recurrent(module, picks)
    else:
        raise Unreadable(f"{type(module).__name__} gives several values")
    level.inputs(call)
    state = _state(one, TensorInfo(shape_of(x), value_of(x).dtype), module)
    return x, plain(one, level, x, node, stem=stem, state=state, covers=_between(call, node))


def _between(call: fx.Node, node: fx.Node) -> set[fx.Node]:
    covers = {call}
    while node is not call:
        covers.add(node)
        node = node.args[0]  # type: ignore[assignment]
    return covers


def _attention_input(call: fx.Node, module: nn.MultiheadAttention, picks: list[Any]) -> fx.Node:
    values = dict(zip(["query", "key", "value"], call.args, strict=False)) | dict(call.kwargs)
    x = values.pop("query")
    if not (values.pop("key", None) is x and values.pop("value", None) is x) or picks != [0]:
        raise Unreadable("it is attention between two sequences, or its weights are used")
    values.pop("need_weights", None)
    values.pop("average_attn_weights", None)
    if any(v is not None and v is not False for v in values.values()):
        raise Unreadable("its attention is masked")
    if not module.batch_first or not module._qkv_same_embed_dim or module.bias_k is not None or module.add_zero_attn:
        raise Unreadable("the layer MultiheadAttention does not have all of its options")
    return x  # type: ignore[no-any-return]


def _attention(module: nn.MultiheadAttention, x: TensorInfo) -> LayerSpec:
    values: dict[str, Any] = {"num_heads": module.num_heads, "dropout": module.dropout}
    if module.in_proj_bias is None:
        values["bias"] = False
    try:
        return layer("MultiheadAttention", **values)
    except LeptonError as error:
        raise Unreadable(str(error)) from error


def _recurrent(module: nn.RNNBase, picks: list[Any]) -> LayerSpec:
    """The layer whose output is the picked one: the sequence, or the last state of the top layer."""
    if not module.batch_first or getattr(module, "proj_size", 0):
        raise Unreadable("it takes the steps before the batch (batch_first=False), or projects its states")
    lstm = isinstance(module, nn.LSTM)
    sequence = picks == [0]
    state = picks[:2] == [1, 0] and picks[2:] if lstm else picks[:1] == [1] and picks[1:]
    last = state in ([-1], [module.num_layers - 1]) and not module.bidirectional
    if not sequence and not last:
        raise Unreadable("it uses states that no layer gives")
    kind = type(module).__name__
    values: dict[str, Any] = {
        "hidden_size": module.hidden_size,
        "num_layers": module.num_layers,
        "bidirectional": module.bidirectional,
        "bias": module.bias,
        "dropout": module.dropout,
    }
    if kind == "RNN":
        values["nonlinearity"] = module.nonlinearity  # type: ignore[attr-defined]
    fields = LAYERS[kind].model_fields
    for key in set(values) - set(fields):
        if values[key] not in (True, 0.0, "tanh"):
            raise Unreadable(f"the layer {kind} has no option {key}")
        del values[key]
    values["return_sequences"] = sequence
    try:
        return layer(kind, **values)
    except LeptonError as error:
        raise Unreadable(str(error)) from error


def _state(one: LayerSpec, x: TensorInfo, module: nn.Module) -> dict[str, torch.Tensor]:
    """The module's weights under the names that the layer's own module has for them.

    Raises:
        Unreadable: The layer would have other weights.
    """
    given = dict(module.state_dict(keep_vars=True))
    try:
        calls = dict(one.calls(x))
        with torch.device("meta"):
            wanted = calls[""].build().state_dict()
    except LeptonError as error:
        raise Unreadable(str(error)) from error
    result: dict[str, torch.Tensor] = {}
    for key, tensor in wanted.items():
        source = next((k for k in given if key == k or key.endswith(f".{k}")), None)
        if source is None or given[source].shape != tensor.shape:
            raise Unreadable(f"the layer {one.kind} has other weights")
        result[key] = given.pop(source)
    if given:
        raise Unreadable(f"the layer {one.kind} has fewer weights")
    return result


def learned(level: Level, node: fx.Node, x: fx.Node) -> Found | None:
    """Learned tokens in front, or a learned sum or product; None for other steps."""
    name = name_of(node)
    if name in ("cat", "concat", "concatenate"):
        parts = node.args[0] if node.args else node.kwargs.get("tensors")
        dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        if not isinstance(parts, tuple | list) or len(parts) != 2 or parts[1] is not x or parts[0] is x:
            return None
        token = _parameter(level, _source(parts[0]))
        if token is None or token.ndim != 3 or token.shape[0] != 1 or dim not in (1, -2) or value_of(x).ndim != 3:
            return None
        one = layer("ClassToken", count=int(token.shape[1]))
        return plain(one, level, x, node, stem=_stem(parts[0]), state={"token": token})
    if name not in ("add", "iadd", "mul", "imul") or len(node.args) != 2 or node.kwargs:
        return None
    other = node.args[1] if node.args[0] is x else node.args[0]
    if not isinstance(other, fx.Node) or level.is_dynamic(other):
        return None
    tensor = _parameter(level, _source(other))
    if tensor is None:
        return None
    shape = tuple(tensor.shape)
    while shape and shape[0] == 1 and len(shape) > len(shape_of(x)):
        shape = shape[1:]
    if len(shape) > len(shape_of(x)) or not shape:
        return None
    kind, key = ("LearnedOffset", "offset") if "add" in name else ("LearnedScale", "scale")
    one = layer(kind) if shape == shape_of(x) else layer(kind, shape=shape)
    return plain(one, level, x, node, stem=_stem(other), state={key: tensor})


def _source(node: Any) -> Any:
    """The parameter behind steps that only repeat it along the batch."""
    while isinstance(node, fx.Node) and name_of(node) in ("expand", "repeat", "expand_as"):
        node = node.args[0]
    return node


def _parameter(level: Level, node: Any) -> nn.Parameter | None:
    if not isinstance(node, fx.Node) or node.op != "get_attr" or str(node.target) in level.constants:
        return None
    value: Any = level.module
    for part in str(node.target).split("."):
        value = getattr(value, part)
    return value if isinstance(value, nn.Parameter) and value.is_floating_point() else None


def _stem(node: Any) -> str:
    return readable(str(_source(node).target))
