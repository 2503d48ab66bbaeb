"""Initial weights: ``(net, *, rng) -> net``, a copy with newly drawn weights.

The copy keeps its masks; pruned entries and biases are 0, and norms are left as they are.
"""

from netsculpt.nets.initialisations.glorot import glorot
from netsculpt.nets.initialisations.he import he
from netsculpt.nets.initialisations.orthogonal import orthogonal

__all__ = ["glorot", "he", "orthogonal"]
__dir__ = __all__.copy
