"""Any data set of OpenML by its name; scikit-learn fetches it and keeps it in the cache."""

from __future__ import annotations

from typing import Any

from lepton_lab.data.bundle import DataBundle
from lepton_lab.data.folders import cache_dir
from lepton_lab.data.tables import load_table
from lepton_lab.errors import DataError

__all__ = ["load_openml"]


def load_openml(
    name: str,
    *,
    version: int | None = None,
    target: str | None = None,
    valid: float | int | None = None,
    test: float | int | None = None,
    seed: int = 0,
    **options: Any,
) -> DataBundle:
    """A table of https://www.openml.org.

    Args:
        name: Its name there, such as "adult", or its number.
        version: Which version; the oldest active one where None.
        target: The column to predict; the one that OpenML names where None.
        valid: See `load_table`.
        test: See `load_table`.
        seed: See `load_table`.
        **options: See `load_table`.

    Raises:
        DataError: No such set, no connection, or no target.
    """
    from sklearn.datasets import fetch_openml

    folder = cache_dir() / "openml"
    by = {"data_id": int(name)} if name.isdigit() else {"name": name, "version": version or "active"}
    try:
        fetched = fetch_openml(**by, as_frame=True, data_home=str(folder), parser="auto")
    except Exception as error:  # URLError, OpenMLError, ValueError, a damaged cache …
        raise DataError(
            f"the data set {name!r} could not be fetched from OpenML",
            expected="its name as on www.openml.org, and a connection to the internet",
            received=str(error) or type(error).__name__,
            do="Check the name there; data sets that need no internet: mnist-sample, digits, iris, wine",
        ) from error
    names = list(fetched.get("target_names") or [])
    if target is None and len(names) != 1:
        raise DataError(
            f"OpenML names {len(names)} targets for {name!r}",
            expected="one target",
            received=", ".join(map(str, names)) or "none",
            do="Say which column to predict: target='…'",
        )
    return load_table(
        fetched["frame"], target=target or str(names[0]), valid=valid, test=test, seed=seed, name=name, **options
    )
