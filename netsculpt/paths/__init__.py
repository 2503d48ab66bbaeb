"""Input→output paths: how many, how heavy, and what they run through.

Weights are swept as given: pass ``graph.pattern`` to count paths, ``graph.magnitude`` for
Π|weight|, ``graph.with_weights(graph.multiplicity)`` to count paths of scalar parameters. What
gives one number for each unit stands in `netsculpt.paths.per_unit`.
"""

from netsculpt.paths.edge_path_weight import edge_path_weight, log10_edge_path_weight
from netsculpt.paths.effective import Effective, effective
from netsculpt.paths.isometry import Isometry, isometry, isometry_of_product
from netsculpt.paths.pair_weights import pair_weights
from netsculpt.paths.path_core import PathCore, path_core
from netsculpt.paths.path_kernel_trace import log10_path_kernel_trace, path_kernel_trace
from netsculpt.paths.path_total import log10_path_total, path_total
from netsculpt.paths.path_weights import PathWeights, path_weights
from netsculpt.paths.per_unit.depth import depth
from netsculpt.paths.per_unit.in_degree import in_degree
from netsculpt.paths.per_unit.in_strength import in_strength
from netsculpt.paths.per_unit.log10_path_centrality import log10_path_centrality
from netsculpt.paths.per_unit.log10_paths_in import log10_paths_in
from netsculpt.paths.per_unit.log10_paths_out import log10_paths_out
from netsculpt.paths.per_unit.out_degree import out_degree
from netsculpt.paths.per_unit.out_strength import out_strength
from netsculpt.paths.per_unit.path_centrality import path_centrality
from netsculpt.paths.per_unit.path_share import path_share
from netsculpt.paths.per_unit.paths_in import paths_in
from netsculpt.paths.per_unit.paths_out import paths_out
from netsculpt.paths.ramanujan import Ramanujan, ramanujan, ramanujan_blocks
from netsculpt.paths.units_carrying import units_carrying

__all__ = [
    "Effective",
    "Isometry",
    "PathCore",
    "PathWeights",
    "Ramanujan",
    "depth",
    "edge_path_weight",
    "effective",
    "in_degree",
    "in_strength",
    "isometry",
    "isometry_of_product",
    "log10_edge_path_weight",
    "log10_path_centrality",
    "log10_path_kernel_trace",
    "log10_path_total",
    "log10_paths_in",
    "log10_paths_out",
    "out_degree",
    "out_strength",
    "pair_weights",
    "path_centrality",
    "path_core",
    "path_kernel_trace",
    "path_share",
    "path_total",
    "path_weights",
    "paths_in",
    "paths_out",
    "ramanujan",
    "ramanujan_blocks",
    "units_carrying",
]
