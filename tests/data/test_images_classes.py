"""Classes that the caller names, and images that are left out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lepton_lab as ll
from lepton_lab.data import load_source
from lepton_lab.data.reproduce import to_python
from lepton_lab.errors import DataError

NAMES = ["cat_1", "cat_2", "catfish_1", "catfish_2", "dog_1", "dog_2", "dog_3", "dog_4"]


def save(folder: Path, names: list[str]) -> Path:
    draw = np.random.default_rng(0)
    for name in names:
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 255, (6, 6), np.uint8)).save(path)
    return folder


def counts(data):
    return dict(zip(data.classes, data.class_counts().tolist(), strict=True))


def test_the_longest_beginning_decides(tmp_path):
    folder = save(tmp_path / "pile", NAMES)
    wanted = {"Cat": ["cat"], "Fish": ["catfish_"], "Dog": ["dog_"]}
    data = ll.load_images(folder, classes=wanted, valid=0, test=0)
    assert counts(data) == {"Cat": 2, "Dog": 4, "Fish": 2}


def test_folders_are_renamed_joined_and_left_out(tmp_path):
    folder = save(tmp_path / "zoo", [f"{name.split('_')[0]}/{name}" for name in NAMES])
    wanted = {"swims 🐟": ["catfish/"], "walks": ["cat/", "dog/"]}
    data = ll.load_images(folder, classes=wanted, leave_out=["dog/dog_4.png"], valid=0, test=0)
    assert counts(data) == {"swims 🐟": 2, "walks": 5}
    one = ll.load_images(folder, classes={"cat": ["cat/"], "dog": ["dog/"]}, valid=0, test=0)
    assert counts(one) == {"cat": 2, "dog": 4}
    assert any("belongs to none of the classes" in finding.message for finding in one.report.findings)


def test_splits_keep_their_classes(tmp_path):
    folder = save(
        tmp_path / "sets", [f"{part}/{name.split('_')[0]}/{name}" for part in ("train", "test") for name in NAMES]
    )
    wanted = {
        "pets": ["train/cat/", "train/dog/", "test/cat/", "test/dog/"],
        "fish": ["train/catfish/", "test/catfish/"],
    }
    data = ll.load_images(folder, classes=wanted, valid=0)
    assert counts(data) == {"fish": 2, "pets": 6}
    assert data.test.targets().tolist() == data.train.targets().tolist()


def test_another_process_and_the_code_get_the_same(tmp_path):
    folder = save(tmp_path / "pile", NAMES)
    data = ll.load_images(folder, classes={"a": ["cat"], "b": ["dog"]}, leave_out=["dog_2.png"], valid=0, test=0)
    again = load_source(data.source)
    assert again.fingerprint == data.fingerprint
    assert "classes={'a': ['cat'], 'b': ['dog']}, leave_out=['dog_2.png']" in to_python(data)


def test_one_class_is_too_few(tmp_path):
    with pytest.raises(DataError, match="fewer than two classes"):
        ll.load_images(save(tmp_path / "pile", NAMES), classes={"all": [""]})
