"""Processes that have imported the lab already, so that a test need not wait for it."""

from __future__ import annotations

import multiprocessing

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.workspace.trains", "torch._dynamo"])  # what a first step imports takes a second


def in_process(target, *args):
    """Starts a process; its owner joins or kills it."""
    process = context.Process(target=target, args=args, daemon=True)
    process.start()
    return process
