"""Probes: what is measured of a network while it trains, and what can be asked of it on demand.

What lives here: the probes with their schedules and budget, the record of their readings, and functions that look at
the present weights of a run or module. Probes compute only. What may not live here: drawing, storing, judging (that is
the doctor's), and anything of `lepton_lab.training`, which calls this folder and not the other way round.

The public names are those of the stub beside this file. Each is loaded when it is first used, so that whoever only
reads records of runs does not wait for torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
