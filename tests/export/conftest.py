"""Three small trained networks with the files that they learnt from: pictures, a table with gaps, texts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lepton_lab as ll
from lepton_lab.network import zoo
from tests.forked import run_python


@dataclass(frozen=True)
class Case:
    """A run, its data, and a raw sample as it stands on a command line.

    Attributes:
        name: "pictures", "table" or "texts".
        run: The run.
        data: What it was trained on.
        raw: A raw sample as `load_model(...).predict` takes it.
        argument: The same for a script.
    """

    name: str
    run: ll.Run
    data: ll.DataBundle
    raw: Any
    argument: str


def pictures(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, mean in (("dark", 60), ("light", 190)):
        (folder / name).mkdir(parents=True)
        for i in range(30):
            pixels = rng.normal(mean, 30, (20 + i % 3, 24, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i} é.png")
    return folder


def table(path: Path) -> Path:
    """Missing numbers and words, numbers with a comma, dates, an id, rows without a target, a row too wide."""
    rng = np.random.default_rng(0)
    lines = ["id;age;colour;since;price;member;kind"]
    for i in range(240):
        age = int(rng.integers(18, 90))
        colour = str(rng.choice(["red", "green", "blue", "NA"]))
        kind = "yes" if (age > 50) != (colour == "red") else "no"
        since, price = f"{rng.integers(1, 28):02d}.{rng.integers(1, 13):02d}.2020", f"{rng.uniform(1, 2000):.2f}"
        cells = [
            f"x{i}", str(age) if rng.random() > 0.1 else "", colour, since, price.replace(".", ","),
            str(rng.choice(["True", "False"])), kind if rng.random() > 0.05 else "",
        ]  # fmt: skip
        lines.append(";".join(cells) + (";too;wide" if i == 7 else ""))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def texts(path: Path) -> Path:
    rng = np.random.default_rng(0)
    words = {"glad": ["good", "great", "fine", "lovely", "film"], "sad": ["bad", "poor", "dull", "weak", "film"]}
    rows = ["review,mood"]
    for _ in range(160):
        mood = str(rng.choice(["glad", "sad"]))
        rows.append(f'"{" ".join(rng.choice(words[mood], 6))}, it\'s {mood[0]}!",{mood}')
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace and a cache that outlive a single test."""
    folder = tmp_path_factory.mktemp("exports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEPTON_WORKSPACE", str(folder / "workspace"))
        patch.setenv("LEPTON_CACHE", str(folder / "cache"))
        yield folder


@pytest.fixture(scope="session")
def pictures_case(home: Path) -> Case:
    folder = pictures(home / "my pictures")
    data = ll.load_images(folder, image_size=16, cache=False)
    network = zoo.small_cnn(data.sample_shape, 2, width=4)
    trainer = ll.Trainer(network, epochs=2, batch_size=16, lr=3e-3, schedule="one_cycle")
    run = trainer.start(data.with_augmentation("light"), name="pictures").wait()
    sample = folder / "light" / "3 é.png"
    return Case("pictures", run, data, sample, str(sample))


@pytest.fixture(scope="session")
def table_case(home: Path) -> Case:
    data = ll.load_table(table(home / "people.csv"), target="kind", mark_missing=["age"])
    run = ll.Trainer(
        zoo.mlp(data.sample_shape, 2), epochs=2, batch_size=16, clip_norm=1.0, weight_decay=1e-3, decay_biases=False
    )
    row = {"id": "x", "age": None, "colour": "mauve", "since": "24.12.2020", "price": "1.234,5", "member": True}
    sample = home / "row.csv"
    sample.write_text("id;age;colour;since;price;member\nx;;mauve;24.12.2020;1.234,5;True\n", encoding="utf-8")
    return Case("table", run.start(data, name="table").wait(), data, row, str(sample))


@pytest.fixture(scope="session")
def texts_case(home: Path) -> Case:
    data = ll.load_text(texts(home / "reviews.csv"))
    network = zoo.lstm_classifier(data.sample_shape, 2, vocabulary=data.preprocessing.index_count)
    run = ll.Trainer(network, epochs=2, batch_size=16, label_smoothing=0.1).start(data, name="texts").wait()
    sample = "A lovely film, it's zounds!"
    return Case("texts", run, data, sample, sample)


@pytest.fixture(params=["pictures", "table", "texts"])
def case(request: pytest.FixtureRequest) -> Case:
    """Each of the three."""
    found: Case = request.getfixturevalue(f"{request.param}_case")
    return found


@pytest.fixture
def alone() -> Callable[..., str]:
    """Runs a script where Lepton Lab cannot be imported, and returns what it prints."""

    def run(folder: Path, script: str, *arguments: str, without: str = "lepton_lab") -> str:
        blocked = "; ".join(f"sys.modules[{name!r}] = None" for name in without.split())
        code = (
            f"import sys; {blocked}; sys.path.insert(0, ''); sys.argv = sys.argv[1:]; "
            "import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        if "torch" in without:
            command = [sys.executable, "-c", code, script, *arguments]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
        else:
            done = run_python(code, script, *arguments, folder=folder)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run
