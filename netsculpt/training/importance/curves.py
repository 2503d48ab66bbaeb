"""What a net is left with when weights are pruned in the order of an estimate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from netsculpt.core.random import stream
from netsculpt.nets.copies import copy_of
from netsculpt.nets.masks import mask_net
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.fitting.loop import fit
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.importance.places import Places
from netsculpt.training.tasks import Task

__all__ = ["ORDERS", "SHARES", "PruningCurve", "pruning_curve"]

SHARES = tuple(round(x / 10, 1) for x in range(10))  # of the weights, removed
_Order = Callable[[NDArray[np.float64], np.random.Generator], NDArray[np.float64]]
_ORDERS: MappingProxyType[str, _Order] = MappingProxyType(
    {
        "smallest": lambda values, _: values,
        "largest": lambda values, _: -values,
        "random": lambda values, rng: rng.random(len(values)),
    }
)
ORDERS = tuple(_ORDERS)


@dataclass(frozen=True, eq=False)
class PruningCurve:
    """Loss and accuracy after a share of the weights is removed in an order.

    Recovered values are those after some training of what is left; NaN without.
    """

    estimate: str
    order: str  # "smallest", "largest" or "random" first
    shares: tuple[float, ...]  # [S] removed, 0 … 1
    losses: dict[str, NDArray[np.float64]]  # [S] by "train", "held_out", "recovered"
    accuracies: dict[str, NDArray[np.float64]]  # [S] the same

    def rows(self) -> list[dict[str, Any]]:
        """One row per share."""
        return [
            {
                "estimate": self.estimate,
                "order": self.order,
                "removed": share,
                **{f"loss_{x}": float(self.losses[x][n]) for x in self.losses},
                **{f"accuracy_{x}": float(self.accuracies[x][n]) for x in self.accuracies},
            }
            for n, share in enumerate(self.shares)
        ]

    def area(self, data: str) -> float:
        """Mean accuracy from the first share to the last, by the trapezoidal rule: 0 … 1."""
        widths = np.diff(self.shares)
        values = self.accuracies[data]
        return float((widths * (values[1:] + values[:-1]) / 2).sum() / widths.sum())


def pruning_curve(
    net: nn.Module,
    task: Task,
    values: NDArray[np.float64],
    *,
    estimate: str,
    order: str,
    shares: Sequence[float] = SHARES,
    recovery: Recipe | None = None,
    seed: int = 0,
) -> PruningCurve:
    """Remove a growing share of the kept weights, in the order of their values, by forward passes.

    In eval mode and float32, as tasks are. Groups of weights are not the sum of their members: no
    single ablation tells this.

    Parameters
    ----------
    net
        The net; left as it is.
    task
        Loss and accuracy are measured on its samples and on the held-out ones.
    values
        Of the kept weights [W], in the order of `Places.of`.
    estimate, order
        The name of the values; "smallest", "largest" or "random" first. Values have signs: the
        smallest of a change of the loss are those without which it falls most. Equal values go in
        the order of the weights.
    shares
        Removed, 0 … 1.
    recovery
        How what is left is trained after each removal, from the weights that it has; None: it is
        not. Recovered loss and accuracy are held-out ones of the last epoch: no epoch is chosen.
    seed
        Of the random order, and of the recovery.
    """
    places = Places.of(net)
    keys = _ORDERS[order](values, stream(seed, "random order"))
    ranking = np.argsort(keys, kind="stable")
    parts = {"train": task, "held_out": task.validation}
    names = (*parts, "recovered")
    losses, accuracies = ({x: np.full(len(shares), np.nan) for x in names} for _ in range(2))
    for n, share in enumerate(shares):
        kept = np.ones(len(values), dtype=np.bool_)
        kept[ranking[: round(share * len(values))]] = False
        pruned = copy_of(net).eval().float()
        mask_net(pruned, places.masks(kept))
        for name, part in parts.items():
            losses[name][n], accuracies[name][n] = measured(pruned, part)
        if recovery is not None:
            last = fit(pruned, task, recovery, rng=stream(seed, "recovery")).history[-1]
            losses["recovered"][n], accuracies["recovered"][n] = last.validation_loss, last.accuracy
    return PruningCurve(estimate, order, tuple(shares), losses, accuracies)


@torch.no_grad()
def measured(net: nn.Module, samples: Task) -> tuple[float, float]:
    """Loss and accuracy of a net on a task's samples."""
    outputs = torch.cat([net(x) for x in torch.split(samples.inputs, 1024)])
    loss = samples.goal.loss(outputs, samples.targets)
    return float(loss), samples.goal.accuracy(outputs, samples.targets)


def whole(task: Task) -> Batches:
    """All samples of a task, as one batch."""
    return Batches([(task.inputs, task.targets)], task.goal.loss)
