"""Looking into a network in a real JupyterLab: layers over time, maps of a pinned digit, and the playground."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

SIGMOIDS = """
import lepton_lab as ll
from lepton_lab.probes import STANDARD
data = ll.load_dataset("mnist-sample")
def network(activation):
    hidden = [ll.Linear(32, activation=activation) for _ in range(8)]
    return ll.NetworkSpec([ll.Flatten(), *hidden, ll.Linear(10)], input_shape=data.sample_shape)
probes = [*STANDARD, "weight_hist", "act_hist"]
keys = dict(probe_budget=1.0, optimizer="sgd", lr=0.05, probes=probes, compile=False, threads=1)
sick = ll.Trainer(network("sigmoid"), **keys).start(data, epochs=3, batch_size=32, name="deep-sigmoid").wait()
sound = ll.Trainer(network("relu"), **keys).start(data, epochs=3, batch_size=32, name="deep-relu").wait()
"""

MAPS = """
import lepton_lab as ll
data = ll.load_dataset("mnist-sample")
network = ll.NetworkSpec([
    ll.Conv2d(8, 3, padding=1, activation="relu"), ll.MaxPool2d(2),
    ll.Conv2d(16, 3, padding=1, activation="relu"), ll.MaxPool2d(2),
    ll.Conv2d(16, 3, padding=1, activation="relu"),
    ll.Flatten(), ll.Linear(32, activation="relu"), ll.Linear(10)], input_shape=data.sample_shape, name="digits")
trainer = ll.Trainer(network, lr=1e-3, compile=False, threads=1)
run = trainer.start(data, epochs=400, batch_size=32, name="digits")
run.pause()
"""


def pixels(part: Locator) -> list[int]:
    """The bytes of a canvas, every seventh."""
    found: list[int] = part.evaluate(
        "el => [...el.getContext('2d').getImageData(0, 0, el.width, el.height).data].filter((_, i) => i % 7 === 0)"
    )
    return found


def test_vanishing_gradients_are_seen_at_a_glance(desk: Notebook) -> None:
    page, notebook = (
        desk.page,
        desk.fill(SIGMOIDS, "monitor = ll.GradientMonitor(sick, against=sound)\nmonitor", height=1500),
    )
    notebook.run(180)
    monitor = page.get_by_label("Gradient monitor")
    expect(monitor.get_by_label("linear_1, vanishing gradient")).to_be_visible(timeout=30_000)
    expect(monitor.get_by_text("Training hardly reaches linear_1 to linear_")).to_be_visible()
    expect(monitor.get_by_label("linear_9, vanishing gradient")).to_have_count(0)
    expect(monitor.get_by_text("of step time, limit 100 %")).to_be_visible()
    notebook.shot("inspect-gradients-light", monitor)
    monitor.get_by_role("button", name="linear_1, vanishing gradient").press("Enter")
    curves = page.get_by_label("Curves of linear_1")
    expect(curves.get_by_role("heading", name="Update ÷ weight")).to_be_visible()
    notebook.shot("inspect-gradients-curves", monitor)
    heat = monitor.get_by_label("Heat map")
    heat.focus()
    heat.press("Home")
    expect(monitor.get_by_role("button", name="Newest step")).to_be_visible()
    heat.press("End")
    expect(monitor.get_by_role("button", name="Newest step")).to_have_count(0)
    for mode in ("Weights", "Activations"):
        monitor.get_by_role("button", name=f"Show: {mode}").click()
        expect(monitor.get_by_label("Heat map")).to_be_visible()
        notebook.shot(f"inspect-{mode.lower()}-light", monitor)
    monitor.get_by_role("button", name="Show: Gradients").click()
    notebook.save()
    notebook.reload()
    expect(page.get_by_label("Curves of linear_1")).to_be_visible(timeout=30_000)
    notebook.theme(dark=True)
    notebook.shot("inspect-gradients-dark", monitor)
    page.set_viewport_size({"width": 940, "height": 1000})
    notebook.shot("inspect-gradients-820", monitor)
    assert notebook.violations(".gm") == []
    assert notebook.errors == []


def test_the_maps_of_a_pinned_digit_change_between_two_epochs(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(MAPS, "viewer = ll.FeatureMapViewer(run)\nviewer", height=1200)
    notebook.run(120)
    viewer = page.get_by_label("Feature map viewer")
    viewer.get_by_role("button", name="Pin from data").click(timeout=30_000)
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Class", exact=True).select_option("4")
    dialog.get_by_role("button", name="Pin it").click()
    expect(viewer.get_by_role("button", name="Pinned sample 4, valid")).to_have_attribute("aria-pressed", "true")
    maps = viewer.locator("[data-layer=conv2d_1_relu] .map")
    expect(maps).to_have_count(8)
    name = maps.first.get_attribute("aria-label") or ""
    before = pixels(maps.first.locator("canvas"))
    assert len(set(before)) > 8
    maps.first.click()
    expect(viewer.get_by_label("Most exciting samples").locator("figure")).to_have_count(9, timeout=30_000)
    notebook.execute("run.resume()")
    expect(viewer.get_by_text("live", exact=True)).to_be_visible(timeout=30_000)
    page.wait_for_function("() => Number(document.querySelector('.fm .slider input')?.max) >= 8", timeout=90_000)
    notebook.execute("run.pause()")
    expect(viewer.get_by_text("live", exact=True)).to_have_count(0, timeout=30_000)
    after = pixels(viewer.locator("[data-layer=conv2d_1_relu] .map").first.locator("canvas"))
    assert before != after
    assert name.split(",")[:2] == (maps.first.get_attribute("aria-label") or "").split(",")[:2]
    expect(viewer.locator(".film .shot")).to_have_count(7, timeout=30_000)  # the most that a film has
    notebook.shot("inspect-maps-light", viewer)
    slider = viewer.get_by_role("slider", name="Step shown")
    slider.press("Home")
    expect(viewer.get_by_text("weights of step")).to_be_visible(timeout=30_000)
    slider.press("End")
    expect(viewer.get_by_text("weights of step")).to_have_count(0, timeout=30_000)
    viewer.get_by_role("button", name="Brightness: scale of the maps: per layer").click()
    notebook.shot("inspect-maps-shared", viewer)
    notebook.theme(dark=True)
    notebook.shot("inspect-maps-dark", viewer)
    page.set_viewport_size({"width": 940, "height": 1200})
    notebook.shot("inspect-maps-820", viewer)
    viewer.get_by_role("button", name="View: Map of samples").click()
    expect(viewer.get_by_text("validation samples by what reaches")).to_be_visible(timeout=30_000)
    notebook.shot("inspect-embedding", viewer)
    assert notebook.violations(".fm") == []
    notebook.execute("run.stop()")
    assert notebook.errors == []


def test_a_digit_is_drawn(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(MAPS, "viewer = ll.FeatureMapViewer(run)\nviewer")
    notebook.run(120)
    viewer = page.get_by_label("Feature map viewer")
    viewer.get_by_role("button", name="Draw one").click(timeout=30_000)
    board = page.get_by_label("Drawing area")
    box = board.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 110, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 115, box["y"] + 190, steps=8)
    page.mouse.up()
    notebook.shot("inspect-draw")
    page.get_by_role("button", name="Pin the drawing").click()
    expect(viewer.get_by_role("button", name="Pinned sample drawn")).to_have_attribute("aria-pressed", "true")
    expect(viewer.locator("[data-layer=output]")).to_be_visible(timeout=30_000)
    notebook.execute("run.stop()")
    assert notebook.errors == []


def test_points_are_drawn_and_the_boundary_follows(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill("import lepton_lab as ll\nplay = ll.Playground(data='')\nplay", height=1000)
    notebook.run(120)
    view = page.get_by_label("Playground", exact=True)
    train = view.get_by_role("button", name="Train", exact=True)
    expect(train).to_be_disabled(timeout=30_000)
    plane = view.get_by_label("Plane with")
    box = plane.bounding_box()
    assert box is not None
    for kind, left in (("0", 0.25), ("1", 0.75)):
        view.get_by_role("button", name=f"Draw: {kind}").click()
        page.mouse.move(box["x"] + left * box["width"], box["y"] + 0.2 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + left * box["width"], box["y"] + 0.8 * box["height"], steps=24)
        page.mouse.up()
    expect(train).to_be_enabled(timeout=30_000)
    ground = plane.locator("canvas").first
    expect(view.locator(".node canvas").nth(3)).to_be_visible(timeout=30_000)
    before = pixels(ground)
    train.click()
    expect(view.get_by_role("button", name="Pause", exact=True)).to_be_visible(timeout=30_000)
    page.wait_for_function(
        "() => Number(document.querySelector('.pg dd')?.textContent.replace(',', '')) >= 40", timeout=60_000
    )
    view.get_by_role("button", name="Pause", exact=True).click()
    expect(train).to_be_visible(timeout=30_000)
    assert pixels(ground) != before
    assert "nn.Linear(2, 6)" in (view.get_by_label("The network as PyTorch code").text_content() or "")
    view.get_by_role("button", name="One neuron more in layer 1").click()
    expect(view.get_by_label("Neurons of layer 1")).to_have_text("7", timeout=30_000)
    view.get_by_role("button", name="Spirals").click()
    view.get_by_role("button", name="Speed: fast").click()
    view.get_by_role("button", name="Add a layer").click()
    expect(view.get_by_label("Neurons of layer 3")).to_be_visible(timeout=30_000)
    train.click()
    page.wait_for_function(
        "() => Number(document.querySelector('.pg dd')?.textContent.replace(',', '')) >= 150", timeout=60_000
    )
    view.get_by_role("button", name="Pause", exact=True).click()
    expect(train).to_be_visible(timeout=30_000)
    notebook.shot("inspect-playground-light", view)
    notebook.theme(dark=True)
    notebook.shot("inspect-playground-dark", view)
    page.set_viewport_size({"width": 940, "height": 1100})
    notebook.shot("inspect-playground-820", view)
    assert notebook.violations(".pg") == []
    assert notebook.errors == []


SPIRALS = """
import lepton_lab as ll
data = ll.load_dataset("spirals")
network = ll.NetworkSpec([ll.Linear(16, activation="tanh"), ll.Linear(8, activation="tanh"), ll.Linear(2)],
                         input_shape=(2,), name="spiral")
bench = ll.Workbench("spirals-inspect", data, network)
bench.train(epochs=100_000, lr=0.01, batch_size=64).pause()
bench.tab = "inspect"
bench
"""


def test_the_workbench_shows_its_run_on_the_plane_and_tries_on_a_copy(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(SPIRALS, height=1500)
    notebook.run(120)
    tab = page.get_by_role("tabpanel", name="Inspect", exact=True)
    view = tab.get_by_label("Playground", exact=True)
    expect(view.get_by_text("its boundary and its neurons follow it")).to_be_visible(timeout=30_000)
    expect(view.locator(".node canvas")).to_have_count(2 + 10 + 8, timeout=30_000)  # ten of a layer are shown
    ground = view.get_by_label("Plane with").locator("canvas").first
    before = pixels(ground)
    notebook.execute("bench.run.resume()")
    page.wait_for_function(
        "() => Number(document.querySelector('.pg dd')?.textContent.replace(',', '')) >= 60", timeout=90_000
    )
    notebook.execute("bench.run.pause()")
    assert pixels(ground) != before
    notebook.shot("inspect-workbench-plane-light", tab)
    view.get_by_role("button", name="Try on a copy").click()
    train = view.get_by_role("button", name="Train", exact=True)
    expect(train).to_be_enabled(timeout=30_000)
    view.get_by_role("button", name="One neuron more in layer 2").click()
    expect(view.get_by_label("Neurons of layer 2")).to_have_text("9", timeout=30_000)
    train.click()
    expect(view.get_by_role("button", name="Pause", exact=True)).to_be_visible(timeout=30_000)
    view.get_by_role("button", name="Pause", exact=True).click()
    expect(train).to_be_visible(timeout=30_000)
    view.get_by_role("button", name="Use in the project").click()
    expect(view.get_by_text("next run takes this network")).to_be_visible(timeout=30_000)
    notebook.theme(dark=True)
    notebook.shot("inspect-workbench-plane-dark", tab)
    view.get_by_role("button", name="Shown: run spiral-1").click()
    expect(view.get_by_text("its boundary and its neurons follow it")).to_be_visible(timeout=30_000)
    assert notebook.violations(".pg") == []
    assert notebook.execute("print(bench.network.layers[1].out_features)\nbench.run.stop()").strip() == "9"
    assert notebook.errors == []
