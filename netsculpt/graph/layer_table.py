"""The layers of a graph as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from netsculpt.graph.graph import NetGraph

__all__ = ["layer_table"]


def layer_table(graph: NetGraph) -> pd.DataFrame:
    """One row per layer: its units, the edges into it, and from which layers they come. O(E).

    >>> from netsculpt.graph.synthetic import planted
    >>> graph, _ = planted([4, 2], 2, 1.0, 0.0, rng=0)
    >>> layer_table(graph)["edges into it"].tolist()
    [0, 4]
    """
    import pandas as pd

    in_degree = np.bincount(graph.weights.indices, minlength=graph.n_units)
    rows = []
    for layer in graph.layers:
        sources = dict.fromkeys(x.source for x in graph.blocks if x.target == layer.name)
        n_edges = int(in_degree[layer.units].sum())
        rows.append((layer.name, layer.role, layer.n_units, n_edges, ", ".join(sources)))
    return pd.DataFrame(rows, columns=["layer", "role", "units", "edges into it", "from"])
