"""Folders and zips of images as people have them: messy, mixed, nested, damaged."""

import io
import threading
import time
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from lepton_lab.data.images import load_images
from lepton_lab.data.images_layout import find_images
from lepton_lab.data.images_reader import LoadingCancelledError
from lepton_lab.errors import DataError, UnsafeDataError

RNG = np.random.default_rng(0)


def picture(color=(200, 30, 30), size=(12, 10), mode="RGB"):
    return Image.new("RGB", size, color).convert(mode)


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def write(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else encoded(data))
    return folder


def pack(path, folder):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


def two_classes(count=10, prefix=""):
    colors = {"cat": (200, 30, 30), "dog": (20, 30, 210)}
    return {
        f"{prefix}{name}/{i:02}.png": picture(tuple(c + i for c in color))
        for name, color in colors.items()
        for i in range(count)
    }


def listed(data, code):
    return {name: why for finding in data.report.find(code) for name, why in finding.evidence["files"]}


def images_of(data):
    """Every stored image with its class, as a set: the same whatever the splits' order."""
    return {
        (name, data.classes[int(y)], x.numpy().tobytes())
        for name, split in data.splits.items()
        for x, y in zip(*split.tensors(), strict=True)
    }


@pytest.fixture
def messy(tmp_path):
    png = encoded(picture())
    jpeg = encoded(Image.fromarray(RNG.integers(0, 255, (40, 30, 3), dtype=np.uint8)), "JPEG")
    deep = Image.fromarray(RNG.integers(0, 65535, (10, 12), dtype=np.uint16))
    palette = picture().convert("P", palette=Image.Palette.ADAPTIVE)
    good = {
        "cat/grey.png": picture(mode="L"),
        "cat/alpha.png": Image.new("RGBA", (9, 9), (10, 20, 30, 128)),
        "cat/grey alpha.png": Image.new("LA", (9, 9), (10, 128)),
        "cat/cmyk.jpg": encoded(picture(mode="CMYK"), "JPEG"),
        "cat/palette.gif": encoded(palette, "GIF"),
        "cat/palette.png": palette,
        "cat/bits.png": picture(mode="1"),
        "cat/16 bit.png": deep,
        "cat/float.tif": encoded(Image.fromarray(RNG.random((8, 8), dtype=np.float32)), "TIFF"),
        "dog/one pixel.png": picture(size=(1, 1)),
        "dog/wide.png": picture(size=(500, 3)),
        "dog/nested/deeper/x.webp": encoded(picture(), "WEBP"),
        "dog/UPPER.JPEG": jpeg,
        "dog/😀 наш.bmp": encoded(picture(), "BMP"),
        "dog/a\u0308.png": png,
    }
    bad = {
        "cat/empty.png": b"",
        "cat/truncated.jpg": jpeg[: len(jpeg) // 2],
        "cat/report.jpg": b"%PDF-1.7 not an image",
        "dog/noise.png": bytes(range(256)) * 4,
        "dog/cut header.png": png[:20],
        "dog/bomb.png": bomb(),
    }
    skipped = {"notes.txt": b"hello", "cat/Thumbs.txt": b"x", "loose.png": png}
    hidden = {
        ".DS_Store": b"x",
        "__MACOSX/cat/._grey.png": b"x",
        "cat/.hidden.png": b"x",
        ".git/x.png": png,
        "cat/Thumbs.db": b"x",
    }
    write(tmp_path / "messy", good | bad | skipped | hidden)
    (tmp_path / "messy" / "empty folder").mkdir()
    return tmp_path / "messy", good, bad, skipped


def bomb():
    """A PNG that says it is 20,000 × 20,000 and holds next to nothing."""
    data = bytearray(encoded(picture()))
    data[16:24] = (20_000).to_bytes(4) * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    return bytes(data)


@pytest.mark.parametrize("packed", [False, True])
def test_a_messy_folder_loads_and_lists_what_it_left_out(messy, packed):
    folder, good, bad, skipped = messy
    path = pack(folder.with_suffix(".zip"), folder) if packed else folder
    data = load_images(path, image_size=8, valid=0, test=0)
    assert data.classes == ("cat", "dog")
    assert len(data.train) == len(good)
    assert data.sample_shape == (3, 8, 8)
    unreadable = listed(data, "unreadable_files")
    assert set(unreadable) == set(bad)
    assert "a PDF" in unreadable["cat/report.jpg"]
    assert "empty" in unreadable["cat/empty.png"]
    assert "pixels" in unreadable["dog/bomb.png"]
    assert "truncated" in unreadable["cat/truncated.jpg"]
    assert set(listed(data, "skipped_files")) == set(skipped)
    assert data.report.find("mixed_sizes")


def test_a_bomb_is_refused_by_its_header(tmp_path):
    write(tmp_path, two_classes() | {"cat/bomb.png": bomb()})
    began = time.perf_counter()
    data = load_images(tmp_path, image_size=4)
    assert time.perf_counter() - began < 5
    assert set(listed(data, "unreadable_files")) == {"cat/bomb.png"}
    write(tmp_path, {"dog/large.png": picture(size=(50, 50))})
    bounded = load_images(tmp_path, image_size=4, max_pixels=200)
    assert set(listed(bounded, "unreadable_files")) == {"cat/bomb.png", "dog/large.png"}


def test_folder_and_zip_hold_the_same(tmp_path):
    folder = write(tmp_path / "x", two_classes())
    from_folder = load_images(folder)
    from_zip = load_images(pack(tmp_path / "x.zip", folder))
    assert images_of(from_folder) == images_of(from_zip)
    assert from_folder.fingerprint == from_zip.fingerprint == load_images(folder).fingerprint
    assert images_of(load_images(folder, seed=1)) != images_of(from_folder)


def test_pixels_are_those_of_the_file(tmp_path):
    arrays = {f"{c}/{i}.png": RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8) for c in "ab" for i in range(3)}
    write(tmp_path, {name: Image.fromarray(array) for name, array in arrays.items()})
    data = load_images(tmp_path, valid=0, test=0)
    assert data.sample_shape == (3, 6, 5)
    x, y = data.train.tensors()
    assert x.dtype == torch.uint8
    assert y.tolist() == [0, 0, 0, 1, 1, 1]
    for row, name in enumerate(sorted(arrays)):
        assert np.array_equal(x[row].permute(1, 2, 0).numpy(), arrays[name])


def test_exif_turn_and_transparency(tmp_path):
    upright = Image.new("RGB", (8, 16), "white")
    upright.paste("black", (0, 0, 8, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90° to the right when shown
    turned = encoded(upright.rotate(90, expand=True), "JPEG", exif=exif, quality=95)
    clear = Image.new("RGBA", (8, 16), (255, 0, 0, 0))
    write(tmp_path, {"a/turned.jpg": turned, "a/upright.png": upright, "b/clear.png": clear, "b/x.png": upright})
    data = load_images(tmp_path, valid=0, test=0)
    assert data.sample_shape == (3, 16, 8)
    (turned_x, upright_x, clear_x, _), _ = data.train.tensors()
    assert (turned_x.int() - upright_x.int()).abs().max() < 20
    assert int(clear_x.min()) == 255


@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"II*\0junk", bytes(40), b"Exif\0\0II*\0" * 9]
)
def test_damaged_exif_harms_nothing(tmp_path, exif):
    files = two_classes(2) | {
        "cat/exif.png": encoded(picture(), exif=exif),
        "dog/x.jpg": encoded(picture(), "JPEG", exif=exif),
    }
    assert len(load_images(write(tmp_path, files), valid=0, test=0).train) == 6


def test_split_folders_are_recognised(tmp_path):
    for train, valid, test in (
        ("train", "val", "test"),
        ("Training", "validation", "Testing"),
        ("train", "valid", "test"),
    ):
        folder = tmp_path / f"{valid}{test}"
        files = two_classes(6, f"wrap/{train}/") | two_classes(2, f"wrap/{valid}/") | two_classes(3, f"wrap/{test}/")
        data = load_images(write(folder, files | {"wrap/logo.png": picture(), "wrap/test/ufo/1.png": picture()}))
        assert {name: len(split) for name, split in data.splits.items()} == {"train": 12, "valid": 4, "test": 6}
        skipped = listed(data, "skipped_files")
        assert "outside" in skipped["wrap/logo.png"]
        assert "no training images" in skipped["wrap/test/ufo/1.png"]


def test_missing_splits_are_made_stratified(tmp_path):
    write(tmp_path, two_classes(40))
    data = load_images(tmp_path, valid=0.25, test=8)
    assert {name: torch.bincount(s.targets()).tolist() for name, s in data.splits.items()} == {
        "train": [26, 26],
        "valid": [10, 10],
        "test": [4, 4],
    }
    assert len({pixels for _, _, pixels in images_of(data)}) == 80
    only_train = load_images(tmp_path, valid=0, test=0)
    assert only_train.valid is None
    assert only_train.test is None


def test_limit_takes_a_stratified_seeded_subset(tmp_path):
    write(tmp_path, two_classes(30, "train/") | two_classes(5, "test/"))
    data = load_images(tmp_path, limit=20, valid=4)
    assert {name: torch.bincount(s.targets()).tolist() for name, s in data.splits.items()} == {
        "train": [8, 8],
        "valid": [2, 2],
        "test": [5, 5],
    }
    assert images_of(data) == images_of(load_images(tmp_path, limit=20, valid=4))
    assert images_of(data) != images_of(load_images(tmp_path, limit=20, valid=4, seed=1))
    with pytest.raises(DataError, match="limit"):
        load_images(tmp_path, limit=0)


def test_size_and_channels_by_default(tmp_path):
    write(tmp_path, {f"{c}/{i}.png": picture(size=(20 + i, 10), mode="L") for c in "ab" for i in range(5)})
    assert load_images(tmp_path).sample_shape == (1, 10, 22)
    assert load_images(tmp_path, image_size=(4, 6), channels=3).sample_shape == (3, 4, 6)
    write(tmp_path, {"a/color.png": picture()})
    assert load_images(tmp_path).sample_shape[0] == 3
    large = write(tmp_path / "large", {f"{c}/{i}.png": picture(size=(900, 450)) for c in "ab" for i in range(2)})
    assert load_images(large, valid=0, test=0).sample_shape == (3, 112, 224)
    for wrong in (0, -3, (1, 2, 3), "big", 10**6, True):
        with pytest.raises((DataError, TypeError)):
            load_images(tmp_path, image_size=wrong)


def test_fit(tmp_path):
    wide = Image.new("RGB", (30, 10), "white")
    wide.paste("red", (10, 0, 20, 10))
    write(tmp_path, {"a/1.png": wide, "b/1.png": wide})
    red = {}
    for fit in ("stretch", "crop", "pad"):
        x, _ = load_images(tmp_path, image_size=12, fit=fit, valid=0, test=0).train.tensors()
        red[fit] = x[0]
    assert int(red["crop"][1].max()) < 120  # nothing but the red middle
    assert int(red["pad"][:, 0].max()) == 0  # black above
    assert int(red["stretch"][1, :, 0].min()) == 255
    with pytest.raises(DataError, match="fit"):
        load_images(tmp_path, fit="squeeze")


def test_class_folders_that_cannot_be_learnt(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        load_images(tmp_path / "nothing")
    with pytest.raises(DataError, match="no images"):
        load_images(write(tmp_path / "text", {"a/x.txt": b"1"}))
    with pytest.raises(DataError, match="no images"):
        load_images(tmp_path / "text" / "a" / "..")
    with pytest.raises(DataError, match="fewer than two classes"):
        load_images(write(tmp_path / "flat", {"1.png": picture(), "2.png": picture()}))
    with pytest.raises(DataError, match="'cat'"):
        load_images(write(tmp_path / "one", {"cat/1.png": picture(), "cat/2.png": picture()}))
    with pytest.raises(DataError, match="none of 2 training images"):
        load_images(write(tmp_path / "bad", {"a/1.png": b"x", "b/1.png": b""}))
    with pytest.raises(DataError, match="only images of one class, 'a'"):
        load_images(write(tmp_path / "half", {"a/1.png": picture(), "b/1.png": b""}), valid=0, test=0)


def test_a_class_of_which_nothing_can_be_read_is_left_out(tmp_path):
    files = two_classes(5) | {f"bird/{i}.png": b"broken" for i in range(3)}
    for cap in (None, 100):
        data = load_images(write(tmp_path, files), valid=0, test=0, memory_cap=cap)
        assert data.classes == ("cat", "dog")
        assert torch.bincount(data.train.targets()).tolist() == [5, 5]
        assert "'bird'" in data.report.find("classes_without_images")[0].message


def test_dangerous_zips_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr("../cat/1.png", encoded(picture()))
    with pytest.raises(UnsafeDataError):
        load_images(tmp_path / "slip.zip")
    with zipfile.ZipFile(tmp_path / "nested.zip", "w") as archive:
        archive.writestr("photos.zip", b"x")
    with pytest.raises(UnsafeDataError, match="other archives"):
        load_images(tmp_path / "nested.zip")


def test_links_to_folders_are_not_followed(tmp_path):
    write(tmp_path / "x", two_classes(3))
    (tmp_path / "x" / "loop").symlink_to(tmp_path / "x")
    (tmp_path / "x" / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    data = load_images(tmp_path / "x", valid=0, test=0)
    assert len(data.train) == 6
    assert set(listed(data, "skipped_files")) == {"loop", "cat/gone.png"}


def test_progress_and_cancelling(tmp_path):
    write(tmp_path, two_classes(100))
    calls = []
    load_images(tmp_path, cache=False, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (200, 200)
    assert calls == sorted(calls)
    with pytest.raises(LoadingCancelledError):
        load_images(tmp_path, cache=False, progress=lambda done, total: done < 64)
    event = threading.Event()
    event.set()
    with pytest.raises(LoadingCancelledError):
        load_images(tmp_path, cache=False, cancel=event)
    assert not [t for t in threading.enumerate() if t.name.startswith("lepton-decode")]


def test_twenty_thousand_tiny_files(tmp_path):
    data = encoded(picture(size=(2, 2)))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for i in range(20_000):
            archive.writestr(f"{i % 100:03}/{i}.png", data)
    began = time.perf_counter()
    loaded = load_images(tmp_path / "x.zip")
    assert sum(map(len, loaded.splits.values())) == 20_000
    assert time.perf_counter() - began < 30


def test_source_says_how_to_load_it_again(tmp_path):
    write(tmp_path, two_classes())
    data = load_images(tmp_path, valid=0.2)
    assert data.source["loader"] == "load_images"
    assert load_images(**data.source["args"]).fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("names", "classes", "splits"),
    [
        (["a/1.png", "b/2.png"], ("a", "b"), {"train"}),
        (["x/y/a/1.png", "x/y/b/2.png", "x/readme.md"], ("a", "b"), {"train"}),
        (["a/sub/1.png", "b/sub/2.png"], ("a", "b"), {"train"}),
        (["train/a/1.png", "train/b/1.png"], ("a", "b"), {"train"}),
        (["test/a/1.png", "test/b/1.png"], ("a", "b"), {"train"}),
        (["train/a/1.png", "train/b/1.png", "dev/a/2.png"], ("a", "b"), {"train", "valid"}),
        (["train/1.png", "test/2.png"], ("test", "train"), {"train"}),
    ],
)
def test_layouts(names, classes, splits):
    layout = find_images(names, "here")
    assert layout.classes == classes
    assert set(layout.splits) == splits


def test_cifar10_in_its_zip(shared_data):
    data = load_images(shared_data / "cifar10-images.zip", image_size=32, limit=500)
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 450, "valid": 50, "test": 10_000}
    assert data.classes == ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    assert torch.bincount(data.train.targets()).tolist() == [45] * 10
    x, _ = next(data.train.batches(450))
    assert x.mean().abs() < 0.01
    assert abs(float(x.std()) - 1) < 0.01
