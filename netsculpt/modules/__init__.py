"""Modules: detectors, the quality of a partition, and how certain it is."""

from netsculpt.modules.comparison import Comparison, compare, layer_ami
from netsculpt.modules.consensus import Consensus, consensus
from netsculpt.modules.data_aware import functional
from netsculpt.modules.detectors import layered, leiden, path_signature, sculpting, spectral
from netsculpt.modules.ncut import ncut
from netsculpt.modules.quality import quality
from netsculpt.modules.resolution_profile import ResolutionProfile, resolution_profile
from netsculpt.modules.verdict import Verdict, verdict

__all__ = [
    "Comparison",
    "Consensus",
    "ResolutionProfile",
    "Verdict",
    "compare",
    "consensus",
    "functional",
    "layer_ami",
    "layered",
    "leiden",
    "ncut",
    "path_signature",
    "quality",
    "resolution_profile",
    "sculpting",
    "spectral",
    "verdict",
]
