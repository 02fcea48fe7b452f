"""The training monitor in a real JupyterLab: train, steer, refresh, a second tab, a restart, and what it looks like."""

from __future__ import annotations

import os
import re
import signal
import time
from statistics import median

import pytest
from playwright.sync_api import Locator, Page, WebSocket, expect

from tests.browser.lab import Lab
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

MAKE = """
import lepton_lab as ll
data = ll.load_dataset("mnist-sample")
network = ll.NetworkSpec(
    [ll.Conv2d(8, 5), ll.ReLU(), ll.MaxPool2d(2), ll.Flatten(), ll.Linear(10)], input_shape=data.sample_shape
)
trainer = ll.Trainer(network, optimizer="sgd", lr=0.02, clip_norm=5.0, compile=False)
"""
SHOW = "monitor = ll.TrainingMonitor(trainer, data, epochs={epochs})\nmonitor"
ANSWER_MS = 150
"""What a control may take on a machine that has nothing else to do."""

CLICKED = """async ([label, wanted]) => {
    const button = [...document.querySelectorAll('.monitor button')].find(b => b.getAttribute('aria-label') === label);
    const began = performance.now();
    const answered = new Promise(done => {
        const look = () => document.querySelector(wanted) && done(performance.now() - began);
        new MutationObserver(look).observe(
            document.querySelector('.monitor'), { attributes: true, subtree: true, childList: true });
        setTimeout(() => done(Infinity), 5000);
    });
    button.click();
    return await answered;
}"""
"""Clicks a control and waits for what the kernel's answer makes of the view; milliseconds."""


ANSWERS = """(() => {
    const Socket = window.WebSocket;
    const asked = new Map();
    const text = data => typeof data === 'string' ? data : new TextDecoder().decode(data);
    window.answers = {};
    window.WebSocket = class extends Socket {
        constructor(url, protocols) {
            super(url, protocols);
            this.addEventListener('message', ({ data }) => {
                const id = text(data).match(/"kind":\\s*"answer",\\s*"id":\\s*"(\\w+)"/)?.[1];
                if (!asked.has(id)) return;
                const { op, at } = asked.get(id);
                asked.delete(id);
                (window.answers[op] ??= []).push(performance.now() - at);
            });
        }
        send(data) {
            const order = text(data).match(/"kind":\\s*"order",\\s*"id":\\s*"(\\w+)",\\s*"op":\\s*"(\\w+)"/);
            if (order && !asked.has(order[1])) asked.set(order[1], { op: order[2], at: performance.now() });
            super.send(data);
        }
    };
})()"""
"""Keeps for every order how many milliseconds after it was sent its answer came."""


def start(page: Page, lab: Lab) -> Notebook:
    """A notebook of its own with a monitor of something that can be trained."""
    notebook = Notebook.create(page, lab, MAKE, SHOW.format(epochs=4000))
    notebook.run()
    expect(button(page, "Train")).to_be_enabled(timeout=30_000)
    return notebook


def fill(desk: Notebook, epochs: int = 4000) -> tuple[Page, Notebook]:
    """The same in the shared notebook."""
    desk.fill(MAKE, SHOW.format(epochs=epochs)).run()
    expect(button(desk.page, "Train")).to_be_enabled(timeout=30_000)
    return desk.page, desk


def button(page: Page, name: str) -> Locator:
    return page.locator(".monitor").get_by_role("button", name=name, exact=True)


def reaches(page: Page, state: str) -> None:
    expect(page.locator(f'.monitor [data-state="{state}"]').first).to_be_visible(timeout=30_000)


def steps(page: Page) -> int:
    text = page.locator(".monitor .steps").first.inner_text()
    return int(re.search(r"step ([\d,]+)", text)[1].replace(",", ""))


def click(page: Page, label: str, wanted: str) -> float:
    expect(button(page, label)).to_be_enabled(timeout=20_000)
    return float(page.evaluate(CLICKED, [label, wanted]))


def patience_ms(notebook: Notebook) -> float:
    """What a control may take: where other processes slow down everything, a multiple of what a trivial cell takes."""
    trivial: list[float] = []
    for _ in range(7):
        began = time.perf_counter()
        notebook.execute("pass")
        trivial.append(1000 * (time.perf_counter() - began))
    return max(ANSWER_MS, 3 * median(trivial))


def test_a_run_is_trained_and_steered_while_the_net_trains(desk: Notebook) -> None:
    page, notebook = fill(desk)
    button(page, "Train").click()
    expect(page.locator(".monitor canvas").first).to_be_visible(timeout=20_000)
    reaches(page, "running")
    times: dict[str, list[float]] = {}
    for _ in range(4):
        for label, wanted in (
            ("Pause", '[data-state="paused"]'),
            ("Resume", '[data-state="running"]'),
        ):
            times.setdefault(label, []).append(click(page, label, f".monitor {wanted}"))
    limits = [patience_ms(notebook)]
    name = page.locator(".monitor h2").first.inner_text()
    for _ in range(4):
        for label, other in (
            (f"Star {name}", f"Take the star from {name}"),
            (f"Take the star from {name}", f"Star {name}"),
        ):
            times.setdefault(label, []).append(click(page, label, f'.monitor [aria-label="{other}"]'))
    rate = page.get_by_label("Learning rate", exact=True).first
    rate.focus()
    for _ in range(4):
        rate.press("ArrowLeft")
    expect(page.locator(".monitor .lr b")).not_to_have_text("2.0e-2")
    page.get_by_label("Batch size").select_option("64")
    expect(page.get_by_label("Batch size")).to_have_value("64")
    told = notebook.execute("import time; time.sleep(0.3); print(monitor.run.status.lr, monitor.run.status.batch_size)")
    lr, batch = told.split()
    assert float(lr) < 0.02
    assert batch == "64"
    click(page, "Pause", '.monitor [data-state="paused"]')
    before = steps(page)
    button(page, "Step").click()
    expect(page.locator(".monitor .steps").first).to_contain_text(f"step {before + 1:,} of")
    click(page, "Resume", '.monitor [data-state="running"]')
    limits.append(patience_ms(notebook))
    click(page, "Stop and keep best", '.monitor [data-state="stopped"]')
    reaches(page, "stopped")
    for label, found in times.items():
        assert median(found) <= max(limits), f"{label}: {found} ms"
    assert notebook.violations() == []
    assert notebook.execute("print(monitor.last_error)").strip() == "None"
    assert notebook.errors == []


def test_every_control_is_answered_at_once_while_nets_train(page: Page, lab: Lab) -> None:
    page.add_init_script(ANSWERS)
    notebook = start(page, lab)
    button(page, "Train").click()
    reaches(page, "running")
    for number in range(4):
        for label, state in (("Pause", "paused"), ("Resume", "running")):
            button(page, label).click()
            reaches(page, state)
        page.get_by_label("Learning rate", exact=True).first.press("ArrowLeft")
        page.get_by_label("Batch size").select_option(("64", "16")[number % 2])
        button(page, "Note").click()
        page.get_by_label("Tags, with commas between").fill(f"tag-{number}")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        button(page, "Pause").click()
        reaches(page, "paused")
        before = steps(page)
        button(page, "Step").click()
        expect(page.locator(".monitor .steps").first).to_contain_text(f"step {before + 1:,} of")
        reaches(page, "paused")  # until then the button that resumes is, for a moment, the one that pauses
        button(page, "Resume").click()
        reaches(page, "running")
    notebook.execute("origin = monitor.run")
    limits, shown = [patience_ms(notebook)], []
    for name in ("left", "middle", "right"):
        button(page, "Fork").click()
        page.get_by_role("dialog").get_by_label("Name").fill(name)
        shown.append(click(page, "Start the fork", '.monitor button[aria-label="Forking …"]'))
        expect(page.locator(".monitor h2").first).to_have_text(name)
        expect(button(page, "Fork")).to_be_enabled()
        reaches(page, "queued")  # one run trains at a time: the fork waits for its origin
        click(page, "Stop and keep best", '.monitor [data-state="stopped"]')
        notebook.execute("monitor.watch(origin)")
        reaches(page, "running")
        limits.append(patience_ms(notebook))
    found = page.evaluate("() => window.answers")
    for op in ("pause", "go_on", "step", "set", "describe", "stop", "fork"):
        assert median(found[op]) <= max(limits), f"{op}: {found[op]} ms"
    assert median(shown) <= max(limits), f"a fork on its way: {shown} ms"
    notebook.execute("from lepton_lab.training.run import active_runs\n[run.stop() for run in active_runs()]")
    assert notebook.errors == []


def test_a_fork_is_drawn_beside_its_origin_in_both_themes(desk: Notebook) -> None:
    page, notebook = fill(desk, epochs=12)
    button(page, "Train").click()
    reaches(page, "finished")
    button(page, "Note").click()
    page.get_by_label("Name", exact=True).fill("lenet-1")
    page.get_by_label("Tags, with commas between").fill("baseline")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".monitor h2").first).to_have_text("lenet-1")
    button(page, "Fork").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("lenet-2")
    dialog.get_by_label("Learning rate").fill("0.05")
    dialog.get_by_label("Epochs in all").fill("20")
    dialog.get_by_role("button", name="Start the fork").click()
    expect(page.locator(".monitor h2").first).to_have_text("lenet-2")
    reaches(page, "finished")
    rows = page.get_by_label("Runs in these charts").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("lr 0.02")
    monitor = page.locator(".monitor").first
    plot = page.locator(".monitor .ll-plot").first
    plot.hover(position={"x": 260, "y": 80})
    expect(page.locator(".monitor .read .at").first).to_contain_text("epoch")
    for look in ("light", "dark"):
        notebook.theme(look == "dark")
        page.wait_for_timeout(800)  # JupyterLab loads the theme's style sheet
        notebook.shot(f"training-monitor-{look}", monitor, docs="training_monitor" if look == "light" else "")
        assert notebook.violations() == [], look
    page.set_viewport_size({"width": 980, "height": 1000})
    page.wait_for_timeout(300)
    notebook.shot("training-monitor-820", monitor)
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 80, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 80, steps=4)
    page.mouse.up()
    expect(button(page, "Reset zoom")).to_be_enabled()
    button(page, "Reset zoom").click()
    expect(button(page, "Reset zoom")).to_be_hidden()
    assert notebook.errors == []


def test_it_survives_a_refresh_a_second_tab_and_hiding(page: Page, lab: Lab) -> None:
    notebook = start(page, lab)
    button(page, "Train").click()
    reaches(page, "running")
    while not any(cell["outputs"] for cell in notebook.save()["cells"]):
        page.wait_for_timeout(200)
    before = steps(page)
    notebook.reload()
    reaches(page, "running")
    assert steps(page) >= before
    other = page.context.new_page()
    try:
        second = Notebook(other, lab, notebook.name)
        second.open()
        reaches(other, "running")
        click(other, "Pause", '.monitor [data-state="paused"]')
        reaches(page, "paused")
        expect(other.locator(".monitor .steps").first).to_have_text(page.locator(".monitor .steps").first.inner_text())
    finally:
        other.close()
    heard: list[int] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: heard.append(len(data)) if b'"news"' in _bytes(data) else None)

    page.on("websocket", listen)
    notebook.reload()
    button(page, "Resume").click()
    reaches(page, "running")
    page.wait_for_function("() => document.querySelector('.monitor canvas')")
    page.evaluate(
        "() => { document.querySelector('.monitor').closest('.jp-OutputArea-output').style.display = 'none'; }"
    )
    for _ in range(6):  # until the kernel knows, which takes a busy machine its time
        heard.clear()
        page.wait_for_timeout(1500)
        if not heard:
            break
    assert heard == []
    hidden = int(notebook.execute("print(monitor.run.status.step)"))
    page.evaluate("() => { document.querySelector('.monitor').closest('.jp-OutputArea-output').style.display = ''; }")
    page.wait_for_function(
        """step => document.querySelector('.monitor .steps').innerText.replaceAll(',', '')
            .match(/step (\\d+)/)[1] >= step""",
        arg=hidden,
    )
    click(page, "Stop and keep best", '.monitor [data-state="stopped"]')
    assert notebook.errors == []


def test_a_run_that_died_with_the_kernel_is_resumed(page: Page, lab: Lab) -> None:
    notebook = Notebook.create(page, lab, MAKE, "run = trainer.start(data, epochs=3000, name='phoenix')\nrun")
    notebook.run()
    reaches(page, "running")
    expect(page.locator(".monitor .status b").first).not_to_have_text("1")  # there is a checkpoint
    os.kill(int(notebook.execute("import os; print(os.getpid())")), signal.SIGKILL)
    book = Notebook.create(page, lab, "import lepton_lab as ll\nll.open_run('phoenix')")
    book.run()
    expect(page.get_by_text("The process that trained this run is gone")).to_be_visible(timeout=20_000)
    book.shot("training-monitor-interrupted", page.locator(".monitor").first)
    page.locator(".monitor .ll-strip").get_by_role("button", name="Resume").click()
    reaches(page, "running")
    click(page, "Stop and keep best", '.monitor [data-state="stopped"]')
    assert book.errors == []


def test_a_rate_is_found_and_taken_by_click(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(MAKE, "finder = ll.LRFinderView(trainer, data)\nfinder")
    notebook.run()
    page.get_by_role("button", name="Search", exact=True).click()
    use = page.get_by_role("button", name=re.compile("^Use "))
    expect(use).to_be_visible(timeout=30_000)
    expect(page.locator(".finder canvas").first).to_be_visible()
    for look in ("dark", "light"):
        notebook.theme(look == "dark")
        page.wait_for_timeout(800)  # JupyterLab loads the theme's style sheet
        notebook.shot(f"lr-finder-{look}", page.locator(".finder").first)
        assert notebook.violations() == [], look
    use.click()
    expect(page.get_by_text("Learning rate in use")).to_contain_text(use.inner_text().removeprefix("Use ").strip()[:2])
    assert float(notebook.execute("print(trainer.settings.lr)")) == pytest.approx(
        float(notebook.execute("print(finder.suggestion)")), rel=0.01
    )
    in_use = page.get_by_text("Learning rate in use")
    shown, before = in_use.inner_text(), notebook.execute("print(trainer.settings.lr)")
    box = page.locator(".finder .u-over").first.bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    expect(in_use).not_to_have_text(shown)
    assert float(notebook.execute("print(trainer.settings.lr)")) < float(before)
    assert notebook.violations() == []
    assert notebook.errors == []


def _bytes(data: str | bytes) -> bytes:
    return data if isinstance(data, bytes) else data.encode()
