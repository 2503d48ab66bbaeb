"""Modules by the functions that units serve on data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from netsculpt.graph.graph import NetGraph
from netsculpt.graph.partition import NO_MODULE, Partition
from netsculpt.modules.memberships import functional_memberships

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netsculpt.core.random import RNG

__all__ = ["functional"]


def functional(
    graph: NetGraph,
    influence: NDArray[np.float64],
    *,
    rng: RNG = None,  # noqa: ARG001 - part of every detector's signature
    alike: float = 0.85,
    idle: float = 0.02,
) -> Partition:
    r"""Find the modules of a network from the influence of its units on its outputs.

    1. **Service.** `functional_memberships` says which functions the outputs compute and which of
       them each unit serves: those that its influence is more than `idle` of the largest on.
    2. **Modules.** Units that serve the same functions are a module, and outputs belong to the
       module of their function alone. So a part that several functions reuse is a module without
       output, below those of the functions.
    3. **Sub-functions.** If functions depend on a group of inputs only through the value of one
       sub-function φ, influence is a product, :math:`T_{uf} = T_{u\varphi} T_{\varphi f}`, and
       the rows of the group are proportional. Inputs that serve the same functions are divided
       into groups whose rows are not (cosine below `alike`), unless a unit reads inputs of both. A
       hidden unit belongs to the one group that it reads; those that read several are one module.
    4. **Order.** Inputs form a module separate from other units that serve the same functions if
       they also feed a unit that serves more, so that their module is not both above and below its.

    It assumes that the outputs distinguish the network's functions, and data in which inputs vary
    independently. It wins where functions share inputs or units: kept paths that carry nothing do
    not count, and functions of the same inputs are distinguished. It cannot detect sub-functions
    that all functions use in the same proportion, such as any in a network of one function; a unit
    whose work others take over when it fails; or that a function is computed twice, which is one
    module. Functions that use inputs unequally divide them unless some unit reads both. A hidden
    unit that serves one function may feed one that serves it and others, which closes a cycle of
    modules (in one of six networks sculpted for the tuning tasks of `analyses/detectors.py`).

    Edges enter as pattern; weights are not used.

    Parameters
    ----------
    graph
        The network.
    influence
        Influence of each unit on each output [U, O], as for `functional_memberships`.
    rng
        Not used: the result is deterministic.
    alike
        Cosine from which on two outputs are one function, and the rows of two inputs count as
        proportional, below 1.
    idle
        Share of the largest influence on a function up to which a unit does not serve it, below
        1. On whole truth tables 0 … .1 gave the same inputs and outputs, and hidden units are
        right most often up to .02; on a sample, or with wrong outputs, influence below about .05
        may be chance.

    Returns
    -------
    Partition
        Modules of the units that serve a function, −1 for dead units, idle units and outputs that
        never change.

    Raises
    ------
    GraphError
        If `influence` does not fit the graph, is negative or not finite, or a parameter is not in
        0 … below 1.

    Notes
    -----
    Time and memory O(E F + U O + n²) for F functions and n inputs.

    Examples
    --------
    Two functions, each of a separate and a common input; the kept path from the first input to
    the second output carries nothing.

    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([[[1, 1, 0], [1, 1, 1]]])
    >>> own, shared, both = [0.5, 0.0], [0.5, 0.5], [[0.3, 0.1], [0.1, 0.3]]
    >>> functional(graph, np.array([own, shared, own[::-1], *both])).labels.tolist()
    [0, 1, 2, 0, 2]
    """
    service = functional_memberships(graph, influence, alike=alike, idle=idle)
    serves, rows = service.members, service.strength
    edges = _carrying(graph, serves)
    _, served = np.unique(serves, axis=0, return_inverse=True)
    served = served.reshape(-1)
    group = _input_groups(graph, rows, served, edges, alike)
    part = _parts(graph, served, group, edges)
    _, labels = np.unique(
        np.stack([served, part, _apart(graph, serves, served, edges)]), axis=1, return_inverse=True
    )
    return Partition(np.where(serves.any(axis=1), labels.reshape(-1), NO_MODULE), "functional")


def _carrying(graph: NetGraph, serves: NDArray[np.bool_]) -> csr_array:
    """Edges between units that serve some function [U, U]."""
    carries = np.asarray(serves.any(axis=1))
    source, target = graph.sources, graph.weights.indices
    kept = carries[source] & carries[target]
    ends = source[kept], target[kept]
    return csr_array(coo_array((np.ones(kept.sum()), ends), shape=graph.weights.shape))


def _serves_more(
    serves: NDArray[np.bool_], source: NDArray[np.int32], target: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which edges lead to a unit that serves all functions of the source and more [edges]."""
    before, after = serves[source], serves[target]
    more = np.all(after | ~before, axis=1) & np.any(after & ~before, axis=1)
    return np.asarray(more)


def _input_groups(
    graph: NetGraph,
    rows: NDArray[np.float64],
    served: NDArray[np.intp],
    edges: csr_array,
    alike: float,
) -> NDArray[np.intp]:
    """Group of each input [I]: inputs of the same functions, proportional or read by one unit.

    Only hidden units count as readers: an output does not show how its inputs are processed.
    """
    inputs = graph.inputs
    readers = edges[inputs][:, np.setdiff1d(np.arange(graph.n_units), graph.outputs)]
    length = np.linalg.norm(rows[inputs], axis=1)
    length[length == 0] = 1.0
    linked = rows[inputs] @ rows[inputs].T >= alike * np.outer(length, length)
    linked |= (readers @ readers.T).toarray() > 0
    linked &= served[inputs][:, None] == served[inputs]
    return connected_components(linked, directed=False)[1].astype(np.intp)


def _parts(
    graph: NetGraph, served: NDArray[np.intp], group: NDArray[np.intp], edges: csr_array
) -> NDArray[np.intp]:
    """Input group that each unit belongs to [U], among groups that serve its functions.

    −1 if there is one such group only, or if the unit does not read exactly one of them.
    """
    part = np.full(served.size, NO_MODULE, dtype=np.intp)
    groups, first = np.unique(group, return_index=True)
    serving = served[graph.inputs[first]]  # functions of each group
    parted = np.bincount(serving, minlength=int(served.max(initial=0)) + 1) > 1
    if not parted.any():
        return part
    reads = np.zeros((served.size, groups.size), dtype=bool)
    reads[graph.inputs, group] = True
    incoming = csr_array(edges.T)
    for layer in graph.layers:
        reads[layer.units] |= incoming[layer.units] @ reads.astype(np.float32) > 0
    reads &= served[:, None] == serving
    one = parted[served] & (reads.sum(axis=1) == 1)
    part[one] = reads[one].argmax(axis=1)
    return part


def _apart(
    graph: NetGraph, serves: NDArray[np.bool_], served: NDArray[np.intp], edges: csr_array
) -> NDArray[np.bool_]:
    """Inputs with the same functions as an input that feeds a unit serving more [U]."""
    is_input = np.zeros(served.size, dtype=bool)
    is_input[graph.inputs] = True
    source, target = edges.nonzero()
    leaves = is_input[source] & _serves_more(serves, source, target)
    return is_input & np.isin(served, served[source[leaves]])
