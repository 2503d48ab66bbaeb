"""Numbers of every layer of a network."""

from __future__ import annotations

from netsculpt.graph.graph import WIRING, NetGraph
from netsculpt.paths import effective
from netsculpt.training.track.result import LayerPoint

__all__ = ["layer_points"]


def layer_points(step: int, graph: NetGraph) -> list[LayerPoint]:
    """Units, live units, edges and density of each layer of a network.

    >>> from netsculpt.graph.synthetic import planted
    >>> graph, _ = planted([4, 4], 2, 1.0, 0.0, rng=0)
    >>> [(point.n_live, point.n_edges_in, point.density_in) for point in layer_points(0, graph)]
    [(4, 0, nan), (4, 8, 0.5)]
    """
    live = effective(graph).units
    rows = []
    for layer in graph.layers:
        n_edges = n_pairs = 0
        for block in graph.blocks:
            if block.target == layer.name and block.kind != WIRING:
                entries = graph.block(block.source, block.target)
                n_edges += entries.nnz
                n_pairs += entries.shape[0] * entries.shape[1]
        density = n_edges / n_pairs if n_pairs else float("nan")
        n_live = int(live[layer.units].sum())
        rows.append(LayerPoint(step, layer.name, layer.n_units, n_live, density, n_edges))
    return rows
