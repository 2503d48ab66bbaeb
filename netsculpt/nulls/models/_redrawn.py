"""What all null models share: new edges block by block, with the old weights in random order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.provenance import step
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import WIRING, Block, NetGraph, edge_columns

Ends = tuple[NDArray[np.int64], NDArray[np.int64]]
Redraw = Callable[[Block, Ends, tuple[int, int], np.random.Generator], Ends]


def redrawn(graph: NetGraph, name: str, redraw: Redraw, rng: RNG) -> NetGraph:
    """Redraw the edges of each block; wiring stays.

    `redraw` takes a block, the rows and columns of its edges there, its shape and its generator; it
    returns as many distinct edges, in any order.
    """
    seed = root_seed(rng)
    rows = graph.sources.astype(np.int64)
    columns = graph.weights.indices.astype(np.int64)
    taken_from = np.arange(graph.n_edges)
    for block in graph.blocks:
        if block.kind == WIRING:
            continue
        source, target = graph.layer(block.source), graph.layer(block.target)
        edges = graph.block_edges(block.source, block.target)
        generator = stream(seed, name, block.source, block.target)
        shape = source.n_units, target.n_units
        ends = rows[edges] - source.start, columns[edges] - target.start
        new_rows, new_columns = redraw(block, ends, shape, generator)
        rows[edges], columns[edges] = new_rows + source.start, new_columns + target.start
        taken_from[edges] = generator.permutation(taken_from[edges])
    order = np.argsort(rows * graph.n_units + columns)
    taken_from = taken_from[order]
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=graph.n_units))])
    weights = csr_array(
        (
            graph.weights.data[taken_from],
            columns[order].astype(np.int32),
            indptr.astype(np.int32),
        ),
        graph.weights.shape,
    )
    provenance = (*graph.provenance, step(name, seed=seed))
    return replace(graph, weights=weights, provenance=provenance, **edge_columns(graph, taken_from))
