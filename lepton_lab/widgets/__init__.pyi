from .feature_map_viewer import FeatureMapViewer as FeatureMapViewer
from .gradient_monitor import GradientMonitor as GradientMonitor
from .playground import Playground as Playground
