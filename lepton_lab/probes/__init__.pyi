# The public names of the folder, each with the module it comes from; see `lepton_lab/__init__.pyi`.

from .access import examine as examine
from .base import (
    PROBES as PROBES,
    STANDARD as STANDARD,
    Moment as Moment,
    Probe as Probe,
    Sums as Sums,
    make_probes as make_probes,
    register_probe as register_probe,
)
from .curvature import Curvature as Curvature, hessian_top as hessian_top, hessian_trace as hessian_trace
from .frames import Frame as Frame, Maps as Maps
from .layers import Layer as Layer, Layers as Layers
from .log import Cost as Cost, ProbeLog as ProbeLog, Reading as Reading, Series as Series
from .maps import (
    FeatureMaps as FeatureMaps,
    TopSamples as TopSamples,
    attention_maps as attention_maps,
    feature_maps as feature_maps,
    filters as filters,
    top_samples as top_samples,
)
from .pictures import (
    Boundary as Boundary,
    Embedding as Embedding,
    decision_boundary as decision_boundary,
    embedding as embedding,
)
from .schedules import (
    Place as Place,
    Schedule as Schedule,
    adaptive as adaptive,
    every as every,
    log_spaced as log_spaced,
    on_epoch as on_epoch,
)
