"""Widgets in a real JupyterLab with its default settings: lost connections, reloads, closed notebooks, busy kernels."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import Lab
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

TRAIN = """
import lepton_lab as ll
data = ll.load_dataset("mnist-sample")
network = ll.NetworkSpec([ll.Flatten(), ll.Linear(10)], input_shape=data.sample_shape)
ended = []
told = ll.LambdaCallback(on_epoch_end=lambda epoch, logs: ended.append(epoch))
trainer = ll.Trainer(network, optimizer="sgd", lr=0.01, compile=False, callbacks=[told])
run = trainer.start(data, epochs=100_000, batch_size=16)
orders, send = [], run.send
def counted(order):
    orders.append(order.name)
    return send(order)
run.send = counted
"""
SHOW = "monitor = ll.TrainingMonitor(run)\nmonitor"
LONG = """
import time
print("begin")
until = time.monotonic() + globals().get("patience", 0.1)
while len(orders) < 2 and time.monotonic() < until:
    time.sleep(0.05)
print("end")
"""
RELOADS = 20
ASLEEP_MS = 60_000

AT_ONCE = """([labels, scale]) => {
    const buttons = [...document.querySelectorAll('.monitor button')].filter(b => !b.disabled);
    const found = (...names) => buttons.find(b => names.includes(b.getAttribute('aria-label')));
    const choice = found(`Scale of the loss: ${scale}`), order = found(...labels);
    if (!choice || !order) return null;
    for (const button of scale === 'log' ? [choice, order] : [order, choice]) button.click();
    return order.getAttribute('aria-label');
}"""
"""Chooses a scale and gives the first of these orders as soon as both are there; looked for in every frame."""

SETTLED = """
import time
for _ in range(100):
    if monitor.scale == "{scale}":
        break
    time.sleep(0.05)
print(monitor.scale)
"""
"""What was chosen, once it has come; an order that was lost is sent again after three seconds at most."""

CHOOSE_AT_ONCE = """label => {
    const button = document.querySelector(`.monitor button[aria-label="${label}"]`);
    button?.click();
    return !!button;
}"""

LAPTOP = """(() => {
    const Socket = window.WebSocket;
    const open = new Set();
    const laptop = window.laptop = {
        asleep: false,
        sleep() { laptop.asleep = true; },
        wake() { laptop.asleep = false; for (const socket of open) socket.close(); },
    };
    window.WebSocket = class extends Socket {
        constructor(url, protocols) {
            super(url, protocols);
            open.add(this);
            this.addEventListener('close', () => open.delete(this));
        }
        send(data) { if (!laptop.asleep) super.send(data); }
        set onmessage(heard) { super.onmessage = event => { if (!laptop.asleep) heard.call(this, event); }; }
        get onmessage() { return super.onmessage; }
    };
})()"""
"""A lid to close: what either side sends meanwhile is lost, and after waking up the old sockets are found broken."""

STEPS = """() => Number(document.querySelector('.monitor .steps')
    ?.innerText.replaceAll(',', '').match(/step (\\d+)/)?.[1])"""
FURTHER = f"step => ({STEPS})() > step"

BUSY = "cell => window.jupyterapp.shell.currentWidget.content.widgets[cell].model.executionState === 'running'"


def start(page: Page, lab: Lab, *cells: str) -> Notebook:
    notebook = Notebook.create(page, lab, TRAIN, SHOW, *cells)
    notebook.run()
    reaches(page, "running")
    return notebook


def saved(notebook: Notebook) -> None:
    """Saves until the widget is in the file."""
    while "application/vnd.jupyter.widget-view+json" not in str(notebook.save()["cells"][1]["outputs"]):
        notebook.page.wait_for_timeout(100)


def run_cell(page: Page, cell: int) -> None:
    """Runs one cell and waits until it has begun."""
    page.evaluate(
        """cell => { const panel = window.jupyterapp.shell.currentWidget; panel.content.activeCellIndex = cell;
            window.jupyterapp.commands.execute('notebook:run-cell'); }""",
        cell,
    )
    page.wait_for_function(BUSY, arg=cell)


def reaches(page: Page, state: str) -> None:
    expect(page.locator(f'.monitor [data-state="{state}"]').first).to_be_visible(timeout=30_000)


def steps(page: Page) -> int:
    page.wait_for_function(f"() => ({STEPS})() > 0")
    return int(page.evaluate(STEPS))


def press(page: Page, label: str, state: str) -> None:
    page.locator(".monitor").get_by_role("button", name=label, exact=True).click()
    reaches(page, state)


def sound(notebook: Notebook) -> None:
    """Nothing went wrong unseen, on either side."""
    assert notebook.execute("print(monitor.last_error)").strip() == "None"
    assert notebook.errors == []


def drawn(notebook: Notebook) -> str:
    """How many rows the kernel has, once the view has them all."""
    rows = int(notebook.execute("print(run.status.step)"))
    notebook.page.wait_for_function(f"step => ({STEPS})() === step", arg=rows)
    return str(rows)


def test_nothing_is_lost_in_twenty_reloads_while_a_net_trains(page: Page, lab: Lab) -> None:
    notebook = start(page, lab)
    saved(notebook)
    given = []
    for number in range(RELOADS):
        scale = ("log", "linear")[number % 2]
        page.reload(wait_until="commit")
        given.append(page.wait_for_function(AT_ONCE, arg=[["Pause", "Resume"], scale], timeout=60_000).json_value())
        reaches(page, {"Pause": "paused", "Resume": "running"}[given[-1]])
        notebook._ready()
        assert notebook.execute(SETTLED.format(scale=scale)).strip() == scale, number
    assert given == ["Pause", "Resume"] * (RELOADS // 2)
    assert notebook.execute("print(*orders)").split() == ["pause", "resume"] * (RELOADS // 2)
    before = steps(page)
    page.wait_for_function(FURTHER, arg=before)
    sound(notebook)


def test_a_sleeping_laptop_misses_nothing(page: Page, lab: Lab) -> None:
    page.add_init_script(LAPTOP)
    notebook = start(page, lab)
    notebook.execute("import threading\nthreading.Timer(4, run.pause).start()")
    before = steps(page)
    page.evaluate("() => laptop.sleep()")
    page.evaluate(CHOOSE_AT_ONCE, "Scale of the loss: log")
    page.wait_for_timeout(ASLEEP_MS)  # the run goes on, and is paused: after waking up there is nothing new to tell
    page.evaluate("() => laptop.wake()")
    reaches(page, "paused")
    page.wait_for_timeout(5_000)  # an order that was lost is sent again after three seconds at most
    assert notebook.execute("print(monitor.scale)").strip() == "log"
    assert int(drawn(notebook)) > before
    press(page, "Resume", "running")
    page.wait_for_function(FURTHER, arg=steps(page))
    assert notebook.execute("print(*orders)").split() == ["pause", "resume"]
    sound(notebook)


def test_a_notebook_that_was_closed_and_opened_again_steers_the_same_run(page: Page, lab: Lab) -> None:
    notebook = start(page, lab)
    saved(notebook)
    before = steps(page)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.close()")
    expect(page.locator(".monitor")).to_have_count(0)
    page.wait_for_timeout(500)
    page.evaluate(
        "path => { window.jupyterapp.commands.execute('docmanager:open', { path, factory: 'Notebook' }); }",
        notebook.name,
    )
    reaches(page, "running")
    assert steps(page) >= before
    press(page, "Pause", "paused")
    notebook._ready()
    drawn(notebook)
    press(page, "Resume", "running")
    assert notebook.execute("print(*orders)").split() == ["pause", "resume"]
    sound(notebook)


def test_a_notebook_whose_kernel_is_gone_shows_the_last_picture(page: Page, lab: Lab) -> None:
    notebook = start(page, lab)
    steps(page)
    press(page, "Stop and keep best", "stopped")
    page.wait_for_function(
        """() => window.jupyterapp.shell.currentWidget.content.model.cells.get(1).toJSON().outputs
            .some(output => String(output.data?.['text/html']).includes(': stopped, epoch'))"""
    )
    saved(notebook)
    page.close()
    lab.end_kernels()
    other = page.context.new_page()
    other.goto(lab.notebook(notebook.name, notebook.workspace + "c"))
    picture = other.locator(".ll-still")
    expect(picture).to_be_visible(timeout=60_000)
    expect(picture).to_contain_text(": stopped, epoch")
    assert picture.locator("svg path, svg polyline, img").count() >= 1
    expect(other.locator(".monitor")).to_have_count(0)
    expect(other.get_by_text("model not found", exact=False)).to_be_hidden()
    Notebook(other, lab, notebook.name).shot("training-monitor-without-kernel")


def test_it_moves_and_obeys_while_a_cell_runs_and_prints_nothing(page: Page, lab: Lab) -> None:
    notebook = start(page, lab, LONG)
    notebook.execute("patience = 120")
    outputs = "() => [...window.jupyterapp.shell.currentWidget.content.model.cells].map(c => c.toJSON().outputs)"
    before = page.evaluate(outputs)
    assert [output["text"] for output in before[2]] == ["begin\nend\n"]
    run_cell(page, 2)
    page.wait_for_function(FURTHER, arg=steps(page))
    press(page, "Pause", "paused")
    assert page.evaluate(BUSY, 2), "the cell ended before the orders were given"
    press(page, "Resume", "running")
    page.wait_for_function(f"cell => !({BUSY})(cell)", arg=2, timeout=30_000)
    after = page.evaluate(outputs)
    assert after[0] == before[0] == []
    assert after[2] == before[2]
    assert [output["output_type"] for output in after[1]] == [output["output_type"] for output in before[1]]
    assert int(notebook.execute("print(len(ended))")) > 0
    sound(notebook)
