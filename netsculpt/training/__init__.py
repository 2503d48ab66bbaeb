"""Training: tasks, fitting, pruning, sculpting, influence, transfer.

>>> from dataclasses import replace
>>> from netsculpt.nets import MLP
>>> from netsculpt.training import SCULPTING, sculpt, task
>>> recipe = replace(SCULPTING, epochs=30)
>>> sculpted = sculpt(MLP((4, 12, 4)), task("input-separable"), recipe, seeds=range(4))
>>> [int(sculpted.replicas.n_kept()[row]) < 40 for row in sculpted.sparsest()][:1]
[True]

``__init__.pyi`` lists the public names; each is imported on first use.
"""

import lazy_loader

from netsculpt.core.extras import require

require("torch", "netsculpt.training")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
