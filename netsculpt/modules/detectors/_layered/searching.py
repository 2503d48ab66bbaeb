"""The best of many optima that are derived from each other.

If a network is small or its modules are weak, runs end in different optima. The sets that two
optima share are good building blocks: as nodes, they lead to a better optimum more often than
another run does (Ovelgönne and Geyer-Schulz, "An ensemble learning strategy for graph clustering",
Contemp. Math. 588, 2013).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.compiled import compiled
from netsculpt.modules.detectors._layered.aggregating import aggregated
from netsculpt.modules.detectors._layered.iterating import Limits, optimise, optimise_connected
from netsculpt.modules.detectors._layered.moving import Level, draw_below, renumber, strengths
from netsculpt.modules.detectors._layered.settling import mend, settle

__all__ = ["Effort", "best_of", "effort_for"]

_ROUNDING = 1e-12  # of all weight; smaller gains are ignored, and the first of equals is best
_BEGUN, _MORE, _FAILURES = 8, 80, 24  # on small networks
_SCATTERED, _SCATTERED_UNTIL = 4, 2_000  # edges; on larger networks they are worse than others
_FEWER_MORE = 1_000  # edges from which on fewer are derived, by the square root
_SMOOTH_FROM, _SMOOTH = 20_000, 20.0  # edges, visits of a node
_FEWER_BEGUN = 50_000  # edges from which on fewer are started; one at eight times as many
_NO_GAIN = 1e-10  # of Q, per iteration and edge
_MOST_VISITS = 30
_STATES = 1 << 63


Labels = NDArray[np.int32]


class Effort(NamedTuple):
    """How much work to do."""

    n_begun: int  # optima from the given labels
    n_scattered: int  # of these, from a few random modules instead
    n_more: int  # optima derived from these, each to replace a worse parent
    n_failures: int  # derived optima in a row without improvement that end this
    smooth: float  # mean visits per node: if the first optimum took fewer, no more are made; if
    # fewer than three quarters, no splits of its modules are tried either
    no_gain: float  # gain of the last iteration of a run, as a share of all weight
    most_visits: int  # of a node in a sweep, on average
    splits: bool  # a single run, whose modules are split where that gains


def effort_for(n_edges: int, begun: bool) -> Effort:
    """Effort worth making on a network of this size; `begun` means from given labels."""
    size = max(n_edges, 1)
    n_begun = min(_BEGUN, _BEGUN * _FEWER_BEGUN // size)
    n_more = int(_MORE * min(1.0, _FEWER_MORE / size) ** 0.5)
    return Effort(
        1 if begun else max(1, n_begun),
        _SCATTERED if size <= _SCATTERED_UNTIL and not begun else 0,
        n_more if n_begun else 0,
        _FAILURES,
        _SMOOTH if size > _SMOOTH_FROM else 0.0,
        _NO_GAIN * min(size, 1e6),
        _MOST_VISITS,
        n_begun == 0,
    )


def best_of(
    level: Level,
    gamma: float,
    total: float,
    effort: Effort,
    labels: Labels,
    rng: np.random.Generator,
) -> Labels:
    """The best labels [n] found from the given ones, which must be below n."""
    limits = Limits(_ROUNDING * total, effort.no_gain * total, effort.most_visits)
    state = rng.integers(_STATES, size=1, dtype=np.uint64)
    best = labels.copy()
    if effort.splits:
        settle(level, gamma, limits, best, state)
    else:
        visits = optimise(level, gamma, limits, best, _all_nodes(labels.size), state) / labels.size
        if visits >= effort.smooth:
            pool = [best]
            for index in range(1, effort.n_begun):
                new = _scattered(level, rng) if index <= effort.n_scattered else labels.copy()
                optimise(level, gamma, limits, new, _all_nodes(labels.size), state)
                pool.append(new)
            best = _breed(level, gamma, limits, effort, pool, state, rng)
        elif visits >= 0.75 * effort.smooth:
            mend(level, gamma, limits, best, state)
    optimise_connected(level, gamma, limits, best, state)
    return best


def _breed(
    level: Level,
    gamma: float,
    limits: Limits,
    effort: Effort,
    pool: list[Labels],
    state: Any,
    rng: np.random.Generator,
) -> Labels:
    """Improve a pool of optima by deriving new ones from them in turn; returns the best."""
    values, failures = [_value(level, gamma, labels) for labels in pool], 0
    for _ in range(effort.n_more):
        if failures == effort.n_failures:
            break
        one = other = int(rng.integers(len(pool)))
        waits = _all_nodes(pool[one].size)
        if len(pool) > 1 and rng.random() < 0.5:
            other = (one + 1 + int(rng.integers(len(pool) - 1))) % len(pool)
            parts = _common(pool[one], pool[other])
            n_parts = int(parts.max()) + 1
            above, own = aggregated(level, parts, n_parts), np.arange(n_parts, dtype=np.int32)
            optimise(above, gamma, limits, own, _all_nodes(n_parts), state)
            new = own[parts]
        else:
            new = _loosen(level, pool[one], waits, state)
        optimise(level, gamma, limits, new, waits, state)
        value = _value(level, gamma, new)
        failures = 0 if value > max(values) + limits.least else failures + 1
        worse = one if values[one] < values[other] else other
        # Optima of equal value are assumed to be the same, so that the pool stays diverse.
        differs = min(abs(value - other_value) for other_value in values) > limits.least
        if differs and value > values[worse]:
            pool[worse], values[worse] = new, value
    return pool[int(np.argmax(np.array(values) > max(values) - limits.least))]


def _all_nodes(n: int) -> NDArray[np.bool_]:
    return np.ones(n, dtype=np.bool_)


def _scattered(level: Level, rng: np.random.Generator) -> Labels:
    """Labels [n] that put every node into one of two to nine modules at random.

    Anchored nodes get their own. Runs from few modules reach optima that runs from single nodes
    do not, as those cannot join modules while swapping parts of them.
    """
    stays = level.anchored
    n_free = int(np.count_nonzero(~stays))
    labels = rng.integers(min(int(rng.integers(2, 10)), max(n_free, 1)), size=stays.size)
    labels[stays] = n_free + np.arange(stays.size - n_free)
    return np.asarray(labels, dtype=np.int32)


def _common(one: Labels, other: Labels) -> Labels:
    """Sets of nodes that are together in both partitions [n], numbered."""
    pairs = one.astype(np.int64) * (int(other.max()) + 1) + other
    return np.asarray(np.unique(pairs, return_inverse=True)[1], dtype=np.int32)


@compiled
def _loosen(level: Any, labels: Any, waits: Any, state: Any) -> Any:
    """Dissolve the modules at the ends of one to three random edges into single nodes [n].

    Only these nodes wait.
    """
    loose = np.zeros(labels.size, np.bool_)
    for _ in range(1 + draw_below(3, state)):
        node = draw_below(labels.size, state)
        loose[labels[node]] = True
        degree = level.indptr[node + 1] - level.indptr[node]
        if degree:
            loose[labels[level.indices[level.indptr[node] + draw_below(degree, state)]]] = True
    new, label_of, count = np.empty_like(labels), np.empty(labels.size, np.int32), 0
    for label in range(labels.size):
        label_of[label] = -1
    for node in range(labels.size):
        label = labels[node]
        waits[node] = loose[label]
        if loose[label] or label_of[label] < 0:
            label_of[label] = count
            count += 1
        new[node] = label_of[label]
    return new


@compiled
def _value(level: Any, gamma: float, labels: Any) -> float:
    """Twice the weight inside modules beyond chance. Renumbers the labels 0, 1, …."""
    value = 0.0
    for node in range(labels.size):
        for index in range(level.indptr[node], level.indptr[node + 1]):
            if labels[level.indices[index]] == labels[node]:
                value += level.weights[index]
        value += gamma * level.alone[node]
    total = strengths(level, labels, renumber(labels))
    for module in range(total.shape[0]):
        for slot in range(total.shape[1]):
            value -= gamma * total[module, slot] * total[module, level.partner[slot]]
    return value
