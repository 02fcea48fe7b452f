"""The record of readings: by cursor, as series, while another thread writes; feature maps in bounded space."""

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from lepton_lab.errors import StoreError, UnknownNameError
from lepton_lab.probes import FeatureMaps, Frame, ProbeLog, every, feature_maps
from lepton_lab.probes.frames import Maps, quantise
from lepton_lab.probes.log import Column, Cost, Measurement
from tests.probes.networks import build, data_for

NORM = Column("grad_norm", ("a", "b"), "norm", (2,))
HIST = Column("grad_hist", ("a", "b"), "share", (2, 3), (0.0, 1.0, 2.0, float("inf")))


def measurement(step: int, *layout: Column) -> Measurement:
    values = np.arange(sum(c.size for c in layout), dtype=np.float32) + step
    return Measurement(step, step / 10, layout, values)


def filled(*steps: int) -> ProbeLog:
    log = ProbeLog()
    for step in steps:
        log.append(measurement(step, *((NORM, HIST) if step % 2 else (NORM,))))
    return log


def test_series_and_latest() -> None:
    log = filled(1, 2, 3)
    norms, hists = log.series("grad_norm"), log.series("grad_hist")
    assert log.quantities() == ["grad_hist", "grad_norm"]
    assert norms.steps.tolist() == [1, 2, 3]
    assert norms.steps.dtype == np.int64
    assert norms.values.tolist() == [[1, 2], [2, 3], [3, 4]]
    assert norms["b"].tolist() == [2, 3, 4]
    assert hists.values.shape == (2, 2, 3)
    assert hists.values[1].tolist() == [[5, 6, 7], [8, 9, 10]]
    assert hists.edges == HIST.edges
    assert (log.latest("grad_hist").step, log.latest("grad_norm").step) == (3, 3)
    with pytest.raises(UnknownNameError, match="grad_norm"):
        log.series("grad_nrom")
    with pytest.raises(UnknownNameError, match="layer"):
        _ = norms["c"]


def test_since_gives_what_is_new() -> None:
    log = filled(1, 2)
    readings, cursor = log.since()
    assert [(r.step, r.quantity) for r in readings] == [(1, "grad_norm"), (1, "grad_hist"), (2, "grad_norm")]
    assert log.since(cursor) == ([], cursor)
    log.append(measurement(4, NORM))
    readings, cursor = log.since(cursor)
    assert [r.step for r in readings] == [4]
    assert readings[0].values.tolist() == [4, 5]


def test_layers_that_change_keep_their_columns() -> None:
    log = filled(2)
    log.append(Measurement(3, 0.3, (Column("grad_norm", ("b", "c"), "norm", (2,)),), np.array([7, 8], np.float32)))
    series = log.series("grad_norm")
    assert series.labels == ("b", "c")
    np.testing.assert_array_equal(series.values, [[3, np.nan], [7, 8]])


def test_truncated_is_a_copy() -> None:
    log = filled(1, 2, 3)
    copy = log.truncated(2)
    assert (len(copy), len(log)) == (2, 3)
    log.truncate(1)
    assert (len(copy), len(log)) == (2, 1)


def test_a_reader_beside_the_writer_misses_nothing() -> None:
    log, seen, done = ProbeLog(), [], threading.Event()

    def read() -> None:
        cursor = 0
        while not done.is_set() or cursor < len(log):
            readings, cursor = log.since(cursor)
            seen.extend(r.step for r in readings)

    reader = threading.Thread(target=read)
    reader.start()
    for step in range(1, 2001):
        log.append(measurement(step, NORM))
    done.set()
    reader.join()
    assert seen == list(range(1, 2001))


def test_cost_is_plain_data() -> None:
    log = ProbeLog()
    log.set_cost(share=0.02, spacing=40)
    assert Cost.from_json(log.cost().to_json() | {"newer": 1}) == log.cost()
    assert Cost.from_json(None) == Cost()
    column = Column.from_json(HIST.to_json())
    assert column == HIST


floats = st.floats(-1e6, 1e6, width=32)


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=4, max_side=5), elements=floats))
@settings(max_examples=80, deadline=None)
def test_eight_bits_are_off_by_half_a_code(values: np.ndarray) -> None:
    maps = quantise(values)
    assert maps.codes.dtype == np.uint8
    extra = (1,) * (values.ndim - maps.scale.ndim)
    error = np.abs(maps.values() - values)
    assert (error <= 0.502 * maps.scale.reshape(maps.scale.shape + extra) + 1e-6 * np.abs(values).max() + 1e-30).all()
    frame = Frame(7, {"layer": maps, "other": maps})
    again = Frame.from_bytes(frame.to_bytes())
    assert again.step == 7
    assert list(again.layers) == ["layer", "other"]
    np.testing.assert_array_equal(again["other"], frame["layer"])


def test_maps_that_are_not_finite_are_kept_all_the_same() -> None:
    values = np.array([[[np.nan, 1.0], [np.inf, 3.0]]], dtype=np.float32)
    assert np.isfinite(quantise(values).values()).all()


@given(st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_damaged_frame_is_refused(data: bytes) -> None:
    with pytest.raises(StoreError, match="damaged"):
        Frame.from_bytes(data)


def test_a_cut_frame_is_refused() -> None:
    whole = Frame(1, {"a": quantise(np.ones((2, 3), np.float32))}).to_bytes()
    for cut in (whole[:-1], whole + b"x", whole[:9]):
        with pytest.raises(StoreError, match="damaged"):
            Frame.from_bytes(cut)


def test_feature_maps_of_pinned_samples_are_kept(fit) -> None:
    data, module = data_for("cnn"), build("cnn")
    pinned = data.train.tensors()[0][:3].clone()
    first = feature_maps(module, pinned)
    run = fit(module, data, 2, probes=[FeatureMaps(pinned, ["0", "3"], every(6))])
    assert run.probes.frames() == [6, 12, 18, 24]
    frame = run.probes.frame(24)
    assert list(frame.layers) == ["0", "3"]
    last = feature_maps(module, pinned)
    for name in ("0", "3"):
        assert frame[name].shape == (3, 4, *last[name].shape[2:])
        scale = frame.layers[name].scale.max()
        np.testing.assert_allclose(frame[name], last[name].numpy(), atol=0.51 * scale)
        assert np.abs(run.probes.frame(6)[name] - last[name].numpy()).max() > scale
    assert not torch.equal(first["0"], last["0"])
    with pytest.raises(UnknownNameError, match="step with feature maps"):
        run.probes.frame(7)
    with pytest.raises(UnknownNameError, match="layer"):
        _ = frame["5"]


def test_kept_maps_never_outgrow_their_limit(fit) -> None:
    pinned = data_for("cnn").train.tensors()[0][:4].clone()
    probe = FeatureMaps(pinned, None, every(1), limit=12_000, size=3)
    run = fit(build("cnn"), data_for("cnn"), 4, probes=[probe])
    kept = [run.probes.frame(step) for step in run.probes.frames()]
    assert 3 < len(kept) < 48
    assert sum(f.nbytes for f in kept) <= 12_000
    assert kept[0].step == 1
    assert kept[-1].step == 48
    assert max(max(m.codes.shape[2:], default=0) for m in kept[0].layers.values()) <= 3
    assert isinstance(kept[0].layers["0"], Maps)
