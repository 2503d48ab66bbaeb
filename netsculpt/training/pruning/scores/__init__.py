"""Scores of weights, higher stays: ``(net, batches, *, rng) -> {parameter: Tensor}``.

Every weight (`netsculpt.nets.prunable`) gets one, of its own shape; the net is left as it is. The
attribute ``published_rounds`` of a score is over how many rounds its paper prunes (default 1).
"""

from netsculpt.training.pruning.scores.first_order import first_order
from netsculpt.training.pruning.scores.grasp import grasp
from netsculpt.training.pruning.scores.input_deviation import input_deviation
from netsculpt.training.pruning.scores.lamp import lamp
from netsculpt.training.pruning.scores.magnitude import magnitude
from netsculpt.training.pruning.scores.obd import obd
from netsculpt.training.pruning.scores.random import random
from netsculpt.training.pruning.scores.relative_importance import relative_importance
from netsculpt.training.pruning.scores.snip import snip
from netsculpt.training.pruning.scores.synflow import synflow
from netsculpt.training.pruning.scores.synflow_l2 import synflow_l2
from netsculpt.training.pruning.scores.wanda import wanda
from netsculpt.training.pruning.scores.woodfisher import woodfisher

__all__ = [
    "first_order",
    "grasp",
    "input_deviation",
    "lamp",
    "magnitude",
    "obd",
    "random",
    "relative_importance",
    "snip",
    "synflow",
    "synflow_l2",
    "wanda",
    "woodfisher",
]
__dir__ = __all__.copy
