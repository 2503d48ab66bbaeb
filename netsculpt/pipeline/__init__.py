"""The main job: from a graph to everything that netsculpt can say about it.

The public names stand in ``__init__.pyi``; each is imported when it is first used, so that an
analysis of one network need not import what compares two.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
