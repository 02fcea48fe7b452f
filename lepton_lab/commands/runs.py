"""`lepton-lab runs`: the table of runs."""

from __future__ import annotations

import argparse
from datetime import datetime

__all__ = ["add_parser", "main"]

_SHOWN = ("name", "state", "epoch", "epochs", "loss", "duration_s", "data", "created", "id")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command's options."""
    about = "List the runs of a workspace, the newest first."
    parser = subparsers.add_parser("runs", help="list the runs of a workspace", description=about)
    parser.add_argument(
        "--workspace", metavar="DIR", default=None, help="default: $LEPTON_WORKSPACE, else ~/lepton-lab"
    )
    parser.add_argument("--project", default=None, help="only the runs of this project")
    parser.add_argument("--json", action="store_true", help="print every column as JSON, one object a run")
    parser.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Prints the table."""
    from lepton_lab.workspace import Workspace

    workspace = Workspace(options.workspace)
    frame = workspace.runs(options.project)
    if options.json:
        print(frame.to_json(orient="records", date_format="iso"))
    elif frame.empty:
        print(f"No runs in {workspace.folder} yet. Train one: lepton-lab train SPEC.json --data mnist-sample")
    else:
        here = datetime.now().astimezone().tzinfo
        frame["created"] = frame["created"].dt.tz_convert(here).dt.strftime("%Y-%m-%d %H:%M")
        print(frame[list(_SHOWN)].to_string(index=False, na_rep="", float_format=lambda value: f"{value:.4g}"))
    return 0
