"""Scores of weights, higher stays: ``(net, batches, *, rng) -> {parameter: Tensor}``.

Every weight (`netsculpt.nets.prunable`) gets one, of its own shape; the net is left as it is. The
attribute ``published_rounds`` of a score is over how many rounds its paper prunes (default 1).
"""

from netsculpt.training.pruning.scores.grasp import grasp
from netsculpt.training.pruning.scores.magnitude import magnitude
from netsculpt.training.pruning.scores.random import random
from netsculpt.training.pruning.scores.snip import snip
from netsculpt.training.pruning.scores.synflow import synflow
from netsculpt.training.pruning.scores.synflow_l2 import synflow_l2

__all__ = ["grasp", "magnitude", "random", "snip", "synflow", "synflow_l2"]
