"""Modules by the functions that units serve on data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition

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
    idle: float = 0.05,
) -> Partition:
    r"""Find the modules of a network from the influence of its units on its outputs.

    1. **Functions.** Outputs that change together are one function: those with
       :math:`T_{oo'} / \sqrt{T_{oo} T_{o'o'}}` ≥ `alike`, directly or through others. The cosine of
       a function and itself or its negation is 1, wherever in the network they are computed.
    2. **Service.** A unit serves a function if its influence on the function's outputs is more
       than `idle` times the largest of all units; a hidden unit also serves the functions of a unit
       that it feeds if those include all of its own and more. Units that serve the same functions
       are a module, and outputs belong to the module of their function alone. So a part that
       several functions reuse is a module without output, below those of the functions.
    3. **Sub-functions.** If functions depend on a group of inputs only through the value of one
       sub-function φ, influence is a product, :math:`T_{uf} = T_{u\varphi} T_{\varphi f}`, and
       the rows of the group are proportional. Inputs that serve the same functions are divided
       into groups whose rows are not (cosine below `alike`), unless a unit reads inputs of both. A
       hidden unit belongs to the one group that it reads; those that read several are one module.
    4. **Order.** Inputs form a module separate from other units that serve the same functions if
       they also feed a unit that serves more, so that no module is both above and below another.

    It assumes that the outputs distinguish the network's functions, and data in which inputs vary
    independently. It wins where functions share inputs or units: kept paths that carry nothing do
    not count, and functions of the same inputs are distinguished. It cannot detect sub-functions
    that all functions use in the same proportion, such as any in a network of one function; a unit
    whose work others take over when it fails; or that a function is computed twice, which is one
    module. Functions that use inputs unequally divide them unless some unit reads both. Idle edges
    between units of different functions can still close a cycle of modules.

    Edges enter as pattern; weights are not used.

    Parameters
    ----------
    graph
        The network.
    influence
        Influence of each unit on each output [U, O], at least 0, outputs in the order of
        ``graph.outputs``. The row of an output is how often each output changes together with it,
        and its own entry how often it changes.
    rng
        Not used: the result is deterministic.
    alike
        Cosine from which on two rows count as proportional, below 1. In networks sculpted for the
        four exemplar tasks of Neural Sculpting it is 1 inside functions, and between them at most
        .71: the cosine of a unit that serves one function and one that serves two equally.
    idle
        Share of the largest influence on a function up to which a unit does not serve it, below
        1. On whole truth tables 0 … .1 gave the same inputs and outputs; on a sample, or with wrong
        outputs, influence below about .05 may be chance.

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
    _check(graph, influence, alike, idle)
    function = _functions(influence[graph.outputs], alike)
    function[~live_units(graph)[graph.outputs]] = NO_MODULE
    rows = _by_function(influence, function)
    serves = _serves(graph, rows, function, idle)
    edges = _carrying(graph, serves)
    _grow(graph, serves, edges)
    _, served = np.unique(serves, axis=0, return_inverse=True)
    served = served.reshape(-1)
    group = _input_groups(graph, rows, served, edges, alike)
    part = _parts(graph, served, group, edges)
    _, labels = np.unique(
        np.stack([served, part, _apart(graph, serves, served, edges)]), axis=1, return_inverse=True
    )
    return Partition(np.where(serves.any(axis=1), labels.reshape(-1), NO_MODULE), "functional")


def _functions(together: NDArray[np.float64], alike: float) -> NDArray[np.intp]:
    """Function of each output [O], −1 if it never changes."""
    often = np.sqrt(together.diagonal())
    changing = np.flatnonzero(often > 0)
    cosine = together[np.ix_(changing, changing)] / np.outer(often[changing], often[changing])
    function = np.full(often.size, NO_MODULE, dtype=np.intp)
    _, function[changing] = connected_components(cosine >= alike, directed=False)
    return function


def _by_function(influence: NDArray[np.float64], function: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean influence on the outputs of each function [U, F]."""
    of = function[:, None] == np.arange(function.max(initial=NO_MODULE) + 1)
    mean: NDArray[np.float64] = influence @ (of / np.maximum(of.sum(axis=0), 1))
    return mean


def _serves(
    graph: NetGraph, rows: NDArray[np.float64], function: NDArray[np.intp], idle: float
) -> NDArray[np.bool_]:
    """Which functions each unit serves [U, F]; outputs serve their own."""
    below = live_units(graph)
    below[graph.outputs] = False
    serves = np.zeros(rows.shape, dtype=bool)
    serves[below] = rows[below] > idle * rows[below].max(axis=0, initial=0.0)
    changing = np.flatnonzero(function != NO_MODULE)
    serves[graph.outputs[changing], function[changing]] = True
    return serves


def _carrying(graph: NetGraph, serves: NDArray[np.bool_]) -> csr_array:
    """Edges between units that serve some function [U, U]."""
    carries = np.asarray(serves.any(axis=1))
    source, target = graph.sources, graph.weights.indices
    kept = carries[source] & carries[target]
    ends = source[kept], target[kept]
    return csr_array(coo_array((np.ones(kept.sum()), ends), shape=graph.weights.shape))


def _grow(graph: NetGraph, serves: NDArray[np.bool_], edges: csr_array) -> None:
    """Add to each hidden unit the functions of units that it feeds, if those are a superset."""
    for layer in reversed(graph.layers):
        if np.isin(layer.start, graph.inputs):
            continue
        source, target = edges[layer.units].nonzero()
        more = _serves_more(serves, layer.start + source, target)
        np.logical_or.at(serves, layer.start + source[more], serves[target[more]])


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


def _check(graph: NetGraph, influence: NDArray[np.float64], alike: float, idle: float) -> None:
    needed = (graph.n_units, graph.outputs.size)
    if influence.shape != needed:
        raise GraphError(
            f"influence is {list(influence.shape)}, the graph has {needed[0]} units and "
            f"{needed[1]} outputs: measure it on the net that the graph was made from, including "
            "dead units"
        )
    if not np.isfinite(influence).all() or influence.min(initial=0.0) < 0:
        raise GraphError("influence has negative, infinite or NaN entries: numbers ≥ 0 are needed")
    if not (0 <= alike < 1 and 0 <= idle < 1):
        raise GraphError(
            f"alike is {alike} and idle is {idle}: values from 0 to below 1 are needed"
        )
