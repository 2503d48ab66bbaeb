"""What modules say about degrees, which is no evidence for them, in compiled code.

Probabilities of edges are fitted to the units' degrees, and without modules all networks with
exactly these degrees are equally likely. So it must not count for modules that they make these
degrees likelier, as they do: edges that are nearly certain inside modules and nearly impossible
outside leave little freedom. (A unit with one edge, to either of two others, has this degree with
probability ½ if both edges have probability ½, but certainly if one is sure and one impossible.
What remains is that the edge is where the module is, and that is worth ln 2, not 2 ln 2.)

The evidence given the degrees is the evidence less ln of their probability with modules over that
without, unit by unit and block by block. A degree is a sum of independent edges (Poisson-binomial).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled

__all__ = ["degree_gain"]

_NORMAL = 12.0  # variance of a degree from which on it is taken to be normally distributed
_LEAST = 1e-300


@compiled
def degree_gain(network: Any, labels: Any, feeds: Any, odds: Any) -> float:
    """Nats by which the labels [n] make the degrees likelier, at these odds."""
    n_modules, most = feeds.shape[0], network.members.shape[2]
    counts = np.zeros((2, network.n_edges.size, most, n_modules))
    for unit in range(labels.size):
        for slot in range(network.first[unit], network.first[unit + 1]):
            side, block, group = network.side[slot], network.block[slot], network.group[slot]
            counts[side, block, group, labels[unit]] += 1.0
    largest = 0
    for unit in range(labels.size):
        largest = max(largest, network.first_out[unit + 1] - network.first_out[unit])
        largest = max(largest, network.first_in[unit + 1] - network.first_in[unit])
    chance, number = np.zeros((2, most, 2)), np.zeros((most, 2))
    spread, gained = np.zeros(largest + 1), 0.0
    for unit in range(labels.size):
        own = labels[unit]
        for slot in range(network.first[unit], network.first[unit + 1]):
            side, block, group = network.side[slot], network.block[slot], network.group[slot]
            if odds.inside[block] == 0.0 and odds.outside[block] == 0.0:
                continue
            n_groups = network.n_groups[1 - side, block]
            for d in range(n_groups):
                p = network.chance[block, d, group] if side else network.chance[block, group, d]
                inside = 0.0
                for c in range(n_modules):
                    likely = feeds[c, own] if side else feeds[own, c]
                    inside += likely * counts[1 - side, block, d, c]
                number[d, 0] = inside
                number[d, 1] = network.members[1 - side, block, d] - inside
                for where in range(2):
                    power = odds.outside[block] if where else odds.inside[block]
                    factor = math.exp(power)
                    chance[0, d, where] = p
                    chance[1, d, where] = p * factor / (1.0 - p + p * factor)
            degree = _degree(network, unit, side, block)
            normal = _variance(chance[0], number, n_groups) > _NORMAL
            for model in range(2):
                sign = 1.0 if model else -1.0
                gained += sign * _probability(
                    chance[model], number, n_groups, degree, normal, spread
                )
    return gained


@compiled
def _degree(network: Any, unit: int, side: int, block: int) -> int:
    """Edges of the unit on this side of the block."""
    degree = 0
    if side:
        for edge in range(network.first_in[unit], network.first_in[unit + 1]):
            degree += network.block_in[edge] == block
    else:
        for edge in range(network.first_out[unit], network.first_out[unit + 1]):
            degree += network.block_out[edge] == block
    return degree


@compiled
def _variance(chance: Any, number: Any, n_groups: int) -> float:
    total = 0.0
    for d in range(n_groups):
        for where in range(2):
            total += number[d, where] * chance[d, where] * (1.0 - chance[d, where])
    return total


@compiled
def _probability(
    chance: Any, number: Any, n_groups: int, degree: int, normal: bool, spread: Any
) -> float:
    """Ln of the probability that as many edges are present; `spread` is overwritten."""
    if normal:
        mean = 0.0
        for d in range(n_groups):
            for where in range(2):
                mean += number[d, where] * chance[d, where]
        variance = max(_variance(chance, number, n_groups), 1.0)
        return -0.5 * (math.log(2.0 * math.pi * variance) + (degree - mean) ** 2 / variance)
    for k in range(degree + 1):
        spread[k] = 0.0
    spread[0] = 1.0
    for d in range(n_groups):
        for where in range(2):
            p = chance[d, where]
            for _ in range(int(number[d, where] + 0.5)):
                for k in range(degree, 0, -1):
                    spread[k] = spread[k] * (1.0 - p) + spread[k - 1] * p
                spread[0] *= 1.0 - p
    return math.log(max(spread[degree], _LEAST))
