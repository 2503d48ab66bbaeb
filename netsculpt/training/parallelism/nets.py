"""Nets as a workload: all draws are trained as one stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.random import stream
from netsculpt.nets.masking import layer_parameters
from netsculpt.nets.stacks import Stack
from netsculpt.training.parallelism.draws import Draws
from netsculpt.training.tasks import Task

__all__ = ["NetWorkload", "Order", "Trainings", "gradients", "shuffles"]

Order = Callable[[int, int], Iterator[NDArray[np.int64]]]  # draw, samples → the epochs' orders


def shuffles(draw: int, n_samples: int) -> Iterator[NDArray[np.int64]]:
    """Random orders of all samples, epoch after epoch.

    >>> sorted(next(shuffles(0, 3)).tolist())
    [0, 1, 2]
    """
    rng = stream(draw, "data parallelism", "order")
    while True:
        yield rng.permutation(n_samples)


@dataclass(frozen=True, eq=False)
class NetWorkload:
    """Nets for the draws 0, 1, …, and the task that they learn.

    A batch takes the next samples of the order; one that an epoch has too few left for goes on
    with the next epoch, so that all batches are of the same size. The error is the share of wrong
    answers on the held-out samples.

    Raises
    ------
    FormatError
        If there are no nets, or the task holds out no samples.
    """

    task: Task
    nets: Sequence[nn.Module]  # [R] of one shape, masked or dense: each draw has its own weights
    order: Order = shuffles
    worst_error: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        if not self.nets:
            raise FormatError("no nets are given: give one for each draw")
        if self.task.held_out is None:
            raise FormatError(
                f"task {self.task.name!r} holds out no samples, and steps to a result are to an "
                "error on such: keep some from training with netsculpt.training.tasks.hold_out; or "
                "if the error on the training samples is meant, say so with "
                "dataclasses.replace(task, held_out=task)"
            )

    def started(self, draws: Draws, batch_size: int) -> Trainings:
        """Copies of the nets of the draws, stacked.

        Raises
        ------
        FormatError
            If a draw has no net, or a batch would be larger than the training set.
        """
        if batch_size > self.task.n_samples:
            raise FormatError(
                f"batches of {batch_size:,} cannot be taken from {self.task.n_samples:,} training "
                "samples without repeating some in each: choose sizes up to "
                f"{self.task.n_samples:,}"
            )
        if draws.n_draws and draws.index.max() >= len(self.nets):
            raise FormatError(
                f"there are {len(self.nets)} nets, none for draw {draws.index.max()}: give one for "
                "each draw"
            )
        return Trainings(self, draws, batch_size)


def gradients(stack: Stack, task: Task, rows: Tensor) -> dict[str, Tensor]:
    """Gradients of the mean loss of each net on its own samples, 0 where weights are pruned.

    Parameters
    ----------
    stack
        R nets.
    task
        The task.
    rows
        Samples of each net, int64 [R, n].

    Returns
    -------
    dict
        Gradients [R, …] by the names of the parameters.
    """
    logits = stack(task.inputs[rows])
    loss = task.goal.loss(logits.flatten(0, 1), task.targets[rows].flatten(0, 1))
    entries = list(layer_parameters(stack))
    found = torch.autograd.grad(stack.n_nets * loss, [entry.parameter for entry in entries])
    for entry, gradient in zip(entries, found, strict=True):
        if entry.mask is not None:
            gradient.mul_(entry.mask)
    return {entry.name: gradient for entry, gradient in zip(entries, found, strict=True)}


class Trainings:
    """A stack of nets, their velocities, and the samples to come."""

    def __init__(self, workload: NetWorkload, draws: Draws, batch_size: int) -> None:
        self.task, self.batch_size = workload.task, batch_size
        self.stack = Stack([workload.nets[draw] for draw in draws.index])
        self.velocities = {name: torch.zeros_like(x) for name, x in self._parameters.items()}
        n = self.task.n_samples
        self.epochs = [workload.order(int(draw), n) for draw in draws.index]
        self.upcoming = np.empty((draws.n_draws, 0), np.int64)
        self._adopt(draws)

    @property
    def _parameters(self) -> Mapping[str, Tensor]:
        return dict(self.stack.named_parameters())

    def _adopt(self, draws: Draws) -> None:
        self.draws = draws
        self.rates = torch.from_numpy(draws.learning_rates).float()
        self.decays = torch.from_numpy(draws.momenta).float()

    def advance(self) -> None:
        """One step of SGD, with the velocity as torch defines it: v ← μv + g, w ← w − ηv."""
        found = gradients(self.stack, self.task, torch.from_numpy(self._rows()))
        with torch.no_grad():
            for name, values in self._parameters.items():
                update = self._update(name, found[name])
                values.sub_(_by_net(self.rates, update) * update)

    def _update(self, name: str, gradient: Tensor) -> Tensor:
        if self.draws.optimizer == "sgd":
            return gradient
        decay = _by_net(self.decays, gradient)
        velocity = self.velocities[name].mul_(decay).add_(gradient)
        return velocity if self.draws.optimizer == "momentum" else gradient + decay * velocity

    def _rows(self) -> NDArray[np.int64]:
        """The samples of the next batches [r, B]."""
        while self.upcoming.shape[1] < self.batch_size:
            more = np.stack([next(epochs) for epochs in self.epochs])
            self.upcoming = np.concatenate([self.upcoming, more], axis=1)
        rows, self.upcoming = np.split(self.upcoming, [self.batch_size], axis=1)
        return rows

    def errors(self) -> NDArray[np.float64]:
        """Shares of wrong answers [r]; NaN where an output is not finite."""
        samples = self.task.validation
        with torch.no_grad():
            logits = self.stack(samples.inputs.expand(self.stack.n_nets, *samples.inputs.shape))
            right = samples.goal.correct(logits, samples.targets)
            wrong = (~right).double().mean((1, 2))
            wrong[~logits.isfinite().all((1, 2))] = torch.nan
        errors: NDArray[np.float64] = wrong.numpy()
        return errors

    def keep(self, rows: NDArray[Any]) -> None:
        """Go on with some of the nets."""
        self._adopt(self.draws.take(rows))
        chosen = torch.from_numpy(np.flatnonzero(rows))
        self.stack = self.stack.take(chosen)
        self.velocities = {name: x[chosen] for name, x in self.velocities.items()}
        self.upcoming = self.upcoming[rows]
        self.epochs = [x for x, stays in zip(self.epochs, rows, strict=True) if stays]


def _by_net(values: Tensor, like: Tensor) -> Tensor:
    """[r] as [r, 1, …]."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
