from .api import (
    KINDS as KINDS,
    export as export,
    export_all as export_all,
    export_model as export_model,
    export_notebook as export_notebook,
    export_onnx as export_onnx,
    export_python as export_python,
    export_report as export_report,
)
from .files import Cancelled as Cancelled, Export as Export, safe_name as safe_name
from .load import TrainedModel as TrainedModel, load_model as load_model
