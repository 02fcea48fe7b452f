"""Unequal classes: drawn, repeated or weighed until they count alike."""

import pytest
import torch

from lepton_lab.data import from_arrays
from lepton_lab.data.imbalance import oversampled_rows, sample_weights, weighted_order
from lepton_lab.errors import DataError, UnknownNameError

LABELS = torch.tensor([0] * 90 + [1] * 9 + [3])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def bundle():
    y = torch.cat([LABELS.clamp(max=2)] * 5)
    x = torch.arange(len(y), dtype=torch.float32)[:, None].repeat(1, 2).numpy()
    return from_arrays(x, y.numpy())


def test_sample_weights_sum_alike_over_classes():
    weights = sample_weights(LABELS)
    for number in (0, 1, 3):
        assert float(weights[number == LABELS].sum()) == pytest.approx(1 / 3)


def test_weighted_order_follows_the_weights():
    rows = weighted_order(sample_weights(LABELS), 30_000, generator())
    shares = torch.bincount(LABELS[rows], minlength=4) / 30_000
    assert shares.tolist() == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3], abs=0.02)
    assert torch.equal(rows, weighted_order(sample_weights(LABELS), 30_000, generator()))
    assert int(weighted_order(torch.tensor([0.0, 1.0, 0.0]), 1000, generator()).unique()) == 1


def test_oversampling_repeats_small_classes_and_loses_nothing():
    rows = oversampled_rows(LABELS, generator())
    assert torch.bincount(LABELS[rows]).tolist() == [90, 90, 0, 90]
    assert set(rows.tolist()) == set(range(100))
    counts = torch.bincount(rows)
    assert counts[90:99].tolist() == [10] * 9


def test_bundles_are_balanced_while_training_only():
    plain = bundle()
    by_weights, by_sampling, repeated = (plain.balanced(how) for how in ("weights", "sampling", "oversampling"))
    assert by_weights.balance == "weights"
    assert len(by_sampling.train) == len(plain.train)
    drawn = torch.cat([y for _, y in by_sampling.train.batches(50, shuffle=True, generator=generator())])
    assert int(torch.bincount(drawn, minlength=3).min()) > len(plain.train) / 3 * 0.7
    assert len(set(repeated.class_counts().tolist())) == 1
    if plain.valid is not None:
        assert len(repeated.valid) == len(plain.valid)


def test_unknown_ways_and_regressions_are_errors():
    with pytest.raises(UnknownNameError, match="oversampling"):
        bundle().balanced("oversample")
    regression = from_arrays(torch.rand(30, 2).numpy(), torch.rand(30).numpy())
    with pytest.raises(DataError, match="no classes"):
        regression.balanced()


def test_augmentation_runs_in_training_batches_only():
    x = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8, generator=generator()).numpy()
    plain = from_arrays(x, (torch.arange(60) % 2).numpy())
    data = plain.with_augmentation("digits")
    seen = [
        torch.cat([b for b, _ in split.batches(16, generator=generator(seed), training=training)])
        for split, seed, training in (
            (plain.train, 1, True),
            (data.train, 1, False),
            (data.train, 1, True),
            (data.train, 1, True),
            (data.train, 2, True),
        )
    ]
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])
    assert torch.equal(seen[2], seen[3])
    assert not torch.equal(seen[3], seen[4])
    assert torch.equal(data.with_augmentation(None).train.sample(3)[0], plain.train.sample(3)[0])
    with pytest.raises(DataError, match="no images"):
        bundle().with_augmentation("light")
