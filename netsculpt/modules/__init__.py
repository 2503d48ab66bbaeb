"""Modules: detectors, the quality of a partition, and how certain it is."""

from netsculpt.modules.comparison import Comparison, compare, layer_ami
from netsculpt.modules.consensus import Consensus, consensus
from netsculpt.modules.data_aware import functional
from netsculpt.modules.description_length import gain
from netsculpt.modules.detectors import (
    layered,
    leiden,
    mdl,
    path_signature,
    sculpting,
    spectral,
)
from netsculpt.modules.detectors.mdl import ModuleEvidence, module_evidence
from netsculpt.modules.memberships import Memberships, functional_memberships
from netsculpt.modules.ncut import ncut
from netsculpt.modules.perturbed import perturbed
from netsculpt.modules.quality import quality
from netsculpt.modules.resolution_profile import ResolutionProfile, resolution_profile
from netsculpt.modules.verdict import Verdict, chance_of_evidence, verdict, verdict_of_evidence

__all__ = [
    "Comparison",
    "Consensus",
    "Memberships",
    "ModuleEvidence",
    "ResolutionProfile",
    "Verdict",
    "chance_of_evidence",
    "compare",
    "consensus",
    "functional",
    "functional_memberships",
    "gain",
    "layer_ami",
    "layered",
    "leiden",
    "mdl",
    "module_evidence",
    "ncut",
    "path_signature",
    "perturbed",
    "quality",
    "resolution_profile",
    "sculpting",
    "spectral",
    "verdict",
    "verdict_of_evidence",
]
__dir__ = __all__.copy
