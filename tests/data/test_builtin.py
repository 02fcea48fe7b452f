"""The contract that every data set and every loader keeps, and the registry."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lepton_lab.data import DATASETS, Preprocessing, load_dataset, load_source, load_table, register_dataset
from lepton_lab.data.builtin import DatasetInfo
from lepton_lab.data.embedded.make_mnist_sample import make
from lepton_lab.errors import DataError, PluginError, UnknownNameError
from lepton_lab.registry import BUILT_IN

OFFLINE = [e.name for e in DATASETS.entries() if e.value.offline and e.provider == BUILT_IN]


@pytest.fixture
def registered():
    names = []
    yield names.append
    for name in names:
        DATASETS.remove(name)


def test_the_offline_sets_are_all_there():
    promised = "mnist-sample digits iris wine breast-cancer diabetes moons circles blobs spirals"
    assert set(promised.split()) <= set(OFFLINE)


@pytest.mark.parametrize("name", OFFLINE)
def test_every_offline_set_keeps_the_contract(name, tmp_path):
    bundle = load_dataset(name)
    assert bundle.name == name
    assert set(bundle.splits) == {"train", "valid", "test"}
    for split in bundle.splits.values():
        x, y = next(iter(split.batches(4)))
        assert tuple(x.shape[1:]) == bundle.sample_shape
        assert str(x.dtype) == f"torch.{bundle.sample_dtype}"
        assert bool(torch.isfinite(x.float()).all())
        sample, target = split.sample(0)
        assert torch.equal(sample, x[0])
        assert torch.equal(target, y[0])
        stored, all_y = split.tensors()
        assert len(stored) == len(split) == len(all_y)
        assert torch.equal(bundle.prepare(stored[:4]), x)
    if bundle.task.is_classification:
        assert len(bundle.classes) == bundle.target_size
        assert bundle.class_counts().min() > 0
    again = load_source(json.loads(json.dumps(bundle.source)))
    assert again.fingerprint == bundle.fingerprint
    assert load_dataset(name, seed=1).fingerprint != bundle.fingerprint
    bundle.preprocessing.save(tmp_path)
    stored = bundle.train.tensors()[0][:4]
    assert torch.equal(Preprocessing.load(tmp_path).batch(stored), bundle.prepare(stored))
    assert {p.suffix for p in tmp_path.iterdir()} <= {".json", ".safetensors"}
    assert name in bundle.summary()
    assert name in str(bundle.report)


def test_mnist_sample_is_real_balanced_and_small(shared_data, tmp_path):
    make(shared_data / "mnist", tmp_path)
    import lepton_lab.data.embedded as embedded

    folder = Path(next(iter(embedded.__path__))) / "mnist-sample"
    for made in tmp_path.iterdir():
        assert made.read_bytes() == (folder / made.name).read_bytes()
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) < 1_000_000


def test_mnist_sample_can_be_learnt():
    from sklearn.linear_model import LogisticRegression

    bundle = load_dataset("mnist-sample", valid=0)
    assert (len(bundle.train), len(bundle.test), bundle.valid) == (2400, 600, None)
    assert bundle.class_counts().tolist() == [240] * 10
    x, y = bundle.train.tensors()
    x_test, y_test = bundle.test.tensors()
    model = LogisticRegression(max_iter=200).fit(bundle.prepare(x[:1200]).flatten(1), y[:1200])
    assert model.score(bundle.prepare(x_test).flatten(1), y_test) > 0.8


@pytest.mark.parametrize(("name", "options"), [("moons", {"noise": 0.3}), ("spirals", {"classes": 3, "turns": 1.0}),
                                              ("blobs", {"classes": 5}), ("circles", {"factor": 0.2})])  # fmt: skip
def test_drawn_points_take_options_and_seeds(name, options):
    bundle = load_dataset(name, n=200, seed=3, **options)
    assert sum(map(len, bundle.splits.values())) == 200
    assert bundle.fingerprint == load_source(bundle.source).fingerprint != load_dataset(name, n=200).fingerprint


@pytest.mark.parametrize(
    ("name", "options", "error", "says"),
    [
        ("mnist-sampel", {}, UnknownNameError, "Did you mean 'mnist-sample'"),
        ("zzzz", {}, UnknownNameError, "openml:zzzz"),
        ("moons", {"nosie": 1}, UnknownNameError, "Did you mean 'noise'"),
        ("mnist", {"variant": "letters"}, UnknownNameError, "variant"),
        ("moons", {"n": 1}, DataError, "10 to"),
        ("moons", {"noise": -1}, DataError, "deviation"),
        ("moons", {"noise": "much"}, DataError, "a number"),
        ("moons", {"n": 20.5}, DataError, "a whole number"),
        (None, {}, DataError, "known by its name"),
        ("blobs", {"classes": 1}, DataError, "2 to 100"),
        ("mnist-sample", {"test": 0.2}, DataError, "its own test"),
        ("iris", {"valid": 2.5}, DataError, "not a size"),
    ],
)
def test_wrong_names_and_options_are_explained(name, options, error, says):
    with pytest.raises(error, match=says):
        load_dataset(name, **options)


def test_names_are_found_however_they_are_written():
    assert load_dataset("Breast_Cancer").name == "breast-cancer"


def test_a_user_registers_a_data_set(registered):
    registered("squares")

    @register_dataset("squares", title="Squares")
    def squares(n: int = 60):
        """Numbers and their squares."""
        x = np.linspace(-1, 1, n)
        return x, x**2

    bundle = load_dataset("squares", n=80)
    assert bundle.task == "regression"
    assert bundle.source == {
        "loader": "load_dataset",
        "args": {"name": "squares", "seed": 0, "n": 80},
        "plugin": "user",
    }
    assert DATASETS["squares"].summary == "Numbers and their squares."
    with pytest.raises(PluginError, match="iris"):
        register_dataset("iris")(squares)


def test_a_source_of_a_missing_plugin_gives_the_install_line():
    with pytest.raises(PluginError, match="pip install lepton-rings"):
        load_source({"loader": "load_dataset", "args": {"name": "rings"}, "plugin": "lepton-rings"})


def test_a_function_that_returns_nonsense_is_named(registered):
    registered("nonsense")
    DATASETS.add("nonsense", DatasetInfo("n", "n", lambda: 3))
    with pytest.raises(DataError, match=r"nonsense.*returns something else"):
        load_dataset("nonsense")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (None, DataError),
        ({}, DataError),
        ("iris", DataError),
        ({"loader": "eval", "args": {}}, UnknownNameError),
        ({"loader": "load_dataset", "args": {}}, DataError),
        ({"loader": "load_dataset", "args": {"name": "iris", "colour": 1}}, UnknownNameError),
        ({"loader": "load_table", "args": {"source": "/nowhere.csv"}}, DataError),
    ],
)
def test_damaged_sources_are_refused(source, error):
    with pytest.raises(error):
        load_source(source)


def test_a_source_brings_augmentation_and_balance_back():
    bundle = load_dataset("mnist-sample").with_augmentation("digits").balanced("sampling")
    again = load_source(json.loads(json.dumps(bundle.source)))
    assert again.train.augmentation == bundle.train.augmentation
    assert torch.equal(again.train.weights, bundle.train.weights)


def test_without_internet_the_error_says_where_to_put_the_files(monkeypatch, tmp_path):
    monkeypatch.setenv("LEPTON_DATA", str(tmp_path))
    import torchvision.datasets

    def offline(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", offline)
    with pytest.raises(DataError, match=r"LEPTON_DATA.*mnist-sample") as caught:
        load_dataset("fashion-mnist")
    assert str(tmp_path) in str(caught.value)


def test_openml_goes_through_load_table(monkeypatch):
    import sklearn.datasets

    frame = pd.DataFrame({"age": np.arange(60.0) % 7, "pays": ["<=50K", ">50K"] * 30})

    def fetch(name, version, **_):
        if name != "adult":
            raise ValueError(f"Dataset {name} with version {version} not found.")
        return {"frame": frame, "target_names": ["pays"]}

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    bundle = load_dataset("openml:adult")
    assert bundle.classes == ("<=50K", ">50K")
    assert load_source(bundle.source).fingerprint == bundle.fingerprint
    assert bundle.fingerprint == load_table(frame, target="pays").fingerprint
    with pytest.raises(DataError, match="could not be fetched"):
        load_dataset("openml:adlut")
