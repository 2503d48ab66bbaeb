"""A task about some of the classes of another, or about groups of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.training.tasks.goals import Classes
from netsculpt.training.tasks.protocol import Task

__all__ = ["regrouped"]


def regrouped(task: Task, groups: Sequence[Collection[int]], *, name: str | None = None) -> Task:
    """Tell groups of classes apart: a sample's new class is the group that its class is in.

    Samples of other classes are left out, among the held-out ones as well. Source and target tasks
    of transfer come about like this: what is held out of one is not trained on in the other.

    Parameters
    ----------
    task
        A task of one classification.
    groups
        Classes of the task, each in one group at most; group g becomes class g.
    name
        Of the new task; by default that of `task`.

    Returns
    -------
    Task
        Without a truth: functions of the whole task need not be functions of a part.

    Raises
    ------
    FormatError
        If the task has bits or several classifications, fewer than two groups are given, a class
        is unknown or in two groups, or no sample is left.

    Examples
    --------
    >>> from netsculpt.training.tasks import digits
    >>> late = regrouped(digits(), [[5], [6], [7], [8], [9]])
    >>> late.n_outputs, late.n_samples, int(late.targets.max())
    (5, 896, 4)
    >>> regrouped(digits(), [range(0, 10, 2), range(1, 10, 2)]).n_outputs  # even or odd
    2
    """
    import torch

    goal = task.goal
    if not isinstance(goal, Classes) or len(goal.sizes) != 1:
        raise FormatError(
            f"task {task.name!r} has the goal {goal}: classes can be chosen in a task of one "
            "classification, such as digits"
        )
    (n_classes,) = goal.sizes
    groups = [[checked_whole(x, "a class in groups") for x in group] for group in groups]
    classes = [x for group in groups for x in group]
    if len(groups) < 2 or not all(groups) or len(set(classes)) < len(classes):
        raise FormatError(
            f"groups of classes are {[list(x) for x in groups]}: two or more are needed, none of "
            "them empty, and no class in two of them"
        )
    unknown = [x for x in classes if not 0 <= x < n_classes]
    if unknown:
        raise FormatError(
            f"task {task.name!r} has no class {unknown[0]}: its classes are 0 … {n_classes - 1}"
        )
    group_of = torch.full((n_classes,), -1, dtype=torch.int64)
    for number, group in enumerate(groups):
        group_of[list(group)] = number

    def part_of(samples: Task) -> Task:
        new = group_of.to(samples.targets.device)[samples.targets]
        rows = new[:, 0] >= 0
        held_out = samples.held_out and part_of(samples.held_out)
        return replace(
            samples,
            name=name or task.name,
            inputs=samples.inputs[rows],
            targets=new[rows],
            goal=Classes((len(groups),)),
            truth=None,
            held_out=held_out,
        )

    return part_of(task)
