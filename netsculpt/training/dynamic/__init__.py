"""Sparse training: masks that change while a net is trained.

>>> from netsculpt.nets import MLP
>>> from netsculpt.training import dynamic
>>> dynamic.rigl(MLP((64, 32, 10)).build(), density=0.1, end=7500, rng=0).n_kept
{'fc1.weight': 165, 'fc2.weight': 72}
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
