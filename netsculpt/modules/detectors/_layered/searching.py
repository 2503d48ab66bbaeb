"""How much to search for the best modules of a network, by its size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsculpt.modules.detectors._layered.dense import dense_value, modularity_matrix
from netsculpt.modules.detectors._layered.deriving import breed
from netsculpt.modules.detectors._layered.iterating import Limits, optimise, optimise_connected
from netsculpt.modules.detectors._layered.moving import Level, value_of
from netsculpt.modules.detectors._layered.settling import mend, settle

__all__ = ["Effort", "best_of", "effort_for"]

_ROUNDING = 1e-12  # of all weight; smaller gains are ignored, and the first of equals is best
_BEGUN, _MORE, _FAILURES = 8, 80, 32  # on small networks
_FEWEST = 4  # begun where they are derived from
_SCATTERED, _SCATTERED_UNTIL = 4, 2_000  # edges; on larger networks they are worse than others
_FEWER_BEGUN = 2_000  # edges from which on fewer are started, by the square root
_FEWER_MORE = 1_000  # edges from which on fewer are derived, by the power 3/4: runs take longer
_SMOOTH_FROM, _SMOOTH = 20_000, 20.0  # edges, visits of a node
_FEWER_STILL = 100_000  # edges from which on fewer than these are started, in proportion
_NO_GAIN = 1e-10  # of Q, per iteration and edge
_MOST_VISITS = 30
_DENSE = 256  # nodes up to which the modularity matrix is faster than lists of edges
_STATES = 1 << 63


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
    n_begun = round(_BEGUN * min(1.0, _FEWER_BEGUN / size) ** 0.5)
    n_begun = min(max(_FEWEST, n_begun), _FEWEST * _FEWER_STILL // size)
    n_more = int(_MORE * min(1.0, _FEWER_MORE / size) ** 0.75)
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
    labels: NDArray[np.int32],
    rng: np.random.Generator,
) -> NDArray[np.int32]:
    """The best labels [n] found from the given ones, which must be below n."""
    limits = Limits(_ROUNDING * total, effort.no_gain * total, effort.most_visits)
    state = rng.integers(_STATES, size=1, dtype=np.uint64)
    best = labels.copy()
    if effort.splits:
        settle(level, gamma, limits, best, state)
        optimise_connected(level, None, gamma, limits, best, state)
        return best
    # Either is None, so that numba compiles one kind of steps only.
    dense = modularity_matrix(level, gamma) if labels.size <= _DENSE else None
    sparse = level if dense is None else None
    pool, values = np.empty((effort.n_begun, labels.size), np.int32), np.empty(effort.n_begun)
    for index, begun in enumerate(pool):
        begun[:] = _scattered(level, rng) if 0 < index <= effort.n_scattered else labels
        waits, known = np.ones(labels.size, np.bool_), pool[:index]
        n_visits = optimise(sparse, dense, gamma, limits, begun, waits, known, state)
        values[index] = (
            value_of(level, gamma, begun) if dense is None else dense_value(dense, begun)
        )
        if index == 0 and n_visits < effort.smooth * labels.size:
            best = begun
            if n_visits >= 0.75 * effort.smooth * labels.size:
                mend(level, gamma, limits, best, state)
            break
    else:
        best = pool[breed(sparse, dense, gamma, limits, effort, pool, values, state)]
    optimise_connected(level, dense, gamma, limits, best, state)
    return best


def _scattered(level: Level, rng: np.random.Generator) -> NDArray[np.int32]:
    """Labels [n] that put every node into one of two to nine modules at random.

    Anchored nodes get their own. Runs from few modules reach optima that runs from single nodes
    do not, as those cannot join modules while swapping parts of them.
    """
    stays = level.anchored
    n_free = int(np.count_nonzero(~stays))
    labels = rng.integers(min(int(rng.integers(2, 10)), max(n_free, 1)), size=stays.size)
    labels[stays] = n_free + np.arange(stays.size - n_free)
    return np.asarray(labels, dtype=np.int32)
