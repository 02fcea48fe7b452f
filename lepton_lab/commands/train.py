"""`lepton-lab train SPEC.json`: trains a network's description from a shell, with the same engine and record."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lepton_lab.data import DataBundle
    from lepton_lab.training import Run

__all__ = ["add_parser", "main"]

_TABLES = (".csv", ".tsv", ".parquet")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command's options."""
    about = "Train a network that was saved as JSON. Ctrl-C stops and keeps the best weights."
    parser = subparsers.add_parser("train", help="train a network that was saved as JSON", description=about)
    parser.add_argument("spec", metavar="SPEC.json", type=Path, help="the network, as NetworkSpec.save wrote it")
    parser.add_argument(
        "--data", default="mnist-sample", help="a data set's name, a table, or a folder or zip of images"
    )
    parser.add_argument("--target", default=None, metavar="COLUMN", help="the column of a table to predict")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=None, help="learning rate")
    parser.add_argument("--optimizer", default="adam")
    parser.add_argument("--loss", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="any other setting, such as --set ema=0.999"
    )
    parser.add_argument("--name", default="", help="what to call the run")
    parser.add_argument("--project", default="", help="the project that it belongs to")
    parser.add_argument("--where", choices=("thread", "worker"), default="thread", help="here, or queued for a worker")
    parser.add_argument(
        "--workspace", metavar="DIR", default=None, help="default: $LEPTON_WORKSPACE, else ~/lepton-lab"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Trains; 0 when it ended well, 130 after Ctrl-C."""
    from lepton_lab.network import NetworkSpec
    from lepton_lab.training import Trainer
    from lepton_lab.workspace import StoreRecorder, Workspace

    network = NetworkSpec.load(options.spec)
    data = _load(options.data, options.target)
    chosen = dict(_setting(text) for text in options.set)
    trainer = Trainer(
        network,
        loss=options.loss,
        optimizer=options.optimizer,
        lr=options.lr,
        seed=options.seed,
        device=options.device,
        epochs=options.epochs,
        batch_size=options.batch_size,
        **chosen,
    )
    workspace = Workspace(options.workspace)
    if options.where == "worker":
        return _queue(trainer, data, workspace, options)
    run = trainer.start(data, name=options.name, recorder=StoreRecorder(workspace, project=options.project))
    return _follow(run, quiet=options.quiet)


def _follow(run: Run, *, quiet: bool) -> int:
    from lepton_lab.training.progress_line import follow

    status = 0
    try:
        follow(run, 0 if quiet else "auto")
    except KeyboardInterrupt:
        status = 130
    _report(run)
    return status


def _queue(trainer: Any, data: DataBundle, workspace: Any, options: argparse.Namespace) -> int:
    """Hands the training to a worker and says how to find it again."""
    from lepton_lab.training.trainer import StartRequest
    from lepton_lab.workspace import start_in_worker

    request = StartRequest(trainer.spec.to_dict(), data.source or {}, trainer.settings.to_json(), options.name)
    run = start_in_worker(request, workspace, project=options.project)
    print(f"Queued {run.name!r} ({run.id}). `lepton-lab runs` shows how far it is.")
    return 0


def _report(run: Run) -> None:
    status = run.status
    metrics = " - ".join(f"{name}: {value:.4f}" for name, value in status.metrics.items())
    where = f"; checkpoints in {run.folder}" if run.folder is not None else ""
    print(
        f"{run.name} ({run.id}) {status.state} after {status.epoch} epochs, {status.elapsed_s:.1f} s. {metrics}{where}"
    )


def _load(data: str, target: str | None) -> DataBundle:
    """The data that `--data` means: a path where there is one, else a data set's name."""
    from lepton_lab.data import load_dataset, load_images, load_table
    from lepton_lab.errors import DataError

    path = Path(data).expanduser()
    if not path.exists():
        return load_dataset(data)
    path = path.absolute()
    if path.suffix.lower() not in _TABLES:
        return load_images(path)
    if target is None:
        raise DataError(f"which column of {path.name} is to be predicted?", do="Name it with --target COLUMN")
    return load_table(path, target=target)


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        print(f"lepton-lab train: --set takes NAME=VALUE, not {text!r}", file=sys.stderr)
        raise SystemExit(2)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
