"""Splits that are larger than the memory they may take."""

import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from lepton_lab.data.images import load_images
from lepton_lab.data.streaming import StreamSplit
from lepton_lab.errors import DataError


def write(folder, count, side=8, suffix=".png"):
    rng = np.random.default_rng(0)
    for i in range(count):
        path = folder / "abc"[i % 3] / f"{i:04}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(path)
    return folder


@pytest.fixture
def both(tmp_path):
    """The same images resident and streamed."""
    folder = write(tmp_path / "x", 90)
    return load_images(folder), load_images(folder, memory_cap=10_000)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def all_of(split, **options):
    x, y = zip(*split.batches(16, **options), strict=True)
    return torch.cat(x), torch.cat(y)


def test_streamed_batches_are_those_of_memory(both):
    resident, streamed = both
    assert isinstance(streamed.train, StreamSplit)
    assert streamed.train.tensors() is None
    assert torch.allclose(streamed.preprocessing.mean, resident.preprocessing.mean, atol=1e-3)
    for name, split in resident.splits.items():
        for options in ({}, {"shuffle": True}):
            x, y = all_of(split, generator=generator(), **options)
            streamed_x, streamed_y = all_of(streamed.splits[name], generator=generator(), **options)
            assert torch.allclose(x, streamed_x, atol=1e-4)
            assert torch.equal(y, streamed_y)
    assert torch.allclose(streamed.train.sample(-1)[0], resident.train.sample(-1)[0], atol=1e-4)


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_order_does_not_depend_on_workers(tmp_path, workers):
    folder = write(tmp_path / "x", 60)
    data = load_images(folder, memory_cap=1000, workers=workers)
    reference = load_images(folder, memory_cap=1000)
    for a, b in zip(
        all_of(data.train, shuffle=True, generator=generator(4)),
        all_of(reference.train, shuffle=True, generator=generator(4)),
        strict=True,
    ):
        assert torch.equal(a, b)
    first, second = (all_of(data.train, shuffle=True, generator=generator(s))[1] for s in (4, 5))
    assert not torch.equal(first, second)


def test_drop_last_and_batch_size(both):
    split = both[1].train
    assert [len(x) for x, _ in split.batches(50, drop_last=True)] == [50]
    assert [len(x) for x, _ in split.batches(50)] == [50, len(split) - 50]
    with pytest.raises(DataError, match="batch"):
        next(split.batches(0))


def test_leaving_early_ends_the_threads(both):
    for _ in range(3):
        next(both[1].train.batches(4))
    for thread in threading.enumerate():
        if thread.name.startswith("lepton-stream"):
            thread.join(5)
            assert not thread.is_alive()


def test_augmented_and_balanced(both):
    data = both[1].with_augmentation("light")
    plain, _ = all_of(data.train)
    first, again, other = (all_of(data.train, training=True, generator=generator(s))[0] for s in (1, 1, 2))
    assert torch.equal(plain, all_of(both[1].train)[0])
    assert torch.equal(first, again)
    assert not torch.equal(first, plain)
    assert not torch.equal(first, other)
    resident = both[0].with_augmentation("light")
    assert torch.allclose(all_of(resident.train, training=True, generator=generator(1))[0], first, atol=1e-4)
    for how in ("sampling", "oversampling"):
        x, y = all_of(both[1].balanced(how).train, shuffle=True, generator=generator())
        resident_x, resident_y = all_of(both[0].balanced(how).train, shuffle=True, generator=generator())
        assert torch.allclose(x, resident_x, atol=1e-4)
        assert torch.equal(y, resident_y)


def test_an_image_that_breaks_later_is_replaced_by_one_of_its_class(tmp_path):
    folder = write(tmp_path / "x", 30)
    data = load_images(folder, memory_cap=1000, valid=0, test=0)
    whole, labels = all_of(data.train)
    victim = folder / data.train.names[0]
    victim.write_bytes(victim.read_bytes()[:-60])
    broken, broken_labels = all_of(data.train)
    assert torch.equal(labels, broken_labels)
    assert torch.equal(broken[1:], whole[1:])
    assert torch.equal(broken[0], whole[1])
    assert list(data.train.unreadable) == [data.train.names[0]]
    for name in data.train.names:
        (folder / name).unlink()
    with pytest.raises(DataError, match="can be read"):
        all_of(data.train)


def test_split_of_a_zip_can_be_pickled(both, tmp_path):
    copy = pickle.loads(pickle.dumps(both[1].train))
    assert torch.equal(all_of(copy)[0], all_of(both[1].train)[0])
    assert copy.digest() == both[1].train.digest()


_MEASURED = """
import gc, resource, sys, threading, time
import psutil, torch
from lepton_lab.data.images import load_images
torch.set_num_threads(1)
process = psutil.Process()
small = load_images(sys.argv[1] + "/small", cache=False)  # everything imported, every allocator warm
[x.sum() for x, _ in small.train.batches(4)]
small = None
gc.collect()
base = peak = process.memory_info().rss
done = threading.Event()
def watch():
    global peak
    while not done.wait(0.002):
        peak = max(peak, process.memory_info().rss)
thread = threading.Thread(target=watch)
thread.start()
cap = int(sys.argv[2])
data = load_images(sys.argv[1] + "/large", memory_cap=cap)
total = 0
for epoch in range(2):
    for x, y in data.train.batches(8, shuffle=True, training=True):
        total += len(x)
done.set()
thread.join()
print(type(data.train).__name__, total, peak - base)
"""


def test_peak_memory_stays_below_the_cap(tmp_path):
    """1,500 images of 128 × 128 are 74 MB decoded; under the cap of 60 MB are the prepared float batches, too."""
    write(tmp_path / "small", 12, side=128, suffix=".jpg")
    write(tmp_path / "large", 1500, side=128, suffix=".jpg")
    cap = 60_000_000
    result = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(tmp_path), str(cap)], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    kind, total, peak = result.stdout.split()
    assert kind == "StreamSplit"
    assert int(total) == 2 * 1200
    assert 1500 * 3 * 128 * 128 > cap > int(peak)
