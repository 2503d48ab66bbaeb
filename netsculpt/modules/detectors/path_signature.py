"""Modules by the functions that each unit's paths serve, idle paths excluded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netsculpt.core.declared import on_own_weights
from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_number
from netsculpt.graph.graph import NetGraph, live_units
from netsculpt.graph.partition import NO_MODULE, Partition

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netsculpt.core.random import RNG

__all__ = ["path_signature"]


@on_own_weights
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
       layer (Sinkhorn, by factors up to 2). An input serves f if the product is above `idle`, a
       hidden unit if it is above .12 of it: pruning removes an edge between hidden units that
       carries nothing, but not an idle path of an input whose edges others need. Every unit serves
       its main function.
    4. If the network falls into parts up to some layer, each with separate inputs, parts of two or
       more inputs that serve the same functions are sub-functions of these: each is a module. The
       parts count if they are cleaner than random wiring would give (expected number of such
       divisions ≤ .05), or if each leaves that layer by a single edge, as in a tree of gates.

    In 2 and 3 hidden units are first scaled evenly, so that multiplying what a unit reads by c and
    dividing what it sends by c changes nothing.

    *Assumes* that outputs of a function are trained alike, that functions are of similar size
    (then balancing distinguishes idle paths from weak ones), and that the network was pruned until
    only structure is left. Biases are ignored: functions that differ by them alone are one.

    *Wins*, on the authors' published networks, where functions share inputs or units: 3 shared
    inputs, used once / four times: inputs .89 / .89 (`sculpting`: .53 / .69), outputs 1.00
    (.58 / .69); 4 shared inputs: outputs 1.00 (.25 / .44); reused sub-functions 1.00 / .97
    (.42 / .61). In five families of three and more functions outputs are found always; hidden units
    exactly in all networks of one hidden layer, .6 – .9 of those of two, .3 – .7 of three; inputs
    in .6 – 1.0, .5 – .9, .2 – .8. An input may keep paths to functions that it does not decide, and
    weights without biases hardly tell which of them carry something: `functional`, which has data,
    is right more often (`analyses/detectors.py`).

    *Loses* where modules are only denser than the rest (`layered` finds those). Outputs of a module
    that each read other units, as in planted networks, are not clear groups: mean silhouette
    .3 – .45 at densities of .5 inside modules and .05 between, where random wiring reaches .35. So
    every output is a function, hidden units serve many different sets of them, and most modules are
    single units: 28 of 46 for three modules in four layers of twelve.

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
    checked_number(idle, "idle")
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
    from netsculpt.modules.detectors._path_signature.path_shares import log_even_squares
    from netsculpt.modules.detectors._path_signature.served_functions import served_functions

    even = log_even_squares(graph)
    functions = np.full(graph.n_units, -1, dtype=np.intp)
    functions[graph.outputs] = output_functions(graph, graph.outputs, even)
    served = served_functions(graph, functions, even, idle)
    modules = np.unique(served, axis=0, return_inverse=True)[1].reshape(-1)
    parts = _parts(graph, served, input_groups(graph))
    return np.where(parts < 0, modules, modules.max() + 1 + parts)


def _parts(
    graph: NetGraph, served: NDArray[np.bool_], groups: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Group of inputs that a unit is part of [U], −1 if none.

    Groups of two inputs or more that serve the same functions are parts of these. A unit that is
    not an output belongs to the one part that it reads, if it reads nothing else.
    """
    parts = np.full(graph.n_units, NO_MODULE, dtype=np.intp)
    members = groups == np.arange(groups.max() + 1)[:, None]
    serve = np.unique(members @ served[graph.inputs], axis=0, return_inverse=True)[1].reshape(-1)
    is_part = members.sum(axis=1) > 1
    is_part &= np.bincount(serve[is_part], minlength=serve.size)[serve] > 1
    if is_part.any():
        read = _groups_read(graph, members)
        only = read.argmax(axis=1)
        of_part = (read.sum(axis=1) == 1) & is_part[only]
        of_part[graph.outputs] = False
        parts[of_part] = only[of_part]
    return parts


def _groups_read(graph: NetGraph, members: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which groups of inputs [G, I] have a path to each unit [U, G]."""
    backward = graph.pattern.weights.T.tocsr()
    read = np.zeros((graph.n_units, members.shape[0]), dtype=np.float32)
    read[graph.inputs] = members.T
    for layer in graph.layers:
        read[layer.units] += np.asarray(backward[layer.units] @ read > 0)
    return np.asarray(read > 0)
