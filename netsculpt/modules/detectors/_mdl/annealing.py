"""The evidence for modules by annealed importance sampling, in compiled code.

Labels are drawn with equal chances, and Gibbs sweeps bring them step by step, at rising weight β of
the likelihood, to the posterior. The product of what the likelihood gains at each step has the
evidence as its mean (Neal, "Annealed importance sampling", Stat. Comput. 11, 125 (2001),
doi:10.1023/A:1008923215028, arXiv:physics/9803008, eq. 11). So in networks without modules this
mean is 1, however short the run, and a value of e^t comes up at most once in e^t networks.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from netsculpt.core.compiled import compiled, next_bits

__all__ = ["Sampler", "annealed", "sampler_of", "tallied"]

_UNIT = 1.0 / 9007199254740992.0  # 2⁻⁵³


class Sampler(NamedTuple):
    """Labels of the units, and what the next ones are drawn by."""

    ratio: float  # ln odds ratio of an edge inside modules
    odds: Any  # `balanced_odds` at this ratio and a share of 1/B
    labels: Any  # [n]
    counts: Any  # [2, P, D, B] units of each block's side, group of degrees and module
    state: Any  # [1] of the generator


@compiled
def sampler_of(network: Any, odds: Any, ratio: float, n_modules: int, state: Any) -> Any:
    """A sampler with random labels."""
    labels = np.zeros(network.layer.size, np.int64)
    counts = np.zeros((2, network.n_edges.size, network.members.shape[2], n_modules))
    for unit in range(labels.size):
        labels[unit] = np.int64(_uniform(state) * n_modules)
        for slot in range(network.first[unit], network.first[unit + 1]):
            side, block, group = network.side[slot], network.block[slot], network.group[slot]
            counts[side, block, group, labels[unit]] += 1.0
    return Sampler(ratio, odds, labels, counts, state)


@compiled
def annealed(network: Any, sampler: Any, steps: int) -> float:
    """Ln of the weight of one run, which ends with labels from the posterior."""
    value, weight = _value(network, sampler), 0.0
    for step in range(steps):
        weight += value / steps
        value += _sweep(network, sampler, (step + 1.0) / steps, step % 2 == 1)
    return weight


@compiled
def tallied(network: Any, sampler: Any, steps: int) -> Any:
    """Share of so many sweeps [n, B] in which each unit was in each module."""
    n = sampler.labels.size
    shares = np.zeros((n, sampler.counts.shape[3]))
    for step in range(steps):
        _sweep(network, sampler, 1.0, step % 2 == 1)
        for unit in range(n):
            shares[unit, sampler.labels[unit]] += 1.0 / steps
    return shares


@compiled
def _value(network: Any, sampler: Any) -> Any:
    """Log-likelihood of the labels beyond chance."""
    odds, labels, counts = sampler.odds, sampler.labels, sampler.counts
    value = odds.explained
    for unit in range(labels.size):
        for edge in range(network.first_out[unit], network.first_out[unit + 1]):
            if labels[network.ends_out[edge]] == labels[unit]:
                value += sampler.ratio
    for block in range(network.n_edges.size):
        for d in range(network.n_groups[0, block]):
            for e in range(network.n_groups[1, block]):
                for c in range(counts.shape[3]):
                    pairs = counts[0, block, d, c] * counts[1, block, e, c]
                    value -= odds.gap[0, block, d, e] * pairs
    return value


@compiled
def _sweep(network: Any, sampler: Any, beta: float, back: bool) -> float:
    """Draw every unit's label given all others; returns the log-likelihood gained."""
    ratio, gaps, labels, counts = sampler.ratio, sampler.odds.gap, sampler.labels, sampler.counts
    n, n_modules = labels.size, counts.shape[3]
    score, power, gained = np.zeros(n_modules), np.zeros(n_modules), 0.0
    for turn in range(n):
        unit = n - 1 - turn if back else turn
        score[:] = 0.0
        for edge in range(network.first_out[unit], network.first_out[unit + 1]):
            score[labels[network.ends_out[edge]]] += ratio
        for edge in range(network.first_in[unit], network.first_in[unit + 1]):
            score[labels[network.ends_in[edge]]] += ratio
        for slot in range(network.first[unit], network.first[unit + 1]):
            side, block, group = network.side[slot], network.block[slot], network.group[slot]
            for d in range(network.n_groups[1 - side, block]):
                gap = gaps[side, block, group, d]
                for c in range(n_modules):
                    score[c] -= gap * counts[1 - side, block, d, c]
        top = score.max()
        total = 0.0
        for c in range(n_modules):
            power[c] = math.exp(beta * (score[c] - top))
            total += power[c]
        left, new = _uniform(sampler.state) * total, 0
        while new < n_modules - 1 and left >= power[new]:
            left -= power[new]
            new += 1
        own = labels[unit]
        if new != own:
            labels[unit] = new
            gained += score[new] - score[own]
            for slot in range(network.first[unit], network.first[unit + 1]):
                side, block, group = network.side[slot], network.block[slot], network.group[slot]
                counts[side, block, group, own] -= 1.0
                counts[side, block, group, new] += 1.0
    return gained


@compiled
def _uniform(state: Any) -> Any:
    """A number from 0 to below 1."""
    return float(next_bits(state) >> np.uint64(11)) * _UNIT
