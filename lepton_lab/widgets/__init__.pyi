from .doctor_view import DoctorView as DoctorView
from .feature_map_viewer import FeatureMapViewer as FeatureMapViewer
from .gradient_monitor import GradientMonitor as GradientMonitor
from .lr_finder_view import LRFinderView as LRFinderView
from .playground import Playground as Playground
from .training_monitor import TrainingMonitor as TrainingMonitor
from .workbench import Workbench as Workbench
