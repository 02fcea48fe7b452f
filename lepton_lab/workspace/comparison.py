"""Several runs side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from lepton_lab.workspace.stored import StoredRun

__all__ = ["Comparison"]


class Comparison:
    """Curves of several runs, and the table of what differs between them.

    Args:
        runs: The runs, in the order in which they are shown.
    """

    def __init__(self, runs: Sequence[StoredRun]) -> None:
        self.runs = list(runs)

    def __repr__(self) -> str:
        return f"Comparison of {', '.join(self.labels())}\n{self.settings().to_string()}"

    def _repr_html_(self) -> str:
        html: str = self.settings().to_html()
        return html

    def labels(self) -> list[str]:
        """The runs' names, with the beginning of the id where two share one."""
        names = [run.name for run in self.runs]
        return [n if names.count(n) == 1 else f"{n} ({r.id[:6]})" for n, r in zip(names, self.runs, strict=True)]

    def curves(self, column: str = "val_loss") -> pd.DataFrame:
        """One column a run, one row an epoch; NaN where a run is shorter or has no such column."""
        import pandas as pd

        series = {}
        for label, run in zip(self.labels(), self.runs, strict=True):
            frame = run.history.to_frame().set_index("epoch")
            series[label] = frame[column] if column in frame else pd.Series(dtype="float64")
        return pd.DataFrame(series).sort_index()

    def plot(self) -> Any:
        """Their curves in one matplotlib `Figure`."""
        from lepton_lab.figures import plot_runs

        return plot_runs(self.runs)

    def settings(self) -> pd.DataFrame:
        """The settings in which the runs differ, one row a setting, one column a run."""
        import pandas as pd

        flat = [_flat(_described(run)) for run in self.runs]
        names = dict.fromkeys(name for part in flat for name in part)
        differing = [n for n in names if len({_text(part.get(n)) for part in flat}) > 1]
        rows = [[part.get(name) for part in flat] for name in differing]
        return pd.DataFrame(rows, index=pd.Index(differing, name="setting"), columns=self.labels(), dtype=object)

    def results(self) -> pd.DataFrame:
        """One row a run: how it ended, and its last metrics."""
        import pandas as pd

        rows = []
        for run in self.runs:
            status = run.status
            rows.append(
                {"state": str(status.state), "epoch": status.epoch, "loss": status.loss, "duration_s": status.elapsed_s}
                | dict(status.metrics)
            )
        return pd.DataFrame(rows, index=pd.Index(self.labels(), name="run"))


def _described(run: StoredRun) -> dict[str, Any]:
    network = dict(run.network or {})
    layers = {layer.get("name") or str(i): layer for i, layer in enumerate(network.pop("layers", ()))}
    data = {name: value for name, value in (run.data or {}).items() if name in ("name", "fingerprint", "source")}
    about = {"network": {**network, **layers}, "data": data, "versions": run.versions, "device": run.device}
    return {**run.settings, **about}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, Mapping) and inner:
            flat.update(_flat(inner, name + "."))
        else:
            flat[name] = inner
    return flat
