"""`lepton-lab worker DIR`: trains the queued runs of a workspace."""

from __future__ import annotations

import argparse
import sys

__all__ = ["add_parser", "main"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command's options."""
    about = "Train the queued runs of a workspace until there is nothing left to do."
    parser = subparsers.add_parser("worker", help="train the queued runs of a workspace", description=about)
    _add_arguments(parser)
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Serves until idle, or until Ctrl-C or SIGTERM; then ends its runs and keeps their best weights."""
    import signal

    from lepton_lab.workspace import Workspace
    from lepton_lab.workspace.worker import Worker

    worker = Worker(
        Workspace(options.folder),
        slots=options.slots,
        idle_s=options.idle if options.idle >= 0 else None,
        restart_interrupted=options.restart_interrupted,
        only=options.on_demand,
        log=sys.stderr,
    )
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: worker.stop())
    worker.serve()
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", nargs="?", default=None, metavar="DIR", help="the workspace ($LEPTON_WORKSPACE, else ~/lepton-lab)"
    )
    parser.add_argument("--slots", type=int, default=None, metavar="N", help="runs that train at once")
    parser.add_argument(
        "--idle", type=float, default=120.0, metavar="SECONDS", help="end after so long without work; -1 for never"
    )
    parser.add_argument("--restart-interrupted", action="store_true", help="go on with runs whose worker is gone")
    parser.add_argument("--on-demand", action="store_true", help="end at once where the workspace has a worker already")


if __name__ == "__main__":
    own = argparse.ArgumentParser(prog="lepton-lab worker")
    _add_arguments(own)
    sys.exit(main(own.parse_args()))
