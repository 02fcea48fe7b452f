"""Augmentation: random per sample, reproducible, and no further than its options say."""

import json
import math

import pytest
import torch

from lepton_lab.data.augmentation import PRESETS, _grid, augment, batch_generator, read_augmentation
from lepton_lab.errors import DataError, UnknownNameError


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pictures():
    return torch.randint(0, 256, (64, 3, 16, 12), dtype=torch.uint8, generator=generator(5))


KINDS = ["flip", "flip_vertical", "shift", "rotate", "affine", "color", "erase"]


@pytest.mark.parametrize("spec", [*PRESETS, *([{"kind": kind}] for kind in KINDS)], ids=str)
def test_shape_range_and_reproducibility(pictures, spec):
    before = pictures.clone()
    state = torch.random.get_rng_state()
    first, again, other = (augment(pictures, spec, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(pictures, before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == pictures.shape
    assert float(first.min()) >= 0
    assert float(first.max()) <= 255


@pytest.mark.parametrize("kind", ["shift", "rotate", "affine", "color"])
def test_every_sample_is_drawn_for_itself(kind):
    alike = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8, generator=generator(3)).repeat(32, 1, 1, 1)
    out = augment(alike, [{"kind": kind}], generator())
    assert len(torch.unique(out.flatten(1), dim=0)) > 8


def test_flip_mirrors_about_half_of_the_samples(pictures):
    out = augment(pictures, [{"kind": "flip"}], generator())
    flipped = (out == pictures.flip(-1)).flatten(1).all(1)
    same = (out == pictures).flatten(1).all(1)
    assert bool((flipped | same).all())
    assert 16 < int(flipped.sum()) < 48
    assert torch.equal(augment(pictures, [{"kind": "flip_vertical", "p": 1}], generator()), pictures.flip(-2))


def test_shift_moves_whole_pixels_within_its_amount():
    x = torch.zeros(200, 1, 16, 16, dtype=torch.uint8)
    x[:, :, 8, 8] = 255
    out = augment(x, [{"kind": "shift", "amount": 0.125}], generator())
    assert out.dtype == torch.uint8
    place = out.flatten(1).argmax(1)
    rows, columns = place // 16, place % 16
    assert set(rows.tolist()) == set(columns.tolist()) == {6, 7, 8, 9, 10}


def test_affine_without_change_is_the_picture(pictures):
    still = {"kind": "affine", "degrees": 0, "translate": 0, "scale": [1, 1], "shear": 0}
    assert torch.allclose(augment(pictures, [still], generator()), pictures.float(), atol=1e-2)


def test_rotation_keeps_the_aspect():
    """A wide bar turned by up to 90° keeps its area: angles are of pixels, not of the stretched unit square."""
    x = torch.zeros(50, 1, 32, 64)
    x[:, :, 14:18, 26:38] = 1
    out = augment(x, [{"kind": "rotate", "degrees": 90}], generator())
    assert torch.allclose(out.sum((1, 2, 3)), x.sum((1, 2, 3)), rtol=0.05)


def test_brightness_stays_within_its_factor():
    x = torch.full((100, 3, 4, 4), 100, dtype=torch.uint8)
    out = augment(x, [{"kind": "color", "brightness": 0.2, "contrast": 0, "saturation": 0}], generator())
    assert math.isclose(float(out.min()), 80, abs_tol=2)
    assert math.isclose(float(out.max()), 120, abs_tol=2)


def test_grey_values_do_not_change_under_hue_and_saturation():
    x = torch.randint(0, 256, (20, 1, 5, 5), dtype=torch.uint8, generator=generator()).expand(-1, 3, -1, -1)
    step = {"kind": "color", "brightness": 0, "contrast": 0, "saturation": 1, "hue": 0.5}
    assert torch.allclose(augment(x, [step], generator()), x.float(), atol=0.6)


def test_alpha_and_grey_pictures():
    rgba = torch.randint(0, 256, (8, 4, 8, 8), dtype=torch.uint8, generator=generator())
    assert torch.equal(augment(rgba, [{"kind": "color"}], generator())[:, 3], rgba[:, 3].float())
    assert augment(rgba[:, :1], "photos", generator()).shape == (8, 1, 8, 8)
    assert augment(rgba[:, :, :1, :1], "photos", generator()).shape == (8, 4, 1, 1)


def test_erase_covers_its_area():
    x = torch.zeros(300, 1, 40, 40, dtype=torch.uint8)
    x[:, :, ::2] = 200
    out = augment(x, [{"kind": "erase", "p": 1, "area": [0.1, 0.2]}], generator())
    share = (out == 100).float().mean((1, 2, 3))
    assert float(share.min()) > 0.05
    assert float(share.max()) < 0.25
    assert torch.equal(augment(x, [{"kind": "erase", "p": 0}], generator()), x)


def test_specs_are_plain_json_with_every_option():
    steps = read_augmentation([{"kind": "flip"}])
    assert steps == ({"kind": "flip", "p": 0.5},)
    assert json.loads(json.dumps(steps)) == list(steps)
    assert read_augmentation(None) == ()
    assert read_augmentation(read_augmentation("photos")) == read_augmentation("photos")


@pytest.mark.parametrize("spec", ["digit", [{"kind": "flipp"}], [{"kind": "flip", "P": 1}], [{}], ["flip"]])
def test_unknown_names_are_errors(spec):
    with pytest.raises(UnknownNameError):
        read_augmentation(spec)


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "flip", "p": 2},
        {"kind": "affine", "scale": [2, 1]},
        {"kind": "affine", "scale": 1},
        {"kind": "rotate", "degrees": "10"},
        {"kind": "shift", "amount": math.nan},
    ],
)
def test_values_out_of_bounds_are_errors(step):
    with pytest.raises(DataError, match="cannot take this"):
        read_augmentation([step])


def test_only_images():
    with pytest.raises(DataError, match="only images"):
        augment(torch.zeros(3, 7), "light")


def test_batch_generators_differ_by_batch_only():
    draws = [torch.rand(1, generator=batch_generator(seed, batch)).item() for seed in (1, 2) for batch in (0, 1, 2)]
    assert len(set(draws)) == 6
    assert torch.rand(1, generator=batch_generator(1, 2)).item() == draws[2]


@pytest.mark.gpu
def test_devices_draw_alike(pictures):
    on_gpu = augment(pictures.cuda(), "photos", generator(1)).cpu()
    assert torch.allclose(on_gpu, augment(pictures, "photos", generator(1)), atol=0.5)


@pytest.mark.parametrize("size", [(28, 28), (5, 9), (1, 3)])
def test_the_grid_is_that_of_torch(size: tuple[int, int]) -> None:
    theta = torch.randn(3, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.affine_grid(theta, [3, 1, *size], align_corners=False)
    torch.testing.assert_close(_grid(theta, *size), expected)
