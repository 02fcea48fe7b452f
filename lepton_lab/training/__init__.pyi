# The public names of `lepton_lab.training`, each with its module; read by type checkers and by lazy_loader.

from .callbacks import Callback as Callback, EarlyStopping as EarlyStopping, LambdaCallback as LambdaCallback
from .checkpoint import (
    Snapshot as Snapshot,
    load_checkpoint as load_checkpoint,
    newest_checkpoint as newest_checkpoint,
    save_checkpoint as save_checkpoint,
)
from .commands import COMMANDS as COMMANDS, Command as Command, Controls as Controls
from .continuing import resume_run as resume_run
from .history import History as History, Table as Table
from .losses import LOSSES as LOSSES, LossEntry as LossEntry
from .lr_finder import LearningRates as LearningRates, lr_find as lr_find
from .metrics import METRICS as METRICS, MetricEntry as MetricEntry
from .optimizers import OPTIMIZERS as OPTIMIZERS, OptimizerEntry as OptimizerEntry
from .progress_line import follow as follow
from .recording import (
    Recorder as Recorder,
    set_default_recorder as set_default_recorder,
    set_place as set_place,
    set_plotter as set_plotter,
)
from .run import Run as Run, active_runs as active_runs
from .schedules import SCHEDULES as SCHEDULES, Span as Span
from .sequential import Sequential as Sequential
from .settings import TrainSettings as TrainSettings
from .slots import Slots as Slots, default_slots as default_slots, set_slots as set_slots
from .status import RunState as RunState, RunStatus as RunStatus
from .trainer import StartRequest as StartRequest, Trainer as Trainer, start_spec as start_spec
