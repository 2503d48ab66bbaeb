"""Edges that two networks share, and that only one of them has."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.compare.networks.matching import UnitMatching
from netsculpt.compare.networks.shared import MatchedEdges, matched_edges
from netsculpt.compare.pair.masks import overlap_of
from netsculpt.core.errors import GraphError
from netsculpt.core.plain import plain
from netsculpt.graph.graph import WIRING, Layer, NetGraph
from netsculpt.graph.partition import Partition, labels_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EdgeChange", "EdgeChanges", "edge_changes"]

ALL = "all"
BETWEEN = "between modules"
OUTSIDE = "without module"


@dataclass(frozen=True)
class EdgeChange:
    """Edges between two layers, inside a module, or all: wiring is left out."""

    where: str  # "fc1 → fc2", "module 0", "between modules", "all"
    n_kept: int  # in both networks
    n_new: int  # in the second alone
    n_lost: int  # in the first alone
    jaccard: float  # kept / (kept + new + lost); NaN without an edge
    chance: float  # that of the mean overlap of random edges, as many in each block; NaN in modules
    corrected: float  # (jaccard − chance) / (1 − chance): 1 = the same, 0 = chance
    mean_change: float  # mean of ||w'| − |w|| of kept edges, balanced: 1 is an average edge; or NaN
    sign_flips: float  # share of kept edges whose weight has the other sign; NaN without one


@dataclass(frozen=True, eq=False)
class EdgeChanges:
    """What became of the edges, in all, between layers and in modules."""

    total: EdgeChange
    blocks: tuple[EdgeChange, ...]
    modules: tuple[EdgeChange, ...]  # of the first network's modules; () without a partition

    def table(self) -> pd.DataFrame:
        """One row for all edges, one per block, then one per module."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in (self.total, *self.blocks, *self.modules)])

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        summary: dict[str, Any] = plain(
            {
                "total": asdict(self.total),
                "blocks": [asdict(row) for row in self.blocks],
                "modules": [asdict(row) for row in self.modules],
            }
        )
        return summary


def edge_changes(
    first: NetGraph,
    second: NetGraph,
    matching: UnitMatching,
    partition: Partition | None = None,
) -> EdgeChanges:
    r"""Find which edges of matched units are in both networks, and which in one of them.

    With k and k' of the n pairs of units between two layers joined, random edges share
    :math:`k k'/n` on average (the hypergeometric mean); E summed over the blocks gives the chance
    :math:`E / (K + K' - E)`. A matching that was chosen to fit makes more edges agree than that:
    `netsculpt.compare_networks` therefore also matches randomised networks.

    Parameters
    ----------
    first, second
        The networks. Weights enter balanced, without their signs, so that no scale of a unit
        counts, and with their signs in `sign_flips`.
    matching
        Which unit is which. Edges of a unit without partner are lost, or new.
    partition
        Modules of the first network [U], to count edges inside each module and between them. A new
        edge of a unit without partner is in none.

    Notes
    -----
    Cost O(E log E).

    Examples
    --------
    >>> from netsculpt.compare.networks import same_units
    >>> from netsculpt.graph.matrices import from_matrices
    >>> a = from_matrices([np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([[1.0, 1.0]])])
    >>> b = from_matrices([np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1.0, -1.0]])])
    >>> total = edge_changes(a, b, same_units(a, b)).total
    >>> total.n_kept, total.n_new, total.n_lost, total.sign_flips
    (4, 1, 1, 0.25)
    """
    if matching.partner.size != first.n_units or matching.n_second != second.n_units:
        raise GraphError(
            f"the matching is of {matching.partner.size} and {matching.n_second} units, the "
            f"networks have {first.n_units} and {second.n_units}: match these networks"
        )
    edges = matched_edges(first, second, matching)
    in_first, in_second = edges.in_first, edges.in_second
    kept = [np.zeros(graph.n_edges, dtype=bool) for graph in (first, second)]
    kept[0][in_first] = kept[1][in_second] = True
    changes = np.full(first.n_edges, np.nan)
    changes[in_first] = np.abs(
        second.balanced.weights.data[in_second] - first.balanced.weights.data[in_first]
    )
    flips = np.zeros(first.n_edges, dtype=bool)
    signs = (
        np.sign(graph.weights.data[x])
        for graph, x in zip((first, second), (in_first, in_second), strict=True)
    )
    flips[in_first] = np.not_equal(*signs)
    every = _Edges(kept[0], kept[1], changes, flips)
    names = list(
        dict.fromkeys(
            (block.source, block.target)
            for graph in (first, second)
            for block in graph.blocks
            if block.kind != WIRING
        )
    )
    inside = [_in_blocks(graph, names) for graph in (first, second)]
    blocks, expected = [], 0.0
    for index, (source, target) in enumerate(names):
        chosen = [x == index for x in inside]
        size = _pairs(first.layer(source), second.layer(source)) * _pairs(
            first.layer(target), second.layer(target)
        )
        by_chance = int(chosen[0].sum()) * int(chosen[1].sum()) / size if size else 0.0
        expected += by_chance
        blocks.append(every.change(f"{source} → {target}", chosen, by_chance))
    total = every.change(ALL, [x >= 0 for x in inside], expected)
    modules: tuple[EdgeChange, ...] = ()
    if partition is not None:
        modules = tuple(
            _by_module(every, labels_of(first, partition), edges, [x >= 0 for x in inside])
        )
    return EdgeChanges(total, tuple(blocks), modules)


@dataclass(frozen=True, eq=False)
class _Edges:
    """Which edges of both networks are kept, and how those of the first change."""

    kept_first: NDArray[np.bool_]
    kept_second: NDArray[np.bool_]
    changes: NDArray[np.float64]
    flips: NDArray[np.bool_]

    def change(
        self, where: str, chosen: list[NDArray[np.bool_]], expected: float | None
    ) -> EdgeChange:
        """What became of chosen edges; without `expected` chance is NaN."""
        kept = chosen[0] & self.kept_first
        n_kept, n_first, n_second = (int(x.sum()) for x in (kept, *chosen))
        overlap = overlap_of(n_kept, n_first, n_second, expected or 0.0)
        nan = float("nan")
        return EdgeChange(
            where,
            n_kept,
            n_second - n_kept,
            n_first - n_kept,
            overlap.iou,
            nan if expected is None else overlap.chance,
            nan if expected is None else overlap.corrected,
            float(self.changes[kept].mean()) if n_kept else nan,
            float(self.flips[kept].mean()) if n_kept else nan,
        )


def _in_blocks(graph: NetGraph, names: list[tuple[str, str]]) -> NDArray[np.int64]:
    """Number of the block that each edge is in [E]; −1: wiring."""
    inside = np.full(graph.n_edges, -1, dtype=np.int64)
    present = {(block.source, block.target) for block in graph.blocks if block.kind != WIRING}
    for index, pair in enumerate(names):
        if pair in present:
            inside[graph.block_edges(*pair)] = index
    return inside


def _pairs(a: Layer, b: Layer) -> int:
    """Units that a layer has in either network, matched ones once."""
    return max(a.n_units, b.n_units)


def _by_module(
    every: _Edges,
    modules: NDArray[np.int32],
    edges: MatchedEdges,
    counted: list[NDArray[np.bool_]],
) -> list[EdgeChange]:
    labels = np.full(edges.n_units, -1, dtype=np.int64)
    labels[: modules.size] = modules
    pairs = [(labels[source], labels[target]) for source, target in (edges.first, edges.second)]
    rows = []
    for module in range(int(modules.max(initial=-1)) + 1):
        inside = [
            is_counted & (source == module) & (target == module)
            for is_counted, (source, target) in zip(counted, pairs, strict=True)
        ]
        rows.append(every.change(f"module {module}", inside, None))
    across, outside = [], []
    for is_counted, (source, target) in zip(counted, pairs, strict=True):
        both = (source >= 0) & (target >= 0)
        across.append(is_counted & both & (source != target))
        outside.append(is_counted & ~both)
    rows.append(every.change(BETWEEN, across, None))
    rows.append(every.change(OUTSIDE, outside, None))
    return rows
