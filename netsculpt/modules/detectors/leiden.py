"""Modules by the Leiden algorithm, on layer-aware modularity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.random import RNG
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.modules.labels import live_magnitudes
from netsculpt.modules.quality import quality

if TYPE_CHECKING:
    import leidenalg

__all__ = ["leiden"]

_SEEDS = 1 << 31  # the optimiser takes a 32-bit signed seed
_IDLE = 5  # iterations without gain before the end: one may miss a merger that the next finds
_GAIN = 1e-9  # of Q; less is rounding
_STARTS = 4  # runs of which the best is kept, on networks with at most so much to do:
_SMALL = 20_000  # edges × layer pairs


def leiden(graph: NetGraph, *, rng: RNG = None, resolution: float = 1.0) -> Partition:
    """Find the modules that maximise layer-aware modularity.

    The reference for `layered`, through leidenalg. It optimises `netsculpt.modules.quality`, whose
    null model knows that edges run between connected layers only, and so does not cut modules by
    depth. Each connected layer pair is one layer of a multiplex network, all of them with weight 1;
    the algorithm runs until five iterations in a row bring nothing. On small networks (edges ×
    layer pairs at most 20,000), where runs end in different optima, the best of four is kept.

    Weights enter as |weight|. Where magnitudes say nothing about modules (or to see the mask
    alone) give ``graph.pattern``.

    Parameters
    ----------
    graph
        The network.
    rng
        Seed or generator: the order of moves is random.
    resolution
        γ, at least 0: above 1 favours smaller modules.

    Returns
    -------
    Partition
        Modules of the live units, −1 for the others; ``quality`` is Q at this γ.

    Raises
    ------
    GraphError
        If `resolution` is negative or not finite.

    Notes
    -----
    Some 50 µs an edge and run. Traag, Waltman and van Eck, "From Louvain to Leiden", Sci. Rep. 9,
    5233 (2019), doi:10.1038/s41598-019-41695-z; multiplex optimisation by leidenalg.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, _ = planted([8, 8, 8], 2, 1.0, 0.0, rng=0)
    >>> leiden(graph, rng=0)
    Partition(leiden: 2 modules, quality 0.5000)
    """
    if not 0 <= resolution < np.inf:
        raise GraphError(f"resolution is {resolution}: a finite number ≥ 0 is needed")
    live = live_units(graph)
    pairs = _pairs(graph, live, resolution)
    labels = np.full(graph.n_units, NO_MODULE, dtype=np.int64)
    generator = np.random.default_rng(rng)
    if not pairs:
        labels[live] = np.arange(live.sum())
        return Partition(labels, "leiden", 0.0)
    found = []
    for _ in range(_STARTS if graph.n_edges * len(pairs) <= _SMALL else 1):
        labels[live] = _optimum(pairs, generator)
        found.append(Partition(labels, "leiden"))
    qualities = [quality(graph, partition, resolution) for partition in found]
    best = int(np.argmax(np.round(qualities, 12)))  # rounding hides ties, the first of equals is it
    return Partition(found[best].labels, "leiden", qualities[best])


def _pairs(
    graph: NetGraph, live: NDArray[np.bool_], resolution: float
) -> list[leidenalg.VertexPartition.MutableVertexPartition]:
    """One partition object a layer pair, over all live units, each unit alone at first."""
    import igraph
    import leidenalg

    number = np.cumsum(live) - 1
    sources, targets = graph.sources, graph.weights.indices
    weights = live_magnitudes(graph, live)
    kept = live[sources] & live[targets]
    # The optimiser ignores gains below an absolute bound, so weights are given a mean of 1.
    weights /= weights[kept].mean() if weights[kept].any() else 1.0
    pairs = []
    for block in graph.blocks:
        at = np.arange(graph.n_edges)[graph.block_edges(block.source, block.target)]
        at = at[kept[at]]
        if not weights[at].any():
            continue
        # A list of tuples is taken in half the time of an array.
        ends = zip(number[sources[at]].tolist(), number[targets[at]].tolist(), strict=True)
        edges = igraph.Graph(int(live.sum()), list(ends), directed=True)
        pairs.append(
            leidenalg.RBConfigurationVertexPartition(
                edges, weights=weights[at].tolist(), resolution_parameter=resolution
            )
        )
    return pairs


def _optimum(
    pairs: list[leidenalg.VertexPartition.MutableVertexPartition], rng: np.random.Generator
) -> list[int]:
    import leidenalg

    alone = list(range(pairs[0].n))
    for pair in pairs:
        pair.set_membership(alone)
    optimiser = leidenalg.Optimiser()
    optimiser.set_rng_seed(int(rng.integers(_SEEDS)))
    least = _GAIN * sum(pair.graph.ecount() for pair in pairs)
    idle = 0
    while idle < _IDLE:
        gain = optimiser.optimise_partition_multiplex(pairs, n_iterations=1)
        idle = 0 if gain > least else idle + 1
    membership: list[int] = pairs[0].membership
    return membership
