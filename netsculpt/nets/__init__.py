"""Nets to train and prune: families, initial weights, masks, exact counts.

>>> from netsculpt.nets import MLP, initial_net, prunable
>>> list(prunable(initial_net(MLP((4, 12, 4)), rng=0)))
['fc1.weight', 'fc2.weight']

``__init__.pyi`` lists the public names; each is imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
