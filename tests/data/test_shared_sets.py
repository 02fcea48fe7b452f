"""Every full data set of `../shared/data`, loaded as users load them."""

import gzip

import numpy as np
import pytest

from lepton_lab.data import datasets, load_audio, load_dataset, load_source, load_table, load_text, to_categorical
from lepton_lab.data.idx import read_idx, write_idx
from lepton_lab.errors import DataError, UnsafeDataError


@pytest.fixture(autouse=True)
def _data(shared_data, monkeypatch):
    monkeypatch.setenv("LEPTON_DATA", str(shared_data))


def test_mnist_by_name():
    bundle = load_dataset("mnist", limit=20_000)
    assert [len(s) for s in bundle.splits.values()] == [17_000, 3_000, 10_000]
    assert bundle.sample_shape == (1, 28, 28)
    assert load_source(bundle.source).fingerprint == bundle.fingerprint


def test_mnist_in_keras_form():
    (x, y), (x_test, y_test) = datasets.mnist.load_data()
    assert (x.shape, x.dtype, y.shape) == ((60000, 28, 28), np.uint8, (60000,))
    assert (x_test.shape, y_test.shape) == ((10000, 28, 28), (10000,))
    assert y[:5].tolist() == [5, 0, 4, 1, 9]
    assert x.flags.writeable


def test_cifar10_in_keras_form(monkeypatch, shared_data, tmp_path):
    """A tenth of the zip, for time: `test/` as train and test."""
    import zipfile

    small = tmp_path / "cifar10-images.zip"
    with zipfile.ZipFile(shared_data / "cifar10-images.zip") as source, zipfile.ZipFile(small, "w") as target:
        members = [n for n in source.namelist() if n.startswith("test/") and n.endswith(".jpg")]
        for i, name in enumerate(members[::10]):
            data = source.read(name)
            target.writestr(name if i % 5 == 0 else name.replace("test/", "train/"), data)
    monkeypatch.setenv("LEPTON_DATA", str(tmp_path))
    (x, y), (x_test, y_test) = datasets.cifar10.load_data()
    assert (x.shape, x.dtype, y.shape) == ((800, 32, 32, 3), np.uint8, (800, 1))
    assert (x_test.shape, y_test.shape) == ((200, 32, 32, 3), (200, 1))
    assert len(set(y[:60, 0].tolist())) == 10, "the first images must not be all of one class"
    assert load_dataset("cifar10").classes[:2] == ("airplane", "automobile")


def test_sst2_as_texts(shared_data):
    bundle = load_text(shared_data / "sst2")
    assert [len(s) for s in bundle.splits.values()] == [6920, 872, 1821]
    assert bundle.classes == ("0", "1")
    assert load_source(bundle.source).fingerprint == bundle.fingerprint


def test_movielens_as_a_table(shared_data):
    path = shared_data / "movielens-small" / "ratings.csv"
    bundle = load_table(path, target="rating", task="regression", categorical=["userId", "movieId"])
    rows = len(path.read_bytes().splitlines()) - 1
    assert sum(map(len, bundle.splits.values())) == rows
    assert bundle.task == "regression"
    factors = load_table(path, target="rating", task="regression", features=["userId", "movieId"],
                         categorical=["userId", "movieId"], encode="indices")  # fmt: skip
    assert factors.sample_shape == (2,)


def test_spoken_digits_as_spectrograms(shared_data):
    bundle = load_audio(shared_data / "free-spoken-digits.zip", limit=600)
    assert bundle.classes == tuple("0123456789")
    assert sum(map(len, bundle.splits.values())) == 600
    assert not bundle.report.find("unreadable_files")


def test_damaged_idx_files_are_refused(shared_data, tmp_path):
    good = tmp_path / "good.gz"
    write_idx(good, np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    assert read_idx(good).tolist() == np.arange(24).reshape(2, 3, 4).tolist()
    content = gzip.decompress(good.read_bytes())
    for name, data, says in (
        ("short", content[:-1], "another length"),
        ("long", content + b"x", "another length"),
        ("head", content[:6], "cut off"),
        ("kind", b"\0\0\x0d\x03" + content[4:], "not an IDX"),
        ("empty", b"", "empty"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=says):
            read_idx(tmp_path / name)
    (tmp_path / "bomb").write_bytes(b"\0\0\x08\x03" + b"\xff" * 12)
    with pytest.raises(UnsafeDataError, match="absurd"):
        read_idx(tmp_path / "bomb")
    broken = tmp_path / "broken.gz"
    broken.write_bytes(good.read_bytes()[:-6])
    with pytest.raises(DataError):
        read_idx(broken)


def test_to_categorical():
    assert to_categorical([[0], [2]], 4).tolist() == [[1, 0, 0, 0], [0, 0, 1, 0]]
    assert to_categorical(np.array([1, 0], np.uint8)).dtype == np.float32
    for bad in ([0, 3], [-1, 0], [0.5, 1], ["a"]):
        with pytest.raises(DataError):
            to_categorical(bad, 3)
