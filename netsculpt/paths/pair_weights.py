"""Weight of the paths from each input to each output."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.paths._scaled import Scaled, scaled
from netsculpt.paths._sweep import forward

__all__ = ["pair_weights", "pairs_scaled"]

_ENTRIES = 1 << 24  # numbers in memory at a time: 128 MiB


def pair_weights(
    graph: NetGraph, *, inputs: ArrayLike | None = None, outputs: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Weight of the paths from each input to each output: the edge-weight product (EWP).

    The sum over all i→o paths of the product of weights: on a chain of matrices the (i, o) entry
    of ``W_1 W_2 … W_L`` ([in, out] each), skip connections included. Rows and columns sum to
    `paths_out` of the inputs and `paths_in` of the outputs.

    Weights enter as given, signs included: pass ``graph.magnitude`` for the EWP of Patil et al.
    2023 (arXiv 2305.18402), ``graph.pattern`` to count paths. O(E · I) by sparse products, for the
    requested inputs only; memory O(I · O) + 128 MiB.

    Parameters
    ----------
    graph
        The network.
    inputs, outputs
        Units of ``graph.inputs`` [I] and ``graph.outputs`` [O]; None: all of them.

    Returns
    -------
    Path weights [I, O].

    Raises
    ------
    GraphError
        If a unit is not an input, or not an output.
    LimitError
        If a path weight is beyond float64.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> pair_weights(graph).tolist()
    [[9.0], [12.0]]
    >>> pair_weights(graph, inputs=[1]).tolist()
    [[12.0]]
    """
    begin = _chosen(inputs, graph.inputs, "input")
    end = _chosen(outputs, graph.outputs, "output")
    return pairs_scaled(graph, begin, end).linear(
        "pair_weights", "multiply the weights by a factor below 1 (graph.with_weights)"
    )


def pairs_scaled(graph: NetGraph, begin: NDArray[np.intp], end: NDArray[np.intp]) -> Scaled:
    """Weight of the paths from each unit of `begin` to each of `end` [I, O].

    Each unit's numbers are scaled by the exponent of its |path weight|, so that nothing overflows.
    """
    exponent = forward(graph.magnitude).exponent
    gaps = np.repeat(exponent, np.diff(graph.weights.indptr))
    gaps -= exponent[graph.weights.indices]
    inner = graph.with_weights(np.ldexp(graph.weights.data.astype(np.float64), gaps))
    layers = {layer.name: layer for layer in graph.layers}
    ends = [(layers[block.source], layers[block.target]) for block in graph.blocks]
    blocks = [
        (source.units, target.units, inner.block(source.name, target.name))
        for source, target in sorted(ends, key=lambda pair: pair[0].start)
    ]
    pairs = np.empty((begin.size, end.size))
    width = max(1, _ENTRIES // max(1, graph.n_units))
    for first in range(0, begin.size, width):
        rows = begin[first : first + width]
        values = np.zeros((graph.n_units, rows.size))
        values[rows, np.arange(rows.size)] = np.ldexp(1.0, -exponent[rows])
        for source, target, weights in blocks:
            values[target] += weights.T @ values[source]
        pairs[first : first + width] = values[end].T
    return scaled(pairs, exponent[end])


def _chosen(units: ArrayLike | None, legal: NDArray[np.intp], role: str) -> NDArray[np.intp]:
    if units is None:
        return legal
    chosen = np.asarray(units)
    if chosen.ndim != 1 or not (np.issubdtype(chosen.dtype, np.integer) or chosen.size == 0):
        raise GraphError(
            f"{role}s are {chosen.dtype} of shape {list(chosen.shape)}: a list of units from "
            f"graph.{role}s is needed"
        )
    foreign = chosen[~np.isin(chosen, legal)]
    if foreign.size:
        raise GraphError(f"unit {foreign[0]} is not an {role}: choose from graph.{role}s")
    return chosen.astype(np.intp)
