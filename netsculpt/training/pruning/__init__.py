"""Pruning before, or without, training: scores × allocations × schedules × scopes, or walks.

>>> from netsculpt.training.pruning import scores
>>> scores.snip.__name__
'snip'
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
