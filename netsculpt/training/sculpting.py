"""Neural Sculpting: prune units, then edges, while the task stays solved.

Patil, Michael and Dovrolis, "Neural Sculpting", NeurIPS 2023, arXiv:2305.18402. Here many replicas
(seeds × unit gradients × edge gradients) go through it as one stacked batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from netsculpt.random import stream
from netsculpt.training.nets import MLP
from netsculpt.training.replicas import Replicas, initial
from netsculpt.training.retraining import Settings, train
from netsculpt.training.tasks import Task
from netsculpt.training.unit_scores.activation_gradient import activation_gradient

__all__ = ["Sculpted", "UnitScore", "sculpt"]

UnitScore = Callable[[Replicas, Task], Tensor]
Cut = Callable[[Replicas, Tensor], Replicas]
Round = Callable[[str, int, int], None]  # stage, replicas finished, replicas in all

_SAME = 1e-9  # percentages closer than this are equal


@dataclass(frozen=True, eq=False)
class Sculpted:
    """Sculpted replicas, one for each (seed, unit gradient, edge gradient), in that order."""

    replicas: Replicas
    seeds: tuple[int, ...]  # [R]
    unit_gradients: tuple[float, ...]  # [R] percent of the hidden units a step
    edge_gradients: tuple[float, ...]  # [R] percent of the weights a step
    solved: Tensor  # bool [R]: the dense net reached the goal; if not, nothing was pruned

    def sparsest(self) -> list[int]:
        """For each seed that was solved the replica with the fewest weights, first of equals."""
        kept, best = self.replicas.n_kept().tolist(), dict[int, int]()
        for at, seed in enumerate(self.seeds):
            if self.solved[at] and (seed not in best or kept[at] < kept[best[seed]]):
                best[seed] = at
        return list(best.values())


def sculpt(
    spec: MLP,
    task: Task,
    settings: Settings,
    *,
    seeds: Sequence[int],
    unit_gradients: Sequence[float] = (10.0,),
    edge_gradients: Sequence[float] = (2.0,),
    unit_score: UnitScore = activation_gradient,
    goal_accuracy: float = 1.0,
    progress: Round | None = None,
) -> Sculpted:
    r"""Train dense nets, prune units, then edges; every step is accepted only at the goal.

    Pruning advances linearly: step i cuts what lies at or below the percentile i × gradient, units
    by `unit_score`, edges by \|weight\| over all layers. A step after which retraining misses the
    goal is taken back and halved; when one of a single unit (edge) fails, units (edges) are done.

    Parameters
    ----------
    spec
        The net: its first and last width are the task's inputs and outputs.
    task
        What is learnt.
    settings
        Of every training and retraining.
    seeds
        One dense net a seed. All its runs start from it.
    unit_gradients, edge_gradients
        Percent of all hidden units, of all weights, a step; each pair is a run of its own.
    unit_score
        One of `netsculpt.training.unit_scores`.
    goal_accuracy
        Share of right answers on the noise-free samples below which a net is not accepted.
    progress
        Called after every round of retraining.

    Returns
    -------
    Sculpted
        seeds × unit gradients × edge gradients replicas.
    """
    report = progress or _silent
    dense, rngs = initial(spec, seeds), [stream(seed, "sculpt", "dense") for seed in seeds]
    first = train(dense, task, settings, rngs)
    solved = first.accuracy >= goal_accuracy
    report("dense", len(seeds), len(seeds))

    runs = [(at, gradient) for at in solved.nonzero()[:, 0].tolist() for gradient in unit_gradients]
    units = first.replicas.take(torch.tensor([at for at, _ in runs], dtype=torch.long))
    if not runs:
        return _assembled(first.replicas, solved, units, seeds, unit_gradients, edge_gradients)
    rngs = [stream(seeds[at], "sculpt", "units", str(gradient)) for at, gradient in runs]
    _prune(
        units,
        task,
        settings,
        rngs,
        cut=lambda replicas, percent: _without_units(replicas, unit_score(replicas, task), percent),
        start=torch.zeros(len(runs), dtype=torch.float64),
        gradients=[gradient for _, gradient in runs],
        least=100 / spec.n_hidden,
        goal_accuracy=goal_accuracy,
        report=lambda done, total: report("units", done, total),
    )
    again = train(units, task, settings, rngs)
    accepted = (again.accuracy >= goal_accuracy).nonzero()[:, 0]
    units.put(accepted, again.replicas.take(accepted))

    chosen = [(at, gradient) for at in range(len(runs)) for gradient in edge_gradients]
    edges = units.take(torch.tensor([at for at, _ in chosen], dtype=torch.long))
    names = [(seeds[runs[at][0]], str(runs[at][1]), str(gradient)) for at, gradient in chosen]
    _prune(
        edges,
        task,
        settings,
        [stream(seed, "sculpt", "edges", unit, edge) for seed, unit, edge in names],
        cut=_without_edges,
        start=100 * (1 - edges.n_kept().double() / spec.n_weights),
        gradients=[gradient for _, gradient in chosen],
        least=100 / spec.n_weights,
        goal_accuracy=goal_accuracy,
        report=lambda done, total: report("edges", done, total),
    )
    return _assembled(first.replicas, solved, edges, seeds, unit_gradients, edge_gradients)


def _silent(stage: str, done: int, total: int) -> None:
    """No progress wanted."""


def _prune(
    accepted: Replicas,
    task: Task,
    settings: Settings,
    rngs: Sequence[np.random.Generator],
    *,
    cut: Cut,
    start: Tensor,
    gradients: Sequence[float],
    least: float,
    goal_accuracy: float,
    report: Callable[[int, int], None],
) -> None:
    """Prune `accepted` in place, each replica at its own pace; finished ones leave the batch."""
    percent = start.clone()
    step = torch.tensor(gradients, dtype=torch.float64).clamp(min=least)
    active = torch.arange(len(gradients))
    while active.numel():
        target = percent[active] + step[active]
        smaller = cut(accepted.take(active), target)
        found = train(smaller, task, settings, [rngs[at] for at in active.tolist()])
        held = found.accuracy >= goal_accuracy
        rows = held.nonzero()[:, 0]
        accepted.put(active[rows], found.replicas.take(rows))
        percent[active[rows]] = target[rows]
        missed = active[~held]
        ended = step[missed] <= least + _SAME
        step[missed] = (step[missed] / 2).clamp(min=least)
        active = active[~torch.isin(active, missed[ended])]
        report(len(gradients) - active.numel(), len(gradients))


def _without_units(replicas: Replicas, scores: Tensor, percent: Tensor) -> Replicas:
    """Units above the percentile of all scores; a unit goes with its row, column and bias."""
    keep = _above(scores, percent)
    masks, first = dict(replicas.masks), 0
    names = replicas.weights
    for name, following in pairwise(names):
        n_units = replicas.parameters[name].shape[1]
        layer = keep[:, first : first + n_units]
        bias = name.replace(".weight", ".bias")
        masks[name] = masks[name] & layer[:, :, None]
        masks[bias] = masks[bias] & layer
        masks[following] = masks[following] & layer[:, None, :]
        first += n_units
    return replicas.masked(masks)


def _without_edges(replicas: Replicas, percent: Tensor) -> Replicas:
    """Weights above the percentile of all |weight|; a unit without incoming ones has no bias."""
    names, masks = replicas.weights, dict(replicas.masks)
    sizes = torch.cat([replicas.parameters[name].abs().flatten(1) for name in names], dim=1)
    keep, first = _above(sizes, percent), 0
    for name in names:
        like = replicas.masks[name]
        part = keep[:, first : first + like[0].numel()].reshape(like.shape)
        masks[name] = like & part
        bias = name.replace(".weight", ".bias")
        masks[bias] = masks[bias] & masks[name].any(2)
        first += like[0].numel()
    return replicas.masked(masks)


def _above(scores: Tensor, percent: Tensor) -> Tensor:
    """Which scores [R, n] exceed the percentile of their row, linearly interpolated."""
    ordered = scores.double().sort(dim=1).values
    place = percent.clamp(0, 100) / 100 * (scores.shape[1] - 1)
    below = place.floor().long()[:, None]
    above = place.ceil().long()[:, None]
    low, high = ordered.gather(1, below), ordered.gather(1, above)
    return scores.double() > low + (high - low) * (place[:, None] - below)


def _assembled(
    dense: Replicas,
    solved: Tensor,
    pruned: Replicas,
    seeds: Sequence[int],
    unit_gradients: Sequence[float],
    edge_gradients: Sequence[float],
) -> Sculpted:
    """Every run in order; those of seeds that were not solved stay dense."""
    each = len(unit_gradients) * len(edge_gradients)
    whole = dense.take(torch.arange(len(seeds)).repeat_interleave(each))
    solved_runs = solved.repeat_interleave(each)
    whole.put(solved_runs.nonzero()[:, 0], pruned)
    return Sculpted(
        whole,
        tuple(seed for seed in seeds for _ in range(each)),
        tuple(unit for _ in seeds for unit in unit_gradients for _ in edge_gradients),
        tuple(edge for _ in seeds for _ in unit_gradients for edge in edge_gradients),
        solved_runs,
    )
