"""Where samples come from: loaders, splits, the report on them, and the preprocessing that travels with a model.

Everything here ends in a `DataBundle`. Nothing here knows of networks, runs or widgets.
"""

from lepton_lab.data.arrays import ArrayPreprocessing, from_arrays
from lepton_lab.data.assemble import assemble
from lepton_lab.data.bundle import DataBundle, Split, Task, TensorSplit
from lepton_lab.data.preprocessing import Preprocessing, register_preprocessing
from lepton_lab.data.report import ColumnInfo, DataFinding, DataReport
from lepton_lab.data.splits import SplitIndices, split_indices

__all__ = [
    "ArrayPreprocessing",
    "ColumnInfo",
    "DataBundle",
    "DataFinding",
    "DataReport",
    "Preprocessing",
    "Split",
    "SplitIndices",
    "Task",
    "TensorSplit",
    "assemble",
    "from_arrays",
    "register_preprocessing",
    "split_indices",
]
