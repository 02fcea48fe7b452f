"""Settings to begin with, for a table."""

from __future__ import annotations

from typing import Any

__all__ = ["first_settings"]

_STEPS = 2500  # updates after which a small network has learnt what is to be learnt from most small tables


def first_settings(rows: int) -> dict[str, Any]:
    """Small tables are seen more often, in smaller batches; large ones a few times."""
    batch = 16 if rows < 500 else 32 if rows < 5_000 else 128 if rows < 100_000 else 512
    epochs = max(5, min(100, round(_STEPS * batch / max(rows, 1))))
    return {"batch_size": batch, "epochs": epochs, "lr": 2e-3 if rows < 5_000 else 1e-3}
