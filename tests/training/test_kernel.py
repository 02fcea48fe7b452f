"""A run and the cells that wait for it, in a real notebook kernel."""

import os
import sys
import threading
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]

SETUP = """
import torch
from lepton_lab.training import Callback, Trainer

x, y = torch.randn(200, 8), torch.arange(200) % 3

def net():
    return torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))

def start(*callbacks):
    trainer = Trainer(net(), threads=1, compile=False, callbacks=list(callbacks))
    return trainer.start((x, y), 1_000_000, 20, record=False)

class Fails(Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise ValueError("the user's own mistake")

run = start()
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernel")
    manager = KernelManager(connection_file=str(folder / "kernel.json"))
    manager._kernel_spec = KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python"
    )
    variables = {"IPYTHONDIR": str(folder / "ipython"), "LEPTON_WORKSPACE": str(folder / "lab"), "OMP_NUM_THREADS": "1"}
    manager.start_kernel(env={**os.environ, **variables}, cwd=str(ROOT))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def cell(client, code, begun=None):
    """What a cell printed, and the error that it raised; None where it raised none."""
    asked = client.execute(code)
    printed, error = "", None
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != asked:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            printed += content["text"]
            if begun is not None:
                begun.set()
        elif kind == "error":
            error = content
        elif kind == "status" and content["execution_state"] == "idle":
            return printed, error


def test_an_interrupted_cell_leaves_the_run_that_it_waits_for_going(kernel):
    manager, client = kernel
    assert cell(client, SETUP)[1] is None
    begun = threading.Event()

    def interrupt():
        assert begun.wait(60)
        manager.interrupt_kernel()

    thread = threading.Thread(target=interrupt)
    thread.start()
    _, error = cell(client, "print('waiting', flush=True); run.wait()", begun)
    thread.join()
    assert error["ename"] == "KeyboardInterrupt"
    code = "before = run.status.step\nwhile run.status.step == before: run._done.wait(0.01)\nprint(run.state)"
    printed, error = cell(client, code)
    assert (printed.strip(), error) == ("running", None)
    printed, error = cell(client, "run.stop(); print(run.wait().state)")
    assert (printed.strip(), error) == ("stopped", None)


def test_a_run_that_fails_says_so_in_the_cell_that_waits(kernel):
    _, client = kernel
    assert cell(client, SETUP + "run.stop()")[1] is None
    _, error = cell(client, "run = start(Fails())\nrun.wait()")
    assert error["ename"] == "ValueError"
    assert "the user's own mistake" in error["evalue"]
    assert "on_epoch_end" in "".join(error["traceback"])
    assert cell(client, "print(run.state, type(run.exception()).__name__)")[0].split() == ["failed", "ValueError"]
