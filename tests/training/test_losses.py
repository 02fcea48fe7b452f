"""Losses: torch's values, a softmax at the end taken off, and mistakes that name layer and label."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lepton_lab.data import from_arrays
from lepton_lab.errors import DataError, ShapeError, TrainingError, UnknownNameError
from lepton_lab.training.losses import LOSSES, bind_loss, final_activation

LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 2, 1, 0])
VALUES = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
YES = (VALUES > 0).float()
CASES = [
    ("cross_entropy", LOGITS, CLASSES, F.cross_entropy(LOGITS, CLASSES)),
    ("sparse_categorical_crossentropy", LOGITS, CLASSES, F.cross_entropy(LOGITS, CLASSES)),
    ("categorical_crossentropy", LOGITS, F.one_hot(CLASSES).float(), F.cross_entropy(LOGITS, CLASSES)),
    ("nll", LOGITS.log_softmax(1), CLASSES, F.cross_entropy(LOGITS, CLASSES)),
    ("bce", LOGITS, YES, F.binary_cross_entropy_with_logits(LOGITS, YES)),
    ("mse", LOGITS, VALUES, F.mse_loss(LOGITS, VALUES)),
    ("mean_squared_error", LOGITS, VALUES, F.mse_loss(LOGITS, VALUES)),
    ("l1", LOGITS, VALUES, F.l1_loss(LOGITS, VALUES)),
    ("huber", LOGITS, VALUES, F.huber_loss(LOGITS, VALUES)),
    ("smooth_l1", LOGITS, VALUES, F.smooth_l1_loss(LOGITS, VALUES)),
]


@pytest.mark.parametrize(("name", "output", "target", "value"), CASES, ids=[c[0] for c in CASES])
def test_values_are_those_of_torch(name, output, target, value):
    torch.testing.assert_close(bind_loss(name, output, target)(output, target), value)


def test_every_name_is_tried_somewhere():
    tried = {id(LOSSES[name].function) for name, *_ in CASES}
    assert {id(LOSSES[name].function) for name in LOSSES.names()} == tried


def test_one_output_learns_two_classes():
    output, y = LOGITS[:, :1], torch.tensor([0, 1, 1, 0, 1, 0])
    expected = F.binary_cross_entropy_with_logits(output[:, 0], y.float())
    torch.testing.assert_close(bind_loss("bce", output, y)(output, y), expected)


def test_a_flat_output_is_not_broadcast_against_columns():
    output, target = torch.zeros(4), torch.arange(4.0).reshape(4, 1)
    torch.testing.assert_close(bind_loss("mse", output, target)(output, target), target.square().mean())


def test_weights_and_smoothing_reach_torch():
    weights = torch.tensor([1.0, 2.0, 5.0])
    loss = bind_loss("cross_entropy", LOGITS, CLASSES, class_weights=weights, label_smoothing=0.1)
    expected = F.cross_entropy(LOGITS, CLASSES, weight=weights, label_smoothing=0.1)
    torch.testing.assert_close(loss(LOGITS, CLASSES), expected)


def test_probabilities_are_not_squashed_again():
    loss = bind_loss("cross_entropy", LOGITS.softmax(1), CLASSES, probabilities=True)
    torch.testing.assert_close(loss(LOGITS.softmax(1), CLASSES), F.cross_entropy(LOGITS, CLASSES))
    loss = bind_loss("bce", LOGITS.sigmoid(), YES, probabilities=True)
    torch.testing.assert_close(loss(LOGITS.sigmoid(), YES), F.binary_cross_entropy_with_logits(LOGITS, YES))


def test_only_an_activation_at_the_end_is_cut_and_weights_are_shared():
    linear = nn.Linear(2, 3)
    body, end = final_activation(
        nn.Sequential(nn.Sequential(linear, nn.ReLU()), nn.Sequential(nn.Identity(), nn.Softmax(1)))
    )
    assert isinstance(end, nn.Softmax)
    assert next(body.parameters()) is linear.weight
    x = torch.randn(4, 2)
    torch.testing.assert_close(body(x), linear(x).relu())
    module = nn.Sequential(nn.Softmax(1), linear)
    assert final_activation(module) == (module, None)


def test_mistakes_name_layer_and_label():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'cross_entropy'"):
        bind_loss("cross_entrpy", LOGITS, CLASSES)
    with pytest.raises(ShapeError, match=r"fc.*targets of shape") as caught:
        bind_loss("mse", LOGITS, VALUES[:, :2], where="fc")
    assert caught.value.path == "fc"
    with pytest.raises(DataError, match=r"labels from 0 to 2"):
        bind_loss("cross_entropy", LOGITS, torch.tensor([0, 1, 3, 0, 0, 0]))
    with pytest.raises(TrainingError, match=r"2 weights|3 weights"):
        bind_loss("cross_entropy", LOGITS, CLASSES, class_weights=torch.ones(2))
    with pytest.raises(TrainingError, match=r"label smoothing"):
        bind_loss("mse", LOGITS, VALUES, label_smoothing=0.1)


def test_too_few_outputs_for_the_classes_are_found_before_the_first_step(train):
    x, y = torch.randn(40, 8), torch.arange(40) % 4
    y[:20] = 0  # the first samples alone would not show it
    with pytest.raises((ShapeError, DataError), match=r"4 classes|labels"):
        train(nn.Sequential(nn.Linear(8, 3)), data=from_arrays(x, y, valid=0, test=0))
