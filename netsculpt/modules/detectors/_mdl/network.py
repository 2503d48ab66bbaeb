"""The live units of a network with their edges, and the chance of each edge by degrees alone.

Without modules, an edge between two units of a block is as likely as their degrees make it: all
simple networks with these degrees are equally likely. With fixed *expected* degrees that is
π = θφ / (1 + θφ), one factor per source and one per target (Park and Newman, Phys. Rev. E 70,
066117 (2004), doi:10.1103/PhysRevE.70.066117, eq. 29). Units of equal degree have equal factors, so
π is a table over groups of degrees.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.compiled import compiled
from netsculpt.graph.graph import NetGraph

__all__ = ["Network", "network_of"]

_MOST_GROUPS = 16  # of degrees, per block and side; a group's chance is that of its mean degree
_SWEEPS, _CLOSE = 2_000, 1e-7  # of fitting π; deviation of an expected degree from the given one


class Network(NamedTuple):
    """n live units, E edges with weight between them, P blocks, S slots, D groups of degrees.

    A slot is a unit's side of a block in which it has edges: 0 as their source, 1 as their target.
    """

    first_out: Any  # [n + 1] edges of each unit as source
    ends_out: Any  # [E] their targets
    block_out: Any  # [E] their blocks
    first_in: Any  # [n + 1] edges of each unit as target
    ends_in: Any  # [E] their sources
    block_in: Any  # [E] their blocks
    layer: Any  # [n]
    first: Any  # [n + 1] slots of each unit
    block: Any  # [S]
    side: Any  # [S] 0 or 1
    group: Any  # [S] group of the unit's degree in the block
    n_groups: Any  # [2, P]
    members: Any  # [2, P, D] units in each group
    chance: Any  # [P, D, D] π of an edge between two groups
    n_edges: Any  # [P]
    n_layers: int
    layers: Any  # those with live units


def network_of(graph: NetGraph, live: NDArray[np.bool_]) -> Network:
    """The network of the live units [U]; edges of weight 0 are left out, as by `layered`."""
    number = np.cumsum(live) - 1
    source, target = graph.sources, graph.weights.indices
    kept = live[source] & live[target] & (graph.weights.data != 0)
    source, target = number[source[kept]], number[target[kept]]
    layer = graph.layer_of[live].astype(np.int64)
    n, n_layers, n_blocks = layer.size, len(graph.layers), len(graph.blocks)
    index = {one.name: at for at, one in enumerate(graph.layers)}
    ends = np.array([(index[b.source], index[b.target]) for b in graph.blocks], dtype=np.int64)
    pair = ends.reshape(-1, 2) @ np.array([n_layers, 1])
    order = np.argsort(pair)
    block = order[np.searchsorted(pair[order], layer[source] * n_layers + layer[target])]
    out, into = _adjacency(source, target, block, n), _adjacency(target, source, block, n)

    keys, degree = [], []
    for side, unit in enumerate((source, target)):
        key, count = np.unique(unit * (2 * n_blocks) + 2 * block + side, return_counts=True)
        keys.append(key)
        degree.append(count)
    slots, degrees = np.concatenate(keys), np.concatenate(degree)
    order = np.argsort(slots)
    slots, degrees = slots[order], degrees[order]
    side_of, block_of = slots % 2, slots % max(2 * n_blocks, 1) // 2
    first = np.searchsorted(slots // max(2 * n_blocks, 1), np.arange(n + 1))
    group, n_groups, members, means = _groups(side_of * n_blocks + block_of, degrees, n_blocks)
    return Network(
        *out,
        *into,
        layer,
        first.astype(np.int64),
        block_of.astype(np.int64),
        side_of.astype(np.int64),
        group,
        n_groups,
        members,
        _chances(n_groups, members, means),
        np.bincount(block, minlength=n_blocks).astype(np.float64),
        n_layers,
        np.unique(layer),
    )


def _adjacency(
    own: NDArray[np.int64], other: NDArray[np.int64], block: NDArray[np.int64], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Edges of each unit, sorted by the other end: first [n + 1], ends [E], blocks [E]."""
    order = np.lexsort((other, own))
    first = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=n))])
    return first, other[order].astype(np.int32), block[order].astype(np.int32)


def _groups(
    place: NDArray[np.int64], degrees: NDArray[np.int64], n_blocks: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Group of each slot's degree [S], groups [2, P], members and mean degrees [2, P, D].

    `place` [S] is side · P + block. Up to D distinct degrees are a group each; more are grouped so
    that each group has about as many units.
    """
    group = np.zeros(place.size, dtype=np.int64)
    rows: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    order = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[order], np.arange(2 * n_blocks + 1))
    for one in range(2 * n_blocks):
        slots = order[bounds[one] : bounds[one + 1]]
        _, which, count = np.unique(degrees[slots], return_inverse=True, return_counts=True)
        if count.size > _MOST_GROUPS:
            middle = (np.cumsum(count) - count / 2) / slots.size
            coarse = np.unique((middle * _MOST_GROUPS).astype(int), return_inverse=True)[1]
            which = coarse[which]
        group[slots] = which
        size = np.bincount(which)
        rows.append((size, np.bincount(which, degrees[slots]) / np.maximum(size, 1)))
    n_groups = np.array([size.size for size, _ in rows], dtype=np.int64)
    members, means = np.zeros((2, 2 * n_blocks, max(n_groups, default=0)))
    for one, (size, mean) in enumerate(rows):
        members[one, : size.size], means[one, : size.size] = size, mean
    shape = (2, n_blocks, -1) if n_blocks else (2, 0, 0)
    return group, n_groups.reshape(2, n_blocks), members.reshape(shape), means.reshape(shape)


@compiled
def _chances(n_groups: Any, members: Any, degrees: Any) -> Any:
    """π [P, D, D], whose row and column sums are the groups' mean degrees.

    Units that are connected to all others have π = 1 and are set aside: their factors would be
    infinite. The factors of the others follow by proportional fitting.
    """
    n_blocks, most = members.shape[1], members.shape[2]
    chance = np.zeros((n_blocks, most, most))
    full = np.zeros((2, most), np.bool_)
    wanted, factor, had = np.zeros((2, most)), np.zeros((2, most)), np.zeros((2, most))
    for block in range(n_blocks):
        size = n_groups[:, block]
        for side in range(2):
            for d in range(size[side]):
                full[side, d], wanted[side, d] = False, degrees[side, block, d]
        changed = True
        while changed:
            changed = False
            for side in range(2):
                free = 0.0
                for e in range(size[1 - side]):
                    if not full[1 - side, e]:
                        free += members[1 - side, block, e]
                for d in range(size[side]):
                    if not full[side, d] and free > 0 and wanted[side, d] >= free - 1e-9:
                        full[side, d], changed = True, True
                        for e in range(size[1 - side]):
                            if not full[1 - side, e]:
                                wanted[1 - side, e] -= members[side, block, d]
                        wanted[side, d] = 0.0
        total = 0.0
        for d in range(size[0]):
            if not full[0, d]:
                total += members[0, block, d] * wanted[0, d]
        for side in range(2):
            for d in range(size[side]):
                factor[side, d] = max(wanted[side, d], 0.0) / np.sqrt(total) if total > 0 else 0.0
        for _ in range(_SWEEPS if total > 0 else 0):
            worst = 0.0
            for side in range(2):
                for d in range(size[side]):
                    if full[side, d] or wanted[side, d] <= 0.0:
                        continue
                    had[side, d] = 0.0
                    for e in range(size[1 - side]):
                        if not full[1 - side, e]:
                            odds = factor[side, d] * factor[1 - side, e]
                            had[side, d] += members[1 - side, block, e] * odds / (1.0 + odds)
                    if had[side, d] > 0.0:
                        worst = max(worst, abs(had[side, d] / wanted[side, d] - 1.0))
                        factor[side, d] *= wanted[side, d] / had[side, d]
            if worst < _CLOSE:
                break
        for d in range(size[0]):
            for e in range(size[1]):
                if full[0, d] or full[1, e]:
                    chance[block, d, e] = 1.0 if degrees[0, block, d] > 0 else 0.0
                else:
                    odds = factor[0, d] * factor[1, e]
                    chance[block, d, e] = odds / (1.0 + odds)
    return chance
