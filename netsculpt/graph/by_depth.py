"""Networks without layers, as a search or a hand makes them: units in layers by their depth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.provenance import step
from netsculpt.graph.attributes import ACTIVATION
from netsculpt.graph.graph import Block, Layer, NetGraph, Role, float_type

__all__ = ["BIAS", "by_depth"]

BIAS = "bias"  # layer of the unit that is always 1


def by_depth(
    sources: ArrayLike,
    targets: ArrayLike,
    *,
    n_inputs: int,
    n_outputs: int,
    activation: Sequence[str],
    weights: ArrayLike | None = None,
) -> NetGraph:
    """The graph of a network given by its edges, its units in layers by depth.

    Units are numbered 0 … U − 1 in a topological order: the bias (which is always 1), the inputs,
    hidden units, and the outputs last. The layers are "bias", "input", "hidden 1", "hidden 2", …,
    where a unit's depth is the number of edges of the longest path that leads to it, and "output",
    whatever the depth of its units. Layers without units are left out. A hidden unit without
    sources is in the first hidden layer.

    Parameters
    ----------
    sources, targets
        Units that each edge leads from and to [E], in any order; source < target.
    n_inputs
        Units 0 … n_inputs − 1: the bias and the inputs, which have no sources.
    n_outputs
        Units U − n_outputs … U − 1, which feed nothing.
    activation
        Name of the function that each unit applies to its sum [U], such as those of
        `netsculpt.graph.activations`: the graph's attribute "activation".
    weights
        Weight of each edge [E]; by default all are 1.

    Returns
    -------
    NetGraph
        ``positions`` are the numbers of the units given here. Each pair of layers with an edge is a
        block, of as many scalars as there are pairs of units.

    Raises
    ------
    GraphError
        If numbers, shapes or edges do not fit these rules.

    Notes
    -----
    Cost O(U + E log E).

    Examples
    --------
    A bias (0), two inputs (1, 2), hidden units 3 → 4, an output (5) that input 2 feeds too:

    >>> graph = by_depth(
    ...     [0, 1, 3, 4, 2], [3, 3, 4, 5, 5], n_inputs=3, n_outputs=1,
    ...     activation=["identity", "identity", "identity", "tanh", "relu", "identity"],
    ... )  # fmt: skip
    >>> [(layer.name, layer.n_units) for layer in graph.layers]
    [('bias', 1), ('input', 2), ('hidden 1', 1), ('hidden 2', 1), ('output', 1)]
    """
    names = np.asarray(activation, dtype=np.str_)
    n_units = names.size
    n_inputs = checked_whole(n_inputs, "n_inputs", least=1, most=n_units)
    n_outputs = checked_whole(n_outputs, "n_outputs", least=1, most=n_units - n_inputs)
    begin, end = _ends(sources, targets, n_inputs, n_units - n_outputs, n_units)
    data: NDArray[Any] = np.ones(begin.size, np.float32) if weights is None else np.asarray(weights)
    if data.shape != begin.shape:
        raise GraphError(f"weights have shape {list(data.shape)}, [{begin.size}] needed")
    level = _levels(begin, end, n_inputs, n_outputs, n_units)
    order = np.argsort(level, kind="stable")
    number = np.argsort(order)
    layers = _layers(level)
    data = data.astype(float_type(data.dtype))
    rows = csr_array((data, (number[begin], number[end])), (n_units, n_units))
    if rows.nnz < begin.size:
        raise GraphError("an edge is given twice: give each pair of units once")
    rows.sort_indices()
    return NetGraph(
        rows,
        None,
        layers,
        _blocks(layers, level, begin, end),
        (step("by_depth", n_inputs=n_inputs, n_outputs=n_outputs),),
        order.astype(np.int32),
        attributes={ACTIVATION: names[order]},
    )


def _ends(
    sources: ArrayLike, targets: ArrayLike, n_inputs: int, first_output: int, n_units: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    begin, end = (np.asarray(x) for x in (sources, targets))
    for name, ends in (("sources", begin), ("targets", end)):
        if ends.size and ends.dtype.kind not in "iu":
            raise GraphError(f"{name} are {ends.dtype}: numbers of units are needed")
    if begin.ndim != 1 or begin.shape != end.shape:
        raise GraphError(
            f"sources {list(begin.shape)} and targets {list(end.shape)} found: one of each per "
            "edge is needed, [E]"
        )
    begin, end = begin.astype(np.int64), end.astype(np.int64)
    for wrong, rule in (
        ((begin < 0) | (end >= n_units), f"units are 0 … {n_units - 1}"),
        (begin >= end, "an edge leads to a later unit: number units in topological order"),
        (end < n_inputs, f"units below {n_inputs} are bias and inputs, which have no sources"),
        (begin >= first_output, f"units from {first_output} on are outputs, which feed nothing"),
    ):
        if wrong.any():
            edge = int(np.flatnonzero(wrong)[0])
            raise GraphError(f"edge {begin[edge]} → {end[edge]} found: {rule}")
    return begin, end


def _levels(
    begin: NDArray[np.int64], end: NDArray[np.int64], n_inputs: int, n_outputs: int, n_units: int
) -> NDArray[np.int64]:
    """0 for the bias, 1 for inputs, 1 + depth for hidden units, one more than all for outputs."""
    level = np.full(n_units, 2, np.int64)
    level[0], level[1:n_inputs] = 0, 1
    order = np.argsort(begin, kind="stable")
    for source, target in zip(begin[order].tolist(), end[order].tolist(), strict=True):
        level[target] = max(level[target], level[source] + 1)
    level[-n_outputs:] = level[:-n_outputs].max() + 1
    return level


def _layers(level: NDArray[np.int64]) -> tuple[Layer, ...]:
    last = int(level.max())
    named: list[tuple[str, Role]] = [(BIAS, "input"), ("input", "input")]
    named += [(f"hidden {depth}", "hidden") for depth in range(1, last - 1)]
    named = [*named[:last], ("output", "output")]
    bounds = np.concatenate([[0], np.cumsum(np.bincount(level))]).tolist()
    return tuple(
        Layer(name, role, (stop - start,), start, stop)
        for (name, role), (start, stop) in zip(named, pairwise(bounds), strict=True)
        if stop > start
    )


def _blocks(
    layers: tuple[Layer, ...], level: NDArray[np.int64], begin: Any, end: Any
) -> tuple[Block, ...]:
    used = np.unique(level)  # of layers that have units
    pairs = np.unique(np.column_stack([level[begin], level[end]]), axis=0)
    return tuple(
        Block(one.name, two.name, None, "linear", one.n_units * two.n_units)
        for one, two in ((layers[a], layers[b]) for a, b in np.searchsorted(used, pairs).tolist())
    )
