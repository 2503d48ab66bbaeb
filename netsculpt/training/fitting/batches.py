"""Batches of samples with a loss, by which weights are scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG
from netsculpt.training.tasks import Task

__all__ = ["Batches", "batches_of", "zero_batch"]


@dataclass(frozen=True, eq=False)
class Batches:
    """Pairs of inputs and targets, batch first, and a mean loss of (outputs, targets).

    >>> batches = Batches([(torch.zeros(2, 3), torch.tensor([0, 1]))])
    >>> batches.n_samples, list(batches.example.shape)
    (2, [1, 3])
    """

    pairs: Sequence[tuple[Tensor, Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy

    def __post_init__(self) -> None:
        if not self.pairs or not all(len(inputs) for inputs, _ in self.pairs):
            raise FormatError("a batch has no samples: at least one in every batch is needed")

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(self.pairs)

    @property
    def n_samples(self) -> int:
        """Samples in all batches."""
        return sum(len(inputs) for inputs, _ in self.pairs)

    @property
    def example(self) -> Tensor:
        """The first input, as a batch of one."""
        return self.pairs[0][0][:1]


def batches_of(task: Task, *, n_samples: int, batch_size: int = 128, rng: RNG = None) -> Batches:
    """Draw batches of a task's samples, each sample at most once.

    >>> from netsculpt.training.tasks import digits
    >>> batches = batches_of(digits(), n_samples=200, batch_size=150, rng=0)
    >>> [len(inputs) for inputs, _ in batches]
    [150, 50]
    """
    checked_whole(n_samples, "n_samples")
    checked_whole(batch_size, "batch_size")
    if n_samples < 1 or batch_size < 1:
        raise FormatError(
            f"n_samples is {n_samples} and batch_size {batch_size}: both must be at least 1"
        )
    order = np.random.default_rng(rng).permutation(task.n_samples)[:n_samples]
    rows = torch.split(torch.from_numpy(order), batch_size)
    return Batches([(task.inputs[part], task.targets[part]) for part in rows], task.goal.loss)


def zero_batch(n_inputs: int, loss: Callable[[Tensor, Tensor], NoReturn]) -> Batches:
    """Batch of one input of zeros, for scores that use only its shape; `loss` must raise.

    >>> from netsculpt.training.pruning.scores import synflow
    >>> def refuse(*_):
    ...     raise FormatError("samples are needed")
    >>> net = torch.nn.Linear(3, 2)
    >>> synflow(net, zero_batch(3, refuse))["weight"].shape
    torch.Size([2, 3])
    """
    return Batches([(torch.zeros(1, n_inputs), torch.zeros(1))], loss)
