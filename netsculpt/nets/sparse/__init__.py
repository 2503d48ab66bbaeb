"""Layers that store and compute kept weights only, for nets too wide for dense masks.

>>> import torch
>>> from netsculpt.nets.sparse import SparseLinear
>>> layer = SparseLinear(1_000_000, 1_000_000, n_weights=2_000_000, rng=0)
>>> layer(torch.zeros(1, 1_000_000)).shape
torch.Size([1, 1000000])
"""

from netsculpt.nets.sparse.layer import SparseLinear
from netsculpt.nets.sparse.turning import dense_net, sparse_net

__all__ = ["SparseLinear", "dense_net", "sparse_net"]
__dir__ = __all__.copy
