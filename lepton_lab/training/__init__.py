"""The engine: trains any module on any data in a background thread, steered and recorded while it runs.

Here live the loop, what a run is, its controls, its history and its checkpoints. Nothing here draws, prints from
the training thread, writes to a store or knows a notebook: upper layers plug in through `recording`.
"""

from lepton_lab.training.callbacks import Callback, EarlyStopping, LambdaCallback
from lepton_lab.training.checkpoint import Snapshot, load_checkpoint, newest_checkpoint, save_checkpoint
from lepton_lab.training.commands import COMMANDS, Command, Controls
from lepton_lab.training.history import History, Table
from lepton_lab.training.losses import LOSSES, LossEntry
from lepton_lab.training.lr_finder import LearningRates, lr_find
from lepton_lab.training.metrics import METRICS, MetricEntry
from lepton_lab.training.optimizers import OPTIMIZERS, OptimizerEntry
from lepton_lab.training.progress_line import follow
from lepton_lab.training.recording import Recorder, set_default_recorder, set_place, set_plotter
from lepton_lab.training.run import Run, active_runs
from lepton_lab.training.schedules import SCHEDULES, Span
from lepton_lab.training.sequential import Sequential
from lepton_lab.training.settings import TrainSettings
from lepton_lab.training.slots import Slots, default_slots, set_slots
from lepton_lab.training.status import RunState, RunStatus
from lepton_lab.training.trainer import StartRequest, Trainer, resume_run, start_spec

__all__ = [
    "COMMANDS",
    "LOSSES",
    "METRICS",
    "OPTIMIZERS",
    "SCHEDULES",
    "Callback",
    "Command",
    "Controls",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRates",
    "LossEntry",
    "MetricEntry",
    "OptimizerEntry",
    "Recorder",
    "Run",
    "RunState",
    "RunStatus",
    "Sequential",
    "Slots",
    "Snapshot",
    "Span",
    "StartRequest",
    "Table",
    "TrainSettings",
    "Trainer",
    "active_runs",
    "default_slots",
    "follow",
    "load_checkpoint",
    "lr_find",
    "newest_checkpoint",
    "resume_run",
    "save_checkpoint",
    "set_default_recorder",
    "set_place",
    "set_plotter",
    "set_slots",
    "start_spec",
]
