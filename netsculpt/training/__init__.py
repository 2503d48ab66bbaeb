"""Training: tasks, nets, masks, sculpting.

>>> from dataclasses import replace
>>> from netsculpt.nets import MLP
>>> from netsculpt.training import SCULPTING, sculpt, task
>>> recipe = replace(SCULPTING, epochs=30)
>>> found = sculpt(MLP((4, 12, 4)), task("input-separable"), recipe, seeds=range(4))
>>> [int(found.replicas.n_kept()[at]) < 40 for at in found.sparsest()][:1]
[True]

The public names stand in ``__init__.pyi``; each is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
