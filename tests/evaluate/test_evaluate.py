"""What may be evaluated, what is counted, what is kept, and the report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from lepton_lab.errors import DataError, TrainingError
from lepton_lab.evaluate import Cancelled, evaluate, read_samples, set_drawer
from lepton_lab.figures import evaluation_figures, plot_evaluation
from lepton_lab.training import Trainer
from lepton_lab.workspace import Workspace


def trained(data, module=None, recorder=None, **settings):
    options = {"record": False} if recorder is None else {"recorder": recorder}
    trainer = Trainer(module or nn.Linear(6, 4), compile=False, threads=1, **settings)
    return trainer.fit(data, 2, 40, verbose=0, **options)


def test_a_run_is_evaluated_on_its_own_data_as_it_evaluates_itself(classes):
    run = trained(classes[1])
    found = evaluate(run)
    own = run.evaluate(split="valid")
    assert found.loss == pytest.approx(own["loss"], rel=1e-5)
    assert found.score("accuracy").value == pytest.approx(own["accuracy"])
    assert found.step == run.status.step
    assert run.test_looks == 0


def test_looks_at_the_test_set_are_counted(classes):
    run = trained(classes[1])
    assert evaluate(run, split="test").test_looks == 1
    assert evaluate(run, split="test").test_looks == 2
    assert run.test_looks == 2


def test_a_stored_run_is_evaluated_with_its_weights_and_its_looks_are_recorded(classes, tmp_path):
    import lepton_lab as ll

    workspace = Workspace(tmp_path)
    network = ll.NetworkSpec([ll.Linear(8), ll.ReLU(), ll.Linear(4)], input_shape=(6,))
    run = trained(classes[1], network, workspace.recorder())
    stored = workspace.open_run(run.id)
    there, here = evaluate(stored, classes[1], "test"), evaluate(run, split="valid")
    assert np.allclose(there.values, here.values, atol=1e-5)  # this data's test set is its validation set
    assert workspace.open_run(run.id).test_looks == 1
    workspace.close()


def test_probabilities_at_the_end_of_a_network_are_not_squashed_again(classes):
    module, data = classes
    ends = nn.Sequential(module, nn.Softmax(1))
    assert np.allclose(evaluate(ends, data).values, evaluate(module, data).values, atol=1e-6)


def test_a_network_is_left_in_its_mode(classes):
    module, data = classes
    module.train()
    evaluate(module, data)
    assert module.training


def test_an_evaluation_can_be_given_up_and_says_how_far_it_is(classes):
    shares: list[float] = []
    evaluate(*classes, progress=shares.append)
    assert shares[-1] == 1.0
    with pytest.raises(Cancelled):
        evaluate(*classes, stop=lambda: True)


def test_what_cannot_be_evaluated_is_said(classes):
    module, data = classes
    with pytest.raises(DataError, match="brings no data"):
        evaluate(module)
    with pytest.raises(TrainingError, match="cannot be evaluated"):
        evaluate("lenet")
    with pytest.raises(DataError, match="no holdout split"):
        evaluate(module, data, "holdout")


@pytest.mark.parametrize("task", ["classes", "binary", "labels", "line"])
def test_the_frame_the_figures_and_the_page_of_every_task(task, request):
    found = evaluate(*request.getfixturevalue(task), split="test")
    frame = found.to_frame()
    assert len(frame) == len(found)
    assert isinstance(frame, pd.DataFrame)
    figures = evaluation_figures(found)
    assert all(svg.startswith("<svg") and svg.endswith("</svg>\n") for svg in figures.values())
    assert len(plot_evaluation(found).axes) >= len(figures)
    set_drawer(evaluation_figures)
    page = found.to_html()
    assert page.count("<svg") == len(figures)
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    assert found.to_html(whole=False).startswith("<div")


def test_names_from_data_are_escaped_in_the_page(classes):
    from dataclasses import replace

    module, data = classes
    found = evaluate(module, replace(data, classes=("<b>a", "b", "c", "d"), name="<script>x"))
    page = found.to_html()
    assert "<script>x" not in page
    assert "<b>a" not in page


def test_pictures_come_back_as_they_were_stored():
    import lepton_lab as ll

    data = ll.load_dataset("mnist-sample")
    stored = data.splits["test"].tensors()[0]
    (sample,) = read_samples(data, "test", [7])
    assert sample.kind == "picture"
    assert (sample.pixels == stored[7, 0].numpy()).all()


def test_rows_of_a_table_come_back_in_their_own_units():
    import lepton_lab as ll

    g = np.random.default_rng(0)
    frame = pd.DataFrame({"age": g.integers(18, 80, 300), "town": g.choice(["Ulm", "Bonn"], 300)})
    frame["pays"] = (frame["age"] > 40).map({True: "yes", False: "no"})
    data = ll.load_table(frame, target="pays")
    cells = [dict(sample.cells) for sample in read_samples(data, "train", range(20))]
    known = set(zip(frame["age"], frame["town"], strict=True))
    assert all((round(float(cell["age"])), cell["town"]) in known for cell in cells)


def test_texts_are_read_back():
    import lepton_lab as ll

    frame = pd.DataFrame(
        {"text": ["good film", "bad film", "very good", "very bad"] * 20, "label": ["up", "down"] * 40}
    )
    data = ll.load_text(frame, text="text", label="label")
    (sample,) = read_samples(data, "train", [0])
    assert sample.kind == "text"
    assert set(sample.text.split()) <= {"good", "bad", "very", "film"}


def test_a_live_run_is_evaluated_from_a_copy_while_it_trains(classes):
    trainer = Trainer(nn.Linear(6, 4), compile=False, threads=1)
    run = trainer.start(classes[1], 2000, 20, record=False)
    try:
        while run.status.step < 5:
            torch.randn(10)
        first = evaluate(run)
        assert first.step is not None
        assert not run.state.ended
        assert len(first) == 400
    finally:
        run.stop()
        run.wait()
