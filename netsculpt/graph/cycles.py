"""Which edges lie on cycles: there alone do balanced weights differ from 1.

Arrays in, arrays out. A group of edges (a block of a network) is read as an undirected graph
between its sources and its targets. An edge on no cycle is a bridge: what crosses it is fixed by
the strengths on one of its sides, so that its balanced weight is 1 whatever the weights are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph._cycles import count_cycles, mark_cycles

__all__ = ["cycles", "independent_cycles"]


def cycles(
    sources: NDArray[np.integer],
    targets: NDArray[np.integer],
    groups: NDArray[np.integer],
    n_groups: int,
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Find the edges on cycles of their group, and count its independent cycles.

    Parameters
    ----------
    sources, targets
        Units [E], each from 0.
    groups
        Group of each edge [E], from 0.
    n_groups
        Number of groups.

    Returns
    -------
    tuple
        Whether each edge lies on a cycle [E]; independent cycles of each group [groups]: edges −
        units + connected parts, which are the degrees of freedom of its balanced weights.

    Notes
    -----
    O(E). Bridges: Tarjan, Inf. Process. Lett. 2, 160 (1974), doi:10.1016/0020-0190(74)90003-9.

    Examples
    --------
    >>> sources, targets = np.array([0, 0, 1, 1, 2]), np.array([3, 4, 3, 4, 4])
    >>> on_cycle, n_cycles = cycles(sources, targets, np.zeros(5, int), 1)
    >>> on_cycle.tolist(), n_cycles.tolist()
    ([True, True, True, True, False], [1])
    """
    n_units = 1 + max(int(sources.max(initial=-1)), int(targets.max(initial=-1)))
    ends = sources.astype(np.int64), targets.astype(np.int64)
    on_cycle, n_cycles = mark_cycles(*ends, groups.astype(np.int64), n_groups, n_units)
    return on_cycle, n_cycles


def independent_cycles(
    sources: NDArray[np.integer],
    targets: NDArray[np.integer],
    groups: NDArray[np.integer],
    chosen: NDArray[np.bool_],
    n_groups: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the chosen edges of each group, and their independent cycles [groups].

    As `cycles` counts them, at a fraction of its cost: parts are joined edge by edge, and an edge
    within one part closes a cycle.

    Examples
    --------
    >>> sources, targets = np.array([0, 0, 1, 1, 2]), np.array([3, 4, 3, 4, 4])
    >>> chosen, one_group = np.array([True, True, True, True, False]), np.zeros(5, int)
    >>> n_edges, n_cycles = independent_cycles(sources, targets, one_group, chosen, 1)
    >>> n_edges.tolist(), n_cycles.tolist()
    ([4], [1])
    """
    n_units = 1 + max(int(sources.max(initial=-1)), int(targets.max(initial=-1)))
    n_edges, n_cycles = count_cycles(sources, targets, groups, chosen, n_groups, n_units)
    return n_edges, n_cycles
