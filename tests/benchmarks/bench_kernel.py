"""How soon a Jupyter kernel answers `1+1`, idle and while MNIST trains in it in the background."""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

LONG = True

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
QUICK = bool(os.environ.get("LEPTON_BENCH_QUICK"))
ANSWERS = 40 if QUICK else 400
PAUSE = 0.02, 0.08  # s between an answer and the next question
TARGET = 40.0

SETUP = """
import lepton_lab as ll

data = ll.load_dataset("mnist")
network = ll.NetworkSpec(
    [ll.Flatten(), ll.Linear(64, activation="relu"), ll.Linear(64, activation="relu"), ll.Linear(10)],
    input_shape=data.sample_shape,
)
trainer = ll.Trainer(network, optimizer="adam", validate=False)
"""
START = "run = trainer.start(data, epochs=10_000, batch_size=32)"
STATUS = "print(run.state.value, run.status.step)"
STOP = "run.stop(); run.wait(); print(run.status.step)"


def ask(client: BlockingKernelClient, code: str, limit: float = 300.0) -> tuple[float, str]:
    """Runs a cell; seconds until reply, output and 'idle' are all there, and what it printed.

    Raises:
        RuntimeError: The cell raised.
    """
    start = time.perf_counter()
    asked = client.execute(code, store_history=False)
    printed, idle = "", False
    while not idle:
        message = client.get_iopub_msg(timeout=limit)
        if message["parent_header"].get("msg_id") != asked:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream" and content["name"] == "stdout":
            printed += content["text"]
        elif kind == "execute_result":
            printed += content["data"]["text/plain"]
        elif kind == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        idle = kind == "status" and content["execution_state"] == "idle"
    while client.get_shell_msg(timeout=limit)["parent_header"].get("msg_id") != asked:
        pass
    return time.perf_counter() - start, printed


def answers(client: BlockingKernelClient) -> tuple[float, float]:
    """Median and 99th percentile of the milliseconds of an answer."""
    rng = random.Random(0)
    times = []
    for _ in range(ANSWERS):
        time.sleep(rng.uniform(*PAUSE))
        seconds, text = ask(client, "1+1")
        if text != "2":
            raise RuntimeError(f"1+1 gave {text!r}")
        times.append(1000 * seconds)
    return float(np.percentile(times, 50)), float(np.percentile(times, 99))


def run() -> list[dict]:
    """Measures everything; rows of what, value, unit, target."""
    with tempfile.TemporaryDirectory() as folder:
        variables = {**os.environ, "LEPTON_WORKSPACE": folder, "IPYTHONDIR": str(Path(folder) / "ipython")}
        if (DATA / "mnist").is_dir():
            variables.setdefault("LEPTON_DATA", str(DATA))
        manager = KernelManager()
        manager._kernel_spec = KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], language="python"
        )
        manager.start_kernel(env=variables, cwd=str(ROOT))
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=120)
            return _measure(client)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def _measure(client: BlockingKernelClient) -> list[dict]:
    ask(client, SETUP)
    idle = answers(client)
    started, _ = ask(client, START)
    _wait_for_steps(client)
    begun, first = time.perf_counter(), _steps(client)
    busy = answers(client)
    last, seconds = _steps(client), time.perf_counter() - begun
    ask(client, STOP)
    if last <= first:
        raise RuntimeError("nothing was trained while the kernel answered")
    return [
        {"what": f"idle kernel, `1+1`, median of {ANSWERS}", "value": idle[0], "unit": "ms", "target": None},
        {"what": "idle kernel, 99th percentile", "value": idle[1], "unit": "ms", "target": None},
        {"what": "while the MNIST MLP trains, median", "value": busy[0], "unit": "ms", "target": None},
        {"what": "while the MNIST MLP trains, 99th percentile", "value": busy[1], "unit": "ms", "target": TARGET},
        {"what": "steps trained meanwhile", "value": (last - first) / seconds, "unit": "steps/s", "target": None},
        {"what": "the cell that starts the run", "value": 1000 * started, "unit": "ms", "target": None},
    ]


def _steps(client: BlockingKernelClient) -> int:
    state, steps = ask(client, STATUS)[1].split()
    if state != "running":
        raise RuntimeError(f"the run is {state}")
    return int(steps)


def _wait_for_steps(client: BlockingKernelClient, limit: float = 120.0) -> None:
    """Waits until training is well under way."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        state, steps = ask(client, STATUS)[1].split()
        if state == "running" and int(steps) > 500:
            return
        if state not in ("queued", "starting", "running"):
            raise RuntimeError(f"the run is {state}")
        time.sleep(0.2)
    raise TimeoutError(f"no 500 steps within {limit:.0f} s")
