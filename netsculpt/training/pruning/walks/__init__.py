"""Random walks along the weights of a net."""

from netsculpt.training.pruning.walks.phew import phew
from netsculpt.training.pruning.walks.trimmed import trimmed
from netsculpt.training.pruning.walks.ways import Feed, Walked, Ways

__all__ = ["Feed", "Walked", "Ways", "phew", "trimmed"]
