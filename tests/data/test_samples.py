"""Single samples to look at."""

import numpy as np
import pytest
import torch

import lepton_lab as ll
from lepton_lab.data.augmentation import augment
from lepton_lab.data.samples import groups, mirror_facts, pictures, preview, table_rows


@pytest.fixture(scope="module")
def digits():
    return ll.load_dataset("mnist-sample")


def test_the_first_samples_of_each_class_or_others(digits):
    first = groups(digits, "train", 5)
    assert [g.rows for g in first] == [
        tuple((digits.train.targets() == c).nonzero().flatten()[:5].tolist()) for c in range(10)
    ]
    assert groups(digits, "train", 5, seed=2) != first
    assert groups(digits, "train", 5, seed=2) == groups(digits, "train", 5, seed=2)
    assert [g.name for g in groups(digits, "train", 1, first=8, limit=20)] == ["8", "9"]


def test_labels_and_quantities_have_groups_too():
    x = np.random.default_rng(0).random((40, 2)).astype(np.float32)
    labels = np.stack([np.arange(40) % 2, np.arange(40) % 3 == 0], axis=1).astype(np.float32)
    found = groups(ll.from_arrays(x, labels, task="multilabel", valid=0, test=0), "train", 3)
    assert [g.count for g in found] == [20, 14]
    found = groups(ll.from_arrays(x, np.arange(40.0) ** 1.5, task="regression", valid=0, test=0), "train", 3)
    assert [g.count for g in found] == [10, 10, 10, 10]


def test_small_pictures_keep_their_pixels_and_large_ones_their_mean():
    x = torch.randint(0, 256, (6, 3, 90, 120), dtype=torch.uint8)
    data = ll.from_arrays(x, [0, 1] * 3, valid=0, test=0)
    found, _ = pictures(data, "train", [0, 3], prepared=False, size=30)
    assert found.shape == (2, 22, 30, 3)
    assert found[1].mean() == pytest.approx(float(x[3].float().mean()), abs=1)


def test_rows_are_read_back_in_their_units():
    import pandas as pd

    frame = pd.DataFrame({"a": np.arange(50) * 3.5, "c": ["u", "v"] * 25, "y": [0, 1] * 25})
    for encode in ("onehot", "indices"):
        data = ll.load_table(frame, target="y", encode=encode, seed=1)
        names, rows = table_rows(data, "train", [0, 1, 2])
        assert names == ["a", "c"]
        known = dict(zip((f"{v:,.6g}" for v in frame["a"]), frame["c"], strict=True))
        assert all(row[1] in ("u", "v") for row in rows)
        if encode == "onehot":
            assert all(known[row[0]] == row[1] for row in rows)


def test_what_was_drawn_is_what_was_done():
    x = torch.zeros(64, 1, 21, 21)
    x[:, :, 10, 10] = 1  # a dot in the middle moves as the draw says
    drawn = []
    moved = augment(x, [{"kind": "affine", "degrees": 0, "translate": 0.2, "scale": [1, 1], "shear": 0}],
                    torch.Generator().manual_seed(0), drawn)  # fmt: skip
    weight = moved.sum((1, 2, 3))
    place = torch.arange(21.0)
    right = (moved.sum(2)[:, 0] * place).sum(1) / weight - 10
    down = (moved.sum(3)[:, 0] * place).sum(1) / weight - 10
    assert torch.allclose(right, drawn[0]["right"], atol=0.02)
    assert torch.allclose(down, drawn[0]["down"], atol=0.02)

    x = torch.zeros(32, 1, 41, 41)
    x[:, :, 20, 35] = 1  # right of the middle: turned clockwise it goes down
    drawn = []
    turned = augment(x, [{"kind": "rotate", "degrees": 40}], torch.Generator().manual_seed(1), drawn)
    place = torch.arange(41.0) - 20
    down = (turned.sum(3)[:, 0] * place).sum(1) / turned.sum((1, 2, 3))
    assert torch.allclose(down, 15 * torch.sin(torch.deg2rad(drawn[0]["degrees"])), atol=0.3)


def test_shifts_and_mirrors_are_noted():
    x = torch.randint(0, 255, (16, 1, 10, 10), dtype=torch.uint8)
    drawn = []
    out = augment(x, [{"kind": "shift", "amount": 0.2}], torch.Generator().manual_seed(0), drawn)
    for i in range(16):
        right, down = int(drawn[0]["right"][i]), int(drawn[0]["down"][i])
        rolled = torch.roll(x[i, 0], (down, right), (0, 1))[2:8, 2:8]
        assert torch.equal(out[i, 0, 2:8, 2:8], rolled)
    drawn = []
    out = augment(x, [{"kind": "flip", "p": 0.5}], torch.Generator().manual_seed(0), drawn)
    assert 0 < int(drawn[0]["mirrored"].sum()) < 16
    for i, mirrored in enumerate(drawn[0]["mirrored"].tolist()):
        assert torch.equal(out[i], x[i].flip(-1) if mirrored else x[i])


def test_noting_draws_changes_none(digits):
    x = digits.train.x[:8]
    plain = augment(x, "photos", torch.Generator().manual_seed(3))
    assert torch.equal(plain, augment(x, "photos", torch.Generator().manual_seed(3), []))


def test_a_preview_is_the_original_and_its_draws(digits):
    images, drawn = preview(digits, [{"kind": "flip", "p": 1}], 4, 2, seed=0)
    assert np.array_equal(images[0, ..., 0], digits.train.x[4, 0].numpy())
    assert np.array_equal(images[1], images[0][:, ::-1])
    assert [d[0]["mirrored"] for d in drawn] == [1, 1]


def test_mirrored_digits_lose_their_class_and_symmetric_ones_do_not(digits):
    _, before, after = mirror_facts(digits)
    assert before - after > 0.3
    x = torch.zeros(60, 1, 8, 8, dtype=torch.uint8)
    x[::2, :, 2:4] = 200
    x[1::2, :, 5:7] = 200
    found = mirror_facts(ll.from_arrays(x + torch.randint(0, 20, x.shape, dtype=torch.uint8), [0, 1] * 30))
    assert found[1] == found[2] == 1
