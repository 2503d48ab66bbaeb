"""Initial weights: ``(net, *, rng) -> net``, a copy whose weights are drawn anew.

Masks stay, and pruned entries are 0; biases become 0, and norms are left as they are.
"""

from netsculpt.nets.initialisations.glorot import glorot
from netsculpt.nets.initialisations.he import he
from netsculpt.nets.initialisations.orthogonal import orthogonal

__all__ = ["glorot", "he", "orthogonal"]
