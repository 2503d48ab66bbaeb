"""Conversion of graphs to and from objects of other libraries."""

from netsculpt.graph.interop.columns import block_of, unit_columns
from netsculpt.graph.interop.igraph import from_igraph, to_igraph
from netsculpt.graph.interop.networkx import from_networkx, to_networkx
from netsculpt.graph.interop.scipy import from_scipy, to_scipy
from netsculpt.graph.interop.torch_geometric import (
    from_torch_geometric,
    to_hetero_data,
    to_torch_geometric,
)

__all__ = [
    "block_of",
    "from_igraph",
    "from_networkx",
    "from_scipy",
    "from_torch_geometric",
    "to_hetero_data",
    "to_igraph",
    "to_networkx",
    "to_scipy",
    "to_torch_geometric",
    "unit_columns",
]
__dir__ = __all__.copy
