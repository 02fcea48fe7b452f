"""The standard image sets: found under `data_dir()` first, downloaded once otherwise."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lepton_lab.data.folders import cache_dir, data_dir, find_data
from lepton_lab.data.idx import find_idx, read_idx
from lepton_lab.errors import DataError, UnknownNameError

__all__ = ["STANDARD", "ImageArrays", "StandardSet", "load_standard", "read_mnist_folder"]

Bytes = npt.NDArray[np.uint8]
_DIGITS = tuple("0123456789")
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_KMNIST = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
_UPPER = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_EMNIST = {
    "balanced": (*_DIGITS, *_UPPER, *"abdefghnqrt"),
    "letters": tuple("abcdefghijklmnopqrstuvwxyz"),
    "digits": _DIGITS,
    "mnist": _DIGITS,
    "byclass": (*_DIGITS, *_UPPER, *"abcdefghijklmnopqrstuvwxyz"),
    "bymerge": (*_DIGITS, *_UPPER, *"abdefghnqrt"),
}
_TORONTO = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True)
class ImageArrays:
    """A standard set as arrays: images uint8 (N, C, H, W), labels int64 (N,)."""

    x_train: Bytes
    y_train: npt.NDArray[np.int64]
    x_test: Bytes
    y_test: npt.NDArray[np.int64]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class StandardSet:
    """How one standard set is read.

    Attributes:
        title: Its name in running text.
        summary: What is in it.
        read: Reads it, downloading where it must.
        expected: Where under `data_dir()` it is looked for.
    """

    title: str
    summary: str
    read: Callable[..., ImageArrays]
    expected: str


def load_standard(name: str, **options: Any) -> ImageArrays:
    """The arrays of a standard set.

    Args:
        name: One of `STANDARD`.
        **options: `variant` for EMNIST.

    Raises:
        UnknownNameError: No such set.
        DataError: It is neither here nor can it be downloaded.
    """
    if name not in STANDARD:
        raise UnknownNameError("standard data set", name, STANDARD)
    return STANDARD[name].read(**options)


def _mnist_like(folders: tuple[str, ...], torch_name: str, classes: tuple[str, ...]) -> Callable[[], ImageArrays]:
    def read() -> ImageArrays:
        folder = find_data(*folders, f"{torch_name}/raw")
        if folder is None:
            _download(torch_name, folders[0])
            folder = find_data(f"{torch_name}/raw")
        return _read_idx_folder(folder or data_dir() / folders[0], "{part}-{kind}", ("train", "t10k"), classes)

    return read


def _emnist(variant: str = "balanced") -> ImageArrays:
    if variant not in _EMNIST:
        raise UnknownNameError("variant of EMNIST", variant, _EMNIST)
    folder = find_data("emnist", "EMNIST/raw")
    if folder is None:
        _download("EMNIST", "emnist", split=variant)
        folder = find_data("EMNIST/raw")
    arrays = _read_idx_folder(
        folder or data_dir() / "emnist", f"emnist-{variant}-{{part}}-{{kind}}", ("train", "test"), _EMNIST[variant]
    )
    first = 1 if variant == "letters" else 0  # letters count from 1
    return ImageArrays(  # the files hold the images turned: rows and columns are swapped
        np.ascontiguousarray(arrays.x_train.swapaxes(2, 3)),
        arrays.y_train - first,
        np.ascontiguousarray(arrays.x_test.swapaxes(2, 3)),
        arrays.y_test - first,
        arrays.classes,
    )


def _cifar10() -> ImageArrays:
    folder = find_data("cifar10-images.zip", "cifar10-images")
    if folder is not None:
        return _image_folder(folder, _CIFAR10)
    archive = _fetch(f"{_TORONTO}cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", "cifar10-images.zip")
    train = [f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)]
    return _read_cifar(archive, train, ["cifar-10-batches-bin/test_batch.bin"], 1, _CIFAR10)


def _cifar100() -> ImageArrays:
    archive = _fetch(
        f"{_TORONTO}cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8", "cifar-100-binary.tar.gz"
    )
    with tarfile.open(archive) as tar:
        names = _member(tar, "cifar-100-binary/fine_label_names.txt").decode().split()
    return _read_cifar(archive, ["cifar-100-binary/train.bin"], ["cifar-100-binary/test.bin"], 2, tuple(names))


def _svhn() -> ImageArrays:
    folder = find_data("svhn", "SVHN")
    if folder is None or not (folder / "train_32x32.mat").is_file():
        _download("SVHN", "svhn", train="train")
        folder = cache_dir() / "datasets" / "SVHN"
    from scipy.io import loadmat

    parts: list[Any] = []
    for part in ("train", "test"):
        content = loadmat(folder / f"{part}_32x32.mat")
        parts += [
            np.ascontiguousarray(content["X"].transpose(3, 2, 0, 1)),
            content["y"].astype(np.int64).reshape(-1) % 10,  # the file writes 0 as 10
        ]
    return ImageArrays(parts[0], parts[1], parts[2], parts[3], _DIGITS)


def read_mnist_folder(folder: Path) -> ImageArrays:
    """MNIST's four IDX files, or others with their names."""
    return _read_idx_folder(folder, "{part}-{kind}", ("train", "t10k"), _DIGITS)


STANDARD: dict[str, StandardSet] = {
    "mnist": StandardSet(
        "MNIST",
        "70,000 handwritten digits, grey 28×28",
        _mnist_like(("mnist", "MNIST"), "MNIST", _DIGITS),
        "mnist/train-images-idx3-ubyte.gz and three more",
    ),
    "fashion-mnist": StandardSet(
        "Fashion-MNIST",
        "70,000 pictures of clothes in 10 classes, grey 28×28",
        _mnist_like(("fashion-mnist", "fashion_mnist"), "FashionMNIST", _FASHION),
        "fashion-mnist/train-images-idx3-ubyte.gz and three more",
    ),
    "kmnist": StandardSet(
        "KMNIST",
        "70,000 cursive Japanese characters in 10 classes, grey 28×28",
        _mnist_like(("kmnist", "KMNIST"), "KMNIST", _KMNIST),
        "kmnist/train-images-idx3-ubyte.gz and three more",
    ),
    "emnist": StandardSet(
        "EMNIST",
        "handwritten letters and digits, grey 28×28; variant='balanced', 'letters', 'digits', …",
        _emnist,
        "emnist/emnist-balanced-train-images-idx3-ubyte.gz and three more",
    ),
    "cifar10": StandardSet(
        "CIFAR-10", "60,000 photos in 10 classes, RGB 32×32", _cifar10, "cifar10-images.zip with train and test inside"
    ),
    "cifar100": StandardSet(
        "CIFAR-100", "60,000 photos in 100 classes, RGB 32×32", _cifar100, "cifar-100-binary.tar.gz"
    ),
    "svhn": StandardSet(
        "SVHN", "99,289 photos of house numbers' digits, RGB 32×32", _svhn, "svhn/train_32x32.mat and test_32x32.mat"
    ),
}
"""The standard sets by name."""


def _read_idx_folder(folder: Path, pattern: str, parts: tuple[str, str], classes: tuple[str, ...]) -> ImageArrays:
    arrays: list[Any] = []
    for part in parts:
        stems = [pattern.format(part=part, kind=kind) for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
        paths = [find_idx(folder, stem) for stem in stems]
        if paths[0] is None or paths[1] is None:
            raise DataError("files are missing", where=str(folder), expected=" and ".join(f"{s}.gz" for s in stems))
        images, labels = read_idx(paths[0]), read_idx(paths[1])
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise DataError(
                "images and labels do not fit each other",
                where=str(folder),
                expected="(N, H, W) and (N,)",
                received=f"{images.shape} and {labels.shape}",
            )
        arrays += [images[:, None], labels.astype(np.int64)]
    return ImageArrays(arrays[0], arrays[1], arrays[2], arrays[3], classes)


def _image_folder(path: Path, classes: tuple[str, ...]) -> ImageArrays:
    from lepton_lab.data.images import load_images

    bundle = load_images(path, image_size=32, valid=0)
    if set(bundle.classes) != set(classes):
        raise DataError(
            "these are not the classes of CIFAR-10",
            where=str(path),
            expected=", ".join(classes),
            received=", ".join(bundle.classes[:12]),
        )
    number = np.array([classes.index(name) for name in bundle.classes])
    arrays: list[Any] = []
    for split in (bundle.train, bundle.test):
        stored = split.tensors() if split is not None else None
        if stored is None:
            raise DataError("the images do not fit in memory, or the test folder is missing", where=str(path))
        # The files come class by class; mixed, any first n of them are a fair sample.
        order = np.random.default_rng(0).permutation(len(stored[0]))
        arrays += [stored[0].numpy()[order], number[stored[1].numpy()][order].astype(np.int64)]
    return ImageArrays(arrays[0], arrays[1], arrays[2], arrays[3], classes)


def _read_cifar(
    archive: Path, train: list[str], test: list[str], label_bytes: int, classes: tuple[str, ...]
) -> ImageArrays:
    arrays: list[Any] = []
    with tarfile.open(archive) as tar:
        for members in (train, test):
            data = np.frombuffer(b"".join(_member(tar, name) for name in members), np.uint8)
            rows = data.reshape(-1, label_bytes + 3 * 32 * 32)
            arrays += [rows[:, label_bytes:].reshape(-1, 3, 32, 32).copy(), rows[:, label_bytes - 1].astype(np.int64)]
    return ImageArrays(arrays[0], arrays[1], arrays[2], arrays[3], classes)


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    try:
        file = tar.extractfile(name)
    except KeyError as error:
        raise DataError(f"the archive has no {name}", where=str(tar.name)) from error
    return file.read() if file is not None else b""


def _fetch(url: str, md5: str, expected: str) -> Path:
    """A downloaded file, checked."""
    from torchvision.datasets.utils import check_integrity, download_url

    name = url.rsplit("/", 1)[1]
    here = find_data(name)
    if here is not None and check_integrity(str(here), md5):
        return here
    folder = cache_dir() / "datasets"
    try:
        download_url(url, str(folder), name, md5)
    except (OSError, RuntimeError) as error:
        raise _unavailable(url, expected, error) from error
    return folder / name


def _download(torch_name: str, expected: str, train: Any = True, **options: Any) -> None:
    """Lets torchvision download a set into the cache: with progress and checksums."""
    from torchvision import datasets

    root = cache_dir() / "datasets"
    try:
        if torch_name == "SVHN":
            root = root / "SVHN"
            for part in ("train", "test"):
                datasets.SVHN(str(root), split=part, download=True)
        else:
            getattr(datasets, torch_name)(str(root), train=train, download=True, **options)
    except (OSError, RuntimeError) as error:
        raise _unavailable(torch_name, expected, error) from error


def _unavailable(what: str, expected: str, error: Exception) -> DataError:
    return DataError(
        f"{what} is not on this machine and could not be downloaded",
        where=str(data_dir()),
        expected=f"{expected} there, or a connection to the internet",
        received=str(error) or type(error).__name__,
        do="Set LEPTON_DATA to a folder that has it; data sets that need no internet: mnist-sample, digits, iris",
    )
