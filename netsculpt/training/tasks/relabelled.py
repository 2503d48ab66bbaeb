"""A task with some wrong labels: what a net gets right of them, it has memorised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_fraction
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.training.tasks.goals import Bits, Classes
from netsculpt.training.tasks.protocol import Task

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Relabelled", "relabelled"]


@dataclass(frozen=True, eq=False)
class Relabelled:
    """A task to train on, and which of its samples were relabelled."""

    task: Task  # with new labels; held-out samples have their own
    rows: Tensor  # relabelled samples, int64 [k], ascending
    true_targets: Tensor  # what they had before [k, answers]


def relabelled(
    task: Task, share: float, *, exclude_true: bool = False, rng: RNG = None
) -> Relabelled:
    """Draw new labels for a random share of the training samples.

    Exactly round(share × samples) are drawn, and every answer of them is uniform over its classes.

    Parameters
    ----------
    task
        Any task. Where it has no held-out samples, those with their true labels become so.
    share
        Fraction of the samples, 0 … 1.
    exclude_true
        Whether the true label is never drawn. By default it may be, as published: of ten classes, a
        tenth of the drawn labels are right.
    rng
        Seed or generator.

    Raises
    ------
    FormatError
        If the true label is excluded and there is no other one.

    Notes
    -----
    Zhang et al., arXiv:1611.03530; in sparse training: Peste et al., arXiv:2106.12379, section 4.3.

    Examples
    --------
    >>> from netsculpt.training.tasks import digits
    >>> noisy = relabelled(digits(), 0.1, exclude_true=True, rng=0)
    >>> changed = noisy.task.targets != digits().targets
    >>> len(noisy.rows), int(changed.sum())
    (180, 180)
    """
    import torch

    checked_fraction(share, "share")
    seed, goal = root_seed(rng), task.goal
    if isinstance(goal, Bits):
        sizes: tuple[int, ...] = (2,) * goal.n_bits
    elif isinstance(goal, Classes):
        sizes = goal.sizes
    else:
        raise FormatError(f"the goal is {goal}: labels of bits or classes can be drawn")
    if exclude_true and min(sizes) < 2:
        raise FormatError("there is one class only: no other label can be drawn")
    order = stream(seed, "samples").permutation(task.n_samples)
    rows = torch.from_numpy(np.sort(order[: round(share * task.n_samples)]))
    rows = rows.to(task.targets.device)
    true, labels = task.targets[rows].clone(), stream(seed, "labels")
    drawn = task.targets[rows].clone()
    for column, size in enumerate(sizes):
        steps = labels.integers(1 if exclude_true else 0, size, size=len(rows))  # added to the true
        new = (true[:, column].long() + torch.from_numpy(steps).to(true.device)) % size
        drawn[:, column] = new.to(drawn.dtype)
    targets = task.targets.clone()
    targets[rows] = drawn
    return Relabelled(replace(task, targets=targets, held_out=task.validation), rows, true)
