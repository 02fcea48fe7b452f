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
from lepton_lab.network.modules import RecurrentLast, RecurrentSteps

__all__ = ["learned", "wrapped"]


def wrapped(level: Level, node: fx.Node) -> tuple[fx.Node, Found] | None:
    """The input and the layer of a step that takes one of several outputs of a module; None for other steps.

    Raises:
        Unreadable: The module is used in a way that no layer has.
    """
    picks: list[Any] = []
    call = node
    both = _both_directions(node)
    if both is not None:
        call, picks = both, ["both"]
    elif node.op == "call_module" and len(node.args) == 1 and isinstance(node.args[0], fx.Node):
        taker = level.module.get_submodule(str(node.target))
        if isinstance(taker, RecurrentLast | RecurrentSteps):
            call, picks = node.args[0], [0 if isinstance(taker, RecurrentSteps) else "last"]
    while call.op == "call_function" and name_of(call) == "getitem" and not level.good(call.args[0]):  # type: ignore[arg-type]
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
    covers, todo = {call}, [node]
    while todo:
        one = todo.pop()
        if one not in covers:
            covers.add(one)
            todo += one.all_input_nodes
    return covers


def _both_directions(node: fx.Node) -> fx.Node | None:
    """The recurrent layer whose last two states `node` puts side by side, as for both directions."""
    if name_of(node) not in ("cat", "concat") or not node.args or not isinstance(node.args[0], tuple | list):
        return None
    dim = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    picked = list(node.args[0])
    if (
        dim not in (1, -1)
        or len(picked) != 2
        or not all(isinstance(p, fx.Node) and name_of(p) == "getitem" for p in picked)
    ):
        return None
    places = [_place(p) for p in picked]
    states = picked[0].args[0]
    if places != [-2, -1] or picked[1].args[0] is not states:
        return None
    while isinstance(states, fx.Node) and name_of(states) == "getitem":
        states = states.args[0]
    return states if isinstance(states, fx.Node) and states.op == "call_module" else None


def _place(node: fx.Node) -> Any:
    """The index of a step of the first axis: -1 for x[-1] and x[-1, :, :]."""
    index = node.args[1]
    if isinstance(index, tuple) and all(i == slice(None) for i in index[1:]):
        return index[0]
    return index


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
    if not isinstance(x, fx.Node):
        raise Unreadable("its input is no value of the forward")
    return x


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
    if not module.batch_first or module.proj_size:
        raise Unreadable("it takes the steps before the batch (batch_first=False), or projects its states")
    lstm = isinstance(module, nn.LSTM)
    sequence = picks == [0]
    directions = picks == ["both"] and module.bidirectional
    state = picks[2:] if lstm and picks[:2] == [1, 0] else picks[1:] if not lstm and picks[:1] == [1] else []
    state = [i[0] if isinstance(i, tuple) and all(j == slice(None) for j in i[1:]) else i for i in state]
    last = state in ([-1], [module.num_layers - 1]) and not module.bidirectional
    last = last or picks == ["last"] or directions
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
        values["nonlinearity"] = module.nonlinearity
    fields = LAYERS[kind].model_fields
    for key in set(values) - set(fields):
        if values[key] not in (True, 0.0, "tanh"):
            raise Unreadable(f"the layer {kind} has no option {key}")
        del values[key]
    values["output"] = "sequence" if sequence else "last"
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
    positions = _positions(level, other, x) if "add" in name else None
    if positions is not None:
        return plain(positions[0], level, x, node, **positions[1])
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


def _positions(level: Level, node: fx.Node, x: fx.Node) -> tuple[LayerSpec, dict[str, Any]] | None:
    """A positional encoding of a sequence, learned or of waves, that `node` gives."""
    shape = shape_of(x)
    while isinstance(node, fx.Node) and name_of(node) in ("getitem", "expand", "unsqueeze", "to", "repeat"):
        node = node.args[0]  # type: ignore[assignment]
    if len(shape) != 2 or not isinstance(node, fx.Node):
        return None
    length, features = shape
    if node.op == "call_module" and isinstance(table := level.module.get_submodule(str(node.target)), nn.Embedding):
        index = node.args[0]
        while isinstance(index, fx.Node) and name_of(index) in ("unsqueeze", "expand"):
            index = index.args[0]
        steps = level.constants.get(str(index.target)) if isinstance(index, fx.Node) else None
        if steps is None or not torch.equal(steps.flatten().cpu(), torch.arange(length)):
            return None
        weight, stem = table.weight, readable(str(node.target))
    elif node.op == "get_attr" and str(node.target) not in level.constants:
        weight, stem = level.attribute(str(node.target)), readable(str(node.target))
    else:
        return None
    rows = weight.reshape(-1, weight.shape[-1]) if weight.ndim == 2 or weight.shape[0] == 1 else weight[:0, 0]
    if len(rows) < length or rows.shape[-1] != features:
        return None
    if not isinstance(weight, nn.Parameter):
        waves = layer("PositionalEncoding")
        made = waves.calls(TensorInfo(shape))[0][1].build()
        same = torch.allclose(made(torch.zeros(1, length, features))[0], rows[:length].cpu(), atol=1e-5)
        return (waves, {"stem": stem}) if same else None
    note = f"{stem!r} has {len(rows)} positions; the network keeps the first {length}." if len(rows) > length else ""
    values = {"stem": stem, "state": {"table": rows[:length]}, "owned": frozenset({id(weight)}), "note": note}
    return layer("PositionalEncoding", mode="learned"), values


def _source(node: Any) -> Any:
    """The parameter behind steps that only repeat it along the batch."""
    while isinstance(node, fx.Node) and name_of(node) in ("expand", "repeat", "expand_as"):
        node = node.args[0]
    return node


def _parameter(level: Level, node: Any) -> nn.Parameter | None:
    if not isinstance(node, fx.Node) or node.op != "get_attr" or str(node.target) in level.constants:
        return None
    value = level.attribute(str(node.target))
    return value if isinstance(value, nn.Parameter) and value.is_floating_point() else None


def _stem(node: Any) -> str:
    return readable(str(_source(node).target))
