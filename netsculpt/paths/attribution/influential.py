"""The influential part of an attribution graph, as the field prunes its graphs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.numbers import checked_fraction
from netsculpt.core.provenance import step
from netsculpt.graph.attribution import EMBEDDING, ERROR, LOGIT, typed
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.parts import part_of
from netsculpt.paths.attribution.influence import influence

__all__ = ["influential"]


def influential(
    graph: NetGraph,
    unit_share: float = 0.8,
    edge_share: float = 0.98,
    *,
    output_weights: ArrayLike | None = None,
) -> NetGraph:
    """The units and edges of an attribution graph that carry most of the influence on its logits.

    The most influential units that together have `unit_share` of all influence of units are kept,
    and all tokens and logits. Of the edges between them, with shares and influence computed again,
    the most influential with `edge_share` of all. Then features without an edge in or out, and
    errors without an edge out, are dropped until there are none.

    Parameters
    ----------
    graph
        An attribution graph; weights enter as |weight|, and are kept as they are.
    unit_share, edge_share
        Fractions, 0 … 1; units and edges exactly at the threshold are kept.
    output_weights
        As in `netsculpt.paths.attribution.influence`.

    Returns
    -------
    NetGraph
        Its provenance has the two shares and how many units and edges were dropped.

    Raises
    ------
    GraphError
        If it is not an attribution graph, or a share is out of range.

    Notes
    -----
    Cost O(E log E) and O(E) for each round of dropping. Files hold graphs pruned so, at .8 and .98
    unless their makers chose otherwise. Source: as `influence`.

    Examples
    --------
    >>> from netsculpt.graph.attribution import planted_supernodes
    >>> graph, _ = planted_supernodes(rng=0)
    >>> small = influential(graph)
    >>> small.n_units < graph.n_units, small.n_edges < graph.n_edges
    (True, True)
    """
    checked_fraction(unit_share, "unit_share")
    checked_fraction(edge_share, "edge_share")
    kinds = typed(graph, "influential")
    whole = influence(graph, output_weights)
    ends = np.isin(kinds, [EMBEDDING, LOGIT])
    units = (whole.units >= _threshold(whole.units, unit_share)) | ends
    sources, targets = graph.sources, graph.weights.indices
    between = units[sources] & units[targets]
    part = graph.with_weights(np.where(between, graph.weights.data, 0))
    scores = influence(part, whole.output_weights[graph.outputs]).edges
    edges = between & (scores >= _threshold(scores, edge_share))
    fed = ends | (kinds == ERROR)
    while True:
        out, into = (np.bincount(x[edges], minlength=graph.n_units) > 0 for x in (sources, targets))
        kept = units & (ends | out) & (fed | into)
        if np.array_equal(kept, units):
            break
        units = kept
        edges &= units[sources] & units[targets]
    how = step(
        "influential",
        unit_share=unit_share,
        edge_share=edge_share,
        dropped_units=int((~units).sum()),
        dropped_edges=int((~edges).sum()),
    )
    return part_of(graph, units, edges).with_step(how)


def _threshold(scores: NDArray[np.float64], share: float) -> float:
    """The smallest of the largest scores that together are `share` of the sum of all."""
    falling = np.sort(scores)[::-1]
    if not falling.any():
        return 0.0
    sums = np.cumsum(falling)
    last = int(np.searchsorted(sums / sums[-1], share))
    return float(falling[min(last, falling.size - 1)])
