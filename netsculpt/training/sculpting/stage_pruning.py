"""How a stage prunes its runs, at its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch

from netsculpt.training.sculpting.kind import Kind
from netsculpt.training.sculpting.method import SculptingMethod
from netsculpt.training.sculpting.percentile_pruning import PercentilePruning
from netsculpt.training.sculpting.single_edge_pruning import SingleEdgePruning
from netsculpt.training.sculpting.stack import Stack
from netsculpt.training.sculpting.state import Pruning

__all__ = ["new_pruning"]

S = TypeVar("S", bound=Stack)


def new_pruning(
    stage: str, kind: Kind[S], stack: S, method: SculptingMethod, gradients: Sequence[float]
) -> Pruning | None:
    """The pruning of runs with these gradients, one for each net; None if the stage has none.

    Edges that went with units count as pruned: the edges go on from there.
    """
    if stage == "single edges":
        return SingleEdgePruning(kind.kept_edges(stack), kind.without_edges)
    if stage == "units":
        score, cut, n_items = method.unit_score, kind.without_units, kind.n_units
        percent = torch.zeros(stack.n_replicas, dtype=torch.float64)
    elif stage == "edges":
        score, cut, n_items = method.edge_score, kind.without_edges, kind.n_edges
        n_kept = kind.kept_edges(stack).sum(1).cpu().double()
        percent = 100 * (1 - n_kept / n_items)
    else:
        return None
    return PercentilePruning.starting_at(
        score,
        cut,
        method.schedule,
        n_items=n_items,
        percent=percent,
        gradients=gradients,
        small_steps=method.small_steps,
    )
