"""`read_source`: the text of a module becomes a network."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

import torch
from torch import nn

from lepton_lab.errors import LeptonError, SpecError
from lepton_lab.network.from_module import read_module
from lepton_lab.network.from_source.allowed import Space, imported, start
from lepton_lab.network.from_source.interpret import Frame, SourceModule, SourceType
from lepton_lab.network.spec import NetworkSpec

__all__ = ["read_source"]

_LONGEST = 200_000  # characters
_LARGEST = 50_000_000  # parameters that are built to compare what was read with the source


def read_source(text: str, input_shape: tuple[int, ...] | None = None) -> tuple[NetworkSpec, tuple[str, ...]]:
    """The network that a piece of source describes. The text is never executed.

    Its syntax tree is followed node by node: only torch's layers, functions that compute, arithmetic, loops over
    known lists and classes of the same text are understood; everything else is refused. What `forward` does to a
    sample is then read as `NetworkSpec.from_module` reads it.

    Args:
        text: A class that derives from `nn.Module` (the last one counts), or an `nn.Sequential(…)`. Where its
            `__init__` needs arguments, a line such as `model = Net(10)` below gives them.
        input_shape: Shape of a sample without N; found out by trying where left out.

    Returns:
        The network, and notes on what was assumed.

    Raises:
        SpecError: The text is no Python, uses something that is not read, or is no chain of layers and blocks.
    """
    if len(text) > _LONGEST:
        raise SpecError("the source is too long to be read", expected=f"at most {_LONGEST:,} characters")
    try:
        tree = ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
        raise SpecError("the source is not Python", received=f"{line}{str(error)[:120]}") from None
    with torch.device("meta"):
        size = sum(parameter.numel() for parameter in _made(tree).parameters())
    if size > _LARGEST:
        raise SpecError("the module is too large to be read", expected=f"at most {_LARGEST:,} parameters")
    with torch.random.fork_rng(devices=[]):
        module = _made(tree)
        try:
            reading = read_module(module, input_shape)
        except SpecError:
            if input_shape is None:
                raise
            reading = read_module(module)  # the source may be for other samples than the present network's
    if not reading.editable:
        why = " ".join(reading.notes)[:600]
        raise SpecError("the source cannot be read as layers", received=why, do="Register the class as a layer instead")
    return reading.spec, reading.notes


def _made(tree: ast.Module) -> nn.Module:
    try:
        return _follow(tree)
    except LeptonError:
        raise
    except Exception as error:  # torch's constructors raise what they like
        raise SpecError(
            "the source cannot be followed", received=f"{type(error).__name__}: {str(error)[:200]}"
        ) from None


def _follow(tree: ast.Module) -> nn.Module:
    names: dict[str, Any] = start()
    types: list[SourceType] = []
    made: nn.Module | None = None
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                space = imported(alias.name, None)
                if space is not None:
                    bound = alias.asname or alias.name.partition(".")[0]
                    names[bound] = space if alias.asname else Space(bound)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found = imported(node.module or "", alias.name)
                if found is not None:
                    names[alias.asname or alias.name] = found
        elif isinstance(node, ast.ClassDef):
            kind = SourceType(node, names)
            names[node.name] = kind
            types.append(kind)
        elif isinstance(node, ast.FunctionDef):
            raise SpecError(f"line {node.lineno}: functions outside of classes are not read from source")
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            value = Frame(names).value(node.value)
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                names[target.id] = value
            made = value if isinstance(value, nn.Module) else made
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            value = Frame(names).value(node.value)
            made = value if isinstance(value, nn.Module) else made
    if made is not None:
        return made
    whole = [kind for kind in types if "forward" in kind.methods]
    if not whole:
        raise SpecError("there is no module in the source", expected="a class with __init__ and forward")
    module: SourceModule = whole[-1].make((), {})
    return module
