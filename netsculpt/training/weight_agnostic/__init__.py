"""What a sparse network does whatever its weights are: a profile over one weight for all edges.

``__init__.pyi`` lists the public names; each is imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
