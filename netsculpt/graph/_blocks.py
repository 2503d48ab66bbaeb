"""Edges by the blocks that they lie in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError
from netsculpt.core.slices import slices
from netsculpt.graph.layers import Block, Layer

_FEW: Final = 8  # blocks of a layer up to which comparing targets with their ranges is fastest


def check_blocks(weights: csr_array, layers: Sequence[Layer], blocks: Sequence[Block]) -> None:
    """Raise an error if an edge is in no block, or if two blocks connect the same layers."""
    pairs = [(block.source, block.target) for block in blocks]
    if len(set(pairs)) < len(pairs):
        raise GraphError(f"blocks are {pairs}: each pair of layers may have one block")
    order = {layer.name: index for index, layer in enumerate(layers)}
    indices, indptr = weights.indices, weights.indptr
    declared: dict[str, list[int]] = {layer.name: [] for layer in layers}
    for source, target in pairs:
        if source not in order or target not in order or order[source] >= order[target]:
            raise GraphError(f"block {source!r} → {target!r} does not lead to a later layer")
        declared[source].append(order[target])
    for layer in layers:
        columns = indices[indptr[layer.start] : indptr[layer.stop]]
        named = declared[layer.name]
        if len(named) > _FEW:
            is_named = np.zeros(len(layers), np.bool_)
            is_named[named] = True
            reached = np.repeat(is_named, [x.n_units for x in layers])
            inside = sum(np.count_nonzero(reached[columns[x]]) for x in slices(columns.size))
        else:
            inside = sum(
                np.count_nonzero((columns[part] >= x.start) & (columns[part] < x.stop))
                for part in slices(columns.size)
                for x in (layers[index] for index in named)
            )
        if inside != columns.size:
            raise GraphError(
                f"{columns.size - inside} edges from layer {layer.name!r} lead to layers that no "
                f"block names (blocks lead to {[layers[index].name for index in named]})"
            )


def groups_of(
    weights: csr_array,
    layers: Sequence[Layer],
    blocks: Sequence[Block],
    live: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Twice the number of each edge's block, + 1 for edges on no input→output path [E]."""
    indptr, ends = weights.indptr, weights.indices
    called = {layer.name: layer for layer in layers}
    leaving: dict[str, list[int]] = {}
    for index, block in enumerate(blocks):
        leaving.setdefault(block.source, []).append(index)
    groups, of_unit = np.empty(weights.nnz, np.int64), np.empty(live.size, np.int64)
    for name, indices in leaving.items():
        for index in indices:
            of_unit[called[blocks[index].target].units] = 2 * index
        layer = called[name]
        start = indptr[layer.start : layer.stop + 1]
        targets = ends[start[0] : start[-1]]
        groups[start[0] : start[-1]] = of_unit[targets]
        if not live.all():
            dead = ~(live[targets] & np.repeat(live[layer.units], np.diff(start)))
            groups[start[0] : start[-1]] += dead
    return groups
