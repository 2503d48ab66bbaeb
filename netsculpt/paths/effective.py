"""Units and edges on at least one input→output path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.graph import Layer, NetGraph, live_units, unit_names

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Effective", "effective"]


@dataclass(frozen=True, eq=False)
class Effective:
    """The units and edges of a network on at least one input→output path."""

    units: NDArray[np.bool_]  # [U]
    edges: NDArray[np.bool_]  # [E]
    layers: tuple[Layer, ...]  # [L] of the network
    dead_units: dict[str, tuple[str, ...]]  # units on no path by layer, "fc1[3]"
    disconnected_outputs: tuple[str, ...]  # outputs that no input reaches
    collapsed_layers: tuple[str, ...]  # layers without an effective unit
    collapsed_blocks: tuple[str, ...]  # "source→target" without an effective edge

    def table(self) -> pd.DataFrame:
        """One row per layer: numbers of units, effective units and dead units."""
        import pandas as pd

        n_effective = [int(self.units[layer.units].sum()) for layer in self.layers]
        n_units = [layer.n_units for layer in self.layers]
        return pd.DataFrame(
            {
                "layer": [layer.name for layer in self.layers],
                "role": [layer.role for layer in self.layers],
                "units": n_units,
                "effective": n_effective,
                "dead": np.subtract(n_units, n_effective),
            }
        )

    def summary(self) -> dict[str, Any]:
        """Plain numbers and names, JSON-able."""
        return {
            "n_units": self.units.size,
            "n_effective_units": int(self.units.sum()),
            "n_edges": self.edges.size,
            "n_effective_edges": int(self.edges.sum()),
            "n_dead_units": {name: len(dead) for name, dead in self.dead_units.items()},
            "disconnected_outputs": list(self.disconnected_outputs),
            "collapsed_layers": list(self.collapsed_layers),
            "collapsed_blocks": list(self.collapsed_blocks),
        }

    def warnings(self) -> list[str]:
        """Faults that a sparse network should not have, one sentence each."""
        faults = []
        if self.collapsed_layers:
            faults.append(f"Collapsed layers (no unit on a path): {_listed(self.collapsed_layers)}")
        if self.collapsed_blocks:
            faults.append(f"Collapsed blocks (no edge on a path): {_listed(self.collapsed_blocks)}")
        if self.disconnected_outputs:
            faults.append(f"Outputs that no input reaches: {_listed(self.disconnected_outputs)}")
        return faults


def effective(graph: NetGraph) -> Effective:
    """Find the units and edges that lie on at least one input→output path.

    An edge is effective if an input reaches its source and its target reaches an output. Biases
    form no path. A network with a single path of L edges has L effective edges and L − 1 effective
    hidden units.

    Only the pattern counts: an edge of weight 0 is an edge. O(E).

    Returns
    -------
    Masks [U] and [E]; dead units, disconnected outputs, collapsed layers and blocks by name.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> first, second = np.array([[1.0], [0.0], [1.0]]), np.array([[1.0, 1.0, 0.0]])
    >>> result = effective(from_matrices([first, second]))
    >>> result.units.tolist(), result.edges.tolist()
    ([True, True, False, False, True], [True, False, True, False])
    >>> result.dead_units
    {'hidden1': ('hidden1[1]', 'hidden1[2]')}
    """
    units = live_units(graph)
    edges = np.repeat(units, np.diff(graph.weights.indptr)) & units[graph.weights.indices]
    dead = {
        layer.name: tuple(unit_names(graph, np.flatnonzero(~units[layer.units]) + layer.start))
        for layer in graph.layers
        if not units[layer.units].all()
    }
    outputs = [layer for layer in graph.layers if np.isin(layer.start, graph.outputs)]
    return Effective(
        units,
        edges,
        graph.layers,
        dead,
        tuple(name for layer in outputs for name in dead.get(layer.name, ())),
        tuple(layer.name for layer in graph.layers if not units[layer.units].any()),
        tuple(
            f"{block.source}→{block.target}"
            for block in graph.blocks
            if not edges[graph.block_edges(block.source, block.target)].any()
        ),
    )


def _listed(names: tuple[str, ...], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
