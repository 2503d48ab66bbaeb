"""How much likelier edges inside modules are, block by block, in compiled code.

With modules, the odds of an edge are those by degrees alone times exp(inside) or exp(outside). Both
logarithms are fitted to the edges counted, so that the expected number of edges stays the observed
one: one free parameter per block, or one for all blocks (`shared`: inside − outside is the same in
each).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from netsculpt.core.compiled import compiled

__all__ = ["Odds", "balanced_odds", "fitted"]

_MOST = 12.0  # of a logarithm: what has no edge at all has odds of e⁻¹², not 0
_STEPS, _CLOSE = 60, 1e-9
_FREE = 1e-6  # variance of a block's edges by chance: with less, nothing can be compared


class Odds(NamedTuple):
    """Fitted log odds ratios, and what they explain."""

    inside: Any  # [P]
    outside: Any  # [P]
    gap: Any  # [2, P, D, D] ln of (1 − π + π e^inside) / (1 − π + π e^outside); transposed in [1]
    explained: float  # nats: log-likelihood beyond chance
    price: float  # nats of the parameters


@compiled
def fitted(network: Any, inside: Any, pairs: Any, shared: bool, previous: float) -> Any:
    """The odds that explain most.

    `inside` [P] edges inside modules, `pairs` [P, D, D] pairs of units inside modules by their
    groups (both may be expected values); `previous` is where to begin with a shared ratio. Returns
    the odds, and the ratio.
    """
    n_blocks, most = pairs.shape[0], pairs.shape[1]
    others = np.zeros((n_blocks, most, most))
    compared = np.zeros(n_blocks, np.bool_)
    low, high = np.zeros(n_blocks), np.zeros(n_blocks)
    for block in range(n_blocks):
        here = there = 0.0
        for d in range(network.n_groups[0, block]):
            for e in range(network.n_groups[1, block]):
                every = network.members[0, block, d] * network.members[1, block, e]
                others[block, d, e] = max(every - pairs[block, d, e], 0.0)
                p = network.chance[block, d, e]
                here += pairs[block, d, e] * p * (1.0 - p)
                there += others[block, d, e] * p * (1.0 - p)
        compared[block] = here > _FREE and there > _FREE
    ratio = 0.0
    if shared:
        ratio = _ratio(network, inside, pairs, others, compared, previous)
    explained = price = edges = 0.0
    gap = np.zeros((2, n_blocks, most, most))
    for block in range(n_blocks):
        if not compared[block]:
            continue
        chance, size = network.chance[block], network.n_groups[:, block]
        n_edges = network.n_edges[block]
        if shared:
            high[block], low[block] = _level(
                chance, size, pairs[block], others[block], n_edges, ratio
            )
        else:
            zero = 0.0
            high[block] = _tilt(chance, size, pairs[block], inside[block], zero)
            low[block] = _tilt(chance, size, others[block], n_edges - inside[block], zero)
            price += 0.5 * math.log(n_edges)
        edges += n_edges
        explained += inside[block] * high[block] + (n_edges - inside[block]) * low[block]
        for d in range(size[0]):
            for e in range(size[1]):
                x = math.log1p(chance[d, e] * math.expm1(high[block]))
                y = math.log1p(chance[d, e] * math.expm1(low[block]))
                explained -= pairs[block, d, e] * x + others[block, d, e] * y
                gap[0, block, d, e] = gap[1, block, e, d] = x - y
    if shared and edges > 0:
        price = 0.5 * math.log(edges)
    return Odds(high, low, gap, explained, price), ratio


@compiled
def balanced_odds(network: Any, ratio: float, share: float) -> Any:
    """Odds with this ratio, with a `share` of all pairs inside modules; explained is left 0."""
    n_blocks, most = network.chance.shape[0], network.chance.shape[1]
    high, low = np.zeros(n_blocks), np.zeros(n_blocks)
    gap = np.zeros((2, n_blocks, most, most))
    pairs, others = np.zeros((most, most)), np.zeros((most, most))
    constant = 0.0
    for block in range(n_blocks):
        chance, size = network.chance[block], network.n_groups[:, block]
        for d in range(size[0]):
            for e in range(size[1]):
                every = network.members[0, block, d] * network.members[1, block, e]
                pairs[d, e], others[d, e] = share * every, (1.0 - share) * every
        high[block], low[block] = _level(chance, size, pairs, others, network.n_edges[block], ratio)
        constant += network.n_edges[block] * low[block]
        for d in range(size[0]):
            for e in range(size[1]):
                x = math.log1p(chance[d, e] * math.expm1(high[block]))
                y = math.log1p(chance[d, e] * math.expm1(low[block]))
                constant -= (pairs[d, e] + others[d, e]) * y
                gap[0, block, d, e] = gap[1, block, e, d] = x - y
    return Odds(high, low, gap, constant, 0.0)


@compiled
def _expected(chance: Any, size: Any, pairs: Any, log_odds: float) -> tuple[float, float]:
    """Expected edges among the pairs if their odds are multiplied by exp(log_odds); derivative."""
    factor, total, slope = math.exp(log_odds), 0.0, 0.0
    for d in range(size[0]):
        for e in range(size[1]):
            if pairs[d, e] > 0.0:
                odds = chance[d, e] * factor
                p = odds / (1.0 - chance[d, e] + odds)
                total += pairs[d, e] * p
                slope += pairs[d, e] * p * (1.0 - p)
    return total, slope


@compiled
def _tilt(chance: Any, size: Any, pairs: Any, count: float, begin: float) -> float:
    """Log odds ratio at which so many edges are expected among the pairs, by safe Newton steps."""
    left, right, x = -_MOST, _MOST, begin
    for _ in range(_STEPS):
        total, slope = _expected(chance, size, pairs, x)
        if abs(total - count) <= _CLOSE * (1.0 + count):
            break
        if total > count:
            right = x
        else:
            left = x
        new = x - (total - count) / slope if slope > 0.0 else left
        x = new if left < new < right else 0.5 * (left + right)
    return x


@compiled
def _level(
    chance: Any, size: Any, pairs: Any, others: Any, count: float, ratio: float
) -> tuple[float, float]:
    """Log odds inside and outside, `ratio` apart, at which so many edges are expected."""
    left, right, x = -_MOST, _MOST, 0.0
    for _ in range(_STEPS):
        total, slope = _expected(chance, size, pairs, x + ratio)
        more, and_slope = _expected(chance, size, others, x)
        total, slope = total + more, slope + and_slope
        if abs(total - count) <= _CLOSE * (1.0 + count):
            break
        if total > count:
            right = x
        else:
            left = x
        new = x - (total - count) / slope if slope > 0.0 else left
        x = new if left < new < right else 0.5 * (left + right)
    return x + ratio, x


@compiled
def _ratio(
    network: Any, inside: Any, pairs: Any, others: Any, compared: Any, begin: float
) -> float:
    """The ratio at which as many edges inside modules are expected as there are, over all blocks.

    The slope ignores that the level moves with the ratio, so that steps are too short, never wrong.
    """
    left, right, x = -_MOST, _MOST, begin
    for _ in range(_STEPS):
        excess = slope = size = 0.0
        for block in range(compared.size):
            if compared[block]:
                chance, n = network.chance[block], network.n_groups[:, block]
                high, _low = _level(
                    chance, n, pairs[block], others[block], network.n_edges[block], x
                )
                total, and_slope = _expected(chance, n, pairs[block], high)
                excess, slope = excess + total - inside[block], slope + and_slope
                size += network.n_edges[block]
        if abs(excess) <= 1e-6 * (1.0 + size):
            break
        if excess > 0.0:
            right = x
        else:
            left = x
        new = x - excess / slope if slope > 0.0 else left
        x = new if left < new < right else 0.5 * (left + right)
    return x
