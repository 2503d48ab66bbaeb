"""Number of units of a layer that carry most of its path weight to the outputs."""

from __future__ import annotations

import numpy as np

from netsculpt.core.numbers import checked_number
from netsculpt.graph.graph import NetGraph
from netsculpt.paths._sweep import backward, non_negative

__all__ = ["units_carrying"]

_ROUNDING = 1e-12  # relative, so that 9 of 10 equal units are 90 %


def units_carrying(graph: NetGraph, share: float = 0.9) -> dict[str, int]:
    """Smallest number of units in each hidden layer that carry `share` of its weight to outputs.

    The units of the layer are sorted by G_v, the weight of the paths from them to the outputs, and
    the result is how many of the largest add up to `share` of the layer's sum. In networks sculpted
    for small tasks it stays at 2 or 3 at any width (Patil et al. 2023, arXiv 2305.18402).

    Weights enter as given and must not be negative: pass ``graph.magnitude`` for edge-weight
    products, as in the paper, ``graph.pattern`` to count paths. O(E + U log U).

    Parameters
    ----------
    graph
        The network.
    share
        Fraction, 0 < share ≤ 1.

    Returns
    -------
    Number of units by hidden layer, 0 for layers without a path to the outputs.

    Raises
    ------
    GraphError
        If a weight is negative or `share` is out of range.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> first, second = np.ones((4, 3)), np.array([[7.0, 2.0, 0.5, 0.5]])
    >>> units_carrying(from_matrices([first, second]))
    {'hidden1': 2}
    """
    checked_number(share, "share", above=0, most=1)
    onward = backward(non_negative(graph, "units_carrying"))
    counts = {}
    for layer in graph.layers:
        if layer.role == "hidden":
            smallest_first = np.sort(onward[layer.units].relative())
            left = np.concatenate([np.cumsum(smallest_first)[::-1], [0.0]])  # after taking 0, 1, …
            counts[layer.name] = int(np.argmax(left <= (1 - share) * left[0] * (1 + _ROUNDING)))
    return counts
