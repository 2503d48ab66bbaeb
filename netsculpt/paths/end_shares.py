"""Where the paths through each unit begin and end, and by which edges they arrive and leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import LimitError
from netsculpt.graph.graph import NetGraph
from netsculpt.paths._sweep import non_negative
from netsculpt.paths.per_unit import log10_paths_in, log10_paths_out

__all__ = ["EndShares", "end_shares"]

_MOST = 100_000_000  # numbers: 800 MB


@dataclass(frozen=True, eq=False)
class EndShares:
    """Shares of the weight of the paths into each unit and out of it; 0 where there is none."""

    inputs: NDArray[np.float64]  # [U, I] of the paths into it: which input they come from
    outputs: NDArray[np.float64]  # [U, O] of the paths out of it: which output they lead to
    arriving: NDArray[np.float64]  # [E] share of the paths into the target that come by this edge
    leaving: NDArray[np.float64]  # [E] share of the paths out of the source that go by this edge


def end_shares(graph: NetGraph) -> EndShares:
    r"""Find where the paths through each unit begin and end.

    With F and G the weight of the paths into and out of a unit, an edge from u to v brings the
    share :math:`a_{uv} = F_u w_{uv} / F_v` of the paths into v and takes the share
    :math:`l_{uv} = w_{uv} G_v / G_u` of those out of u. The shares of inputs and outputs follow:

    .. math:: S_v = \sum_u a_{uv} S_u, \qquad T_u = \sum_v l_{uv} T_v

    from 1 for each input itself, and each output. Shares of a unit sum to 1, or are all 0 if no
    path leads there. Multiplying a unit's incoming weights and dividing its outgoing ones by the
    same number changes nothing.

    Parameters
    ----------
    graph
        The network; weights must not be negative: pass ``graph.magnitude`` or ``graph.pattern``.

    Raises
    ------
    GraphError
        If a weight is negative.
    LimitError
        If the result holds more than 10⁸ numbers.

    Notes
    -----
    Cost O(E (I + O)), memory O(U (I + O)).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 0.0], [2.0, 3.0]]), np.array([[1.0, 4.0]])])
    >>> shares = end_shares(graph)
    >>> shares.inputs[2:].round(3).tolist()
    [[1.0, 0.0], [0.4, 0.6], [0.429, 0.571]]
    """
    graph = non_negative(graph, "end_shares")
    inputs, outputs = graph.inputs, graph.outputs
    n_numbers = graph.n_units * (inputs.size + outputs.size)
    if n_numbers > _MOST:
        raise LimitError(
            f"shares of {graph.n_units:,} units in {inputs.size:,} inputs and {outputs.size:,} "
            f"outputs are {n_numbers:,} numbers, {_MOST:,} are the most: analyse a part of the "
            "network"
        )
    before, after = log10_paths_in(graph), log10_paths_out(graph)
    sources, targets = graph.sources, graph.weights.indices
    with np.errstate(divide="ignore"):
        weights = np.log10(graph.weights.data.astype(np.float64))
    arriving = _quotient(weights + before[sources], before[targets])
    leaving = _quotient(weights + after[targets], after[sources])
    indices, indptr, shape = graph.weights.indices, graph.weights.indptr, graph.weights.shape
    into = csr_array(csr_array((arriving, indices, indptr), shape).T)
    out_of = csr_array((leaving, indices, indptr), shape)
    from_inputs = _ends(graph.n_units, inputs, before)
    to_outputs = _ends(graph.n_units, outputs, after)
    for layer in graph.layers:
        from_inputs[layer.units] += np.asarray(into[layer.units] @ from_inputs)
    for layer in reversed(graph.layers):
        to_outputs[layer.units] += np.asarray(out_of[layer.units] @ to_outputs)
    return EndShares(from_inputs, to_outputs, arriving, leaving)


def _quotient(log_part: NDArray[np.float64], log_whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quotients of numbers given by their decimal logarithms; 0 / 0 is 0."""
    shares = np.zeros(log_part.size)
    some = np.isfinite(log_part)
    shares[some] = 10.0 ** (log_part[some] - log_whole[some])
    return shares


def _ends(n_units: int, ends: NDArray[np.intp], logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of its paths that each end begins or closes itself [U, ends]."""
    shares = np.zeros((n_units, ends.size))
    shares[ends, np.arange(ends.size)] = 10.0 ** -logs[ends]
    return shares
