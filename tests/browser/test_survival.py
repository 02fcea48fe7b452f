"""Widgets in a real JupyterLab with its default settings: reloads and lost connections."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Lab
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
RELOADS = 20

CLICK_AT_ONCE = """labels => {
    const button = [...document.querySelectorAll('.monitor button')]
        .find(b => labels.includes(b.getAttribute('aria-label')) && !b.disabled);
    button?.click();
    return button?.getAttribute('aria-label');
}"""
"""Clicks the first of these controls that is there; looked for in every frame of the browser."""

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


def start(page: Page, lab: Lab, *cells: str) -> Notebook:
    notebook = Notebook.create(page, lab, TRAIN, SHOW, *cells)
    notebook.run()
    reaches(page, "running")
    return notebook


def saved(notebook: Notebook) -> None:
    """Saves until the widget is in the file."""
    while "application/vnd.jupyter.widget-view+json" not in str(notebook.save()["cells"][1]["outputs"]):
        notebook.page.wait_for_timeout(100)


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


def test_no_order_is_lost_in_twenty_reloads_while_a_net_trains(page: Page, lab: Lab) -> None:
    notebook = start(page, lab)
    saved(notebook)
    given = []
    for _ in range(RELOADS):
        page.reload(wait_until="commit")
        given.append(page.wait_for_function(CLICK_AT_ONCE, arg=["Pause", "Resume"], timeout=60_000).json_value())
        reaches(page, {"Pause": "paused", "Resume": "running"}[given[-1]])
    notebook._ready()
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
    page.wait_for_timeout(8_000)  # the run goes on, and is paused: after waking up there is nothing new to tell
    page.evaluate("() => laptop.wake()")
    reaches(page, "paused")
    assert int(drawn(notebook)) > before
    press(page, "Resume", "running")
    page.wait_for_function(FURTHER, arg=steps(page))
    assert notebook.execute("print(*orders)").split() == ["pause", "resume"]
    sound(notebook)
