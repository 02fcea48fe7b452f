"""The decoded cache: right, whole or not at all, and within its cap."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from lepton_lab.data import cache as cache_module, images_splits
from lepton_lab.data.cache import DecodedCache, cache_key
from lepton_lab.data.folders import cache_dir
from lepton_lab.data.images import load_images

ARRAY = np.random.default_rng(0).integers(0, 256, (20, 3, 4, 5), dtype=np.uint8)


def store(cache, name, array=ARRAY, chunk=7):
    pieces = (array[i : i + chunk] for i in range(0, len(array), chunk))
    return cache.store(cache_key([name]), array.shape, pieces, {"name": name})


@pytest.fixture
def cache(tmp_path):
    return DecodedCache(tmp_path / "cache", cap_bytes=5000)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(1)
    for i in range(20):
        path = tmp_path / "x" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).save(path)
    (tmp_path / "x" / "a" / "bad.png").write_bytes(b"bad")
    return tmp_path / "x"


@pytest.fixture
def decodings(monkeypatch):
    """Grows by one whenever files are decoded."""
    calls = []
    real = images_splits.decode_files

    def counted(*args):
        calls.append(1)
        return real(*args)

    monkeypatch.setattr(images_splits, "decode_files", counted)
    return calls


def test_entries_come_back_as_they_were(cache):
    assert cache.load(cache_key(["a"])) is None
    assert store(cache, "a")
    entry = cache.load(cache_key(["a"]))
    assert np.array_equal(entry.array, ARRAY)
    assert entry.notes == {"name": "a"}
    cache.clear()
    assert cache.size() == 0
    assert cache.load(cache_key(["a"])) is None


@pytest.mark.parametrize("suffix", [".npy", ".json"])
@pytest.mark.parametrize("how", ["cut", "flip", "empty", "delete"])
def test_damaged_entries_are_removed(cache, suffix, how):
    store(cache, "a")
    path = next(cache.folder.glob("*" + suffix))
    data = bytearray(path.read_bytes())
    if how == "delete":
        path.unlink()
    else:
        data[len(data) - 3] ^= 255
        path.write_bytes({"cut": data[:-5], "flip": data, "empty": b""}[how])
    assert cache.load(cache_key(["a"])) is None
    assert store(cache, "a")
    assert np.array_equal(cache.load(cache_key(["a"])).array, ARRAY)


def test_pickles_are_never_read(cache, tmp_path):
    store(cache, "a")
    np.save(next(cache.folder.glob("*.npy")), np.array([{"evil": 1}], dtype=object), allow_pickle=True)
    assert cache.load(cache_key(["a"])) is None


def test_the_least_recently_used_goes_first(cache):
    for i, name in enumerate("abc"):
        assert store(cache, name)
        os.utime(cache.folder / f"{cache_key([name])}.json", (i, i))
    cache.load(cache_key(["a"]))  # used just now
    assert store(cache, "d")
    held = {name for name in "abcd" if cache.load(cache_key([name])) is not None}
    assert held == {"a", "c", "d"}
    assert cache.size() <= cache.cap_bytes
    assert not store(cache, "large", np.zeros((6000, 1, 1, 1), dtype=np.uint8))


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = DecodedCache(tmp_path / "file")
    assert not store(cache, "a")
    assert cache.load(cache_key(["a"])) is None


def test_second_load_decodes_nothing_and_is_the_same(folder, decodings):
    first = load_images(folder)
    second = load_images(folder)
    other_split = load_images(folder, seed=3, valid=0.3)
    assert len(decodings) == 1
    assert first.fingerprint == second.fingerprint != other_split.fingerprint
    assert second.report.find("unreadable_files")[0].evidence["files"][0][0] == "a/bad.png"
    uncached = load_images(folder, seed=3, valid=0.3, cache=False)
    assert uncached.fingerprint == other_split.fingerprint
    assert all(path.is_relative_to(cache_dir()) for path in cache_dir().rglob("*"))


def test_changes_are_noticed(folder, decodings):
    load_images(folder)
    load_images(folder, image_size=4)
    Image.new("RGB", (6, 6)).save(folder / "a" / "0.png")
    load_images(folder)
    shutil.copy(folder / "a" / "2.png", folder / "a" / "new.png")
    load_images(folder)
    load_images(folder, channels=1)
    assert len(decodings) == 5


def test_a_damaged_cache_is_rebuilt(folder, decodings):
    first = load_images(folder)
    entry = next(cache_dir().rglob("*.npy"))
    data = bytearray(entry.read_bytes())
    data[-1] ^= 1
    entry.write_bytes(data)
    assert load_images(folder).fingerprint == first.fingerprint
    assert load_images(folder).fingerprint == first.fingerprint
    assert len(decodings) == 2


def test_nothing_half_written_is_seen(cache, monkeypatch):
    def broken(_):
        raise OSError("disk full")

    monkeypatch.setattr(cache_module, "_checksum", broken)
    assert not store(cache, "a")
    assert list(cache.folder.iterdir()) == []
