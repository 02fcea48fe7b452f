"""Recipes are plain data that trains; how well they do on the full data is measured by the benchmark `quality`."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import lepton_lab as ll
from lepton_lab.data import load_source
from lepton_lab.errors import DataError, PluginError, TrainingError, UnknownNameError
from lepton_lab.recipes import RECIPES, Recipe, recipe, recipes, register_recipe
from lepton_lab.registry import providing
from lepton_lab.training import RunState

BUILT_IN = ["cifar10-resnet", "mnist-mlp", "mnist-mlp-plain"]


@pytest.fixture(scope="module")
def photos() -> ll.DataBundle:
    """Noisy squares in the shape of CIFAR-10; each class has a colour of its own."""
    rng = np.random.default_rng(0)
    y = np.arange(112) % 10
    colors = rng.integers(0, 256, (10, 3, 1, 1))
    x = np.clip(colors[y] + rng.normal(0, 20, (112, 3, 32, 32)), 0, 255).astype(np.uint8)
    return ll.from_arrays(x, y, valid=0, test=32, seed=0)


@pytest.fixture(scope="module")
def digits() -> ll.DataBundle:
    return ll.load_dataset("mnist-sample", valid=0)


@pytest.fixture
def forget() -> Iterator[list[str]]:
    """Names that are taken out of the registry after the test."""
    names: list[str] = []
    yield names
    for name in names:
        RECIPES.remove(name)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_recipe_survives_json(name: str) -> None:
    original = recipe(name)
    text = original.to_json()
    assert Recipe.from_json(text) == original
    assert Recipe.from_json(text).to_json() == text
    assert json.loads(text)["schema_version"] == 1


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_recipe_says_what_it_reaches_only_with_how_that_was_measured(name: str) -> None:
    known = recipe(name)
    assert known.train_settings.epochs <= 10
    assert (known.accuracy is None) == (known.measured == "")
    shown = "not measured" if known.accuracy is None else f"{known.accuracy:.2%}"
    assert shown in known._repr_html_()


def test_recipes_are_listed_with_what_they_reach() -> None:
    table = recipes()
    assert set(BUILT_IN) <= set(table.index)
    assert table.loc["mnist-mlp", "data"] == "mnist"
    assert table.loc["cifar10-resnet", "epochs"] == 10
    assert table.loc["mnist-mlp", "accuracy"] > table.loc["mnist-mlp-plain", "accuracy"]


def test_an_unknown_recipe_suggests_the_closest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'mnist-mlp'"):
        recipe("mnist-mpl")


@pytest.mark.parametrize("name", ["mnist-mlp", "mnist-mlp-plain"])
def test_the_digits_network_is_784_64_64_10(name: str) -> None:
    shapes = [tuple(p.shape) for p in recipe(name).network.build(seed=0).parameters()]
    assert shapes == [(64, 784), (64,), (64, 64), (64,), (10, 64), (10,)]


def test_digits_learn_from_a_small_sample(digits: ll.DataBundle) -> None:
    run = recipe("mnist-mlp").fit(digits, epochs=8, batch_size=32, verbose=0, record=False)
    assert run.state is RunState.FINISHED
    assert run.name == "mnist-mlp"
    assert run.evaluate(split="test")["accuracy"] > 0.9


def test_the_seed_decides_alone(digits: ll.DataBundle) -> None:
    def losses(seed: int) -> list[float]:
        run = recipe("mnist-mlp").fit(digits, epochs=1, seed=seed, deterministic=True, verbose=0, record=False)
        return run.history["loss"]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_photos_train_with_averaged_weights(photos: ll.DataBundle) -> None:
    run = recipe("cifar10-resnet").fit(photos, epochs=3, batch_size=16, verbose=0, record=False)
    losses = run.history["loss"]
    assert losses[-1] < losses[0]
    assert run.state is RunState.FINISHED


def test_start_returns_before_the_end(digits: ll.DataBundle) -> None:
    run = recipe("mnist-mlp-plain").start(digits, epochs=200, record=False)
    assert not run.state.ended
    run.stop()
    assert run.wait(30).state is RunState.STOPPED


def test_its_augmentation_is_for_data_that_has_none(digits: ll.DataBundle) -> None:
    known = recipe("mnist-mlp")
    assert known.load(digits).train.augmentation == known.augmentation
    own = digits.with_augmentation([{"kind": "shift", "amount": 0.1}])
    assert known.load(own) is own
    assert recipe("mnist-mlp-plain").load(digits) is digits


def test_its_data_can_be_loaded_again_with_its_augmentation(digits: ll.DataBundle) -> None:
    bundle = recipe("mnist-mlp").load(digits)
    assert load_source(bundle.source).train.augmentation == bundle.train.augmentation


def test_missing_data_says_where_it_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEPTON_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    with pytest.raises(DataError, match=str(tmp_path)):
        recipe("mnist-mlp").load()


def test_unknown_settings_are_refused_before_anything_is_loaded() -> None:
    with pytest.raises(UnknownNameError, match="learning-rate schedule"):
        recipe("mnist-mlp").changed(settings={"schedule": "one-cycel"})
    with pytest.raises(UnknownNameError, match="batch_size"):
        recipe("mnist-mlp").trainer(batchsize=4)


def test_a_changed_recipe_promises_nothing() -> None:
    changed = recipe("mnist-mlp").changed(settings={"lr": 1.0})
    assert changed.accuracy is None
    assert changed.settings["optimizer"] == recipe("mnist-mlp").settings["optimizer"]
    assert "not measured" in changed._repr_html_()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"name": "x"}', '{"schema_version": 99}', '{"schema_version": "1"}', "null"]
)
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(TrainingError):
        Recipe.from_json(text)


def test_plugins_bring_recipes_and_cannot_take_names(forget: list[str]) -> None:
    own = recipe("mnist-mlp-plain").changed(name="digits-of-a-plugin")
    forget.append(own.name)
    with providing("some-plugin"):
        register_recipe(own)
    assert recipe("digits-of-a-plugin") is own
    assert recipes().loc["digits-of-a-plugin", "from"] == "some-plugin"
    with providing("another-plugin"), pytest.raises(PluginError, match="some-plugin"):
        register_recipe(own.changed(summary="mine"))
