"""Python expressions as data, and their text in lines of at most 100 characters."""

from __future__ import annotations

import keyword
import math
from dataclasses import dataclass
from typing import Any

import torch

from lepton_lab.errors import SpecError

__all__ = ["LINE", "Expression", "call", "is_name", "literal", "name", "render"]

LINE = 100
"""The longest line that is written."""


@dataclass(frozen=True)
class Expression:
    """A name or a literal (`args` is None), or a call or a list of other expressions.

    Attributes:
        head: The text before the bracket.
        args: Keyword (None for a positional argument) and value of each argument.
        brackets: The pair around the arguments.
        tail: The text after the closing bracket.
    """

    head: str
    args: tuple[tuple[str | None, Expression], ...] | None = None
    brackets: str = "()"
    tail: str = ""

    def __str__(self) -> str:
        if self.args is None:
            return self.head
        return f"{self.head}{self.brackets[0]}{self._joined()}{self.brackets[1]}{self.tail}"

    def _joined(self) -> str:
        text = ", ".join(f"{key}={value}" if key else str(value) for key, value in self.args or ())
        return text + "," if self.brackets == "()" and not self.head and len(self.args or ()) == 1 else text


def is_name(text: str) -> bool:
    """Whether `text` can stand in a class as a name; Python changes names such as __x there."""
    return not text.startswith("__") and text.isidentifier() and text.isascii() and not keyword.iskeyword(text)


def name(text: str) -> Expression:
    """A name, dotted or not.

    Raises:
        SpecError: It is not one; nothing that came from a file gets into code unchecked.
    """
    if not all(map(is_name, text.split("."))):
        raise SpecError(f"{text!r} cannot be written as a name in Python code")
    return Expression(text)


def call(head: str, *args: Expression, **kwargs: Expression) -> Expression:
    """A call of the name `head`."""
    pairs = tuple((None, a) for a in args) + tuple((key, value) for key, value in kwargs.items())
    return Expression(name(head).head, pairs)


def literal(value: Any) -> Expression:
    """A plain value.

    Raises:
        SpecError: Python code has no literal for it.
    """
    if isinstance(value, str):
        plain = value.isprintable() and value.isascii() and not set(value) & {'"', "\\"}
        return Expression(f'"{value}"' if plain else ascii(value))
    if isinstance(value, float) and not math.isfinite(value):
        return Expression(f'float("{value}")')
    if value is None or isinstance(value, bool | int | float):
        return Expression(repr(value))
    if isinstance(value, tuple | list):
        return Expression("", tuple((None, literal(v)) for v in value), "()" if isinstance(value, tuple) else "[]")
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        inside = ", ".join(f"{literal(key)}: {literal(v)}" for key, v in value.items())
        return Expression(f"{{{inside}}}")
    if isinstance(value, torch.dtype):
        return Expression(str(value))
    raise SpecError(
        f"a value of type {type(value).__name__} cannot be written as Python code",
        expected="a number, a text, None, or tuples and lists of them",
        received=repr(value)[:200],
    )


def render(expression: Expression, indent: int, before: int = 0, after: int = 0) -> str:
    """The text of an expression, broken into lines where it is too long.

    Args:
        expression: What to write.
        indent: Indentation of the line on which it begins.
        before: Characters on that line before it, indentation included.
        after: Characters that follow it on its last line.
    """
    line = str(expression)
    if before + len(line) + after <= LINE or not expression.args:
        return line
    inner = " " * (indent + 4)
    opening, closing = expression.brackets[0], expression.brackets[1]
    joined = ", ".join(f"{key}={value}" if key else str(value) for key, value in expression.args)
    alone = expression.brackets == "()" and not expression.head and len(expression.args) == 1
    if len(inner) + len(joined) <= LINE and not alone:
        body = f"{inner}{joined}\n"
    else:
        body = ""
        for key, value in expression.args:
            start = f"{inner}{key}=" if key else inner
            comma = "," if alone or len(expression.args) > 1 else ""  # as ruff format does
            body += f"{start}{render(value, indent + 4, len(start), len(comma))}{comma}\n"
    tail = f"\n{' ' * indent}{expression.tail.strip()}" if expression.tail else ""
    return f"{expression.head}{opening}\n{body}{' ' * indent}{closing}{tail}"
