"""Where samples come from: loaders, splits, the report on them, and the preprocessing that travels with a model.

Everything here ends in a `DataBundle`. Nothing here knows of networks, runs or widgets.
"""

from lepton_lab.data import keras_style as datasets
from lepton_lab.data.arrays import ArrayPreprocessing, from_arrays
from lepton_lab.data.assemble import assemble
from lepton_lab.data.audio import SpectrogramPreprocessing, load_audio
from lepton_lab.data.builtin import DATASETS, DatasetInfo, load_dataset, register_dataset
from lepton_lab.data.bundle import DataBundle, Split, Task, TensorSplit
from lepton_lab.data.folders import cache_dir, data_dir
from lepton_lab.data.images import load_images
from lepton_lab.data.keras_style import to_categorical
from lepton_lab.data.preprocessing import Preprocessing, register_preprocessing
from lepton_lab.data.report import ColumnInfo, DataFinding, DataReport
from lepton_lab.data.sources import load_source
from lepton_lab.data.splits import SplitIndices, split_indices
from lepton_lab.data.table_preprocessing import TablePreprocessing
from lepton_lab.data.tables import load_table
from lepton_lab.data.text import TextPreprocessing, load_text

__all__ = [
    "DATASETS",
    "ArrayPreprocessing",
    "ColumnInfo",
    "DataBundle",
    "DataFinding",
    "DataReport",
    "DatasetInfo",
    "Preprocessing",
    "SpectrogramPreprocessing",
    "Split",
    "SplitIndices",
    "TablePreprocessing",
    "Task",
    "TensorSplit",
    "TextPreprocessing",
    "assemble",
    "cache_dir",
    "data_dir",
    "datasets",
    "from_arrays",
    "load_audio",
    "load_dataset",
    "load_images",
    "load_source",
    "load_table",
    "load_text",
    "register_dataset",
    "register_preprocessing",
    "split_indices",
    "to_categorical",
]
