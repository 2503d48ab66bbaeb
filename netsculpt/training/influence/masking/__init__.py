"""Masks of sub-tasks: which weights of a net are enough for each of the answers that it gives."""

from netsculpt.training.influence.masking.learning import MASKING
from netsculpt.training.influence.masking.result import SubtaskMasks
from netsculpt.training.influence.masking.subtask_masks import subtask_masks

__all__ = ["MASKING", "SubtaskMasks", "subtask_masks"]
__dir__ = __all__.copy
