"""Modules by the functions that each unit's paths serve, idle paths excluded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netsculpt.core.declared import on_own_weights, varies_with
from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netsculpt.core.random import RNG

__all__ = ["path_signature"]


@on_own_weights
@varies_with("unit scales")
def path_signature(
    graph: NetGraph,
    *,
    rng: RNG = None,  # noqa: ARG001 - part of every detector's signature
    idle: float = 0.1,
) -> Partition:
    r"""Find the modules of a sculpted network from its weights: which units serve which functions.

    Units that serve the same set of functions are one module. Inputs shared by two functions form
    a module separate from those of one function alone; a sub-function reused by several others is
    a module without outputs. Kept edges that carry (almost) nothing do not count.

    1. Units on no input→output path are dropped.
    2. Outputs are one function if their incoming weights are equal up to sign
       (:math:`1 - 2 |a \cdot b| / (|a|^2 + |b|^2) \le .0127`), or, among four or more, if they form
       clear groups (average linkage, mean silhouette ≥ .5).
    3. Three ratios measure how much unit u of a layer contributes to function f: the root of the
       share of f's squared path weight :math:`\sum_\mathrm{paths} \prod w^2` that runs through u,
       over that of a typical unit of the layer (at most 1); the root of the probability that a
       walk from u, along edges in proportion to w², ends in f; and the number of paths from u to
       f. The last two are relative to u's main function, after functions are balanced within the
       layer (Sinkhorn, by factors up to 2). u serves f if the product is above `idle`; it always
       serves its main function.
    4. If the network falls into parts up to some layer, each with separate inputs and more cleanly
       than random wiring would (expected number of such divisions ≤ .05), parts that serve a
       common function are sub-functions of it: each is a module.

    *Assumes* that outputs of a function are trained alike, that functions are of similar size
    (then balancing distinguishes idle paths from weak ones), and that the network was pruned until
    only structure is left. Biases are ignored: functions that differ by them alone are one.

    *Wins*, on the authors' published networks, where functions share inputs or units: 3 shared
    inputs, used once / four times: inputs .89 / .92 (`sculpting`: .53 / .69), outputs 1.00
    (.58 / .69); 4 shared inputs: outputs 1.00 (.25 / .44); reused sub-functions 1.00 / .97
    (.42 / .61). *Loses* where modules are only denser than the rest (`leiden` finds those), and
    where each output has separate wiring: there are then up to as many modules as units.

    Weights enter as magnitude, signs in 2 only; pass ``graph.pattern`` for modules of the mask.

    Parameters
    ----------
    graph
        The network: any layered DAG, skip connections included.
    rng
        Not used: the result is deterministic.
    idle
        Paths to a function are idle if their product of ratios is at most this, 0 ≤ idle < 1. The
        published exemplars lose nothing at .1, but do from .12 on.

    Returns
    -------
    Partition
        Modules of the live units, −1 for the others. Modules may span layers.

    Raises
    ------
    GraphError
        If `idle` is outside its range.

    Notes
    -----
    Time O(E K + O² E / U + O³) for O outputs of K functions (the last term matters beyond some
    thousand outputs); memory O(U K + O²).

    References
    ----------
    The networks and `sculpting`: Patil, Michael and Dovrolis, "Neural Sculpting", NeurIPS 2023,
    arXiv:2305.18402. Balancing: Sinkhorn and Knopp, doi:10.2140/pjm.1967.21.343. Silhouettes:
    Rousseeuw, doi:10.1016/0377-0427(87)90125-7.

    Examples
    --------
    The middle input is shared; the path of weight .01 from the first to the second output is idle.

    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([[[1, 1, 0], [0.01, 1, 1]], [[1, 0], [0, 1]]])
    >>> path_signature(graph).labels.tolist()
    [0, 1, 2, 0, 2, 0, 2]
    """
    if not 0 <= idle < 1:
        raise GraphError(f"idle is {idle}: a number from 0 to below 1 is needed")
    live = live_units(graph)
    labels = np.full(graph.n_units, NO_MODULE, dtype=np.intp)
    if live.any():
        labels[live] = _labels(graph.live(), idle)
    return Partition(labels, "path_signature")


def _labels(graph: NetGraph, idle: float) -> NDArray[np.intp]:
    """Module of each unit [U] of a network without dead units."""
    from netsculpt.modules.detectors._path_signature.input_groups import input_groups
    from netsculpt.modules.detectors._path_signature.output_functions import output_functions
    from netsculpt.modules.detectors._path_signature.served_functions import PathShares

    functions = np.full(graph.n_units, -1, dtype=np.intp)
    functions[graph.outputs] = output_functions(graph, graph.outputs)
    is_output = functions >= 0
    shares = PathShares.of(graph, functions)
    served = np.empty((graph.n_units, functions.max() + 1), dtype=bool)
    for layer in graph.layers:
        served[layer.units] = shares[layer.units].served(idle)
    served[is_output] = functions[is_output, None] == np.arange(served.shape[1])
    modules = np.unique(served, axis=0, return_inverse=True)[1].reshape(-1)

    groups = input_groups(graph)
    members = groups == np.arange(groups.max() + 1)[:, None]
    serves = shares[graph.inputs].summed(members).served(idle)
    is_part = (serves & (serves.sum(axis=0) > 1)).any(axis=1)
    read = _groups_read(graph, members)
    of_part = (read.sum(axis=1) == 1) & (read @ is_part) & ~is_output
    return np.where(of_part, modules.max() + 1 + read.argmax(axis=1), modules)


def _groups_read(graph: NetGraph, members: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which groups of inputs [G, I] have a path to each unit [U, G]."""
    backward = graph.pattern.weights.T.tocsr()
    read = np.zeros((graph.n_units, members.shape[0]), dtype=np.float32)
    read[graph.inputs] = members.T
    for layer in graph.layers:
        read[layer.units] += np.asarray(backward[layer.units] @ read > 0)
    return np.asarray(read > 0)
