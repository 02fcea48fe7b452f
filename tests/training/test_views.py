"""What a network says of several views of an image, averaged."""

import pytest
import torch
from torch import nn

import lepton_lab as ll
from lepton_lab.training.views import VIEWS, averaged
from lepton_lab.workspace import current_workspace
from lepton_lab.workspace.stored import StoredRun


@pytest.fixture(scope="module")
def run():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(144, 10)
    )
    data = ll.load_dataset("mnist-sample")
    return ll.Trainer(net, lr=3e-3, compile=False).fit(data, 1, 32, verbose=0)


def test_the_mean_over_an_image_and_its_mirror_image(run):
    x = torch.rand(7, 1, 28, 28)
    with torch.no_grad():
        module = run.module.eval()
        wanted = ((module(x) + module(x.flip(-1))) / 2).softmax(1)
    assert torch.allclose(run.predict(x, 3, views="mirror"), wanted, atol=1e-6)
    assert not torch.allclose(run.predict(x), wanted, atol=1e-6)


@pytest.mark.parametrize("views", sorted(VIEWS))
def test_weights_sum_to_one_and_a_mirrored_image_is_told_alike(run, views):
    ones = averaged(lambda x: torch.ones(len(x), 3), views)(torch.rand(5, 3, 4, 6))
    assert torch.allclose(ones, torch.ones(5, 3))
    x = torch.rand(3, 1, 28, 28)
    if views == "mirror":
        assert torch.allclose(run.predict(x, views=views), run.predict(x.flip(-1), views=views), atol=1e-6)


def test_an_image_moved_by_a_pixel_is_among_the_views():
    seen = []
    averaged(lambda x: seen.append(x) or x.sum((1, 2, 3)), "mirror+shift")(x := torch.rand(1, 1, 5, 5))
    inner = x[..., 1:4, 1:4]
    places = {
        (at, to)
        for view in seen
        for at in range(3)
        for to in range(3)
        if torch.equal(view[..., at : at + 3, to : to + 3], inner)
    }
    assert places == {(0, 0), (1, 1), (2, 2)}
    assert len(seen) == 6


def test_evaluation_counts_one_look_and_measures_what_is_predicted(run):
    before = run.test_looks
    found = run.evaluate(split="test", views="mirror+shift")
    assert run.test_looks == before + 1
    x, y = next(run._plan.data.test.batches(len(run._plan.data.test)))
    told = run.predict(x, views="mirror+shift").argmax(1)
    assert found["accuracy"] == pytest.approx((told == y).float().mean().item(), abs=2e-3)


def test_what_cannot_be_mirrored_is_refused_before_the_test_set_is_looked_at(run):
    before = run.test_looks
    with pytest.raises(ll.UnknownNameError, match="Did you mean 'mirror'"):
        run.evaluate(views="miror")
    assert run.test_looks == before
    table = ll.Trainer(nn.Linear(4, 3), compile=False).fit(ll.load_dataset("iris"), 1, 32, verbose=0)
    with pytest.raises(ll.DataError, match=r"is for images.*Leave views out"):
        table.evaluate(views="mirror")


def test_a_stored_run_takes_views_too():
    net = ll.NetworkSpec([ll.Flatten(), ll.Linear(10)], input_shape=(1, 28, 28))
    live = ll.Trainer(net, compile=False).fit(ll.load_dataset("mnist-sample"), 1, 32, name="seen", verbose=0)
    stored, x = StoredRun(current_workspace(), live.id), torch.rand(3, 1, 28, 28)
    assert torch.allclose(stored.predict(x, views="mirror"), live.predict(x, views="mirror"), atol=1e-6)
    assert stored.evaluate(views="mirror") == pytest.approx(live.evaluate(views="mirror"), abs=1e-5)


def test_a_recipe_names_views_that_exist_and_keeps_them():
    known = ll.recipe("cifar10-resnet")
    assert known.views in VIEWS
    assert type(known).from_json(known.to_json()).views == known.views
    with pytest.raises(ll.UnknownNameError, match="mirror"):
        known.changed(views="mirrors")
