"""The networks of a track in one graph: shared units, and at each step which edges are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.selecting import worthiest
from netsculpt.graph.graph import Block, Layer, NetGraph, live_units
from netsculpt.paths.per_unit import path_share

__all__ = ["Networks", "Snapshot", "networks_of", "snapshot", "watched"]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A network at one step, or its heaviest edges."""

    step: int
    graph: NetGraph
    n_edges: int  # of the network itself
    n_live: int  # of its units on an input→output path
    columns: Mapping[str, NDArray[np.generic]]  # of its units [U]


@dataclass(frozen=True, eq=False)
class Networks:
    """Networks at T steps: the graph has all units U and edges E that any of them has."""

    graph: NetGraph  # the weight of an edge is that of the step where it is largest
    steps: tuple[int, ...]  # [T]
    kept: NDArray[np.bool_]  # [T, E]
    weights: NDArray[np.float32]  # those of the kept edges, step by step
    n_edges: NDArray[np.int64]  # [T] of the networks themselves
    n_live: NDArray[np.int64]  # [T] units of theirs on an input→output path
    columns: Mapping[str, NDArray[np.generic]]  # [T, U]


def watched(
    graphs: Iterable[tuple[int, NetGraph]], snapshots: list[Snapshot], most_edges: int
) -> Iterator[tuple[int, NetGraph]]:
    """The same networks, for `follow`; what `networks_of` needs of each is added to a list.

    Examples
    --------
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, _ = planted([6, 6, 6], 2, 0.7, 0.1, rng=0)
    >>> kept = []
    >>> [step for step, _ in watched([(0, graph), (9, graph)], kept, 1000)]
    [0, 9]
    >>> networks_of(kept).kept.all()
    np.True_
    """
    for step, graph in graphs:
        snapshots.append(snapshot(step, graph, most_edges))
        yield step, graph


def snapshot(step: int, graph: NetGraph, most_edges: int) -> Snapshot:
    """A network at one step, with the heaviest edges of each pair of layers if it has too many.

    Path shares are of the whole network, on the pattern and on |weight|. O(E log E).
    """
    live = live_units(graph)
    in_degree = np.bincount(graph.weights.indices, minlength=graph.n_units)
    columns = {
        "live": live,
        "in_degree": in_degree.astype(np.int32),
        "out_degree": np.diff(graph.weights.indptr).astype(np.int32),
        "path_share": path_share(graph.pattern).astype(np.float32),
        "path_share_weighted": path_share(graph.magnitude).astype(np.float32),
    }
    pair = graph.layer_of[graph.sources].astype(np.int64) * len(graph.layers)
    pair += graph.layer_of[graph.weights.indices]
    edges = worthiest(np.arange(graph.n_edges), np.abs(graph.weights.data), pair, most_edges)
    indptr = np.searchsorted(edges, graph.weights.indptr).astype(np.int32)
    weights = csr_array(
        (graph.weights.data[edges], graph.weights.indices[edges], indptr), graph.weights.shape
    )
    positions = graph.positions
    less = NetGraph(weights, None, graph.layers, graph.blocks, (), positions)
    return Snapshot(step, less, graph.n_edges, int(live.sum()), columns)


def networks_of(snapshots: Sequence[Snapshot]) -> Networks:
    """Put networks of the same layers together; a unit is its layer and position.

    Columns are NaN or 0 where a network lacks a unit. Cost O(T E log E) for E edges in all.
    """
    graphs = [each.graph for each in snapshots]
    places = [_places(graph) for graph in graphs]
    known = np.unique(np.concatenate(places))
    units = [np.searchsorted(known, place) for place in places]
    n_units = known.size
    codes = [
        unit[graph.sources] * n_units + unit[graph.weights.indices]
        for unit, graph in zip(units, graphs, strict=True)
    ]
    edges = np.unique(np.concatenate(codes))
    at = [np.searchsorted(edges, code) for code in codes]
    kept = np.zeros((len(graphs), edges.size), dtype=bool)
    largest = np.zeros(edges.size, dtype=np.float32)
    weights = []
    for row, place, graph in zip(kept, at, graphs, strict=True):
        row[place] = True
        weight = graph.weights.data.astype(np.float32)
        larger = np.abs(weight) > np.abs(largest[place])
        largest[place[larger]] = weight[larger]
        weights.append(weight[np.argsort(place)])
    columns = {
        name: _spread([each.columns[name] for each in snapshots], units, n_units)
        for name in snapshots[0].columns
    }
    return Networks(
        _union(graphs, known, edges, largest),
        tuple(each.step for each in snapshots),
        kept,
        np.concatenate(weights),
        np.array([each.n_edges for each in snapshots]),
        np.array([each.n_live for each in snapshots]),
        columns,
    )


def _places(graph: NetGraph) -> NDArray[np.int64]:
    """One ascending number for the layer and position of each unit [U]."""
    assert graph.positions is not None  # filled in by the constructor
    return (graph.layer_of.astype(np.int64) << 32) + graph.positions


def _spread(
    values: Sequence[NDArray[np.generic]], units: Sequence[NDArray[np.intp]], n_units: int
) -> NDArray[np.generic]:
    """A column of each network as a row for all units."""
    missing = np.nan if values[0].dtype.kind == "f" else 0
    rows = np.full((len(values), n_units), missing, dtype=np.result_type(*values))
    for row, value, unit in zip(rows, values, units, strict=True):
        row[unit] = value
    return rows


def _union(
    graphs: Sequence[NetGraph],
    known: NDArray[np.int64],
    edges: NDArray[np.int64],
    weights: NDArray[np.float32],
) -> NetGraph:
    sizes = np.bincount(known >> 32, minlength=len(graphs[0].layers)).tolist()
    stops = list(accumulate(sizes))
    layers = tuple(
        Layer(layer.name, layer.role, layer.shape, stop - size, stop)
        for layer, size, stop in zip(graphs[0].layers, sizes, stops, strict=True)
    )
    blocks: dict[tuple[str, str], Block] = {}
    for graph in graphs:
        for block in graph.blocks:
            blocks.setdefault((block.source, block.target), block)
    source, target = np.divmod(edges, known.size)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=known.size))])
    matrix = csr_array(
        (weights, target.astype(np.int32), indptr.astype(np.int32)), (known.size, known.size)
    )
    positions = (known & 0xFFFFFFFF).astype(np.int32)
    return NetGraph(matrix, None, layers, tuple(blocks.values()), (), positions)
