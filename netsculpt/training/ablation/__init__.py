"""Exact ablation of single weights: what the loss is without each of them, one at a time."""

from netsculpt.training.ablation.ablation import Ablation, ablation
from netsculpt.training.ablation.loop import ablation_loop

__all__ = ["Ablation", "ablation", "ablation_loop"]
__dir__ = __all__.copy
