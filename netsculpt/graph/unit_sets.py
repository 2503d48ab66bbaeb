"""Random sets of units that have as many units in each layer as a given set."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG
from netsculpt.graph.graph import NetGraph

__all__ = ["chosen_units", "matched_sets"]


def matched_sets(
    graph: NetGraph, units: ArrayLike, n: int, *, among: ArrayLike | None = None, rng: RNG = None
) -> NDArray[np.bool_]:
    """Random sets [n, U] of units with the same number in each layer as a given set.

    What a module does is more than that of any units of its size only if such sets do less. A
    set of another layer profile would be no control: units of higher layers decide more.

    Parameters
    ----------
    graph
        The network; only its layers matter.
    units
        The given set: indices of units, or booleans [U].
    n
        How many sets.
    among
        Units to draw from, in the same form; the given ones are always among them. None: all.
    rng
        Seed or generator. A larger n continues where a smaller one ended.

    Returns
    -------
    ndarray
        Booleans [n, U]. Sets are drawn independently and uniformly; they may overlap with the
        given one, and equal it where there are few to choose from.

    Raises
    ------
    GraphError
        If units are not those of the graph, or n is below 0.

    Examples
    --------
    >>> from netsculpt import from_matrices
    >>> graph = from_matrices([np.ones((4, 2)), np.ones((1, 4))])
    >>> sets = matched_sets(graph, [0, 2, 3], 5, rng=0)
    >>> [sets[:, layer.units].sum(1).tolist() for layer in graph.layers]
    [[1, 1, 1, 1, 1], [2, 2, 2, 2, 2], [0, 0, 0, 0, 0]]
    """
    n = checked_whole(n, "n", least=0)
    given = chosen_units(graph, units)
    pool = np.ones(graph.n_units, bool) if among is None else chosen_units(graph, among)
    pool |= given
    generator = np.random.default_rng(rng)
    sets = np.zeros((n, graph.n_units), dtype=bool)
    needed = [
        (layer.start + np.flatnonzero(pool[layer.units]), int(given[layer.units].sum()))
        for layer in graph.layers
    ]
    for row in sets:
        for candidates, size in needed:
            if size:
                row[generator.choice(candidates, size, replace=False)] = True
    return sets


def chosen_units(graph: NetGraph, units: ArrayLike) -> NDArray[np.bool_]:
    """Booleans [U] of some units, given so or by their indices; a copy.

    Raises
    ------
    GraphError
        If they are not units of the graph.

    Examples
    --------
    >>> from netsculpt import from_matrices
    >>> chosen_units(from_matrices([np.ones((1, 2))]), [2]).tolist()
    [False, False, True]
    """
    values = np.asarray(units)
    if values.dtype == bool and values.shape == (graph.n_units,):
        return values.copy()
    whole = values.ndim == 1 and (np.issubdtype(values.dtype, np.integer) or not values.size)
    if not whole or (values.size and not 0 <= values.min() <= values.max() < graph.n_units):
        raise GraphError(
            f"units are {values.dtype} of shape {list(values.shape)}: indices from 0 to "
            f"{graph.n_units - 1} are needed, or one boolean per unit of the graph"
        )
    chosen = np.zeros(graph.n_units, dtype=bool)
    chosen[values.astype(np.int64)] = True
    return chosen
