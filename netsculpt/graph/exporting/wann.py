"""Weight agnostic networks as their search writes them: a table of weights and activation ids."""

from __future__ import annotations

import numpy as np

from netsculpt.core.errors import GraphError
from netsculpt.graph.activations import WANN_ACTIVATIONS
from netsculpt.graph.attributes import ACTIVATION
from netsculpt.graph.by_depth import BIAS
from netsculpt.graph.graph import NetGraph

__all__ = ["wann"]


def wann(graph: NetGraph) -> str:
    """The text of a graph of `netsculpt.graph.by_depth`: one row per unit, in their first order.

    A row has the weight of the edge to each unit, 0 without an edge, then the activation's id. A
    hidden unit or output without sources gets a disabled connection (NaN) from the bias, and a
    hidden unit that feeds nothing one to the last output, so that the roles can be read back.
    Cost O(U²).

    Raises
    ------
    GraphError
        If the graph has no bias unit, units are missing, activations are others, or an edge has
        weight 0, which this format cannot tell from no edge.
    """
    names = graph.attributes.get(ACTIVATION)
    strangers = sorted({"(none)"} if names is None else set(names.tolist()) - {*WANN_ACTIVATIONS})
    if names is None or strangers:
        raise GraphError(
            f"the graph's units have the activations {', '.join(map(repr, strangers))}: .out files "
            f"have {', '.join(WANN_ACTIVATIONS)}; write .npz, .gexf or .graphml"
        )
    if not (graph.weights.data != 0).all():
        raise GraphError(
            "the graph has edges of weight 0, which .out files do not tell from none: write "
            "graph.pattern, whose weights are 1, or .npz"
        )
    place = _places(graph)
    table = np.zeros((graph.n_units, graph.n_units))
    table[place[graph.sources], place[graph.weights.indices]] = graph.weights.data
    n_inputs = sum(layer.n_units for layer in graph.layers if layer.role == "input")
    n_outputs = graph.layers[-1].n_units
    first_output = graph.n_units - n_outputs
    unfed = n_inputs + np.flatnonzero(~table[:, n_inputs:].any(axis=0))
    idle = n_inputs + np.flatnonzero(~table[n_inputs:first_output].any(axis=1))
    table[0, unfed] = table[idle, -1] = np.nan
    ids = np.empty(graph.n_units, np.int64)
    ids[place] = [WANN_ACTIVATIONS.index(name) + 1 for name in names.tolist()]
    rows = zip(table.tolist(), ids.tolist(), strict=True)
    return "".join(f"{','.join(map(_number, row))},{number}\n" for row, number in rows)


def _places(graph: NetGraph) -> np.ndarray:
    """Number of each unit in the file [U], checked to be a topological order of its roles."""
    assert graph.positions is not None  # filled in by the constructor
    place = graph.positions.astype(np.int64)
    layers, roles = graph.layers, [layer.role for layer in graph.layers]
    starts_with_bias = bool(layers) and layers[0].name == BIAS and layers[0].n_units == 1
    n_inputs = roles.count("input")
    in_order = roles == ["input"] * n_inputs + ["hidden"] * (len(roles) - n_inputs - 1) + ["output"]
    if not starts_with_bias or not in_order:
        raise GraphError(
            f"the graph has the layers {[layer.name for layer in layers][:8]}: .out files have a "
            f"unit {BIAS!r}, inputs, hidden units and outputs, as netsculpt.graph.by_depth makes "
            "them; write .npz, .gexf or .graphml"
        )
    bounds = [graph.layers[x].start for x in (0, n_inputs, -1)]
    ordered = np.array_equal(np.sort(place), np.arange(graph.n_units)) and all(
        np.array_equal(np.sort(place[start:stop]), np.arange(start, stop))
        for start, stop in zip(bounds, [*bounds[1:], graph.n_units], strict=True)
    )
    if not ordered or (place[graph.sources] >= place[graph.weights.indices]).any():
        raise GraphError(
            "the graph's positions are not 0, 1, … in topological order, because units were left "
            "out or moved: write the whole graph (without --live), or .npz"
        )
    return place


def _number(value: float) -> str:
    """A weight; 0 is short, since it is nearly all of the table."""
    return "0" if value == 0 else repr(value)
