"""Nets to train and prune: families, initial weights, masks, exact counts.

>>> from netsculpt.nets import MLP, initial_net, prunable
>>> list(prunable(initial_net(MLP((4, 12, 4)), rng=0)))
['layers.0.weight', 'layers.1.weight']

The public names stand in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
