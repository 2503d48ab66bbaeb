"""What a network is, in a line: what is live first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netsculpt.core.counting import counted

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph

__all__ = ["headline", "kernels"]


def headline(n_units: int, n_live_units: int, n_edges: int, n_live_edges: int) -> str:
    """Units and edges; live ones first, if some are not.

    >>> headline(5, 5, 6, 6), headline(235, 171, 1271, 1100)
    ('5 units and 6 edges', '171 of 235 units and 1,100 of 1,271 edges are live')
    """
    if (n_units, n_edges) == (n_live_units, n_live_edges):
        return f"{counted(n_units, 'unit')} and {counted(n_edges, 'edge')}"
    units = f"{n_live_units:,} of {counted(n_units, 'unit')}"
    return f"{units} and {n_live_edges:,} of {counted(n_edges, 'edge')} are live"


def kernels(graph: NetGraph) -> list[str]:
    """How many of the edges are kernels of several weights; nothing if none is."""
    if graph.multiplicity is None:
        return []
    n = int(np.count_nonzero(graph.multiplicity > 1))
    if not n:
        return []
    what = "is a kernel" if n == 1 else "are kernels"
    return [f"{n:,} of the edges {what}: all weights from one channel to another are one edge"]
