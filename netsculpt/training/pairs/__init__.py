"""A sparse net and its dense twin on a task."""

from netsculpt.training.pairs.analysis import pair_analysis
from netsculpt.training.pairs.phases import memorised_by_phase

__all__ = ["memorised_by_phase", "pair_analysis"]
__dir__ = __all__.copy
