"""Whether a graph has the layers, blocks and edges that a net makes."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.tracing.plan import Plan

__all__ = ["plan_of", "require_same_edges"]

_REMEDY = (
    "fidelity holds a net against the graph that netsculpt.trace made of it, masks included: "
    "trace this net again"
)


def plan_of(graph: NetGraph) -> Plan:
    """The options of the trace that made a graph."""
    for taken in graph.provenance:
        if taken.function == "trace":
            chosen = {x: taken.parameters[x] for x in _CHOSEN if x in taken.parameters}
            return Plan(**chosen, max_edges=np.iinfo(np.int32).max)
    made = ", ".join(taken.function for taken in graph.provenance) or "nothing known"
    raise GraphError(f"the graph was made by {made}, not by a trace: {_REMEDY}")


_CHOSEN = ("edge_norm", "fold_norms", "granularity", "unroll")


def require_same_edges(graph: NetGraph, fresh: NetGraph) -> None:
    """Refuse a graph that differs from a fresh one in more than its weights."""
    for said, one, two in (
        ("layers", _words(graph.layers), _words(fresh.layers)),
        ("blocks", _words(graph.blocks), _words(fresh.blocks)),
    ):
        if one != two:
            at = next((at for at, (x, y) in enumerate(zip(one, two, strict=False)) if x != y), None)
            here = min(len(one), len(two)) if at is None else at
            has, makes = (x[here] if here < len(x) else "none" for x in (one, two))
            raise GraphError(
                f"the graph's {said} are not the net's: number {here + 1} is {has} there, {makes} "
                f"here; {_REMEDY}"
            )
    for block in fresh.blocks:
        edges, own = (_pairs(x, block.source, block.target) for x in (graph, fresh))
        lost, added = np.setdiff1d(own, edges).size, np.setdiff1d(edges, own).size
        if lost or added:
            raise GraphError(
                f"block '{block.source}' → '{block.target}' lacks {lost} edges of the net's and "
                f"has {added} that the net has not; {_REMEDY}"
            )


def _words(parts: tuple[Any, ...]) -> list[str]:
    return [str(part) for part in parts]


def _pairs(graph: NetGraph, source: str, target: str) -> Any:
    block = graph.block(source, target).tocoo()
    return block.row.astype(np.int64) * block.shape[1] + block.col
