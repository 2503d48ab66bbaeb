"""Neural Sculpting of any net that can be traced."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from netsculpt.core.progress import Progress
from netsculpt.nets.families import NetSpec
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.sculpting.grid import Grid
from netsculpt.training.sculpting.method import STRICT, SculptingMethod
from netsculpt.training.sculpting.nets.kind import Nets
from netsculpt.training.sculpting.parts.net_stack import NetStack
from netsculpt.training.sculpting.process import Process
from netsculpt.training.sculpting.result import Runs
from netsculpt.training.tasks import Task

__all__ = ["sculpt_net", "sculpting_of"]


def sculpt_net(
    spec: NetSpec,
    task: Task,
    recipe: Recipe,
    *,
    seeds: Sequence[int],
    unit_gradients: Sequence[float] = (10.0,),
    edge_gradients: Sequence[float] = (2.0,),
    goal_accuracy: float = 1.0,
    method: SculptingMethod = STRICT,
    device: str | torch.device = "cpu",
    progress: Progress | None = None,
) -> Runs[NetStack]:
    r"""Train dense nets and prune units, then edges, as long as retrained nets reach the goal.

    The same as `netsculpt.training.sculpt`, for nets of any kind: a unit is what can only be cut
    as a whole, an edge is a weight or a kernel. See `netsculpt.training.sculpting.parts`.

    Parameters
    ----------
    spec
        The net, of a family or with a `build` of your own.
    task
        The task to learn.
    recipe
        How nets are trained, at first and after every step. With its ``goal_accuracy`` a training
        ends at the first epoch that reaches it; without, the best of all epochs is kept.
    seeds, unit_gradients, edge_gradients, goal_accuracy, device, progress
        As for `netsculpt.training.sculpt`.
    method
        Scores, schedule, extra stages and protocol; `activation_variance` and `path_weight` are
        of perceptrons only, and so is `latest_epoch`.

    Returns
    -------
    Runs
        seeds × unit gradients × edge gradients nets.

    Raises
    ------
    FormatError
        If the net does not fit the task, or the method does not fit the net.
    TopologyError
        If the net cannot be traced, or has no unit that can be cut.

    Notes
    -----
    Nets are trained and scored one by one, on one thread to the same bits. Units are scored on at
    most 500 samples.

    Examples
    --------
    >>> from netsculpt.nets.families import CNN
    >>> from netsculpt.training.tasks import Task, Bits
    >>> inputs = (torch.arange(64).reshape(16, 4) % 5 > 2).float()
    >>> task = Task("any", inputs, inputs.any(1, keepdim=True).float(), Bits(1))
    >>> recipe = Recipe(epochs=30, batch_size=4, learning_rate=0.02, goal_accuracy=1.0)
    >>> found = sculpt_net(CNN((1, 2, 2), (4,), (), 1), task, recipe, seeds=[0])
    >>> found.solved.tolist(), int(found.replicas.n_kept()[0]) < 40
    ([True], True)
    """
    process = sculpting_of(
        spec,
        task,
        recipe,
        Grid(tuple(seeds), tuple(unit_gradients), tuple(edge_gradients), goal_accuracy),
        method=method,
        device=device,
    )
    process.run(progress)
    return process.result()


def sculpting_of(
    spec: NetSpec,
    task: Task,
    recipe: Recipe,
    grid: Grid,
    *,
    method: SculptingMethod = STRICT,
    device: str | torch.device = "cpu",
) -> Process[NetStack]:
    """The same in rounds, whose state `netsculpt.training.sculpting.saved.finish` saves."""
    return Process(Nets.of(spec, task), task, recipe, grid, method=method, device=device)
