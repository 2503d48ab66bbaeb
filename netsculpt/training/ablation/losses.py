"""What changed logits do to a mean loss, sample by sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid, softplus

from netsculpt.training.tasks import Bits, Classes

__all__ = ["Loss", "LossChange", "loss_change"]

Loss = Callable[[Tensor, Tensor], Tensor]


class LossChange(ABC):
    """Changes of the mean loss of n samples; `mean` is the loss that they are changes of."""

    mean: float

    @abstractmethod
    def of_logits(self, logits: Tensor, n_rows: int) -> Tensor:
        """Changes [rows] if the logits of all samples are others [rows · n, …]."""

    @abstractmethod
    def of_some_logits(self, logits: Tensor, rows: Tensor, samples: Tensor, n_rows: int) -> Tensor:
        """Changes [rows] if in row ``rows[p]`` sample ``samples[p]`` has ``logits[p]``.

        The logits of the other samples of a row are as they were.
        """

    @abstractmethod
    def of_one_logit(self, output: int, by: Tensor) -> Tensor:
        """Changes [rows], if the logits of one output change by [rows, n]: O(1) an entry."""


def loss_change(loss: Loss, logits: Tensor, targets: Tensor) -> LossChange:
    """Changes of a loss from what it is at some logits [n, …].

    Cross-entropies are recognised; for other losses the whole loss is computed for each row.

    >>> logits, targets = torch.zeros(2, 2), torch.tensor([0, 1])
    >>> changes = loss_change(cross_entropy, logits, targets)
    >>> [round(x, 3) for x in changes.of_one_logit(0, torch.tensor([[1.0, 0.0]])).tolist()]
    [-0.19]
    """
    goal: Any = getattr(loss, "__self__", None)
    if getattr(loss, "__func__", None) is Classes.loss:
        return _OfClasses(goal.sizes, logits, targets)
    if getattr(loss, "__func__", None) is Bits.loss:
        return _OfBits(logits, targets.to(logits.dtype))
    if loss is cross_entropy and logits.ndim == 2 and targets.dtype == torch.int64:
        return _OfClasses((logits.shape[1],), logits, targets[:, None])
    return _OfAny(loss, logits, targets)


class _OfSamples(LossChange):
    """A loss that is a mean over samples."""

    def __init__(self, logits: Tensor, targets: Tensor) -> None:
        self.logits, self.targets = logits, targets
        self.before = self.each(logits, targets)
        self.mean = float(self.before.mean())

    @abstractmethod
    def each(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of each sample."""

    def of_logits(self, logits: Tensor, n_rows: int) -> Tensor:
        losses = self.each(logits, self.targets.repeat(n_rows, 1))
        return (losses.view(n_rows, -1) - self.before).mean(dim=1)

    def of_some_logits(self, logits: Tensor, rows: Tensor, samples: Tensor, n_rows: int) -> Tensor:
        changes = self.each(logits, self.targets[samples]) - self.before[samples]
        return logits.new_zeros(n_rows).index_add_(0, rows, changes) / len(self.targets)


class _OfClasses(_OfSamples):
    """Cross-entropy, averaged over classifications and samples."""

    def __init__(self, sizes: tuple[int, ...], logits: Tensor, targets: Tensor) -> None:
        self.sizes = list(sizes)
        super().__init__(logits, targets)

    def each(self, logits: Tensor, targets: Tensor) -> Tensor:
        total = logits.new_zeros(len(logits))
        columns = logits.T.contiguous()  # sums over classes are then over long rows
        for part, target in zip(torch.split(columns, self.sizes), targets.T, strict=True):
            most = part.amax(dim=0)
            total += most - part.gather(0, target[None])[0]
            total += (part - most).exp_().sum(dim=0).log_()
        return total / len(self.sizes)

    def of_one_logit(self, output: int, by: Tensor) -> Tensor:
        part = 0
        while output >= self.sizes[part]:
            output, part = output - self.sizes[part], part + 1
        log_p = torch.split(self.logits, self.sizes, dim=1)[part].log_softmax(dim=1)
        others = torch.arange(log_p.shape[1]) != output
        log_q = log_p[:, others].logsumexp(dim=1)
        is_target = (self.targets[:, part] == output).to(by.dtype)
        changes = _log_mean_exp(log_p[:, output], log_q, by) - by * is_target
        return changes.mean(dim=1) / len(self.sizes)


class _OfBits(_OfSamples):
    """Binary cross-entropy, averaged over bits and samples."""

    def each(self, logits: Tensor, targets: Tensor) -> Tensor:
        return (softplus(logits) - logits * targets).mean(dim=1)

    def of_one_logit(self, output: int, by: Tensor) -> Tensor:
        logit, target = self.logits[:, output], self.targets[:, output]
        changes = _log_mean_exp(logsigmoid(logit), logsigmoid(-logit), by) - by * target
        return changes.mean(dim=1) / self.targets.shape[1]


class _OfAny(LossChange):
    """Any mean loss, computed for all samples of each row."""

    def __init__(self, loss: Loss, logits: Tensor, targets: Tensor) -> None:
        self.loss, self.logits, self.targets = loss, logits, targets
        self.mean = float(loss(logits, targets))

    def of_logits(self, logits: Tensor, n_rows: int) -> Tensor:
        rows = logits.view(n_rows, -1, *logits.shape[1:])
        losses = [float(self.loss(x, self.targets)) for x in rows]
        return logits.new_tensor(losses, dtype=torch.float64) - self.mean

    def of_some_logits(self, logits: Tensor, rows: Tensor, samples: Tensor, n_rows: int) -> Tensor:
        changes = logits.new_zeros(n_rows)
        for row in sorted(set(rows.tolist())):
            own, changed = rows == row, self.logits.clone()
            changed[samples[own]] = logits[own]
            changes[row] = float(self.loss(changed, self.targets)) - self.mean
        return changes

    def of_one_logit(self, output: int, by: Tensor) -> Tensor:
        changes = by.new_zeros(len(by))
        for row in by.any(dim=1).nonzero()[:, 0].tolist():
            changed = self.logits.clone()
            changed[:, output] += by[row]
            changes[row] = float(self.loss(changed, self.targets)) - self.mean
        return changes


def _log_mean_exp(log_p: Tensor, log_q: Tensor, by: Tensor) -> Tensor:
    r""":math:`\log(q + p e^d)` for p + q = 1 [n] and d [rows, n], precise for small and large d."""
    small = torch.log1p(log_p.exp() * torch.expm1(by.clamp(-1, 1)))
    return torch.where(by.abs() < 1, small, torch.logaddexp(log_q.expand_as(by), log_p + by))
