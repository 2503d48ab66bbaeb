"""What happened to a net round by round, or epoch by epoch: losses, densities, live units.

``sculpt``, ``prune`` and ``train`` write it next to their models; `netsculpt.plots` draws it.
``__init__.pyi`` lists the public names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
