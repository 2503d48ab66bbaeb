"""Random walks along the weights of a net."""

from netsculpt.training.pruning.walks.graph import Connection, Visited, WalkGraph
from netsculpt.training.pruning.walks.trimmed import trimmed
from netsculpt.training.pruning.walks.walk import walk

__all__ = ["Connection", "Visited", "WalkGraph", "trimmed", "walk"]
__dir__ = __all__.copy
