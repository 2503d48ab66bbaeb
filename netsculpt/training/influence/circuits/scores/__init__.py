"""How much channels are worth to a task: ``(net, task, *, …, rng) -> {place: float64 [channels]}``.

Higher stays: circuits are cut from the lowest score on.
"""

from netsculpt.training.influence.circuits.scores.learned import learned
from netsculpt.training.influence.circuits.scores.path_share import path_share
from netsculpt.training.influence.circuits.scores.random import random

__all__ = ["learned", "path_share", "random"]
__dir__ = __all__.copy
