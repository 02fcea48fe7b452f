"""Changes that put a finding right: edits of the network, of the training settings, or of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lepton_lab.data import DataBundle
from lepton_lab.doctor.data_fixes import change_data
from lepton_lab.doctor.plain import plain
from lepton_lab.errors import SpecError
from lepton_lab.network import Fix as NetworkFix, NetworkSpec
from lepton_lab.training.settings import TrainSettings

__all__ = ["Fix"]

Kind = Literal["network", "settings", "data"]


@dataclass(frozen=True)
class Fix:
    """One change that can be applied and tried.

    Attributes:
        label: What it does, as a button says it: "Replace Sigmoid by ReLU in 8 layers".
        kind: What it changes.
        edits: For a network: its edits in the JSON form of `lepton_lab.network.Fix`.
        init: For a network: scheme of new first weights, as `NetworkSpec.build(init=…)` takes it; empty to keep them.
        settings: For settings: the new values of `TrainSettings`.
        data: For data: `{"op": name, …}` as `change_data` takes it.
        fresh: Whether the training has to start anew, because the present weights are of no use.
    """

    label: str
    kind: Kind
    edits: tuple[Mapping[str, Any], ...] = ()
    init: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    fresh: bool = False

    @classmethod
    def of_network(cls, fix: NetworkFix) -> Fix:
        """A network's own fix, as shape errors carry it."""
        label = fix.label[:1].upper() + fix.label[1:]
        return cls(label, "network", edits=tuple(e.model_dump(mode="json") for e in fix.edits), fresh=True)

    def apply(
        self, spec: NetworkSpec | None, settings: TrainSettings, data: DataBundle | None
    ) -> tuple[NetworkSpec | None, TrainSettings, DataBundle | None]:
        """New network, settings and data; those that it does not change come back as they are.

        A scheme of first weights (`init`) is no part of a specification: whoever builds the network passes it on.

        Raises:
            SpecError: It edits a network, and there is no specification.
            DataError: The data is not what the change needs.
        """
        if self.edits:
            if spec is None:
                raise SpecError(
                    f"{self.label!r} edits a network's description, and this network is a module without one",
                    do="Read it first: NetworkSpec.from_module(module)",
                )
            spec = spec.apply({"label": self.label, "edits": [dict(edit) for edit in self.edits]})
        if self.settings:
            changes = dict(self.settings)
            if isinstance(changes.get("class_weights"), list):
                changes["class_weights"] = tuple(changes["class_weights"])
            settings = settings.changed(**changes)
        if self.data and data is not None:
            data = change_data(data, self.data)
        return spec, settings, data

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data that `from_json` reads."""
        return {
            "label": self.label, "kind": self.kind, "edits": plain(self.edits), "init": self.init,
            "settings": plain(self.settings), "data": plain(self.data), "fresh": self.fresh,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fix:
        """Reads what `to_json` wrote; keys that this version does not know are left out."""
        known = {k: v for k, v in data.items() if k in cls.__dataclass_fields__}
        known["edits"] = tuple(dict(edit) for edit in known.get("edits", ()))
        return cls(**known)
