"""The app's server, with pages that show one small widget: starts quicker, and can be impatient with kernels."""

import argparse
import tempfile
from pathlib import Path

import nbformat

from lepton_lab.app import nursery
from lepton_lab.app.server import Options, serve
from lepton_lab.commands.app import size

WIDGET = """
import anywidget, os, traitlets
class Small(anywidget.AnyWidget):
    _esm = '''export default { render({ model, el }) {
        el.classList.add("ll-root");
        const button = document.createElement("button");
        const show = () => { button.textContent = `${model.get("clicks")} clicks in ${model.get("pid")}`; };
        button.onclick = () => { model.set("clicks", model.get("clicks") + 1); model.save_changes(); };
        model.on("change", show); show(); el.append(button);
    } }'''
    clicks = traitlets.Int().tag(sync=True)
    pid = traitlets.Int().tag(sync=True)
    noisy = traitlets.Int().tag(sync=True)
small = Small(pid=os.getpid())
if os.environ.get("SMALL_APP_NOISY"):
    import threading, time
    def talk():
        while True:
            small.noisy += 1
            time.sleep(0.05)
    threading.Thread(target=talk, daemon=True).start()
small
"""


def main() -> None:
    """Serves until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--no-browser", action="store_true")
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--max-upload", type=size, default=2 << 30)
    parser.add_argument("--left", type=float, default=20.0)
    parser.add_argument("--never-came", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        notebook = Path(folder) / "small.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(WIDGET)]), notebook)
        serve(
            Options(
                workspace=options.workspace,
                port=options.port,
                open=options.open,
                browser=not options.no_browser,
                max_upload=options.max_upload,
                notebook=notebook,
                left_s=options.left,
                never_came_s=options.never_came,
            ),
            nursery.start(options.workspace, ("anywidget",)),
        )


if __name__ == "__main__":
    main()
