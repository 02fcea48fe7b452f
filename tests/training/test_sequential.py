"""Keras's dialect on the same engine."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lepton_lab.errors import CheckpointError, DataError, SpecError, TrainingError, UnknownNameError
from lepton_lab.network import Dense, Linear, Softmax
from lepton_lab.training import RunState, Sequential
from lepton_lab.training.progress_line import follow, resolve_verbose

RNG = np.random.default_rng(0)
X = RNG.normal(size=(150, 6)).astype("float32")
Y = (X @ RNG.normal(size=(6, 3))).argmax(1)
QUIET = {"verbose": 0, "record": False}


def model(activation="softmax", loss="sparse_categorical_crossentropy", **settings):
    made = Sequential([Dense(12, activation="relu", input_shape=(6,)), Dense(3, activation=activation)])
    made.compile(optimizer="adam", loss=loss, metrics=["accuracy"], seed=3, compile=False, threads=1, **settings)
    return made


def test_fit_evaluate_predict():
    m = model()
    run = m.fit(X, Y, epochs=25, batch_size=16, validation_data=(X, Y), lr=0.02, **QUIET)
    assert run.state is RunState.FINISHED
    assert len(run.history.history["val_accuracy"]) == 25
    loss, accuracy = m.evaluate(X, Y, verbose=0)
    assert accuracy > 0.85
    assert loss == pytest.approx(run.history["val_loss"][-1], rel=1e-5)
    probabilities = m.predict(X[:7])
    assert isinstance(probabilities, np.ndarray)
    assert probabilities.shape == (7, 3)
    assert probabilities.sum(1) == pytest.approx(np.ones(7), abs=1e-5)


def test_labels_may_be_numbers_columns_or_one_hot():
    one_hot = np.eye(3, dtype="float32")[Y]
    losses = [
        model(loss=loss).fit(X, y, epochs=2, **QUIET).history["loss"]
        for loss in ("categorical_crossentropy", "sparse_categorical_crossentropy", "cross_entropy")
        for y in (Y, Y.reshape(-1, 1), one_hot)
    ]
    assert all(l == losses[0] for l in losses)  # noqa: E741


def test_a_class_that_is_missing_keeps_its_number():
    keep = Y != 1
    m = model()
    m.fit(X[keep], Y[keep], epochs=20, lr=0.02, **QUIET)
    assert set(m.predict(X[keep]).argmax(1)) <= {0, 2}


def test_the_softmax_is_applied_once():
    a, b = model("softmax"), model(None)
    ra, rb = a.fit(X, Y, epochs=3, **QUIET), b.fit(X, Y, epochs=3, **QUIET)
    assert ra.history["loss"] == rb.history["loss"]
    assert a.predict(X) == pytest.approx(torch.tensor(b.predict(X)).softmax(1).numpy(), abs=1e-6)
    assert a.evaluate(X, Y, verbose=0) == b.evaluate(X, Y, verbose=0)


def test_fit_goes_on_where_it_was():
    whole, parts = model(), model()
    whole.fit(X, Y, epochs=4, shuffle=False, **QUIET)
    for _ in range(2):
        parts.fit(X, Y, epochs=2, shuffle=False, **QUIET)
    assert parts.predict(X) == pytest.approx(whole.predict(X), abs=1e-6)


def test_a_share_is_held_out_from_the_end():
    run = model().fit(X, Y, epochs=1, validation_split=0.2, **QUIET)
    assert run.data["samples"] == {"train": 120, "valid": 30}
    assert "val_loss" in run.history
    with pytest.raises(DataError, match=r"validation_split"):
        model().fit(X, Y, validation_split=1.0, **QUIET)


def test_regression_and_binary():
    m = Sequential([Linear(1)])
    m.compile(optimizer="sgd", loss="mse", metrics=["mae"], lr=0.1, compile=False)
    target = X @ np.arange(6.0) + 1
    m.fit(X, target, epochs=40, **QUIET)
    assert m.evaluate(X, target, verbose=0)[1] < 0.1
    b = Sequential([Dense(1, activation="sigmoid", input_shape=(6,))])
    b.compile(loss="binary_crossentropy", metrics=["accuracy"], lr=0.1, compile=False)
    b.fit(X, (X[:, 0] > 0).astype(int), epochs=30, **QUIET)
    assert b.evaluate(X, (X[:, 0] > 0).astype(int), verbose=0)[1] > 0.9
    assert 0 <= b.predict(X).min() <= b.predict(X).max() <= 1


def test_save_and_load(tmp_path):
    m = model()
    m.fit(X, Y, epochs=2, **QUIET)
    path = m.save(tmp_path / "model.safetensors")
    again = Sequential.load(path)
    assert np.array_equal(again.predict(X), m.predict(X))
    assert again.evaluate(X, Y, verbose=0) == m.evaluate(X, Y, verbose=0)
    assert again.network == m.network
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointError, match=r"damaged"):
        Sequential.load(path)
    with pytest.raises(CheckpointError):
        Sequential.load(tmp_path / "none.safetensors")


def test_eight_bit_images_are_prepared_alike_everywhere():
    x = RNG.integers(0, 256, (60, 5), dtype=np.uint8)
    m = Sequential([Linear(2)])
    m.compile(loss="cross_entropy", metrics=["accuracy"], compile=False)
    run = m.fit(x, (x[:, 0] > 127).astype(int), epochs=2, validation_data=(x, (x[:, 0] > 127).astype(int)), **QUIET)
    loss, _ = m.evaluate(x, (x[:, 0] > 127).astype(int), verbose=0)
    assert loss == pytest.approx(run.history["val_loss"][-1], rel=1e-5)
    weight = m.module.state_dict()
    name = next(n for n in weight if n.endswith("weight")).removesuffix(".weight")
    expected = x / np.float32(255) @ weight[f"{name}.weight"].numpy().T + weight[f"{name}.bias"].numpy()
    assert m.predict(x) == pytest.approx(expected, abs=1e-5)


def test_layers_can_be_added_and_summarised(capsys):
    m = Sequential()
    m.add(Dense(4, input_shape=(6,)))
    m.add(Softmax())
    m.summary()
    assert "28" in capsys.readouterr().out
    assert len(m.layers) == len(m.network.layers) == 2


def test_mistakes_are_named():
    m = Sequential([Linear(3)])
    with pytest.raises(TrainingError, match=r"not compiled"):
        m.fit(X, Y)
    with pytest.raises(SpecError, match=r"not known yet"):
        m.module  # noqa: B018
    with pytest.raises(UnknownNameError, match=r"adam"):
        m.compile(optimizer="adm")
    m.compile(loss="cross_entropy", metrics=["accuracy"])
    with pytest.raises(DataError):
        m.fit(X, np.where(Y == 2, 7, Y), **QUIET)
    bad = X.copy()
    bad[3, 2] = np.nan
    with pytest.raises(DataError, match=r"NaN|nan|finite"):
        m.fit(bad, Y, **QUIET)
    with pytest.raises(DataError, match=r"differ in number"):
        m.fit(X, Y[:-1], **QUIET)


def test_the_progress_line():
    stream = io.StringIO()
    m = model()
    follow(m.start(X, Y, epochs=3, validation_data=(X, Y), record=False), 2, stream)
    lines = stream.getvalue().splitlines()
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/3", "Epoch 2/3", "Epoch 3/3"]
    assert "val_accuracy: 0." in lines[0]
    live = io.StringIO()
    follow(m.start(X, Y, epochs=3, record=False), 1, live)
    assert live.getvalue().count("\n") == 3
    assert resolve_verbose("auto", stream) == 2


def test_a_notebook_shows_no_progress_unless_asked(monkeypatch):
    import IPython

    assert resolve_verbose("auto", io.StringIO()) == 2
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    assert resolve_verbose("auto", io.StringIO()) == 0
    assert resolve_verbose(1, io.StringIO()) == 1
