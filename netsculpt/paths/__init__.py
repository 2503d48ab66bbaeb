"""Input→output paths: their number, their weight, and the units and edges that they run through.

The weight of a path is the product of its edges' weights. Weights enter as given, signs included:
pass ``graph.pattern`` to count paths, ``graph.magnitude`` for Π|weight|,
``graph.with_weights(graph.multiplicity)`` to count paths of scalar parameters. Functions that
return one number per unit are in `netsculpt.paths.per_unit`.

A result beyond float64 (10^308) is a `LimitError`. For networks of any depth, most functions have
a variant ``log10_…``: its decimal logarithm, −inf where the weight is 0. These variants, shares of
paths, `path_core` and `units_carrying` raise `GraphError` if a weight is negative; only
`log10_path_kernel_trace` takes any, squared.
"""

from netsculpt.paths.edge_path_weight import edge_path_weight, log10_edge_path_weight
from netsculpt.paths.effective import Effective, effective
from netsculpt.paths.end_shares import EndShares, end_shares
from netsculpt.paths.isometry import Isometry, isometry, isometry_of_product
from netsculpt.paths.pair_weights import pair_weights
from netsculpt.paths.path_core import PathCore, path_core
from netsculpt.paths.path_kernel_trace import log10_path_kernel_trace, path_kernel_trace
from netsculpt.paths.path_total import log10_path_total, path_total
from netsculpt.paths.path_weights import PathWeights, path_weights
from netsculpt.paths.per_unit import (
    depth,
    in_degree,
    in_strength,
    log10_path_centrality,
    log10_paths_in,
    log10_paths_out,
    out_degree,
    out_strength,
    path_centrality,
    path_share,
    paths_in,
    paths_out,
)
from netsculpt.paths.ramanujan import Ramanujan, ramanujan, ramanujan_blocks
from netsculpt.paths.units_carrying import units_carrying

__all__ = [
    "Effective",
    "EndShares",
    "Isometry",
    "PathCore",
    "PathWeights",
    "Ramanujan",
    "depth",
    "edge_path_weight",
    "effective",
    "end_shares",
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
__dir__ = __all__.copy
