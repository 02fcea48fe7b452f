"""Data sets by name: `load_dataset` and the registry behind it, open to plugins."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from lepton_lab.data import standard, toy
from lepton_lab.data.arrays import from_arrays
from lepton_lab.data.assemble import assemble
from lepton_lab.data.bundle import DataBundle, Task, TensorSplit
from lepton_lab.data.image_preprocessing import fit_image_preprocessing
from lepton_lab.data.images_decode import ImageFormat
from lepton_lab.data.splits import DEFAULT_SHARE, split_indices
from lepton_lab.data.tables import load_table
from lepton_lab.errors import DataError, UnknownNameError
from lepton_lab.plugins import load_plugins
from lepton_lab.registry import BUILT_IN, Registry

__all__ = ["DATASETS", "DatasetInfo", "load_dataset", "register_dataset"]

Loader = Callable[..., Any]


@dataclass(frozen=True)
class DatasetInfo:
    """A data set that can be loaded by name.

    Attributes:
        title: Its name in running text.
        summary: What is in it, in one line.
        load: Returns a `DataBundle`, or arrays `(x, y)`, or `((x, y), (x_test, y_test))`.
        offline: Whether it needs no internet and no files.
    """

    title: str
    summary: str
    load: Loader
    offline: bool = True


DATASETS: Registry[DatasetInfo] = Registry("data set", load_plugins)
"""Every data set that `load_dataset` knows by name."""


def register_dataset(
    name: str, *, title: str = "", summary: str = "", offline: bool = True
) -> Callable[[Loader], Loader]:
    """Registers a function as a data set.

    The function returns arrays `(x, y)`, given splits `((x, y), (x_test, y_test))`, or a `DataBundle`. Its
    parameters become options of `load_dataset`; `valid`, `test` and `seed` are passed on where it takes them.

    Args:
        name: What `load_dataset` takes.
        title: Its name in running text.
        summary: One line about it; the function's first line where left empty.
        offline: Whether it needs no internet.
    """

    def register(load: Loader) -> Loader:
        text = summary or (inspect.getdoc(load) or "").split("\n")[0]
        DATASETS.add(name, DatasetInfo(title or name, text, load, offline), module=load.__module__)
        return load

    return register


def load_dataset(
    name: str,
    *,
    valid: float | int | None = None,
    test: float | int | None = None,
    seed: int = 0,
    stratified: bool = True,
    **options: Any,
) -> DataBundle:
    """Loads a data set by its name.

    Args:
        name: "mnist-sample", "iris", "moons", "cifar10", …, or "openml:NAME" for any set of OpenML.
        valid: Share or number of training samples for validation; 0.15 where None.
        test: The same for the test; a test set that comes with the data is kept, else 0.15.
        seed: Of the split, and of the points of drawn sets.
        stratified: Whether the splits of a classification get the same shares of the classes.
        **options: What the set itself takes, such as `n` and `noise` for "moons" or `variant` for "emnist".

    Raises:
        UnknownNameError: No such set; suggests the closest names.
        DataError: It cannot be read or downloaded, or an option has no use for such a value.
    """
    if not isinstance(name, str):
        raise DataError(
            "a data set is known by its name", expected="a name such as 'mnist-sample'", received=repr(name)
        )
    args: dict[str, Any] = {"name": name, "valid": valid, "test": test, "seed": seed, **options}
    if not stratified:
        args["stratified"] = False
    if name.startswith("openml:"):
        from lepton_lab.data.openml import load_openml

        shared: dict[str, Any] = {"valid": valid, "test": test, "seed": seed, "stratified": stratified}
        bundle = load_openml(name.removeprefix("openml:"), **shared, **options)
        return replace(bundle, name=name, source={"loader": "load_dataset", "args": args})
    if name not in DATASETS and _plain(name) in DATASETS:
        name = args["name"] = _plain(name)
    try:
        entry = DATASETS.entry(name)
    except UnknownNameError as error:
        do = None if "Did you mean" in str(error) else f"{error.do} Any set of OpenML: load_dataset('openml:{name}')"
        raise UnknownNameError("data set", name, DATASETS.names(), do=do) from None
    info = entry.value
    _check_options(name, info.load, options)
    source: dict[str, Any] = {"loader": "load_dataset", "args": {k: v for k, v in args.items() if v is not None}}
    if entry.provider != BUILT_IN:
        source["plugin"] = entry.provider
    accepted = inspect.signature(info.load).parameters
    shared = {"valid": valid, "test": test, "seed": seed, "stratified": stratified}
    loaded = info.load(**{k: v for k, v in shared.items() if k in accepted}, **options)
    if not isinstance(loaded, DataBundle):
        loaded = _from_result(loaded, name, valid, test, seed, stratified)
    return replace(loaded, name=name, source=source)


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(" ", "-").replace("cifar-10", "cifar10")


def _from_result(
    loaded: Any, name: str, valid: float | int | None, test: float | int | None, seed: int, stratified: bool
) -> DataBundle:
    if not isinstance(loaded, tuple) or len(loaded) != 2:
        raise DataError(
            "the data set's function returns something else",
            where=name,
            expected="(x, y), ((x, y), (x_test, y_test)) or a DataBundle",
            received=type(loaded).__name__,
        )
    first, second = loaded
    if isinstance(first, tuple) and isinstance(second, tuple):
        share = DEFAULT_SHARE if valid is None else valid
        made = from_arrays(
            *first, test_data=second, valid=share, test=test, seed=seed, stratified=stratified, name=name
        )
    else:
        made = from_arrays(first, second, valid=valid, test=test, seed=seed, stratified=stratified, name=name)
    return made


def _check_options(name: str, load: Loader, options: dict[str, Any]) -> None:
    accepted = inspect.signature(load).parameters
    for option in options:
        if option not in accepted:
            names = [p for p in accepted if p not in ("valid", "test", "seed", "stratified")]
            raise UnknownNameError(f"option of data set {name!r}:", option, names)


def _add(name: str, info: DatasetInfo) -> None:
    DATASETS.add(name, info, provider=BUILT_IN)


def _image_bundle(
    arrays: standard.ImageArrays,
    name: str,
    valid: float | int | None,
    test: float | int | None,
    seed: int,
    stratified: bool,
) -> DataBundle:
    """A bundle of images; the test that comes with them is kept, where there is none one is split off."""
    given = len(arrays.x_test) > 0
    if given and test:
        raise DataError(f"{name!r} brings its own test set", expected="test=0 or nothing", received=f"test={test!r}")
    test_share = 0 if given else DEFAULT_SHARE if test is None else test
    indices = split_indices(
        len(arrays.x_train),
        valid=DEFAULT_SHARE if valid is None else valid,
        test=test_share,
        labels=arrays.y_train,
        seed=seed,
        stratified=stratified,
    )
    parts = {
        part: (arrays.x_train[rows], arrays.y_train[rows])
        for part, rows in (("train", indices.train), ("valid", indices.valid), ("test", indices.test))
        if len(rows)
    }
    if given:
        parts["test"] = arrays.x_test, arrays.y_test
    x = torch.from_numpy(parts["train"][0])
    channels, height, width = x.shape[1:]
    preprocessing = fit_image_preprocessing(ImageFormat(height, width, channels), [x])
    splits = {p: TensorSplit(torch.from_numpy(x), torch.from_numpy(y), preprocessing) for p, (x, y) in parts.items()}
    return assemble(
        name,
        train=splits["train"],
        valid=splits.get("valid"),
        test=splits.get("test"),
        task=Task.MULTICLASS,
        classes=arrays.classes,
        preprocessing=preprocessing,
        findings=indices.findings,
    )


def _mnist_sample(
    valid: float | int | None = None, test: float | int | None = None, seed: int = 0, stratified: bool = True
) -> DataBundle:
    folder = Path(__file__).parent / "embedded" / "mnist-sample"
    return _image_bundle(standard.read_mnist_folder(folder), "mnist-sample", valid, test, seed, stratified)


def _digits(
    valid: float | int | None = None, test: float | int | None = None, seed: int = 0, stratified: bool = True
) -> DataBundle:
    x, y, _, classes = toy.sklearn_table("digits")
    images = (x.reshape(-1, 1, 8, 8) * (255 / 16)).round().astype(np.uint8)
    arrays = standard.ImageArrays(images, y.astype(np.int64), images[:0], y[:0].astype(np.int64), classes)
    return _image_bundle(arrays, "digits", valid, test, seed, stratified)


def _standard(
    set_name: str,
    valid: float | int | None = None,
    test: float | int | None = None,
    seed: int = 0,
    stratified: bool = True,
    limit: int | None = None,
) -> DataBundle:
    return _image_bundle(_limited(standard.load_standard(set_name), limit), set_name, valid, test, seed, stratified)


def _emnist(
    variant: str = "balanced",
    valid: float | int | None = None,
    test: float | int | None = None,
    seed: int = 0,
    stratified: bool = True,
    limit: int | None = None,
) -> DataBundle:
    arrays = _limited(standard.load_standard("emnist", variant=variant), limit)
    return _image_bundle(arrays, "emnist", valid, test, seed, stratified)


def _limited(arrays: standard.ImageArrays, limit: int | None) -> standard.ImageArrays:
    """The first `limit` training images."""
    if limit is None:
        return arrays
    if limit < 1:
        raise DataError("there would be no samples", expected="limit from 1", received=repr(limit))
    return replace(arrays, x_train=arrays.x_train[:limit], y_train=arrays.y_train[:limit])


def _table(
    table: str,
    valid: float | int | None = None,
    test: float | int | None = None,
    seed: int = 0,
    stratified: bool = True,
    features: Sequence[str] | None = None,
    mark_missing: Sequence[str] = (),
) -> DataBundle:
    x, y, features, classes = toy.sklearn_table(table)
    frame = pd.DataFrame(x, columns=list(features))
    frame["target"] = [classes[i] for i in y] if classes else y
    task = "classification" if classes else "regression"
    return load_table(
        frame,
        target="target",
        task=task,
        classes=classes or None,
        features=features,
        mark_missing=mark_missing,
        valid=valid,
        test=test,
        seed=seed,
        stratified=stratified,
        name=table,
    )


for _name, _title, _summary, _load in (
    ("mnist-sample", "MNIST, 3,000 digits", "2,400 and 600 handwritten digits of MNIST, grey 28×28", _mnist_sample),
    ("digits", "Digits 8×8", "1,797 handwritten digits of UCI, grey 8×8", _digits),
    ("iris", "Iris", "150 flowers of 3 species by 4 measures", partial(_table, "iris")),
    ("wine", "Wine", "178 wines of 3 growers by 13 measures", partial(_table, "wine")),
    (
        "breast-cancer",
        "Breast cancer",
        "569 tumours by 30 measures: malignant or benign",
        partial(_table, "breast_cancer"),
    ),
    (
        "diabetes",
        "Diabetes",
        "442 patients by 10 measures; the disease's progress is a quantity",
        partial(_table, "diabetes"),
    ),
):
    _add(_name, DatasetInfo(_title, _summary, _load))
for _points in (toy.moons, toy.circles, toy.blobs, toy.spirals):
    _add(_points.__name__, DatasetInfo(_points.__name__.capitalize(), (_points.__doc__ or "").split("\n")[0], _points))
for _name, _set in standard.STANDARD.items():
    _read: Loader = _emnist if _name == "emnist" else partial(_standard, _name)
    _add(_name, DatasetInfo(_set.title, _set.summary, _read, offline=False))
