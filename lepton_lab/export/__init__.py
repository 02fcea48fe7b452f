"""Takes a trained network away: as a model, as plain PyTorch, as a notebook, as ONNX, as a report.

Everything is made of a `Trained` (what a run trained, with its weights and its data) and comes as files by relative
path, which `files.write` puts into a folder or a zip. What is handed out stands in `written/` and in strings; nothing
in it may need Lepton Lab but the notebook. Knows no workspace and no page.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
