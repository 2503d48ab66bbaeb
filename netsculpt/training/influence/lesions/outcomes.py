"""How well a net does with some of its units replaced, output by output."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from netsculpt.core.errors import FormatError
from netsculpt.training.influence.intervening import Intervenable
from netsculpt.training.tasks import Bits, Classes, Goal, Task

__all__ = ["Outcomes", "outcomes", "outcomes_of", "samples_for", "share_of_output"]

Floats = NDArray[np.float64]

_NUMBERS = 1 << 24  # outputs that are held at a time


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Accuracy and loss of each output, in each of B runs.

    For a task of bits, output o is bit o. For classifications it is class o: the accuracy is the
    share of its samples that are classified right, the loss is their mean cross-entropy, and both
    are NaN if there are none.
    """

    accuracy: Floats  # [B, O], 0 … 1
    loss: Floats  # [B, O], nats


def outcomes(
    net: Intervenable, samples: Task, units: NDArray[np.bool_], values: Tensor
) -> Outcomes:
    """Outcomes of B runs, each with the activations of some units [B, U] replaced by values.

    Values are [n, K] or [1, K], as `Intervenable.replaced` takes them.
    """
    at_once = max(1, _NUMBERS // (samples.n_samples * net.n_outputs))
    parts = [
        outcomes_of(
            samples.goal,
            net.replaced(samples.inputs, units[first : first + at_once], values),
            samples.targets,
        )
        for first in range(0, len(units), at_once)
    ]
    nothing = np.zeros((0, net.n_outputs))
    accuracy = [nothing, *(x.accuracy for x in parts)]
    loss = [nothing, *(x.loss for x in parts)]
    return Outcomes(np.concatenate(accuracy), np.concatenate(loss))


@torch.no_grad()
def outcomes_of(goal: Goal, logits: Tensor, targets: Tensor) -> Outcomes:
    """Outcomes [B, O] of logits [B, n, O] for targets [n, k].

    >>> from netsculpt.training.tasks import Bits
    >>> logits, targets = torch.tensor([[[2.0, -1.0]]]), torch.ones(1, 2)
    >>> outcomes_of(Bits(2), logits, targets).accuracy.tolist()
    [[1.0, 0.0]]
    """
    right = (goal.answers(logits) == targets).double()  # [B, n, k]
    if not isinstance(goal, Classes):
        expected = targets.to(logits).expand_as(logits)
        loss = binary_cross_entropy_with_logits(logits, expected, reduction="none")
        return Outcomes(right.mean(dim=1).cpu().numpy(), loss.double().mean(dim=1).cpu().numpy())
    accuracies, losses = [], []
    for index, part in enumerate(torch.split(logits, list(goal.sizes), dim=-1)):
        labels = targets[:, index]
        cost = cross_entropy(part.flatten(0, 1), labels.repeat(len(part)), reduction="none").view(
            part.shape[:2]
        )
        in_class = torch.nn.functional.one_hot(labels, goal.sizes[index]).double()
        weight = in_class / in_class.sum(dim=0)  # 0 / 0 is NaN: no sample
        accuracies.append(right[..., index] @ weight)
        losses.append(cost.double() @ weight)
    return Outcomes(*(torch.cat(x, dim=1).cpu().numpy() for x in (accuracies, losses)))


def share_of_output(samples: Task) -> Floats:
    """The share of all answers that belongs to each output [O]: accuracy · share is the task's.

    >>> from netsculpt.training.tasks import boolean
    >>> share_of_output(boolean("f = a & b; g = a | b")).tolist()
    [0.5, 0.5]
    """
    goal = samples.goal
    if not isinstance(goal, Classes):
        return np.full(goal.n_outputs, 1 / goal.n_outputs)
    counts = [
        np.bincount(column.cpu().numpy(), minlength=size)
        for column, size in zip(samples.targets.T, goal.sizes, strict=True)
    ]
    share: Floats = np.concatenate(counts) / samples.targets.numel()
    return share


def samples_for(net: Intervenable, task: Task) -> Task:
    """The validation samples of a task, which must fit the net.

    Raises
    ------
    FormatError
        If the net has other outputs than the task, or its goal is neither bits nor classes.
    """
    if not isinstance(task.goal, Bits | Classes):
        raise FormatError(f"the goal is {task.goal}: bits or classes are needed")
    if net.n_outputs != task.n_outputs:
        raise FormatError(
            f"the net has {net.n_outputs} outputs, task {task.name!r} has {task.n_outputs}: both "
            "must be the same"
        )
    return task.validation
