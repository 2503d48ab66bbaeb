"""Neural Sculpting: prune units, then edges, while the task stays solved.

Patil, Michael and Dovrolis, "Neural Sculpting", NeurIPS 2023, arXiv:2305.18402. Here many replicas
(seeds × unit gradients × edge gradients) of a multi-layer perceptron are sculpted as one stacked
batch, round by round. `netsculpt.training.sculpting.any_net` sculpts nets of other kinds.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from netsculpt.core.errors import FormatError
from netsculpt.core.progress import Progress
from netsculpt.nets.families import MLP
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.grid import Grid
from netsculpt.training.sculpting.method import (
    PUBLISHED,
    STRICT,
    SculptingMethod,
    as_published,
)
from netsculpt.training.sculpting.perceptrons import Perceptrons
from netsculpt.training.sculpting.process import Process
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.sculpting.result import Sculpted
from netsculpt.training.sculpting.retraining import SCULPTING
from netsculpt.training.tasks import Task

__all__ = [
    "PUBLISHED",
    "STRICT",
    "Sculpted",
    "Sculpting",
    "SculptingMethod",
    "as_published",
    "sculpt",
]


def sculpt(
    spec: MLP,
    task: Task,
    recipe: Recipe = SCULPTING,
    *,
    seeds: Sequence[int],
    unit_gradients: Sequence[float] = (10.0,),
    edge_gradients: Sequence[float] = (2.0,),
    goal_accuracy: float = 1.0,
    method: SculptingMethod = STRICT,
    published: bool = False,
    initial: Replicas | None = None,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> Sculpted:
    r"""Train dense nets and prune units, then edges, as long as retrained nets reach the goal.

    Step i prunes all that scores at or below a percentile, with the linear schedule i × gradient:
    of all hidden units by \|activation × gradient\|, then of all weights by \|weight\|. If
    retraining misses the goal, the step is undone and halved; when a step of a single unit (edge)
    fails, units (edges) are done. `Sculpting` does the same in rounds that can be saved.

    Parameters
    ----------
    spec
        The net: its first and last width are the task's inputs and outputs.
    task
        The task to learn.
    recipe
        How nets are trained, at first and after every step: by Adam at a constant rate.
    seeds
        One dense net per seed; all runs of the seed start from it.
    unit_gradients, edge_gradients
        Percent of all hidden units, and of all weights, per step; each pair is a separate run.
    goal_accuracy
        Lowest accepted share of right answers on the noise-free samples, 0 … 1.
    method
        Scores, schedule, extra stages and protocol, if not those of the paper.
    published
        Follow the authors' code where it differs from the above (see `SculptingMethod`): short
        for ``method=as_published(method)``.
    initial
        Nets to start from, one for each seed, such as nets trained on another task. None: fresh
        ones.
    device
        Where to compute: "cpu", "cuda", "cuda:1", …
    progress
        Called after every round with its stage, the runs that ended it, and all runs.

    Returns
    -------
    Sculpted
        seeds × unit gradients × edge gradients replicas.

    Raises
    ------
    FormatError
        If the net does not fit the task, or a gradient is not a percentage.
    """
    process = Sculpting(
        spec,
        task,
        recipe,
        seeds=seeds,
        unit_gradients=unit_gradients,
        edge_gradients=edge_gradients,
        goal_accuracy=goal_accuracy,
        method=as_published(method) if published else method,
        initial=initial,
        device=device,
    )
    process.run(progress)
    return process.result()


class Sculpting(Process[Replicas]):
    """The sculpting of multi-layer perceptrons, between two rounds.

    The arguments are those of `sculpt`.
    """

    def __init__(
        self,
        spec: MLP,
        task: Task,
        recipe: Recipe = SCULPTING,
        *,
        seeds: Sequence[int],
        unit_gradients: Sequence[float] = (10.0,),
        edge_gradients: Sequence[float] = (2.0,),
        goal_accuracy: float = 1.0,
        method: SculptingMethod = STRICT,
        initial: Replicas | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        if initial is not None and (initial.spec, initial.n_replicas) != (spec, len(seeds)):
            raise FormatError(
                f"{initial.n_replicas} nets of {initial.spec} to start from, for {len(seeds)} "
                f"seeds of {spec}: one of that shape for each seed is needed"
            )
        super().__init__(
            Perceptrons(spec),
            task,
            recipe,
            Grid(tuple(seeds), tuple(unit_gradients), tuple(edge_gradients), goal_accuracy),
            method=method,
            initial=initial,
            device=device,
        )

    def result(self) -> Sculpted:
        """Every run in order; runs of seeds that were not pruned stay dense."""
        return Sculpted(**vars(super().result()))
