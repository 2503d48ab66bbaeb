"""Whether a graph has the layers, blocks and edges of a net."""

from __future__ import annotations

from dataclasses import fields
from itertools import zip_longest
from typing import Any

import numpy as np

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.tracing.options import TraceOptions

__all__ = ["options_of", "require_same_edges"]

_REMEDY = (
    "fidelity compares a net with the graph that netsculpt.trace made of it, masks included: "
    "trace this net again"
)


def options_of(graph: NetGraph) -> TraceOptions:
    """The options of the trace that made a graph."""
    for step in graph.provenance:
        if step.function == "trace":
            names = {x.name for x in fields(TraceOptions)} & set(step.parameters)
            recorded = {name: step.parameters[name] for name in names}
            return TraceOptions(**recorded | {"max_edges": np.iinfo(np.int32).max})
    made = ", ".join(step.function for step in graph.provenance) or "nothing known"
    raise GraphError(f"the graph was made by {made}, not by a trace: {_REMEDY}")


def require_same_edges(graph: NetGraph, fresh: NetGraph) -> None:
    """Raise if a graph differs from a fresh one in more than its weights."""
    for parts, here, there in (
        ("layers", graph.layers, fresh.layers),
        ("blocks", graph.blocks, fresh.blocks),
    ):
        pairs: Any = enumerate(zip_longest(here, there, fillvalue="none"), 1)
        for number, (in_graph, in_net) in pairs:
            if str(in_graph) != str(in_net):
                raise GraphError(
                    f"the graph's {parts} are not the net's: number {number} is {in_graph} in the "
                    f"graph, {in_net} in the net; {_REMEDY}"
                )
    for block in fresh.blocks:
        edges, expected = (_pairs(x, block.source, block.target) for x in (graph, fresh))
        lost, added = np.setdiff1d(expected, edges).size, np.setdiff1d(edges, expected).size
        if lost or added:
            raise GraphError(
                f"block '{block.source}' → '{block.target}' lacks {lost} edges of the net and "
                f"has {added} that the net does not have; {_REMEDY}"
            )


def _pairs(graph: NetGraph, source: str, target: str) -> Any:
    block = graph.block(source, target).tocoo()
    return block.row.astype(np.int64) * block.shape[1] + block.col
