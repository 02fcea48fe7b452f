"""The subcommands of `lepton-lab`, one module each: `add_parser` states the options, `main` does the work.

They parse, call the layers below and print; what they do can be done from Python as well. A module here
imports only the standard library at its head, so that `--help` stays quick.
"""

from lepton_lab.commands import app, info, lab, runs, train, worker

__all__ = ["COMMANDS"]

COMMANDS = (app, lab, train, runs, worker, info)
"""In the order in which `lepton-lab --help` shows them."""
