"""What served a training image serves a raw one later."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from lepton_lab.data.image_preprocessing import ImagePreprocessing, fit_image_preprocessing
from lepton_lab.data.images import load_images
from lepton_lab.data.images_decode import ImageFormat
from lepton_lab.data.preprocessing import Preprocessing
from lepton_lab.errors import DataError, UnsafeDataError

RNG = np.random.default_rng(0)


@pytest.fixture
def folder(tmp_path):
    for i in range(12):
        path = tmp_path / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(RNG.integers(0, 200, (9 + i, 12, 3), dtype=np.uint8)).save(path)
    return tmp_path


@pytest.fixture
def preprocessing():
    return ImagePreprocessing(ImageFormat(4, 6), torch.tensor([100.0, 110, 120]), torch.tensor([50.0, 60, 70]))


def test_fitted_on_the_training_images_only(folder):
    data = load_images(folder, image_size=8)
    x, _ = data.train.tensors()
    assert torch.allclose(data.preprocessing.mean, x.float().mean((0, 2, 3)), atol=1e-3)
    assert torch.allclose(data.preprocessing.std, x.float().std((0, 2, 3), unbiased=False), atol=1e-3)
    prepared = data.prepare(x)
    assert torch.allclose(prepared.mean((0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(prepared.std((0, 2, 3), unbiased=False), torch.ones(3), atol=1e-4)


def test_a_channel_without_variation_is_not_blown_up():
    fitted = fit_image_preprocessing(ImageFormat(2, 2), [torch.full((5, 3, 2, 2), 7, dtype=torch.uint8)])
    assert fitted.std.tolist() == [1, 1, 1]
    assert fitted.batch(torch.full((1, 3, 2, 2), 7, dtype=torch.uint8)).abs().max() < 1e-4


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_raw_images_get_the_pixels_of_training_images(folder, fit):
    data = load_images(folder, image_size=(7, 5), fit=fit, valid=0, test=0)
    x, _ = data.train.tensors()
    files = sorted(folder.rglob("*.png"), key=lambda p: p.relative_to(folder).as_posix())
    assert torch.equal(data.preprocessing.transform_raw(files), x)
    assert torch.equal(data.preprocessing.transform_raw(str(files[0])), x[:1])
    assert torch.equal(data.preprocessing.transform_raw(files[0].read_bytes()), x[:1])
    image = Image.open(files[0])
    assert torch.equal(data.preprocessing.transform_raw([image, np.asarray(image)]), x[[0, 0]])
    assert torch.allclose(data.preprocessing(files[0])[0], data.train.sample(0)[0])


def test_arrays_of_any_usual_form(preprocessing):
    array = RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    wanted = torch.from_numpy(array).permute(2, 0, 1)[None]
    for form in (array, array.transpose(2, 0, 1), array / 255, array.astype(np.uint16) * 257, array.astype(np.int64)):
        assert torch.equal(preprocessing.transform_raw(form), wanted)
    assert torch.equal(preprocessing.transform_raw(torch.from_numpy(array)), wanted)
    assert preprocessing.transform_raw(np.stack([array] * 3)).shape == (3, 3, 4, 6)
    grey = preprocessing.transform_raw(array[..., 0])
    assert torch.equal(grey[:, 0], grey[:, 2])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no image",
        "missing.png",
        np.zeros((2, 2, 7)),
        np.zeros((0, 3)),
        np.full((3, 3), np.nan),
        np.full((3, 3), 300.0),
        np.full((3, 3), -1),
        [],
        None,
        {"a": 1},
    ],
    ids=lambda raw: repr(raw)[:20],
)
def test_what_is_no_image_is_an_error(preprocessing, raw):
    with pytest.raises(DataError):
        preprocessing.transform_raw(raw)


def test_large_images_are_refused():
    small = ImagePreprocessing(ImageFormat(2, 2, max_pixels=50), torch.zeros(3), torch.ones(3))
    with pytest.raises(UnsafeDataError):
        small.transform_raw(Image.new("RGB", (10, 10)))
    file = io.BytesIO()
    Image.new("RGB", (10, 10)).save(file, "PNG")
    with pytest.raises(UnsafeDataError):
        small.transform_raw(file.getvalue())


def test_saved_as_plain_json(preprocessing, tmp_path):
    x = torch.randint(0, 256, (2, 3, 4, 6), dtype=torch.uint8)
    for copy in (
        Preprocessing.from_json(json.loads(json.dumps(preprocessing.to_json()))),
        (preprocessing.save(tmp_path), Preprocessing.load(tmp_path))[1],
    ):
        assert isinstance(copy, ImagePreprocessing)
        assert copy.wanted == preprocessing.wanted
        assert torch.equal(copy.batch(x), preprocessing.batch(x))


def test_damaged_settings_are_an_error(preprocessing):
    document = preprocessing.to_json()
    for change in ({"height": 0}, {"channels": 2}, {"fit": "x"}, {"height": 10**9}):
        with pytest.raises(DataError):
            Preprocessing.from_json({**document, "settings": {**document["settings"], **change}})
