"""What people see and touch in a notebook or in the app: readers of runs, networks and data, with their controls.

A widget draws and hands orders on; what it shows is computed in the layers below. Each Python file pairs with a folder
of the same name in `frontend/`, which is bundled to one ES module in `static/`. No widget is touched by the thread that
trains: see `_views` for who sends, and `_orders` for what comes in.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
