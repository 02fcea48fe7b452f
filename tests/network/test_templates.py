"""Every template builds for its form of data, grows with its size, and gives as many numbers as the data needs."""

from __future__ import annotations

import pytest
import torch

from lepton_lab.network.templates import SIZES, form_of, suggested, templates

FORMS = [
    ((1, 28, 28), "float32", "image"),
    ((3, 5, 7), "float32", "image"),
    ((3, 96, 80), "float32", "image"),
    ((2,), "float32", "points"),
    ((9,), "float32", "table"),
    ((1, 2, 3), "float32", "table"),
    ((24,), "int64", "text"),
    ((12, 4), "float32", "sequence"),
]


@pytest.mark.parametrize(("shape", "dtype", "form"), FORMS)
def test_every_size_builds_and_the_sizes_grow(shape, dtype, form):
    assert form_of(shape, dtype) == form
    found = templates(shape, 3, dtype, vocabulary=50)
    assert len({template.name for template in found}) == len(found) >= 2
    x = torch.randint(0, 50, (2, *shape)) if dtype == "int64" else torch.rand(2, *shape)
    for template in found:
        parameters = []
        for size in template.makers:
            network = template.make(size)
            table = network.infer_shapes()
            assert table.output.shape == (3,)
            parameters.append(table.parameters)
        assert parameters == sorted(set(parameters))
        assert template.make("small").build(seed=0).eval()(x).shape == (2, 3)
        assert set(template.makers) <= set(SIZES)


def test_one_size_stands_for_all():
    linear = next(template for template in templates((4,), 3) if template.name == "linear")
    assert linear.make("large") == linear.make("small")


def test_a_large_photo_keeps_the_fully_connected_part_small():
    for size in ((3, 64, 64), (3, 224, 224)):
        assert suggested(size, 5).infer_shapes().parameters < 1_200_000
    assert suggested((1, 28, 28), 10).layers[0].out_channels == 16


def test_words_of_the_data_are_known_to_every_text_network():
    for template in templates((24,), 2, "int64", vocabulary=77):
        assert template.make().layers[0].num_embeddings == 77


@pytest.mark.parametrize(("shape", "dtype", "form"), FORMS)
def test_a_network_for_values_begins_in_their_unit(shape, dtype, form):
    x = torch.randint(0, 50, (16, *shape)) if dtype == "int64" else torch.randn(16, *shape)
    for template in templates(shape, 1, dtype, vocabulary=50, unit=(200_000.0, 5_000.0)):
        for size in template.makers:
            network = template.make(size)
            assert network.infer_shapes().output.shape == (1,)
            said = network.build(seed=0).eval()(x)
            assert (said - 200_000).abs().max() < 100_000, template.name
