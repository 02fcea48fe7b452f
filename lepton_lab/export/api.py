"""What is called: one function for each kind of export, and all of them together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import DataError, LeptonError, UnknownNameError
from lepton_lab.export.files import Cancelled, Export, Files, Progress, write
from lepton_lab.export.subject import Trained, trained

if TYPE_CHECKING:
    from lepton_lab.data import DataBundle

__all__ = [
    "KINDS", "export", "export_all", "export_model", "export_notebook", "export_onnx", "export_python", "export_report",
]  # fmt: skip

KINDS = ("model", "python", "notebook", "onnx", "report")
"""What a run can be taken away as."""

_SINGLE = {"model": ".safetensors", "notebook": ".ipynb", "onnx": ".onnx", "report": ".html"}

Path_ = str | os.PathLike[str]
_Made = tuple[Files, tuple[str, ...], float | None]


def export_model(
    run: Any, target: Path_, *, weights: str = "best", data: DataBundle | None = None, progress: Progress | None = None
) -> Export:
    """Writes the trained model: weights, network, preprocessing and classes, for `load_model` and other programs.

    Args:
        run: A `Run` or a run of the store.
        target: A folder, a name that ends in ".zip", or one that ends in ".safetensors" for the one file that
            `load_model` needs.
        weights: "best" or "last".
        data: Its data, where it came from memory and cannot be loaded again.
        progress: Called with the share that is done; False gives up.

    Raises:
        TrainingError: The run trained a module that has no specification.
        CheckpointError: It has no weights yet.
        Cancelled: `progress` said so.
    """
    return export("model", run, target, weights=weights, data=data, progress=progress)


def export_python(
    run: Any, target: Path_, *, weights: str = "best", data: DataBundle | None = None, progress: Progress | None = None
) -> Export:
    """Writes the network as plain PyTorch that runs without Lepton Lab: modules, weights, a script that predicts and
    one that trains.

    Args:
        run: See `export_model`.
        target: A folder, or a name that ends in ".zip".
        weights: See `export_model`.
        data: See `export_model`.
        progress: See `export_model`.

    Raises:
        SpecError: A layer or the preprocessing has no code that runs without Lepton Lab.
        TrainingError: The optimizer is none that a script can have.
    """
    return export("python", run, target, weights=weights, data=data, progress=progress)


def export_notebook(
    run: Any, target: Path_, *, weights: str = "best", data: DataBundle | None = None, progress: Progress | None = None
) -> Export:
    """Writes a Jupyter notebook that does again what the run did, with the data beside it where they are small.

    Args:
        run: See `export_model`.
        target: A folder, a name that ends in ".zip", or one that ends in ".ipynb" for the notebook alone.
        weights: Whose numbers are put beside the new ones.
        data: See `export_model`.
        progress: See `export_model`.

    Raises:
        DataError: The data came from memory in a form that cannot be written down.
    """
    return export("notebook", run, target, weights=weights, data=data, progress=progress)


def export_onnx(
    run: Any, target: Path_, *, weights: str = "best", data: DataBundle | None = None, progress: Progress | None = None
) -> Export:
    """Writes the network as ONNX, any number of samples at once, checked against torch with onnxruntime.

    Args:
        run: See `export_model`.
        target: A folder, a name that ends in ".zip", or one that ends in ".onnx" for the model alone.
        weights: See `export_model`.
        data: See `export_model`.
        progress: See `export_model`.

    Returns:
        What was written; `difference` is the largest one to torch's outputs on real samples.

    Raises:
        MissingExtraError: onnx or onnxruntime is not installed.
        TrainingError: A layer has no counterpart in ONNX.
    """
    return export("onnx", run, target, weights=weights, data=data, progress=progress)


def export_report(
    run: Any,
    target: Path_,
    *,
    weights: str = "best",
    data: DataBundle | None = None,
    title: str = "",
    split: str = "",
    progress: Progress | None = None,
) -> Export:
    """Writes a report as one HTML page that stands alone.

    Args:
        run: See `export_model`.
        target: A name that ends in ".html"; or a folder or zip, where it is called report.html.
        weights: See `export_model`.
        data: See `export_model`.
        title: Its heading; the run's name where empty.
        split: What is evaluated; the test set where there is one, else the validation set.
        progress: See `export_model`.

    Side effects: a look at the test set is counted in the run.
    """
    return export("report", run, target, weights=weights, data=data, progress=progress, title=title, split=split)


def export_all(
    run: Any,
    target: Path_,
    *,
    weights: str = "best",
    data: DataBundle | None = None,
    title: str = "",
    progress: Progress | None = None,
) -> Export:
    """Writes every kind that this run can be taken away as, each into a folder of its own.

    A kind that this network or data cannot have is left out, and named with its reason in `notes` and in README.md.

    Args:
        run: See `export_model`.
        target: A folder, or a name that ends in ".zip".
        weights: See `export_model`.
        data: See `export_model`.
        title: Heading of the report.
        progress: See `export_model`.
    """
    subject = trained(run, weights, data)
    files: Files = {}
    notes: list[str] = []
    difference = None
    for i, kind in enumerate(KINDS):
        tell = _part(progress, 0.9 * i / len(KINDS), 0.9 / len(KINDS))
        _tell(tell, 0.0)
        try:
            made, said, off = _make(kind, subject, tell, title=title, split="")
        except Cancelled:
            raise
        except LeptonError as error:
            notes.append(f"{kind}: left out, because {error.what}")
            continue
        difference = off if off is not None else difference
        folder = "" if kind == "report" else f"{kind}/"
        files |= {f"{folder}{name}": content for name, content in made.items()}
        notes += [f"{kind}: {note}" for note in said]
    if not files:
        raise DataError(f"nothing of {subject.name!r} can be taken away", received="; ".join(notes))
    files["README.md"] = _overview(subject, files, notes).encode()
    path = write(files, target, _part(progress, 0.9, 0.1))
    return Export(path, tuple(files), tuple(notes), difference)


def export(
    kind: str,
    run: Any,
    target: Path_,
    *,
    weights: str = "best",
    data: DataBundle | None = None,
    progress: Progress | None = None,
    title: str = "",
    split: str = "",
) -> Export:
    """Writes one kind of `KINDS`; see the function of its name.

    Raises:
        UnknownNameError: There is no such kind.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of export", kind, KINDS)
    _tell(progress, 0.0)
    subject = trained(run, weights, data)
    _tell(progress, 0.05)
    files, notes, difference = _make(kind, subject, _part(progress, 0.05, 0.75), title=title, split=split)
    target = Path(target).expanduser()
    ending = _SINGLE.get(kind)
    if ending is not None and target.suffix.lower() == ending:
        content = next(c for name, c in files.items() if name.endswith(ending))
        files = {target.name: content}
        path = _one(content, target)
        _tell(progress, 1.0)
    else:
        path = write(files, target, _part(progress, 0.8, 0.2))
    return Export(path, tuple(files), notes, difference)


def _make(kind: str, subject: Trained, progress: Progress | None, *, title: str, split: str) -> _Made:
    if kind == "model":
        from lepton_lab.export.to_model import model_files

        return (*model_files(subject), None)
    if kind == "python":
        from lepton_lab.export.to_python import python_files

        return (*python_files(subject), None)
    if kind == "notebook":
        from lepton_lab.export.notebook import notebook_files

        return (*notebook_files(subject), None)
    if kind == "onnx":
        from lepton_lab.export.to_onnx import onnx_files

        return onnx_files(subject)
    from lepton_lab.export.report import report_html

    cancelled = False

    def tell(share: float) -> None:
        nonlocal cancelled
        cancelled = cancelled or (progress is not None and progress(share) is False)

    page = report_html(subject, title=title, split=split, progress=tell, stop=lambda: cancelled)
    return {"report.html": page.encode()}, (), None


def _one(content: bytes | Path, target: Path) -> Path:
    from lepton_lab.training.checkpoint import write_whole

    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, content if isinstance(content, bytes) else content.read_bytes())
    return target


def _overview(subject: Trained, files: Files, notes: list[str]) -> str:
    from lepton_lab.export.words import about_outputs, numbers_of

    said = {
        "report.html": "report.html: open it in a browser; what was learnt from what, and how good it is",
        "model/": "model/: for `lepton_lab.load_model`, with which one line predicts",
        "python/": "python/: plain PyTorch, with scripts that predict and train",
        "notebook/": "notebook/: does everything again in Jupyter",
        "onnx/": "onnx/: for other languages and programs",
    }
    there = [f"- {text}" for start, text in said.items() if any(name.startswith(start) for name in files)]
    listed = "\n".join(f"- {note}" for note in notes)
    return (
        f"# {subject.name}\n\n{about_outputs(subject)}\n{numbers_of(subject)}\n\n" + "\n".join(there)
        + (f"\n\nNotes:\n\n{listed}" if notes else "") + "\n"
    )  # fmt: skip


def _part(progress: Progress | None, start: float, share: float) -> Progress | None:
    return None if progress is None else lambda done: progress(start + share * done)


def _tell(progress: Progress | None, share: float) -> None:
    if progress is not None and progress(share) is False:
        raise Cancelled("the export was cancelled")
