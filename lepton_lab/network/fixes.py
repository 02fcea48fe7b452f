"""What is wrong with a layer, and edits that put it right.

A `Misfit` is raised by a layer that knows only its own input; the chain of layers around it adds who it is and
who gave the input, and makes a `ShapeError` of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lepton_lab.errors import ShapeError

__all__ = ["Edit", "Fix", "Misfit"]


class Edit(BaseModel):
    """One change of a network, as plain data.

    Attributes:
        op: `insert` a layer before or after the one at `path`, `replace` it, `set` some of its values, `remove` it.
        path: The layer that the edit is about; "" is the layer that raised the misfit, until a network resolves it.
        place: For `insert`: on which side.
        layer: For `insert` and `replace`: the layer in its JSON form.
        values: For `set`: the fields' new values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Literal["insert", "replace", "set", "remove"]
    path: str = ""
    place: Literal["before", "after"] = "before"
    layer: Mapping[str, Any] | None = None
    values: Mapping[str, Any] = Field(default_factory=dict)

    def under(self, prefix: str) -> Edit:
        """The same edit, its path seen from one level further out."""
        path = prefix if not self.path else f"{prefix}/{self.path}"
        return self.model_copy(update={"path": path})


class Fix(BaseModel):
    """A change that a widget applies with one click: `network.apply(fix)`.

    Attributes:
        label: What it does, as a button says it: "insert Flatten before 'linear_1'".
        edits: The changes, in their order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    edits: tuple[Edit, ...]

    def under(self, prefix: str) -> Fix:
        """The same fix, its paths seen from one level further out."""
        return Fix(label=self.label, edits=tuple(edit.under(prefix) for edit in self.edits))

    def named(self, name: str) -> Fix:
        """The same fix with the layer's name in its label, where that says `{name}`."""
        return Fix(label=self.label.replace("{name}", repr(name)), edits=self.edits)


class Misfit(ShapeError):  # noqa: N818  (the error that users see is ShapeError)
    """A layer cannot take its input.

    Args:
        expects: What it expects, as the end of the sentence "layer 3 'linear_1' (Linear) expects …".
        received: What it got, as the end of "…, but …"; by default the chain says who gives which shape.
        do: What to do next.
        fixes: Edits, best first, with paths relative to the layer ("" is the layer itself).
        path: The layer's path; grows while the error travels outwards.
        who: The layer, as the sentence names it; the chain fills it in.
        problem: What is wrong in a sentence of its own, where it is not the input.
    """

    def __init__(
        self,
        expects: str,
        *,
        received: str | None = None,
        do: str | None = None,
        fixes: Sequence[Fix] = (),
        path: str = "",
        who: str = "",
        problem: str = "",
    ) -> None:
        self.who = who
        self.problem = problem
        self.misfit = (expects, received, do, tuple(fixes))
        super().__init__(f"{who or 'the layer'} expects {expects}", path=path, do=do, fixes=fixes)

    def within(self, prefix: str, *, who: str = "", received: str = "", name: str = "") -> Misfit:
        """The same misfit seen from outside: longer paths, and who and from whom where that is not yet known."""
        expects, got, do, fixes = self.misfit
        return Misfit(
            expects,
            received=got or received,
            do=do,
            fixes=[(fix.named(name) if name else fix).under(prefix) for fix in fixes],
            path=f"{prefix}/{self.path}" if self.path else prefix,
            who=self.who or who,
            problem=self.problem,
        )

    def final(self) -> ShapeError:
        """The error that a user sees."""
        expects, received, do, fixes = self.misfit
        if self.problem:
            return ShapeError(f"{self.who}: {self.problem}", path=self.path, fixes=fixes)
        error = ShapeError(f"{self.who} expects {expects}, but {received}", path=self.path, do=do, fixes=fixes)
        error.expected, error.received = expects, received
        return error
