"""Graphs of bare edges between nodes, whose layers are known or follow from their depth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError
from netsculpt.core.provenance import step
from netsculpt.graph.graph import WIRING, Block, Layer, NetGraph, Role, float_type

__all__ = ["deep_layers", "graph_by_depth", "graph_in_layers", "layers_of", "named_layers"]

Ints = NDArray[np.int64]


def graph_by_depth(
    sources: ArrayLike,
    targets: ArrayLike,
    n_nodes: int,
    *,
    weights: ArrayLike | None = None,
    function: str,
) -> NetGraph:
    """The graph of edges between nodes 0 … n − 1, each node in the layer of its depth.

    Depth is the longest distance from nodes without predecessors; nodes without successors are the
    last layer. ``positions`` are the nodes. `function` names the step of the provenance.

    >>> graph_by_depth([0, 1, 2], [2, 2, 3], 4, function="mine")
    NetGraph(2-1-1: 4 units, 3 edges)
    """
    begin, end = _ends(sources, targets, n_nodes)
    feeds = np.bincount(begin, minlength=n_nodes) > 0
    layers, layer_of = deep_layers(_depths(begin, end, n_nodes), feeds)
    return graph_in_layers(begin, end, layers, layer_of, weights=weights, function=function)


def graph_in_layers(
    sources: ArrayLike,
    targets: ArrayLike,
    layers: tuple[Layer, ...],
    layer_of: Ints,
    *,
    weights: ArrayLike | None = None,
    kinds: Sequence[str] | None = None,
    positions: ArrayLike | None = None,
    function: str,
) -> NetGraph:
    """The graph of edges between nodes [n] in layers that are known.

    `kinds` is the kind of each edge [E] (by default "linear"), `positions` the position of each
    node in the model's layer (by default the nodes' numbers).

    Raises
    ------
    GraphError
        If an edge is given twice or does not lead to a later layer, or weights do not fit.
    """
    begin, end = _ends(sources, targets, layer_of.size)
    data = np.ones(begin.size, np.float32) if weights is None else np.asarray(weights)
    if data.shape != begin.shape or data.dtype.kind not in "iufb":
        raise GraphError(
            f"weights are {data.dtype} of shape {list(data.shape)}: one number per edge is needed, "
            f"[{begin.size}]"
        )
    back = np.flatnonzero(layer_of[begin] >= layer_of[end])
    if back.size:
        one, two = (layers[layer_of[x[back[0]]]].name for x in (begin, end))
        raise GraphError(
            f"an edge from layer {one!r} to {two!r} found: edges lead to later layers, which come "
            "in the order in which they are computed"
        )
    order = np.argsort(layer_of, kind="stable")
    unit = np.argsort(order)
    rows, columns = unit[begin], unit[end]
    sorted_by = np.lexsort((columns, rows))
    rows, columns = rows[sorted_by], columns[sorted_by]
    if ((rows[1:] == rows[:-1]) & (columns[1:] == columns[:-1])).any():
        raise GraphError("an edge is given twice: merge parallel edges, say to their sum")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=order.size))])
    shape = (order.size, order.size)
    places = np.arange(order.size) if positions is None else np.asarray(positions)
    return NetGraph(
        csr_array((data.astype(float_type(data.dtype))[sorted_by], columns, indptr), shape),
        None,
        layers,
        _blocks(layers, layer_of[begin], layer_of[end], kinds),
        (step(function),),
        places[order].astype(np.int32),
    )


def named_layers(names: Sequence[str], roles: Sequence[str]) -> tuple[tuple[Layer, ...], Ints]:
    """Layers as the nodes name them, in the order in which they first come, and each node's."""
    unknown = set(roles) - set(get_args(Role))
    if unknown:
        raise GraphError(f"roles {sorted(unknown)} found: {', '.join(get_args(Role))} are known")
    first: dict[str, Role] = {}
    for name, role in zip(names, roles, strict=True):
        first.setdefault(name, cast(Role, role))
    index = {name: number for number, name in enumerate(first)}
    layer_of = np.array([index[name] for name in names], dtype=np.int64)
    sizes = np.bincount(layer_of, minlength=len(first)).tolist()
    named = [(name, role, (size,)) for (name, role), size in zip(first.items(), sizes, strict=True)]
    return layers_of(named, layer_of), layer_of


def deep_layers(depth: Ints, feeds: NDArray[np.bool_]) -> tuple[tuple[Layer, ...], Ints]:
    """Layers of nodes by depth [n], and each node's; those that feed nothing are the output."""
    layer_of = depth.copy()
    is_output = ~feeds & (depth > 0)
    inner = int(depth[feeds].max(initial=0))
    layer_of[is_output] = inner + 1
    named: list[tuple[str, Role]] = [("input", "input")] if depth.size else []
    named += [(f"hidden{level}", "hidden") for level in range(1, inner + 1)]
    named += [("output", "output")] if is_output.any() else []
    sizes = np.bincount(layer_of, minlength=len(named)).tolist()
    sized = [(name, role, (size,)) for (name, role), size in zip(named, sizes, strict=True)]
    return layers_of(sized, layer_of), layer_of


def layers_of(
    named: Sequence[tuple[str, Role, tuple[int, ...]]], layer_of: Ints
) -> tuple[Layer, ...]:
    """Layers (name, role, shape) with the range of units that each has."""
    sizes = np.bincount(layer_of, minlength=len(named))
    bounds = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return tuple(
        Layer(*name, start, stop)
        for name, (start, stop) in zip(named, pairwise(bounds), strict=True)
    )


def _ends(sources: ArrayLike, targets: ArrayLike, n_nodes: int) -> tuple[Ints, Ints]:
    begin, end = np.asarray(sources), np.asarray(targets)
    for ends in (begin, end):
        if ends.size and ends.dtype.kind not in "iu":
            raise GraphError(f"ends of edges are {ends.dtype}: numbers of nodes are needed")
        if ends.size and not 0 <= ends.min() <= ends.max() < n_nodes:
            raise GraphError(
                f"nodes {ends.min()} to {ends.max()} found at edges: there are 0 to {n_nodes - 1}"
            )
    return begin.astype(np.int64), end.astype(np.int64)


def _depths(begin: Ints, end: Ints, n_nodes: int) -> Ints:
    """Longest distance of each node from those without predecessors [n]; O(E log E)."""
    heads = end[np.argsort(begin, kind="stable")]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(begin, minlength=n_nodes))])
    waiting = np.bincount(end, minlength=n_nodes)  # predecessors whose depth is not known yet
    depth = np.full(n_nodes, -1, dtype=np.int64)
    front, level = np.flatnonzero(waiting == 0), 0
    while front.size:
        depth[front] = level
        counts = indptr[front + 1] - indptr[front]
        skipped = np.repeat(indptr[front] - np.cumsum(counts) + counts, counts)
        fed = heads[skipped + np.arange(skipped.size)]
        np.subtract.at(waiting, fed, 1)
        front, level = np.unique(fed[waiting[fed] == 0]), level + 1
    if (depth < 0).any():
        raise GraphError(
            f"a cycle is among the nodes {np.flatnonzero(depth < 0)[:5].tolist()} or before them: "
            "edges must lead from input to output, once; unroll recurrent connections in time"
        )
    return depth


def _blocks(
    layers: tuple[Layer, ...], begin: Ints, end: Ints, kinds: Sequence[str] | None
) -> tuple[Block, ...]:
    """The pairs of layers that have an edge; `begin` and `end` are layers [E]."""
    pairs, first = np.unique(np.column_stack([begin, end]), axis=0, return_index=True)
    blocks: list[Block] = []
    for (a, b), edge in zip(pairs.tolist(), first.tolist(), strict=True):
        kind = "linear" if kinds is None else kinds[edge]
        size = 0 if kind == WIRING else layers[a].n_units * layers[b].n_units
        blocks.append(Block(layers[a].name, layers[b].name, None, kind, size))
    return tuple(blocks)
