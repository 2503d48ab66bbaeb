"""The graph of an attribution graph's file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError, GraphError
from netsculpt.graph.attribution import EMBEDDING, ERROR, from_links
from netsculpt.graph.graph import NetGraph
from netsculpt.loading.attribution.links import is_finite
from netsculpt.loading.attribution.parsed import Parsed
from netsculpt.loading.weights.parsed_file import ParsedFile

__all__ = ["graph_of_attribution"]


def graph_of_attribution(file: ParsedFile, *, allow_nonfinite: bool) -> NetGraph:
    """The graph of a file with an attribution graph.

    Where an id is that of an error and of a feature, a link that leads to it leads to the feature,
    and one that leaves it leaves the one of the two from which its target can be reached. If that
    is both, the first link of that source and target is that of the node which comes first in the
    file, as circuit-tracer orders them, and a second one that of the other. The provenance counts
    the ids that were read so where there is one link only (``n_ambiguous``).
    """
    if file.mask is not None:
        raise FormatError(
            f"{file.where} is an attribution graph, whose edges are already fixed: leave out the "
            "mask file"
        )
    value: Parsed = file.value
    finite = is_finite(value.weights)
    n_dropped = file.n_dropped(
        {"links": int(finite.size - finite.sum())}, "links", allowed=allow_nonfinite
    )
    sources, targets, weights = value.sources, value.targets, value.weights
    if n_dropped:
        sources, targets, weights = sources[finite], targets[finite], weights[finite]
    begin, end, n_ambiguous = _nodes_of(value, sources, targets)
    try:
        graph = from_links(value.nodes, begin, end, weights.astype(np.float32))
    except GraphError as error:
        raise FormatError(f"{file.where}: {error}") from None
    more = {"n_ambiguous": n_ambiguous} if n_ambiguous else {}
    loaded = file.step("load", {"": "stored"}, n_dropped=n_dropped, n_edges=graph.n_edges, **more)
    return replace(graph, provenance=(loaded, *graph.provenance))


def _nodes_of(
    value: Parsed, sources: NDArray[np.int32], targets: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """The nodes that links lead from and to [E], and how many links could be from either of two."""
    first, second, nodes = value.first.astype(np.int32), value.second, value.nodes
    fed = ~np.isin(nodes.feature_type, [EMBEDDING, ERROR])
    end = np.where((second >= 0) & ~fed[first], second, first).astype(np.int32)[targets]
    begin = first[sources]
    shared = np.flatnonzero(second[sources] >= 0)
    other, rank = second[sources[shared]], nodes.rank
    reached = rank[end[shared]]
    legal = np.stack([rank[begin[shared]] < reached, rank[other] < reached])
    begin[shared[legal[1] & ~legal[0]]] = other[legal[1] & ~legal[0]]
    both = legal.all(axis=0)
    pair = sources[shared[both]].astype(np.int64) * nodes.n_nodes + end[shared[both]]
    order = np.argsort(pair, kind="stable")
    _, start, counts = np.unique(pair[order], return_index=True, return_counts=True)
    seconds = order[start[counts > 1] + 1]  # the second link of each pair that has two
    begin[shared[both][seconds]] = other[both][seconds]
    return begin, end, int((counts == 1).sum())
