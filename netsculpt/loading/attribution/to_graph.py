"""The graph of an attribution graph's file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.counting import counted
from netsculpt.core.errors import FormatError, GraphError
from netsculpt.files.words import quoted
from netsculpt.graph.attribution import EMBEDDING, ERROR, from_links
from netsculpt.graph.graph import NetGraph
from netsculpt.loading.attribution.links import is_finite
from netsculpt.loading.attribution.parsed import Parsed
from netsculpt.loading.weights.parsed_file import ParsedFile

__all__ = ["graph_of_attribution"]

_LARGEST = np.finfo(np.float32).max


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
    n_dropped = int(finite.size - finite.sum())
    if n_dropped and not allow_nonfinite:
        raise _not_finite(file, finite)
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


def _not_finite(file: ParsedFile, finite: NDArray[np.bool_]) -> FormatError:
    """The error about links that are not finite, of which it names the first."""
    value: Parsed = file.value
    link = int(np.flatnonzero(~finite)[0])
    ids = value.nodes.node_id[value.first[[value.sources[link], value.targets[link]]]]
    return FormatError(
        f"{file.where} has {counted(int((~finite).sum()), 'link')} of a weight that is NaN, "
        f"infinite or beyond float32 (±{_LARGEST:.1e}): {quoted(ids[0])} → {quoted(ids[1])} has "
        f"{value.weights[link]:g}. Trace the prompt again, or drop such links with "
        "--allow-nonfinite (allow_nonfinite=True)"
    )


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
