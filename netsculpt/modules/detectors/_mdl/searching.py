"""The description of a network that explains most, from partitions that others propose."""

from __future__ import annotations

from collections.abc import Iterable
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

__all__ = ["ACCEPTED", "Explained", "explained"]

ACCEPTED = log(100.0)  # nats of evidence from which on modules are accepted
_FORMS = tuple(Form(by_layer, shared) for by_layer in (True, False) for shared in (False, True))
_MOST_MODULES = 256
_SMALL = 20_000  # edges up to which all forms start from every proposal, and patterns are sought
_LARGE = 200_000  # edges, from which on forms differ by too little to be tried
_SAMPLED = 50_000  # edges up to which evidence is sampled
_STEPS, _FEWEST, _STEPS_FOR = 400, 50, 800_000  # sweeps of a run, at least, and for how many edges
_RATIOS, _COUNTS = (0.7, 1.2, 1.8, 2.6), (2, 3, 4, 6)  # ln odds ratios and modules of the runs
_CELLS, _AGAIN, _LONGER = 5, 2, 3  # best cells that are run again, how often, and how much longer
_EMPTY = 0.5  # units


class Explained(NamedTuple):
    """The best description, and what each number of modules explains."""

    evidence: float  # nats, of modules against none
    shares: NDArray[np.float64]  # [n, B]
    feeds: NDArray[np.float64]  # [B, B]
    path: dict[int, float]  # evidence of the best description found with so many modules


def explained(
    network: Network, proposals: Iterable[NDArray[np.integer]], rng: np.random.Generator
) -> Explained:
    """Climb from every proposal [n]; where that does not decide, sample the evidence."""
    if network.ends_out.size == 0:
        return _one_module(network, 0.0, {1: 0.0})
    climbed = _climbed(network, proposals)
    if climbed.evidence >= ACCEPTED or network.ends_out.size > _SAMPLED:
        return climbed
    sampled = _sampled(network, rng)
    best = max(climbed, sampled, key=lambda one: one.evidence)
    path = dict(climbed.path)
    for n_modules, evidence in sampled.path.items():
        path[n_modules] = max(path.get(n_modules, -np.inf), evidence)
    return best._replace(path=dict(sorted(path.items())))


def _climbed(network: Network, proposals: Iterable[NDArray[np.integer]]) -> Explained:
    """The best lower bound for two or more modules that coordinate ascent reaches."""
    n_edges = network.ends_out.size
    pool: list[tuple[float, Beliefs]] = []

    def add(beliefs: Beliefs) -> None:
        if beliefs.shares.shape[1] > 1:
            pool.append((_worth(network, beliefs), beliefs))

    for labels in proposals:
        if 1 < labels.max(initial=0) + 1 <= _MOST_MODULES:
            for form in _FORMS if n_edges <= _SMALL else _FORMS[:1]:
                add(climb(network, certain(labels), form))
    if pool and _SMALL < n_edges <= _LARGE:
        start = _best(pool)[1]
        for form in _FORMS[1:]:
            add(climb(network, start.shares.copy(), form))
    if pool and (n_edges <= _SMALL or _best(pool)[0] > 0):
        add(merged(network, _best(pool)[1]))
    if pool and n_edges <= _SMALL and _best(pool)[0] >= ACCEPTED:
        add(fed(network, _best(pool)[1]))
    if not pool:
        # Two modules without any difference explain nothing, and cost their parameter and the form.
        alike = -log(len(_FORMS)) - log(2) - 0.5 * log(n_edges)
        return _one_module(network, alike, {1: 0.0})
    path = {1: 0.0}
    for value, beliefs in pool:
        n_modules = beliefs.shares.shape[1]
        path[n_modules] = max(path.get(n_modules, -np.inf), value)
    evidence, found = _best(pool)
    return Explained(evidence, found.shares, found.feeds, dict(sorted(path.items())))


def _best(pool: list[tuple[float, Beliefs]]) -> tuple[float, Beliefs]:
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
    """Evidence averaged over odds ratios and numbers of modules, each as likely as the others."""
    steps = int(np.clip(_STEPS_FOR // network.ends_out.size, _FEWEST, _STEPS))
    state = rng.integers(1 << 63, size=1, dtype=np.uint64)
    weights = np.array(
        [[_run(network, count, ratio, steps, state)[0] for ratio in _RATIOS] for count in _COUNTS]
    )
    top = weights.max()
    evidence = float(top + log(np.exp(weights - top).mean()))
    with np.errstate(divide="ignore"):
        each = top + np.log(np.exp(weights - top).mean(axis=1) / len(_COUNTS))
    path = dict(zip(_COUNTS, each.tolist(), strict=True))
    if evidence < ACCEPTED:
        return _one_module(network, evidence, path)
    shares = _placed(network, weights, steps, state)
    return Explained(evidence, shares, np.eye(shares.shape[1]), path)


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
