"""Modules divided into the sub-functions that they compute one after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition, labels_of

__all__ = ["subfunctions"]


def subfunctions(graph: NetGraph, partition: Partition) -> Partition:
    """Divide the modules of a partition where a few units stand for a group of inputs.

    Detectors that group units by the outputs they serve see one module in a chain or tree of
    functions with one output. The wiring shows more: a group S of inputs is a *funnel* if

    - some unit reads exactly S, directly or through others, and S is two inputs or more;
    - every unit that leads out of the cone of S, the units that read inputs of S only, reads all
      of S: so everything else sees S through such units alone;
    - it is narrower than S: summed over layers, the lesser of the units that lead out of the cone
      and the units that they feed is less than the number of inputs.

    Two funnels are nested or have no input in common: a path that leaves the cone of one leaves it
    by a unit that reads all of it. Each unit belongs to the smallest whose cone holds it, and units
    of one module in different funnels, or in none, are different modules. Then a hidden unit that
    reads one unit alone, and so computes nothing new, joins its module; so does an output in the
    same funnel as the unit.

    Weights do not enter, so that no scale of a unit changes the result.

    Parameters
    ----------
    graph
        The network; every kept edge counts, also one that carries nothing.
    partition
        Modules of its units [U], such as `path_signature` or `functional` finds them; −1 for none.
        Only live units of modules are looked at.

    Returns
    -------
    Partition
        With as many modules or more, apart from units that join another; −1 where it was −1.

    Raises
    ------
    GraphError
        If the partition has another number of units.

    Notes
    -----
    O(C (E + U I / 8)) for I inputs and C different sets of inputs that units read.

    The grain is that of the wiring, finer than that of the outputs: of (a ^ b) & c, the part
    (a ^ b) becomes a module, just as if it had a name. Leave the partition as it is to ask which
    functions outputs tell apart; divide it to look inside them. Sub-functions that share an input
    with anything else are not seen.

    Examples
    --------
    Two pairs of inputs, each read by one unit, and one unit that reads both.

    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([[[1, 1, 0, 0], [0, 0, 1, 1]], [[1, 1]]])
    >>> subfunctions(graph, Partition([0] * 7)).labels.tolist()
    [0, 0, 1, 1, 0, 1, 2]
    """
    labels = labels_of(graph, partition)
    inside = live_units(graph) & (labels != NO_MODULE)
    source, target = graph.sources, graph.weights.indices
    kept = inside[source] & inside[target]
    source, target = source[kept], target[kept]
    funnel = _smallest_funnels(graph, inside, source, target)
    _, divided = np.unique(np.stack([labels, funnel]), axis=1, return_inverse=True)
    new_labels = np.where(labels == NO_MODULE, NO_MODULE, divided.reshape(-1))
    return Partition(_with_relays(graph, new_labels, funnel, source, target), partition.method)


def _smallest_funnels(
    graph: NetGraph,
    inside: NDArray[np.bool_],
    source: NDArray[np.int32],
    target: NDArray[np.int32],
) -> NDArray[np.intp]:
    """Number of the smallest funnel whose cone holds each unit [U], −1: none."""
    reads = _inputs_read(graph, inside, source, target)  # [U, I / 8], a bit for each input
    n_read = np.bitwise_count(reads).sum(axis=1, dtype=np.int64)
    is_input = np.zeros(graph.n_units, dtype=bool)
    is_input[graph.inputs] = True
    read_by_units = np.unique(reads[inside & ~is_input & (n_read > 1)], axis=0)
    sizes = np.bitwise_count(read_by_units).sum(axis=1, dtype=np.int64)
    funnel = np.full(graph.n_units, -1, dtype=np.intp)
    for at in np.argsort(-sizes, kind="stable"):  # so that smaller ones are written last
        cone = inside & (n_read > 0) & ~(reads & ~read_by_units[at]).any(axis=1)
        leads_out = cone[source] & ~cone[target]
        senders = source[leads_out]
        if not senders.size or (n_read[senders] < sizes[at]).any():
            continue
        if _width(graph, senders, target[leads_out]) < sizes[at]:
            funnel[cone] = at
    return funnel


def _inputs_read(
    graph: NetGraph,
    inside: NDArray[np.bool_],
    source: NDArray[np.int32],
    target: NDArray[np.int32],
) -> NDArray[np.uint8]:
    """Inputs with a path to each unit, as bits [U, I / 8]; inputs read themselves."""
    inputs = graph.inputs[inside[graph.inputs]]
    own = np.zeros((graph.n_units, max(inputs.size, 1)), dtype=bool)
    own[inputs, np.arange(inputs.size)] = True
    reads = np.packbits(own, axis=1)
    incoming = csr_array(
        (np.ones(source.size, dtype=np.int8), (target, source)), shape=graph.weights.shape
    )
    for layer in graph.layers:
        starts = incoming.indptr[layer.start : layer.stop + 1]
        fed = np.flatnonzero(np.diff(starts))
        if fed.size:
            rows = reads[incoming.indices[starts[0] : starts[-1]]]
            reads[layer.start + fed] |= np.bitwise_or.reduceat(rows, starts[fed] - starts[0])
    return reads


def _width(graph: NetGraph, source: NDArray[np.int32], target: NDArray[np.int32]) -> int:
    """Lesser of units that send and units that receive, summed over layers of the sending ones."""
    layer = graph.layer_of[source]
    width = 0
    for own in np.unique(layer):
        width += min(np.unique(source[layer == own]).size, np.unique(target[layer == own]).size)
    return width


def _with_relays(
    graph: NetGraph,
    labels: NDArray[np.intp],
    funnel: NDArray[np.intp],
    source: NDArray[np.int32],
    target: NDArray[np.int32],
) -> NDArray[np.intp]:
    """Units that read one unit alone take its label, layer by layer; outputs in a funnel only."""
    n_read = np.bincount(target, minlength=graph.n_units)
    from_unit = np.full(graph.n_units, -1, dtype=np.intp)
    from_unit[target] = source  # the last one: the only one of relays
    is_relay = n_read == 1
    alone = (funnel < 0) | (funnel != funnel[from_unit])
    is_relay[graph.outputs[alone[graph.outputs]]] = False
    labels = labels.copy()
    for layer in graph.layers:
        relays = layer.start + np.flatnonzero(is_relay[layer.units])
        labels[relays] = labels[from_unit[relays]]
    return labels
