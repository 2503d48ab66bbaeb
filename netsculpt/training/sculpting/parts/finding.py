"""Find what can be cut in a net by tracing it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import nn

from netsculpt.core.errors import TopologyError
from netsculpt.graph.graph import WIRING, NetGraph
from netsculpt.tracing.export import exported
from netsculpt.tracing.follow import followed
from netsculpt.tracing.options import TraceOptions
from netsculpt.tracing.rewriting import rewritten
from netsculpt.training.sculpting.parts.layout import NO_ENTRY, Layout
from netsculpt.training.sculpting.parts.parts import Belonging, Parts
from netsculpt.training.sculpting.parts.uses import Uses, constants, uses

__all__ = ["traced_parts"]

Ints = NDArray[np.int64]

_BEFORE, _AFTER = " (state)", " (next state)"  # of the same unit of a recurrent layer


def traced_parts(net: nn.Module, example: Any) -> Parts:
    """Units and edges of a net that can be cut, with the entries of parameters of each.

    Units of the graph that meet in a sum, a product or an attention pattern can only be cut
    together: what is cut as one are the connected components of the graph's wiring. Nothing is
    known of families of nets.

    Parameters
    ----------
    net
        Any net that `netsculpt.trace` follows; without masks.
    example
        An input, as for `netsculpt.trace`.

    Raises
    ------
    TopologyError
        If a parameter belongs to no unit that is known, or no unit can be cut.

    Notes
    -----
    Cost O(parameters), after the trace.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    >>> parts = traced_parts(net, torch.zeros(1, 1, 4, 4))
    >>> parts.names, parts.n_edges
    (('0[0]', '0[1]'), 8)
    """
    layout = Layout.of(net)
    program = rewritten(exported(net, example))
    builder, shadows = followed(program, TraceOptions())
    weighed = uses(builder.layer_weights, layout)
    entry, unit = constants(program, shadows, weighed, layout)
    graph = builder.graph()
    together = _together(graph)
    can_be_cut = _can_be_cut(graph, together, weighed)
    if not can_be_cut.any():
        raise TopologyError(
            "the net has no unit that can be cut: all of them are inputs or outputs, or added to "
            "them; give it a hidden layer"
        )
    order = np.argsort(~can_be_cut, kind="stable")  # those that can be cut come first
    number = np.argsort(order)[together]
    edge_of, n_edges = _edges(weighed, graph.n_units, layout.n_entries)
    first = [int(np.flatnonzero(together == x)[0]) for x in order[: can_be_cut.sum()]]
    return Parts(
        layout,
        tuple(_name(graph, unit) for unit in first),
        torch.from_numpy(edge_of),
        n_edges,
        _belonging(number[weighed.target], weighed.entry),
        _belonging(number[weighed.source], weighed.entry),
        _belonging(number[unit], entry),
    )


def _together(graph: NetGraph) -> Ints:
    """Number of the component of each unit: those that can only be cut together [U]."""
    pairs = [np.zeros((2, 0), np.int64)]
    for block in graph.blocks:
        if block.kind == WIRING:
            edges = graph.block(block.source, block.target).tocoo()
            starts = graph.layer(block.source).start, graph.layer(block.target).start
            pairs.append(np.stack([edges.row + starts[0], edges.col + starts[1]]))
    names = {layer.name: layer for layer in graph.layers}
    for name, layer in names.items():
        after = names.get(name.removesuffix(_BEFORE) + _AFTER)
        if name.endswith(_BEFORE) and after is not None:
            pairs.append(np.stack([np.arange(x.start, x.stop) for x in (layer, after)]))
    source, target = np.concatenate(pairs, axis=1)
    wiring = coo_array((np.ones(source.size), (source, target)), (graph.n_units, graph.n_units))
    together: Ints = connected_components(wiring, directed=False)[1].astype(np.int64)
    return together


def _can_be_cut(graph: NetGraph, together: Ints, weighed: Uses) -> NDArray[np.bool_]:
    """Components that hold no input and no output, and that weights write to."""
    fixed = np.array([x.role in ("input", "output") for x in graph.layers])[graph.layer_of]
    n_components = int(together.max()) + 1
    written = np.bincount(together[weighed.target], minlength=n_components) > 0
    result: NDArray[np.bool_] = written & (
        np.bincount(together[fixed], minlength=n_components) == 0
    )
    return result


def _edges(weighed: Uses, n_units: int, n_entries: int) -> tuple[Ints, int]:
    """Edge of each entry, by the two units between which it is used first, and their number."""
    edge_of = np.full(n_entries, NO_ENTRY)
    entry, first = np.unique(weighed.entry, return_index=True)
    pair = weighed.source[first] * n_units + weighed.target[first]
    known, edge_of[entry] = np.unique(pair, return_inverse=True)
    return edge_of, known.size


def _belonging(unit: Ints, entry: Ints) -> Belonging:
    pairs = np.unique(np.stack([unit, entry]), axis=1)
    return Belonging(*map(torch.from_numpy, pairs))


def _name(graph: NetGraph, unit: int) -> str:
    layer = graph.layers[graph.layer_of[unit]]
    return f"{layer.name}[{unit - layer.start}]"
