"""The priority of the threads that train."""

from __future__ import annotations

import os
import sys
import threading

from lepton_lab.errors import TrainingError

__all__ = ["give_way"]


def give_way() -> None:
    """Lowers the priority of the present thread to the nice value in $LEPTON_NICE, where there is one.

    For machines that people share: trainings then take what pages and notebooks leave. Threads that the present one
    starts inherit it. Linux only, where each thread has a priority of its own; elsewhere nothing is changed.

    Raises:
        TrainingError: The variable is no whole number from 0 to 19.
    """
    said = os.environ.get("LEPTON_NICE", "")
    if not said:
        return
    if not said.isdecimal() or int(said) > 19:
        raise TrainingError(
            "the priority of trainings cannot be set",
            where="the environment variable LEPTON_NICE",
            expected="a whole number from 0 (as everything else) to 19 (only where the machine has nothing to do)",
            received=repr(said),
            do="Set it to 5, or unset it",
        )
    if sys.platform == "linux" and int(said):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), int(said))
