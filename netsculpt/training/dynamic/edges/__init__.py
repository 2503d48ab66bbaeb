"""SET and RigL on nets of sparse layers (`netsculpt.nets.sparse`), in memory O(kept weights).

Parts and rules are those of masked nets, and ``sparsifier.step(optimizer)`` is called alike.

>>> import torch
>>> from netsculpt.nets.sparse import SparseLinear
>>> net = torch.nn.Sequential(SparseLinear(1000, 1000, n_weights=5000, rng=0))
>>> optimizer = torch.optim.SGD(net.parameters(), 0.1)
>>> sparsifier = set(net, end=3, every=1, rng=0)
>>> for _ in range(3):
...     net(torch.ones(8, 1000)).square().mean().backward()
...     stepped = sparsifier.step(optimizer)
>>> sparsifier.n_updates, sparsifier.n_kept
(3, {'0': 5000})
"""

from netsculpt.training.dynamic.edges.methods import rigl, set  # noqa: A004
from netsculpt.training.dynamic.edges.sparsifier import EdgeSparsifier

__all__ = ["EdgeSparsifier", "rigl", "set"]
__dir__ = __all__.copy
