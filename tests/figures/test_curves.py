"""A run's curves: what is drawn, how it is told apart, and that pyplot is left alone."""

from types import SimpleNamespace

from matplotlib.figure import Figure

from lepton_lab.figures import plot_run, plot_runs
from lepton_lab.training import History
from tests.forked import run_python


def run(name="a run", epochs=3, validation=True):
    history = History(["accuracy"], validation=validation)
    for i in range(epochs):
        values = (1 - 0.1 * i, 0.5 + 0.1 * i)
        checked = (0.9 + 0.1 * (i - 1) ** 2, 0.6 - 0.1 * (i - 1) ** 2) if validation else ()
        history.epochs.append((i + 1, *values, *checked, 1e-3, float(i)))
    for i in range(10):
        history.steps.append((i, i / 10, 0.1, 1.0, 1e-3, 0.0, 1.0, 0.5))
    return SimpleNamespace(name=name, history=history)


def test_training_is_solid_validation_dashed_and_the_best_marked(tmp_path):
    figure = plot_run(run())
    assert isinstance(figure, Figure)
    loss, accuracy = figure.axes
    for ax in (loss, accuracy):
        solid, dashed, best = ax.lines
        assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
        assert best.get_xdata()[0] == 2
        assert ax.get_xlabel() == "epoch"
    assert loss.get_ylabel() == "loss (mean per sample)"
    assert [t.get_text() for t in loss.get_legend().get_texts()] == ["training", "validation", "best 0.9, epoch 2"]
    figure.savefig(tmp_path / "f.png")


def test_pyplot_is_left_alone():
    program = "import sys, lepton_lab.figures; print('matplotlib.pyplot' in sys.modules)"
    done = run_python(program)
    assert done.stdout.strip() == "False", done.stderr


def test_without_validation_the_best_is_that_of_training():
    loss, accuracy = plot_run(run(validation=False)).axes
    assert loss.lines[-1].get_xdata()[0] == 3
    assert accuracy.lines[-1].get_xdata()[0] == 3


def test_a_run_without_epochs_says_so_or_shows_its_steps():
    figure = plot_run(run(epochs=0))
    assert "No epoch" in figure.axes[0].texts[0].get_text()
    assert len(figure.axes[0].lines) == 1


def test_several_runs_have_a_colour_and_a_name_each():
    figure = plot_runs([run("first"), run("second")])
    lines = figure.axes[0].lines
    assert lines[0].get_color() != lines[3].get_color()
    labels = [t.get_text().split(":")[0] for t in figure.axes[0].get_legend().get_texts()]
    assert labels == ["first"] * 3 + ["second"] * 3


def test_a_notebook_shows_a_figure_though_pyplot_was_never_loaded():
    assert plot_run(run())._repr_png_().startswith(b"\x89PNG")
