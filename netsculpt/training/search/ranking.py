"""Ranks by two objectives: non-dominated fronts, and inside them the least crowded first.

Source: Deb et al. 2002, A fast and elitist multiobjective genetic algorithm: NSGA-II.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["crowding", "crowding_as_published", "fronts", "ranks"]

Values = NDArray[np.float64]


def ranks(values: Values, crowding: Callable[[Values], Values]) -> NDArray[np.intp]:
    """Rank of each individual [N], 0 is the best, by two objectives [N, 2] that are maximised.

    Individuals of a front are ranked by the sum of their crowding distances in both objectives,
    equal ones by their place. `crowding` is `crowding` or `crowding_as_published`.

    >>> ranks(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 0.0]]), crowding).tolist()
    [2, 0, 1]
    """
    front = fronts(values)
    distances = np.empty(len(values))
    for number in range(front.max(initial=-1) + 1):
        members = np.flatnonzero(front == number)
        distances[members] = sum(crowding(column) for column in values[members].T)
    order = np.lexsort((-distances, front))
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return rank


def fronts(values: Values) -> NDArray[np.intp]:
    """Front of each individual [N], 0 is not dominated, by two objectives that are maximised.

    One dominates another if it is better in one objective and no worse in the other; equal ones
    share a front. An individual stands one front behind the last that dominates it.
    Cost O(N log N).

    >>> fronts(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 0.0]])).tolist()
    [1, 0, 0]
    """
    front = np.empty(len(values), np.intp)
    worst: list[float] = []  # − the greatest second objective in each front so far, ascending
    previous = None
    for index in np.lexsort((-values[:, 1], -values[:, 0])):
        individual = values[index]
        if previous is not None and np.array_equal(individual, values[previous]):
            front[index] = front[previous]
            continue
        second = -float(individual[1])
        # those before it are at least as good in the first objective: it joins the first front
        # where none is as good in the second
        number = bisect_right(worst, second)
        worst[number : number + 1] = [second]
        front[index], previous = number, index
    return front


def crowding(values: Values) -> Values:
    """Distance between the neighbours of each individual in a front, by one objective [n].

    As a fraction of the range; infinite at both ends, and 0 where all are equal.
    """
    return _gaps(values, 1 / (values.max() - values.min()) if np.ptp(values) > 0 else 1.0)


def crowding_as_published(values: Values) -> Values:
    """The same with the published factor, |1/max − min| for 1/(max − min)."""
    with np.errstate(divide="ignore"):
        factor = abs(1 / np.float64(values.max()) - values.min())
    return _gaps(values, factor if np.ptp(values) > 0 else 1.0)


def _gaps(values: Values, factor: float) -> Values:
    order = np.argsort(values, kind="stable")
    padded = np.concatenate([[-np.inf], values[order], [np.inf]])
    gaps = np.empty_like(values)
    with np.errstate(invalid="ignore"):  # the published factor may be infinite
        gaps[order] = (padded[2:] - padded[:-2]) * factor
    return gaps
