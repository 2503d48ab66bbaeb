"""The best of many optima, made of one another.

Where a network is small or its modules are weak, runs end in different optima. What two of them
have together are good building blocks: taken as nodes, they lead to a better optimum more often
than another run does: Ovelgönne and Geyer-Schulz, "An ensemble learning strategy for graph
clustering", Contemp. Math. 588 (2013).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.compiled import compiled
from netsculpt.modules.detectors._layered.aggregating import aggregated
from netsculpt.modules.detectors._layered.iterating import Limits, connected_optimum, optimum
from netsculpt.modules.detectors._layered.moving import Level, drawn, numbered, strengths
from netsculpt.modules.detectors._layered.settling import mended, settled

__all__ = ["Effort", "best_of", "effort_for"]

_ROUNDING = 1e-12  # of all weight; a smaller gain is none, and of equals the first is best
_BEGUN, _MORE, _FAILURES = 8, 80, 24  # on small networks
_SCATTERED, _SCATTERED_UNTIL = 4, 2_000  # edges; on larger ones they are worse than others
_FEWER_MORE = 1_000  # edges from which on fewer are made of others, by the square root
_SMOOTH_FROM, _SMOOTH = 20_000, 20.0  # edges, visits of a node
_FEWER_BEGUN = 50_000  # edges from which on fewer are begun; one on eight times as many
_NO_GAIN = 1e-10  # of Q, of an iteration, an edge
_MOST_VISITS = 30
_STATES = 1 << 63


Labels = NDArray[np.int32]


class Effort(NamedTuple):
    """How much to do."""

    n_begun: int  # optima from the labels given
    n_scattered: int  # of these from a few modules drawn by chance instead
    n_more: int  # that are made of these, each to take the place of a worse one it was made of
    n_failures: int  # in a row to better the best that end this
    smooth: float  # visits of a node, on average: if fewer led to the first, no more are made;
    # if fewer than three quarters, its modules are not even looked through for some to split
    no_gain: float  # what the last iteration of a run may gain, of all weight
    most_visits: int  # of a node in a sweep, on average
    splits: bool  # one run only, whose modules are split where that gains


def effort_for(n_edges: int, begun: bool) -> Effort:
    """What is worth doing on a network of this size, from given labels if it is `begun`."""
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
    """The best labels [n] found from those given, which have to be below n."""
    limits = Limits(_ROUNDING * total, effort.no_gain * total, effort.most_visits)
    state = rng.integers(_STATES, size=1, dtype=np.uint64)
    best = labels.copy()
    if effort.splits:
        settled(level, gamma, limits, best, state)
    else:
        visits = optimum(level, gamma, limits, best, _every(labels.size), state) / labels.size
        if visits >= effort.smooth:
            pool = [best]
            for at in range(1, effort.n_begun):
                new = _scattered(level, rng) if at <= effort.n_scattered else labels.copy()
                optimum(level, gamma, limits, new, _every(labels.size), state)
                pool.append(new)
            best = _bred(level, gamma, limits, effort, pool, state, rng)
        elif visits >= 0.75 * effort.smooth:
            mended(level, gamma, limits, best, state)
    connected_optimum(level, gamma, limits, best, state)
    return best


def _bred(
    level: Level,
    gamma: float,
    limits: Limits,
    effort: Effort,
    pool: list[Labels],
    state: Any,
    rng: np.random.Generator,
) -> Labels:
    """The best of a pool of optima, and of those that are made of them by turns."""
    values, failures = [_value(level, gamma, labels) for labels in pool], 0
    for _ in range(effort.n_more):
        if failures == effort.n_failures:
            break
        one = other = int(rng.integers(len(pool)))
        waits = _every(pool[one].size)
        if len(pool) > 1 and rng.random() < 0.5:
            other = (one + 1 + int(rng.integers(len(pool) - 1))) % len(pool)
            parts = _common(pool[one], pool[other])
            n_parts = int(parts.max()) + 1
            above, own = aggregated(level, parts, n_parts), np.arange(n_parts, dtype=np.int32)
            optimum(above, gamma, limits, own, _every(n_parts), state)
            new = own[parts]
        else:
            new = _loosened(level, pool[one], waits, state)
        optimum(level, gamma, limits, new, waits, state)
        value = _value(level, gamma, new)
        failures = 0 if value > max(values) + limits.least else failures + 1
        worse = one if values[one] < values[other] else other
        # Optima of equal value are taken to be the same, so that the pool keeps its variety.
        differs = min(abs(value - known) for known in values) > limits.least
        if differs and value > values[worse]:
            pool[worse], values[worse] = new, value
    return pool[int(np.argmax(np.array(values) > max(values) - limits.least))]


def _every(n: int) -> NDArray[np.bool_]:
    return np.ones(n, dtype=np.bool_)


def _scattered(level: Level, rng: np.random.Generator) -> Labels:
    """Labels [n] that put every node into one of two to nine modules, by chance.

    But each that stays where it is has its own. Runs from few modules end in optima that none from
    single nodes finds, for lack of a way to join modules while parts of them change places.
    """
    stays = level.anchored
    n_free = int(np.count_nonzero(~stays))
    labels = rng.integers(min(int(rng.integers(2, 10)), max(n_free, 1)), size=stays.size)
    labels[stays] = n_free + np.arange(stays.size - n_free)
    return np.asarray(labels, dtype=np.int32)


def _common(one: Labels, other: Labels) -> Labels:
    """Sets of nodes that are together in both labels [n], numbered."""
    pairs = one.astype(np.int64) * (int(other.max()) + 1) + other
    return np.asarray(np.unique(pairs, return_inverse=True)[1], dtype=np.int32)


@compiled
def _loosened(level: Any, labels: Any, waits: Any, state: Any) -> Any:
    """Labels [n] with every node alone that is in a module at the ends of one to three edges.

    Only these wait.
    """
    loose = np.zeros(labels.size, np.bool_)
    for _ in range(1 + drawn(3, state)):
        node = drawn(labels.size, state)
        loose[labels[node]] = True
        degree = level.indptr[node + 1] - level.indptr[node]
        if degree:
            loose[labels[level.indices[level.indptr[node] + drawn(degree, state)]]] = True
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
    """Twice the weight inside modules beyond what chance puts there. Labels become 0, 1, …."""
    value = 0.0
    for node in range(labels.size):
        for at in range(level.indptr[node], level.indptr[node + 1]):
            if labels[level.indices[at]] == labels[node]:
                value += level.weights[at]
        value += gamma * level.alone[node]
    total = strengths(level, labels, numbered(labels))
    for module in range(total.shape[0]):
        for slot in range(total.shape[1]):
            value -= gamma * total[module, slot] * total[module, level.partner[slot]]
    return value
