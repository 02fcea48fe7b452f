"""A digit is drawn in a real JupyterLab, and the answer changes while the network learns in a worker."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect

from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser
WAIT = 30_000

# one long epoch: without live weights nothing could be seen until its end
WORKER = """
import lepton_lab as ll
data = ll.load_dataset("mnist-sample")
network = ll.NetworkSpec([
    ll.Conv2d(8, 3, padding=1, activation="relu"), ll.MaxPool2d(2), ll.Conv2d(16, 3, padding=1, activation="relu"),
    ll.MaxPool2d(2), ll.Flatten(), ll.Linear(10)], input_shape=data.sample_shape)
trainer = ll.Trainer(network, lr=1e-3, compile=False, threads=1, log_every=1)
run = trainer.start(data, epochs=300, batch_size=32, where="worker", name="digits")
"""

TABLE = """
import lepton_lab as ll
data = ll.load_dataset("iris")
network = ll.NetworkSpec([ll.Linear(16, activation="relu"), ll.Linear(3)], input_shape=data.sample_shape)
run = ll.Trainer(network, lr=0.02, compile=False, threads=1).start(data, epochs=40, batch_size=16).wait()
"""


CAMERA = """() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
    const context = canvas.getContext('2d');
    const paint = () => {
        context.fillStyle = '#d8d4cc';
        context.fillRect(0, 0, 640, 480);
        context.lineWidth = 26;
        context.strokeStyle = '#28303a';
        context.beginPath();
        for (const [x, y] of [[240, 130], [390, 130], [300, 370]]) context.lineTo(x, y);
        context.stroke();
        requestAnimationFrame(paint);
    };
    paint();
    navigator.mediaDevices.getUserMedia = () => Promise.resolve(canvas.captureStream(10));
}"""
NO_CAMERA = """() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));
}"""


def draw_three(page: Page, pad: Locator) -> None:
    box = pad.bounding_box()
    assert box is not None
    x, y, w, h = (box[k] for k in ("x", "y", "width", "height"))
    points = [
        (0.34, 0.26), (0.44, 0.17), (0.58, 0.2), (0.6, 0.34), (0.46, 0.46), (0.6, 0.56), (0.62, 0.72), (0.48, 0.83),
        (0.34, 0.76),
    ]  # fmt: skip
    page.mouse.move(x + points[0][0] * w, y + points[0][1] * h)
    page.mouse.down()
    for px, py in points[1:]:
        page.mouse.move(x + px * w, y + py * h, steps=4)
    page.mouse.up()


def bars(view: Locator) -> list[str]:
    return view.get_by_label("Probability of each class").locator("li .v").all_inner_texts()


def test_a_digit_is_drawn_and_the_answer_changes_while_it_trains(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(WORKER, "ll.TryIt(run, data)", height=900)
    notebook.run()
    view = page.get_by_label("Try it", exact=True)
    pad = view.get_by_role("application")
    expect(pad).to_be_visible(timeout=WAIT)
    draw_three(page, pad)
    rows = view.get_by_label("Probability of each class").locator("li")
    expect(rows).to_have_count(10, timeout=WAIT)
    expect(rows.locator(".d")).to_have_text([*"0123456789"])
    expect(view.get_by_text("live, step")).to_be_visible(timeout=WAIT)
    before = bars(view)
    page.wait_for_function(
        "before => [...document.querySelectorAll('.ti .probs .v')].map(e => e.textContent).join() !== before",
        arg=",".join(before), timeout=WAIT,
    )  # fmt: skip
    expect(view.get_by_text("sure this is a 3.")).to_be_visible(timeout=2 * WAIT)
    expect(view.get_by_text("changes as the network learns")).to_be_visible()
    notebook.shot("try-it-light", view, docs="try_it")
    assert notebook.violations(".ti") == []

    # the answer comes while the stroke is drawn, and the drawing survives a reload
    box = pad.bounding_box()
    assert box is not None
    said = "".join(bars(view))
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] - 20, steps=10)
    page.wait_for_function(
        "before => [...document.querySelectorAll('.ti .probs .v')].map(e => e.textContent).join('') !== before",
        arg=said,
    )
    page.mouse.up()
    view.get_by_role("button", name="Undo stroke").click()
    expect(view.get_by_text("sure this is a 3.")).to_be_visible(timeout=WAIT)
    notebook.save()
    notebook.reload()
    expect(page.get_by_text("sure this is a 3.")).to_be_visible(timeout=WAIT)

    # keys draw as well
    view.get_by_role("button", name="Clear").click()
    expect(view.get_by_text("it answers while you draw")).to_be_visible()
    pad.focus()
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    for _ in range(16):
        page.keyboard.press("Shift+ArrowDown")
    expect(rows).to_have_count(10, timeout=WAIT)

    # a photograph, and what is no picture
    view.get_by_role("button", name="Give it: Upload").click()
    view.locator("input[type=file]").set_input_files({"name": "four.png", "mimeType": "image/png", "buffer": photo()})
    expect(view.get_by_alt_text("Your picture four.png")).to_be_visible()
    expect(rows).to_have_count(10, timeout=WAIT)
    notebook.shot("try-it-upload", view)
    view.locator("input[type=file]").set_input_files(
        {"name": "letter.png", "mimeType": "image/png", "buffer": b"%PDF-1.7 no picture"}
    )
    expect(view.get_by_role("alert")).to_contain_text("not an image")
    view.get_by_role("button", name="Give it: From the data").click()
    expect(view.get_by_text(": it is a")).to_be_visible(timeout=WAIT)
    notebook.shot("try-it-example", view)
    page.evaluate(CAMERA)
    view.get_by_role("button", name="Give it: Camera").click()
    view.get_by_role("button", name="Start the camera").click()
    expect(view.get_by_text("sure this is a 7.")).to_be_visible(timeout=WAIT)
    notebook.shot("try-it-camera", view)
    view.get_by_role("button", name="Stop", exact=True).click()
    page.evaluate(NO_CAMERA)
    view.get_by_role("button", name="Start the camera").click()
    expect(view.get_by_text("The browser did not allow the camera")).to_be_visible()
    notebook.theme(dark=True)
    view.get_by_role("button", name="Give it: Draw").click()
    view.get_by_role("button", name="Clear").click()
    draw_three(page, pad)
    expect(rows).to_have_count(10, timeout=WAIT)
    notebook.shot("try-it-dark", view)
    notebook.execute("run.stop()")
    expect(view.get_by_text("best weights, round")).to_be_visible(timeout=WAIT)
    narrow(page)
    notebook.shot("try-it-dark-340", view)
    notebook.theme(dark=False)
    notebook.shot("try-it-340", view)
    assert notebook.errors == []


def narrow(page: Page) -> None:
    page.evaluate("() => { document.querySelector('.ti').parentElement.style.width = '344px'; }")


def photo() -> bytes:
    """A four in dark ink on grey paper, photographed from the side."""
    sheet = Image.linear_gradient("L").resize((400, 300)).point(lambda v: 140 + v // 3)
    pen = ImageDraw.Draw(sheet)
    pen.line([(170, 60), (140, 170), (250, 170)], fill=40, width=16, joint="curve")
    pen.line([(220, 110), (215, 260)], fill=40, width=16)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def test_a_row_is_typed_and_a_table_answered(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(TABLE, "ll.TryIt(run)", height=900)
    notebook.run()
    view = page.get_by_label("Try it", exact=True)
    length = view.get_by_label("petal length (cm) 1 to 6.9")
    expect(length).to_be_visible(timeout=WAIT)
    length.fill("1.2")
    view.get_by_label("petal width (cm), slider").press("Home")
    expect(view.get_by_text("sure this is “setosa”.")).to_be_visible(timeout=WAIT)
    length.fill("12")
    expect(view.get_by_text("It has only seen 1 to 6.9")).to_be_visible()
    notebook.shot("try-it-form", view)
    view.get_by_role("button", name="Fill in one from the data").click()
    expect(view.get_by_text(": it is “")).to_be_visible(timeout=WAIT)
    view.get_by_role("button", name="Give it: Many rows").click()
    names = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm),target"
    rows = f"{names}\n5.1,3.5,1.4,0.2,setosa\n6.7,3,5.2,,x"
    view.locator("input[type=file]").set_input_files(
        {"name": "my.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    expect(view.get_by_text("2 rows answered.")).to_be_visible(timeout=WAIT)
    expect(view.get_by_role("cell", name="setosa").first).to_be_visible()
    notebook.shot("try-it-rows", view)
    with page.expect_download() as download:
        view.get_by_role("button", name="Download as CSV").click()
    assert download.value.path().read_text().splitlines()[1].startswith("5.1,3.5,1.4,0.2,setosa,setosa,")
    view.locator("input[type=file]").set_input_files(
        {"name": "my.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
    )
    expect(view.get_by_role("alert")).to_contain_text("columns are missing")
    assert notebook.violations(".ti") == []
    assert notebook.errors == []
