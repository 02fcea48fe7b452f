"""The same trainings in Keras 3 (JAX, TensorFlow, torch), Lightning, skorch and fastai, all on the CPU.

The libraries are installed by pip into environments of their own, under `peers` in the cache folder (`$LEPTON_CACHE`);
they stay there. Those on torch see the torch of this environment. Each measurement is a fresh process in which
imports, data and the model come before the clock: it starts at the call of `fit`. The libraries take turns, each round
with its own seed. They train as their documentation shows (see `peers/`), and those on torch with the better number of
threads, which they do not look for themselves. An epoch's time is its training without validation, the first epoch
left out. The targets are for our compiled steps, as Keras on JAX compiles its own; beside them stand the ratios to
ours by default, which starts with nothing compiled and is too short to compile. The time to 97 % is measured both ways:
the first fit of this network on a machine, and one after another fit has compiled its steps there.

LEPTON_BENCH_QUICK=1 takes a tenth of the samples and one round, only to see that everything runs.
LEPTON_PEER_ROUNDS sets the number of rounds.
LEPTON_BENCH_THROUGH="COMMAND …" runs each measured process through a command, such as one that waits until the
machine is quiet, so that others wait for one process and not for the whole quarter of an hour.
"""

import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LONG = True

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
QUICK = bool(os.environ.get("LEPTON_BENCH_QUICK"))
ROUNDS = 1 if QUICK else int(os.environ.get("LEPTON_PEER_ROUNDS", "3"))
SHARE = 10 if QUICK else 1  # one sample in so many is used
MNIST_EPOCHS = 10  # 97 % come sooner
COMPILED_EPOCHS = 3 if QUICK else 12
CIFAR_EPOCHS = 2 if QUICK else 4
SLOW = 30.0  # s to 97 %; a library that takes longer has two rounds
THROUGH = shlex.split(os.environ.get("LEPTON_BENCH_THROUGH", ""))
LIMIT = 1800.0 if THROUGH else 240.0  # s for one process
INSTALL_LIMIT = 1800.0


class NoResultError(Exception):
    """A library could not be installed or gave no result; the message says why."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment of the benchmark.

    Attributes:
        packages: What pip installs.
        borrows: Whether it sees the packages of this environment, torch above all.
    """

    packages: tuple[str, ...]
    borrows: bool = False


@dataclass(frozen=True)
class Peer:
    """One library.

    Attributes:
        environment: Name of its environment.
        module: Its program in `peers`.
        backend: Keras's backend.
    """

    environment: str
    module: str
    backend: str = ""


ENVIRONMENTS = {
    "jax": Environment(("keras", "jax")),
    "tensorflow": Environment(("keras", "tensorflow-cpu")),
    "torch": Environment(("keras", "lightning", "skorch", "fastai"), borrows=True),
}

PEERS = {
    "Keras on JAX": Peer("jax", "on_keras", "jax"),
    "Keras on TensorFlow": Peer("tensorflow", "on_keras", "tensorflow"),
    "Keras on torch": Peer("torch", "on_keras", "torch"),
    "Lightning": Peer("torch", "on_lightning"),
    "skorch": Peer("torch", "on_skorch"),
    "fastai": Peer("torch", "on_fastai"),
}

OURS = "Lepton Lab"
COMPILED = "Lepton Lab, compiled steps"
AGAIN = "Lepton Lab, compiled before"
AUTO = 'Lepton Lab, precision="auto"'


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is made and filled where that has not been done.

    Raises:
        NoResultError: pip could not install it.
    """
    from lepton_lab.data.folders import cache_dir

    environment = ENVIRONMENTS[name]
    folder = cache_dir() / "peers" / name
    python, marker = folder / "bin" / "python", folder / "installed.json"
    library = sysconfig.get_path("purelib")
    wanted = [*environment.packages, sys.version, library if environment.borrows else ""]
    if marker.exists() and json.loads(marker.read_text()) == wanted:
        return python
    print(f"  installing {' '.join(environment.packages)} into {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _call([sys.executable, "-m", "venv", str(folder)], INSTALL_LIMIT)
        if environment.borrows:
            target = _call([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], 60)
            (Path(target.strip()) / "zz_borrowed.pth").write_text(library + "\n")
        _call([str(python), "-m", "pip", "install", "--quiet", *environment.packages], INSTALL_LIMIT)
    except NoResultError as error:
        raise NoResultError(f"not installable here: {error}") from error
    marker.write_text(json.dumps(wanted))
    return python


def _call(command: list[str], limit: float, **variables: str) -> str:
    """What a command prints; its last line of complaint where it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=limit, check=False,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", **variables},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NoResultError(f"nothing after {limit:.0f} s") from None
    if done.returncode:
        complaint = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise NoResultError(complaint[:200])
    return done.stdout


def write_data(folder: Path) -> dict[str, Path]:
    """MNIST whole and the first 10,000 images of CIFAR-10, where processes of any environment can read them."""
    from lepton_lab import datasets

    if (DATA / "mnist").is_dir():
        os.environ.setdefault("LEPTON_DATA", str(DATA))
    (x, y), (x_valid, y_valid) = datasets.mnist.load_data()
    paths = {"mnist": folder / "mnist.npz", "cifar": folder / "cifar.npz"}
    np.savez(paths["mnist"], x=x[::SHARE], y=y[::SHARE], x_valid=x_valid, y_valid=y_valid)
    (x, y), _ = datasets.cifar10.load_data()
    np.savez(paths["cifar"], x=x[: 10_000 // SHARE], y=y[: 10_000 // SHARE].reshape(-1))
    return paths


class Measurements:
    """Runs the libraries and keeps what they print.

    Args:
        folder: For data and for the store of our runs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = write_data(folder)
        self.found: dict[tuple[str, str], list[dict]] = {}
        self.problems: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def measure(self, name: str, task: str, epochs: int, seed: int = 0, *extra: str) -> None:
        """Runs one library once in a process of its own; a problem is kept and ends its part."""
        if name in self.problems:
            return
        options = [task, str(self.data[task]), "--epochs", str(epochs), "--seed", str(seed), *extra]
        peer = PEERS.get(name)
        module, backend = (peer.module, peer.backend) if peer else ("on_lepton", "")
        variables = {"KERAS_BACKEND": backend} if backend else {}
        if peer is None:  # what one of ours has compiled is no gift to the one by default
            variables["LEPTON_CACHE"] = str(self.folder / ("warm" if name in (COMPILED, AGAIN) else "cold"))
        try:
            python = python_of(peer.environment) if peer else sys.executable
            out = _call(
                [*THROUGH, str(python), "-m", f"tests.benchmarks.peers.{module}", *options], LIMIT,
                LEPTON_WORKSPACE=str(self.folder / "lab"), **variables,
            )  # fmt: skip
            line = json.loads(out.strip().splitlines()[-1])
        except NoResultError as error:
            self.problems[name] = str(error)
            print(f"  {name}, {task}: {error}", flush=True)
            return
        self.versions[name] = line["version"]
        self.found.setdefault((name, task), []).append(line)
        reached = f", 97 % after {line['reached']:.1f} s" if line["reached"] else ""
        print(f"  {name}, {task}: {statistics.median(line['epochs'][1:]):.2f} s an epoch{reached}", flush=True)

    def epoch(self, name: str, task: str, last: int = 0) -> float | None:
        """Median of the seconds of all epochs after each process's first, or of its last ones."""
        runs = [line["epochs"] for line in self.found.get((name, task), ())]
        seconds = [s for epochs in runs for s in (epochs[-last:] if last else epochs[1:])]
        return statistics.median(seconds) if seconds else None

    def reached(self, name: str) -> float | None:
        """Median of the seconds to 97 %; None where a run did not get there."""
        times = [line["reached"] for line in self.found.get((name, "mnist"), ())]
        return statistics.median(times) if times and all(times) else None

    def label(self, name: str) -> str:
        """The name with its version."""
        return self.versions.get(name, name) if name in PEERS or name == OURS else name


def run() -> list[dict]:
    """Measures everything; rows of what, value, unit, target."""
    with tempfile.TemporaryDirectory() as folder:
        found = Measurements(Path(folder))
        for seed in range(ROUNDS):
            if seed < 2:
                found.measure(
                    COMPILED, "mnist", COMPILED_EPOCHS, seed, "--to-the-end", "--settings", '{"compile": true}'
                )
            names = [OURS, AGAIN, *PEERS]
            for name in names if seed % 2 == 0 else reversed(names):
                if seed < 2 or (found.reached(name) or 0.0) < SLOW:
                    found.measure(name, "mnist", MNIST_EPOCHS, seed)
        for seed in range(ROUNDS):
            names = [OURS, *PEERS]
            for name in names if seed % 2 == 0 else reversed(names):
                found.measure(name, "cifar", CIFAR_EPOCHS, seed)
        found.measure(AUTO, "cifar", CIFAR_EPOCHS, 0, "--settings", '{"precision": "auto"}')
        return rows(found)


def rows(found: Measurements) -> list[dict]:
    """The table."""
    what = f"MNIST MLP, batch 32, {60_000 // SHARE:,} samples"
    ours, compiled = found.epoch(OURS, "mnist"), found.epoch(COMPILED, "mnist", last=max(1, COMPILED_EPOCHS // 3))
    table = [
        _row(found, OURS, f"{what}: by default", ours),
        _row(found, COMPILED, f"{what}: once they have taken over", compiled),
    ]
    seconds = {name: found.epoch(name, "mnist") for name in PEERS}
    table += [_row(found, name, what, seconds[name]) for name in PEERS]
    for name in PEERS:
        target = "≥ 3 ×" if name == "Lightning" else "> 1 ×"
        table.append(_ratio(found, name, "MNIST MLP, Lepton Lab compiled", seconds[name], compiled, target))
        table.append(_ratio(found, name, "MNIST MLP, Lepton Lab by default", seconds[name], ours))
    what = f"CIFAR CNN, batch 64, {10_000 // SHARE:,} images"
    ours = found.epoch(OURS, "cifar")
    table += [_row(found, OURS, what, ours), _row(found, AUTO, what, found.epoch(AUTO, "cifar"))]
    seconds = {name: found.epoch(name, "cifar") for name in PEERS}
    table += [_row(found, name, what, seconds[name]) for name in PEERS]
    table += [_ratio(found, name, "CIFAR CNN, Lepton Lab fp32", seconds[name], ours, "> 1 ×") for name in PEERS]
    wall = {name: found.reached(name) for name in (OURS, AGAIN, *PEERS)}
    what = "97 % MNIST test accuracy, from fit() in a fresh process"
    table += [_row(found, name, what, value, "s") for name, value in wall.items()]
    others = [wall[name] for name in PEERS if wall[name]]
    for row in table[-len(wall) :][:2] if others else ():
        row["target"] = f"the shortest: < {min(others):.2f} s"
    return table


def _row(found: Measurements, name: str, what: str, value: float | None, unit: str = "s/epoch") -> dict:
    label = f"{found.label(name)}, {what}"
    if value is None:
        return {"what": label, "value": found.problems.get(name, "not reached"), "unit": "", "target": None}
    return {"what": label, "value": value, "unit": unit, "target": None}


def _ratio(
    found: Measurements, name: str, what: str, seconds: float | None, ours: float | None, target: str | None = None
) -> dict:
    label = f"{found.label(name)} / {what}"
    if not seconds or not ours:
        return {"what": label, "value": found.problems.get(name, "no result"), "unit": "", "target": target}
    return {"what": label, "value": seconds / ours, "unit": "×", "target": target}
