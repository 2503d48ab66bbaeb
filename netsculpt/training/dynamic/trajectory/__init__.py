"""What a sparse training did to the network, from its record.

Of the masks alone: `mask_trajectory` (what was explored, what turned over), `survival` of weights,
`overlaps` of chosen masks. Of the network that they make: `degree_spreads`, and
`network_trajectory` (live units, paths, modules). `expected_ever_active` is what random growth
explores.
"""

from netsculpt.training.dynamic.trajectory.degrees import DegreeSpread, degree_spreads
from netsculpt.training.dynamic.trajectory.expected import expected_ever_active
from netsculpt.training.dynamic.trajectory.masks import MaskTrajectory, mask_trajectory
from netsculpt.training.dynamic.trajectory.networks import (
    NetworkPoint,
    NetworkTrajectory,
    model_graphs,
    network_trajectory,
    record_graphs,
)
from netsculpt.training.dynamic.trajectory.overlapping import Overlaps, compressions, overlaps
from netsculpt.training.dynamic.trajectory.surviving import Survival, survival

__all__ = [
    "DegreeSpread",
    "MaskTrajectory",
    "NetworkPoint",
    "NetworkTrajectory",
    "Overlaps",
    "Survival",
    "compressions",
    "degree_spreads",
    "expected_ever_active",
    "mask_trajectory",
    "model_graphs",
    "network_trajectory",
    "overlaps",
    "record_graphs",
    "survival",
]
__dir__ = __all__.copy
