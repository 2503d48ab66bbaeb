"""The description of a network that explains most, from partitions that others propose."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsculpt.modules.detectors._mdl.annealing import (
    Sampler,
    annealed,
    sampler_of,
    tallied,
)
from netsculpt.modules.detectors._mdl.climbing import (
    Beliefs,
    Form,
    certain,
    climb,
    merged,
)
from netsculpt.modules.detectors._mdl.degrees import degree_gain
from netsculpt.modules.detectors._mdl.feeding import fed
from netsculpt.modules.detectors._mdl.fitting import balanced_odds
from netsculpt.modules.detectors._mdl.network import Network
from netsculpt.modules.verdict import DECISIVE

__all__ = ["Explained", "explained"]

_FORMS = tuple(Form(by_layer, shared) for by_layer in (True, False) for shared in (False, True))
_MOST_MODULES = 256
_SMALL = 20_000  # edges up to which all forms start from every proposal, and patterns are sought
_LARGE = 200_000  # edges, from which on forms differ by too little to be tried
_STARTS, _RESTARTED = 3, 5_000  # times that modules are sought, up to how many edges
_SAMPLED = 50_000  # edges up to which evidence is sampled
_STEPS, _FEWEST, _STEPS_FOR = 400, 50, 800_000  # sweeps of a run, at least, and for how many edges
_RATIOS, _COUNTS = (0.7, 1.2, 1.8, 2.6), (2, 3, 4, 6)  # ln odds ratios and modules of the runs
_RUNS, _OPEN = 8, 0.0  # of each if the first one's evidence is at least so many nats
_CELLS, _AGAIN, _LONGER = 5, 2, 3  # best cells that are run again, how often, and how much longer
_EMPTY = 0.5  # units


Pool = list[tuple[float, Beliefs]]  # evidence of each


class Explained(NamedTuple):
    """The best description, and what each number of modules explains."""

    evidence: float  # nats, of modules against none
    shares: NDArray[np.float64]  # [n, B]
    feeds: NDArray[np.float64]  # [B, B]
    path: dict[int, float]  # evidence of the best description found with so many modules


def explained(
    network: Network,
    proposals: Callable[[int], Iterable[NDArray[np.integer]]],
    rng: np.random.Generator,
) -> Explained:
    """Climb from every proposal [n]; where that does not decide, sample the evidence.

    ``proposals(i)`` are those of the i-th start. Where modules are accepted, several starts are
    made, as proposals differ from start to start, and the best description is kept: each is a lower
    bound on the same sum.
    """
    n_edges = network.ends_out.size
    if n_edges == 0:
        return _one_module(network, 0.0, {1: 0.0})
    pool = _climbed(network, proposals(0))
    if pool and _best(pool)[0] >= DECISIVE:
        for start in range(1, _STARTS if n_edges <= _RESTARTED else 1):
            pool += _climbed(network, proposals(start))
        if n_edges <= _SMALL:
            pool += _priced(network, fed(network, _best(pool)[1]))
    found = _described(network, pool)
    if found.evidence >= DECISIVE or n_edges > _SAMPLED:
        return found
    return _better(found, _sampled(network, rng))


def _better(one: Explained, other: Explained) -> Explained:
    """The one with more evidence (the first of equals), with the best path of both."""
    path = dict(one.path)
    for n_modules, evidence in other.path.items():
        path[n_modules] = max(path.get(n_modules, -np.inf), evidence)
    best = max(one, other, key=lambda each: each.evidence)
    return best._replace(path=dict(sorted(path.items())))


def _climbed(network: Network, proposals: Iterable[NDArray[np.integer]]) -> Pool:
    """Lower bounds for two or more modules that coordinate ascent reaches, unordered."""
    n_edges = network.ends_out.size
    pool: Pool = []
    for labels in proposals:
        if 1 < labels.max(initial=0) + 1 <= _MOST_MODULES:
            for form in _FORMS if n_edges <= _SMALL else _FORMS[:1]:
                pool += _priced(network, climb(network, certain(labels), form))
    if pool and _SMALL < n_edges <= _LARGE:
        start = _best(pool)[1]
        for form in _FORMS[1:]:
            pool += _priced(network, climb(network, start.shares.copy(), form))
    if pool and (n_edges <= _SMALL or _best(pool)[0] > 0):
        pool += _priced(network, merged(network, _best(pool)[1]))
    return pool


def _priced(network: Network, beliefs: Beliefs) -> Pool:
    """Beliefs with what they are worth; nothing if they are in one module."""
    return [(_worth(network, beliefs), beliefs)] if beliefs.shares.shape[1] > 1 else []


def _described(network: Network, pool: Pool) -> Explained:
    """The best of what was climbed to."""
    if not pool:
        # Two modules without any difference explain nothing, and cost their parameter and the form.
        alike = -log(len(_FORMS)) - log(2) - 0.5 * log(network.ends_out.size)
        return _one_module(network, alike, {1: 0.0})
    path = {1: 0.0}
    for value, beliefs in pool:
        n_modules = beliefs.shares.shape[1]
        path[n_modules] = max(path.get(n_modules, -np.inf), value)
    evidence, found = _best(pool)
    return Explained(evidence, found.shares, found.feeds, dict(sorted(path.items())))


def _best(pool: Pool) -> tuple[float, Beliefs]:
    return max(pool, key=lambda one: one[0])


def _one_module(network: Network, evidence: float, path: dict[int, float]) -> Explained:
    return Explained(evidence, np.ones((network.layer.size, 1)), np.ones((1, 1)), path)


def _worth(network: Network, beliefs: Beliefs) -> float:
    """Evidence given the degrees, less what it takes to say which form, and how many modules.

    Numbers of modules, from 2 on, have the prior 1/(B(B − 1)).
    """
    n_modules = beliefs.shares.shape[1]
    labels = beliefs.shares.argmax(axis=1)
    by_degrees = degree_gain(network, labels, beliefs.feeds, beliefs.odds)
    said = log(len(_FORMS)) + log(n_modules * (n_modules - 1))
    return float(beliefs.evidence - by_degrees - said)


def _sampled(network: Network, rng: np.random.Generator) -> Explained:
    """Evidence averaged over odds ratios and numbers of modules, each as likely as the others.

    One run of each tells clear cases apart. Where it leaves the odds for modules even or better,
    more runs are averaged. The mean is what counts, not the best run: only the mean of the weights
    has the expectation 1 in networks without modules. And as nothing is accepted but by the mean of
    all runs, to stop early can only make acceptance rarer.
    """
    steps = int(np.clip(_STEPS_FOR // network.ends_out.size, _FEWEST, _STEPS))
    state = rng.integers(1 << 63, size=1, dtype=np.uint64)
    runs = np.empty((_RUNS, len(_COUNTS), len(_RATIOS)))
    for done in range(_RUNS):
        for (row, count), (column, ratio) in product(enumerate(_COUNTS), enumerate(_RATIOS)):
            runs[done, row, column] = _run(network, count, ratio, steps, state)[0]
        if done == 0 and _ln_mean(runs[:1]) < _OPEN:
            runs = runs[:1]
            break
    weights = np.logaddexp.reduce(runs) - log(len(runs))  # [counts, ratios]
    evidence = _ln_mean(weights)
    # Each number of modules with its share of the prior.
    each = np.logaddexp.reduce(weights, axis=1) - log(weights.size)
    path = dict(zip(_COUNTS, each.tolist(), strict=True))
    if evidence < DECISIVE:
        return _one_module(network, evidence, path)
    shares = _placed(network, weights, steps, state)
    return Explained(evidence, shares, np.eye(shares.shape[1]), path)


def _ln_mean(weights: NDArray[np.float64]) -> float:
    """Ln of the mean of numbers given by their ln."""
    return float(np.logaddexp.reduce(weights, axis=None) - log(weights.size))


def _placed(
    network: Network, weights: NDArray[np.float64], steps: int, state: NDArray[np.uint64]
) -> NDArray[np.float64]:
    """How often units were in each module [n, B], in the best of some longer runs.

    These are made with the number of modules and the odds ratio of the best runs so far, as their
    weights differ from each other by much less. What decided on the evidence is left as it was.
    """
    tried = []
    for cell in np.argsort(-weights, axis=None, kind="stable")[:_CELLS]:
        row, column = divmod(int(cell), len(_RATIOS))
        runs = [
            _run(network, _COUNTS[row], _RATIOS[column], _LONGER * steps, state)
            for _ in range(_AGAIN)
        ]
        tried.append((np.mean([weight for weight, _ in runs]), max(runs, key=lambda run: run[0])))
    _, (_, sampler) = max(tried, key=lambda one: one[0])
    shares: NDArray[np.float64] = tallied(network, sampler, steps)
    shares = shares[:, shares.sum(axis=0) >= _EMPTY]
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _run(
    network: Network, n_modules: int, ratio: float, steps: int, state: NDArray[np.uint64]
) -> tuple[float, Sampler]:
    """Ln of the weight of one annealed run, and where it ended."""
    odds = balanced_odds(network, ratio, 1 / n_modules)
    sampler = sampler_of(network, odds, ratio, n_modules, state)
    weight = annealed(network, sampler, steps)
    return weight - degree_gain(network, sampler.labels, np.eye(n_modules), odds), sampler
