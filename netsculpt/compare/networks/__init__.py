"""Two networks of one architecture: which unit is which, and what became of the edges.

Everything takes graphs and plain arrays; `netsculpt.compare_networks` puts it together.
"""

from netsculpt.compare.networks.agreement import PlaceAgreement, place_agreement
from netsculpt.compare.networks.by_correlation import match_by_correlation
from netsculpt.compare.networks.by_paths import Signatures, match_by_paths
from netsculpt.compare.networks.edges import EdgeChanges, edge_changes
from netsculpt.compare.networks.links import ModuleLinks, module_links
from netsculpt.compare.networks.matching import UnitMatching
from netsculpt.compare.networks.same_units import same_units

__all__ = [
    "EdgeChanges",
    "ModuleLinks",
    "PlaceAgreement",
    "Signatures",
    "UnitMatching",
    "edge_changes",
    "match_by_correlation",
    "match_by_paths",
    "module_links",
    "place_agreement",
    "same_units",
]
__dir__ = __all__.copy
