"""The command `lepton-lab`.

Each subcommand is a module of `lepton_lab.commands` with `add_parser` and `main`; what a command needs is
imported when it runs, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lepton_lab import __version__
from lepton_lab.commands import COMMANDS
from lepton_lab.errors import LeptonError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: The words after `lepton-lab`; those of this process by default.

    Returns:
        The exit status: 0 for success, 1 for an error that the command explains, 2 for a wrong call.
    """
    parser = argparse.ArgumentParser(prog="lepton-lab", description="The deep-learning workbench in Jupyter.")
    parser.add_argument("--version", action="version", version=f"lepton-lab {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    options = parser.parse_args(arguments)
    try:
        return int(options.main(options))
    except LeptonError as error:
        print(f"lepton-lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
