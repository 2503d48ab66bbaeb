"""Sub-tasks of a task: some of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import is_whole
from netsculpt.training.tasks import Bits, Classes, Goal, Task

__all__ = ["answer_losses", "chosen_answers"]


def chosen_answers(
    task: Task, subtasks: Mapping[str, Sequence[int]] | None
) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Names of K sub-tasks, and the answers that belong to each [K, k].

    Raises
    ------
    FormatError
        If there are not two sub-tasks or more, or one of them has no answer of the task.

    Examples
    --------
    >>> from netsculpt.training.tasks import boolean
    >>> chosen_answers(boolean("f = a & b; g = a | b"), None)
    (('f', 'g'), array([[ True, False],
           [False,  True]]))
    """
    if not isinstance(task.goal, Bits | Classes):
        raise FormatError(f"the goal is {task.goal}: bits or classes are needed")
    n = task.targets.shape[1]
    if subtasks is None:
        numbers = map(str, range(n))
        names = task.output_names if isinstance(task.goal, Bits) else tuple(numbers)
        subtasks = {name: (i,) for i, name in enumerate(names)}
    if len(subtasks) < 2:
        raise FormatError(
            f"{len(subtasks)} sub-task found, of a task with {n} answers: masks are compared "
            "between two or more; name some of its answers for each (subtasks)"
        )
    chosen = np.zeros((len(subtasks), n), dtype=bool)
    for row, (name, answers) in enumerate(subtasks.items()):
        if not answers or not all(is_whole(x) and 0 <= x < n for x in answers):
            raise FormatError(
                f"sub-task {name!r} has the answers {list(answers)!r:.80}: some of 0 … {n - 1} are "
                "needed (subtasks)"
            )
        chosen[row, list(answers)] = True
    return tuple(subtasks), chosen


def answer_losses(goal: Goal, logits: Tensor, targets: Tensor) -> Tensor:
    """Loss of each answer [n, k]; their mean is the goal's loss.

    >>> logits, targets = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 1.0]])
    >>> bool(answer_losses(Bits(2), logits, targets).mean() == Bits(2).loss(logits, targets))
    True
    """
    if isinstance(goal, Classes):
        parts = torch.split(logits, list(goal.sizes), dim=1)
        pairs = zip(parts, targets.T, strict=True)
        return torch.stack([cross_entropy(x, y, reduction="none") for x, y in pairs], dim=1)
    return binary_cross_entropy_with_logits(logits, targets, reduction="none")
