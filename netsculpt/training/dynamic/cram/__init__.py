"""Training for compression: CrAM, one-shot pruning afterwards, and batch norms tuned to it."""

from netsculpt.training.dynamic.cram.compressions import Largest, LargestOfEach, NOfM
from netsculpt.training.dynamic.cram.cram import CrAM
from netsculpt.training.dynamic.cram.one_shot import one_shot
from netsculpt.training.dynamic.cram.statistics import tune_batch_norms

__all__ = ["CrAM", "Largest", "LargestOfEach", "NOfM", "one_shot", "tune_batch_norms"]
__dir__ = __all__.copy
