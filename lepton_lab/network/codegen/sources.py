"""Where the classes in written code come from: torch, an import, or a copy of their source."""

from __future__ import annotations
import __future__

import ast
import builtins
import importlib.util
import inspect
import symtable
import sys
import textwrap
import types
from collections.abc import Callable
from typing import Any

import torch.nn.functional
from torch import nn

from lepton_lab.errors import SpecError
from lepton_lab.network.codegen.expression import is_name, literal

__all__ = ["Sources"]

_ALIASES = {"torch.nn": "nn", "torch.nn.functional": "F"}


class Sources:
    """Collects the imports and the copied classes of one file."""

    def __init__(self) -> None:
        self._plain: set[str] = set()
        self._named: dict[str, set[str]] = {}
        self._copies: dict[str, tuple[object, str]] = {}

    @property
    def copies(self) -> list[str]:
        """The source of each copied class, those that others need first."""
        return [text for _, text in self._copies.values()]

    def imports(self) -> str:
        """The import block, in the order that isort gives."""
        groups: tuple[list[tuple[int, str, str]], ...] = ([], [], [])
        for line in self._plain:
            groups[_group(line.split()[1])].append((0, line.split()[1], line))
        for module, names in self._named.items():
            line = f"from {module} import {', '.join(sorted(names, key=_isort_key))}"
            groups[_group(module)].append((1, module, line))
        return "\n\n".join("\n".join(line for *_, line in sorted(group)) for group in groups if group)

    def need(self, module: str, name: str | None = None, alias: str | None = None) -> None:
        """Imports `name` from `module`, or the module itself."""
        if name is None:
            self._plain.add(f"import {module}" + (f" as {alias}" if alias and alias != module else ""))
        else:
            self._named.setdefault(module, set()).add(name if alias in (None, name) else f"{name} as {alias}")

    def name_of(self, target: Callable[..., nn.Module]) -> str:
        """What to write for a class or function; its import or its source is collected.

        Raises:
            SpecError: It can neither be imported nor copied.
        """
        if not isinstance(target, type | types.FunctionType):
            raise SpecError(
                "this network holds a live module that cannot be written as Python code",
                expected="layers of the catalogue",
                received=repr(target)[:200],
                do="Put @lepton_lab.register_layer over its class, or replace the layer; spec.build() still works",
            )
        name = target.__name__
        if getattr(nn, name, None) is target:
            self.need("torch", "nn")
            return f"nn.{name}"
        module = target.__module__
        if module != "lepton_lab.network.modules" and _importable(module, target):
            self.need(module, name)
            return name
        return self._copy(target)

    def _copy(self, target: Any) -> str:
        name = str(target.__name__)
        if name in self._copies:
            if self._copies[name][0] is not target:
                raise SpecError(f"two different classes of this network are called {name!r}", do="Rename one of them")
            return name
        try:
            source = textwrap.dedent(inspect.getsource(target))
            tree = ast.parse(source).body[0]
        except (OSError, TypeError, SyntaxError, IndexError) as error:
            raise SpecError(
                f"the class {target.__module__}.{target.__qualname__} cannot be written as Python code",
                expected="a class that can be imported, or whose source can be read",
                do="Put the class into a module file and import it from there",
            ) from error
        if isinstance(tree, ast.ClassDef | ast.FunctionDef) and tree.decorator_list:
            tree.decorator_list = []
            source = "\n".join(source.splitlines()[tree.lineno - 1 :])  # without @register_layer
        self._need_globals(target, tree)
        self._copies[name] = (target, source.rstrip() + "\n")
        return name

    def _need_globals(self, target: Any, tree: ast.AST) -> None:
        """Brings in the global names that a copied class uses."""
        home = sys.modules.get(target.__module__)
        if getattr(home, "annotations", None) is __future__.annotations:
            self.need("__future__", "annotations")
        space = vars(sys.modules.get(target.__module__, builtins))
        for name in sorted(_globals(symtable.symtable(ast.unparse(tree), "", "exec")) - {target.__name__}):
            if name not in space or hasattr(builtins, name):
                continue
            value = space[name]
            module = getattr(value, "__module__", "")
            if isinstance(value, types.ModuleType):
                self._need_module(value.__name__, name)
            elif value is None or isinstance(value, bool | int | float | str | tuple):
                self._copies[name] = (value, f"{name} = {literal(value)}\n")
            elif module == "typing" or getattr(sys.modules.get("typing"), name, None) is value:
                self.need("typing", name)
            elif getattr(torch, name, None) is value:
                self.need("torch", name)
            elif _importable(module, value):
                self.need(module, value.__name__, name)
            elif isinstance(value, type | types.FunctionType):
                self._copy(value)
            else:
                raise SpecError(
                    f"the class {target.__qualname__} uses the global {name!r}, which cannot be written as Python code",
                    expected="globals that are numbers, texts, classes, functions or modules",
                    received=type(value).__name__,
                    do="Give it to the class as a parameter or keep it as a buffer",
                )

    def _need_module(self, module: str, name: str) -> None:
        parent, _, last = module.rpartition(".")
        if module == "torch.nn.functional":
            self.need(module, alias=name)
        elif parent and last == name:
            self.need(parent, name)
        else:
            self.need(module, alias=name)


def _globals(table: symtable.SymbolTable) -> set[str]:
    """Names that a piece of code reads from its module; a parameter may have the name of a global."""
    whole = table.get_type() == "module"
    own = {s.get_name() for s in table.get_symbols() if s.is_referenced() and (whole or s.is_global())}
    return own.union(*(_globals(child) for child in table.get_children()))


def _importable(module: str, target: Any) -> bool:
    """Whether `from module import name` gives the target in another process too."""
    if not module or module.startswith(("__main__", "lepton_lab")) or not all(map(is_name, module.split("."))):
        return False
    try:
        if importlib.util.find_spec(module) is None:
            return False
    except (ImportError, ValueError, AttributeError):
        return False
    return getattr(sys.modules.get(module), getattr(target, "__name__", ""), None) is target


def _group(module: str) -> int:
    top = module.partition(".")[0]
    if top == "__future__":
        return 0
    return 1 if top in sys.stdlib_module_names else 2


def _isort_key(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)
