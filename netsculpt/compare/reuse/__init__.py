"""How much of a source network lives on in a target: masks, weights, modules, sub-tasks, benefit.

Every measure takes values: masks and weights by layer, activations [n, units], a `Partition` of the
units, interchange accuracies and lesion p-values [modules, functions], learning curves.
"""

from netsculpt.compare.reuse.benefit import ControlBenefit, Curve, ReuseBenefit, reuse_benefit
from netsculpt.compare.reuse.intervals import ReuseShares, reuse_shares
from netsculpt.compare.reuse.masks import (
    InitialisationConfound,
    LayerReuse,
    MaskReuse,
    initialisation_confound,
    mask_reuse,
)
from netsculpt.compare.reuse.matching import (
    MatchedModules,
    ModuleActivations,
    ModuleMatching,
    match_by_activations,
    match_by_units,
)
from netsculpt.compare.reuse.subtasks import (
    Subtask,
    SubtaskEvidence,
    SubtaskReuse,
    subtask_reuse,
)
from netsculpt.compare.reuse.weights import (
    KeptWeights,
    LayerRetention,
    WeightRetention,
    weight_retention,
)

__all__ = [
    "ControlBenefit",
    "Curve",
    "InitialisationConfound",
    "KeptWeights",
    "LayerRetention",
    "LayerReuse",
    "MaskReuse",
    "MatchedModules",
    "ModuleActivations",
    "ModuleMatching",
    "ReuseBenefit",
    "ReuseShares",
    "Subtask",
    "SubtaskEvidence",
    "SubtaskReuse",
    "WeightRetention",
    "initialisation_confound",
    "mask_reuse",
    "match_by_activations",
    "match_by_units",
    "reuse_benefit",
    "reuse_shares",
    "subtask_reuse",
    "weight_retention",
]
__dir__ = __all__.copy
