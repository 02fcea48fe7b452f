"""What `test_kernels` runs inside a kernel: a widget, and a thread that trains beside it."""

import sys
import threading
import time

import traitlets

from lepton_lab.widgets._base import Widget, command


class Counter(Widget):
    """Counts what the thread beside it does, and obeys."""

    _bundle = "counter"
    _esm = traitlets.Unicode("export default {}").tag(sync=True)
    mark = traitlets.Unicode().tag(sync=True)

    def __init__(self) -> None:
        self.count, self.on, self.senders = 0, True, set()
        super().__init__()
        self.thread = threading.Thread(target=self.work, name="trainer", daemon=True)
        self.thread.start()

    def work(self) -> None:
        while self.on:
            self.count += sum(range(200)) > 0

    @command
    def stop(self) -> int:
        self.on = False
        self.thread.join(10)
        return self.count

    @command(background=True)
    def think(self, seconds: float) -> str:
        time.sleep(seconds)
        return "thought"

    def pulse(self) -> None:
        self.push("count", {"n": self.count})

    def send(self, content: object, buffers: object = None) -> None:
        self.senders.add(threading.current_thread().name)
        super().send(content, buffers)


def tell(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
