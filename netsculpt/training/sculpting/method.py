"""Which scores, which schedule and which protocol a sculpting follows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netsculpt.training.pruning.schedules import linear
from netsculpt.training.sculpting.edge_scores.magnitude import magnitude
from netsculpt.training.sculpting.percentile_pruning import ReplicaScore, Schedule
from netsculpt.training.sculpting.unit_scores.activation_gradient import activation_gradient

__all__ = ["PUBLISHED", "STRICT", "SculptingMethod", "as_published"]


@dataclass(frozen=True)
class SculptingMethod:
    """Scores, schedule, extra stages and protocol of sculpting.

    By default (`STRICT`) every net that is pruned, and every net that is kept, reaches the goal.
    The code that the authors published differs in five details, which can be chosen one by one;
    `PUBLISHED` has them all:

    prunes_unsolved
        A dense net that misses the goal is pruned, too: with fewer units it may reach it. If no
        step of unit pruning does, the run ends, and the net stays dense.
    keeps_retrained
        The nets that are retrained between unit and edge pruning go on as they are. Otherwise a
        retraining that misses the goal is discarded.
    small_steps
        A scheduled step of less than one item is taken as it is, and ends the run if it is
        rejected. Otherwise it is raised to one item. Halved steps are raised either way.
    latest_epoch
        If one batch holds all samples, the latest of the most accurate epochs is kept, not that of
        lowest loss: their loss is divided by the number of batches less one, and so infinite.
    edge_gradient_first
        Of the equally sparse nets of a seed, those of the first edge gradient are preferred, then
        those of the first unit gradient. Otherwise the unit gradient decides first.
    """

    unit_score: ReplicaScore = activation_gradient  # from netsculpt.training.sculpting.unit_scores
    edge_score: ReplicaScore = magnitude  # from netsculpt.training.sculpting.edge_scores
    schedule: Schedule = linear  # from netsculpt.training.pruning.schedules
    rewind: bool = False  # retrain from the initial weights, as for lottery tickets
    single_edges: bool = False  # finally try to prune each edge alone, the least important first
    prunes_unsolved: bool = False
    keeps_retrained: bool = False
    small_steps: bool = False
    latest_epoch: bool = False
    edge_gradient_first: bool = False


def as_published(method: SculptingMethod) -> SculptingMethod:
    """The same scores, schedule and extra stages with the protocol of the authors' code.

    >>> as_published(SculptingMethod(rewind=True)).prunes_unsolved
    True
    """
    return replace(
        method,
        prunes_unsolved=True,
        keeps_retrained=True,
        small_steps=True,
        latest_epoch=True,
        edge_gradient_first=True,
    )


STRICT = SculptingMethod()
PUBLISHED = as_published(STRICT)
