"""Modules: detectors, the quality of a partition, and how certain it is."""

from netsculpt.modules.comparison import Comparison, compare, layer_ami
from netsculpt.modules.consensus import Consensus, consensus
from netsculpt.modules.data_aware import functional
from netsculpt.modules.detectors import layered, leiden, path_signature, sculpting, spectral
from netsculpt.modules.memberships import Memberships, functional_memberships
from netsculpt.modules.ncut import ncut
from netsculpt.modules.quality import quality
from netsculpt.modules.resolution_profile import ResolutionProfile, resolution_profile

__all__ = [
    "Comparison",
    "Consensus",
    "Memberships",
    "ResolutionProfile",
    "compare",
    "consensus",
    "functional",
    "functional_memberships",
    "layer_ami",
    "layered",
    "leiden",
    "ncut",
    "path_signature",
    "quality",
    "resolution_profile",
    "sculpting",
    "spectral",
]
