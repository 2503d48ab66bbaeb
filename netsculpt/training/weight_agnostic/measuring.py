"""Accuracy, loss and votes of logits that a network gives with one weight after another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netsculpt.compare.pair.intervals import wilson
from netsculpt.training.tasks import Bits, Classes, Task
from netsculpt.training.weight_agnostic.result import Estimate, Rule, WeightProfile

__all__ = ["Z", "measured_profile", "middle"]

Direction = TypeVar("Direction")

Z = 1.959963984540054  # of 95 %


def measured_profile(
    logits_of: Callable[[Direction, float], Tensor],
    directions: Mapping[Rule, Sequence[Direction]],
    own: Mapping[str, Tensor],
    weights: NDArray[np.float64],
    samples: Task,
) -> WeightProfile:
    """Make the profile of a network from its logits [n, outputs].

    Parameters
    ----------
    logits_of
        Logits for a direction (the weights of all edges at w = 1) and a weight.
    directions
        Directions of each rule: one, or several draws.
    own
        Logits of the network itself, by what is said of it.
    weights
        [W]
    samples
        The samples that the logits are of.
    """
    rows = [_of_rule(logits_of, directions[rule], weights, samples) for rule in directions]
    scores, score_intervals, losses, loss_intervals, votes = zip(*rows, strict=True)
    return WeightProfile(
        "accuracy",
        tuple(directions),
        weights,
        np.array(scores),
        np.array(score_intervals),
        np.array(losses),
        np.array(loss_intervals),
        dict(zip(directions, votes, strict=True)),
        {name: _accuracy(samples.goal.answers(x), samples) for name, x in own.items()},
        _chance(samples),
        samples.n_samples,
        max(map(len, directions.values())),
    )


def middle(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The middle 95 % of the values of each column [draws, W], as [W, 2]."""
    return np.quantile(values, [0.025, 0.975], axis=0).T


def _of_rule(
    logits_of: Callable[[Direction, float], Tensor],
    draws: Sequence[Direction],
    weights: NDArray[np.float64],
    samples: Task,
) -> tuple[Any, ...]:
    """Scores [W], their intervals [W, 2], the same of the losses, and the vote."""
    counts = torch.zeros(*samples.targets.shape, _n_options(samples), dtype=torch.int64)
    accuracies, losses = [], []
    for direction in draws:
        for weight in weights:
            logits = logits_of(direction, float(weight))
            if not bool(logits.isfinite().all()):  # too large for any number: nothing is answered
                accuracies.append(Estimate(math.nan, math.nan, math.nan))
                losses.append(accuracies[-1])
                continue
            answers = samples.goal.answers(logits)
            counts += torch.nn.functional.one_hot(answers.long(), counts.shape[-1])
            accuracies.append(_accuracy(answers, samples))
            losses.append(_loss(logits, samples))
    vote = _accuracy(counts.argmax(dim=-1), samples)
    shape = len(draws), len(weights)
    return (*_over_draws(accuracies, shape), *_over_draws(losses, shape), vote)


def _over_draws(
    estimates: Sequence[Estimate], shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means over draws [W], and intervals [W, 2]: over draws, if there are several."""
    values = np.array([x.value for x in estimates]).reshape(shape)
    if shape[0] > 1:
        return values.mean(axis=0), middle(values)
    return values[0], np.array([(x.low, x.high) for x in estimates])


def _accuracy(answers: Tensor, samples: Task) -> Estimate:
    """Share of right answers; several answers of a sample count as one, which is cautious."""
    share = float((answers == samples.targets).double().mean())
    return Estimate(share, *wilson(share * samples.n_samples, samples.n_samples))


def _loss(logits: Tensor, samples: Task) -> Estimate:
    """Mean loss of the task's goal, with its standard error over samples."""
    targets = samples.targets
    targets = targets.to(logits.dtype) if targets.is_floating_point() else targets

    def of_one(row: Tensor, target: Tensor) -> Tensor:
        return samples.goal.loss(row[None], target[None])

    each = torch.func.vmap(of_one)(logits, targets)
    mean = float(each.mean())
    half = Z * float(each.std()) / math.sqrt(len(each)) if len(each) > 1 else math.nan
    return Estimate(mean, mean - half, mean + half)


def _chance(samples: Task) -> float:
    """Accuracy of always giving the most frequent answer."""
    shares = [
        float(column.long().bincount().max()) / samples.n_samples for column in samples.targets.T
    ]
    return float(np.mean(shares))


def _n_options(samples: Task) -> int:
    """How many answers there are to choose from, at most."""
    goal = samples.goal
    if isinstance(goal, Bits):
        return 2
    assert isinstance(goal, Classes)  # checked before anything is measured
    return max(goal.sizes)
