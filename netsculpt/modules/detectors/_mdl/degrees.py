"""What modules say about degrees, which is no evidence for them, in compiled code.

Probabilities of edges are fitted to the units' degrees, and without modules all networks with
exactly these degrees are equally likely. So it must not count for modules that they make these
degrees likelier, as they do: edges that are nearly certain inside modules and nearly impossible
outside leave little freedom. (A unit with one edge, to either of two others, has this degree with
probability ½ if both edges have probability ½, but certainly if one is sure and one impossible.
What remains is that the edge is where the module is, and that is worth ln 2, not 2 ln 2.)

The evidence given the degrees is the evidence less ln of their probability with modules over that
without, unit by unit and block by block. A degree is a sum of independent edges (Poisson-binomial).
Modules that make the degrees less likely get nothing back. Every edge counts at both of its ends:
where all units are in one module, at odds that were meant for several, the evidence loses the
surprise at the number of edges once, and would get it back twice.
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
    """Nats, at least 0, by which the labels [n] make the degrees likelier, at these odds.

    Units of one module and group have the same distribution, so there are at most 2PD(B + 1) of
    them, for P blocks, D groups and B modules; each costs O(DB) and, unless it is taken to be
    normal, O(DK²) for degrees up to K. Reading the degrees costs O(E).
    """
    n_modules, most, n_blocks = feeds.shape[0], network.members.shape[2], network.n_edges.size
    counts = np.zeros((2, n_blocks, most, n_modules))
    highest = np.full((2, n_blocks, most, n_modules + 1), -1)  # the last: without modules
    degrees = _degrees(network)
    for unit in range(labels.size):
        for slot in range(network.first[unit], network.first[unit + 1]):
            side, block, group = network.side[slot], network.block[slot], network.group[slot]
            counts[side, block, group, labels[unit]] += 1.0
            for module in (np.int64(labels[unit]), np.int64(n_modules)):
                at = (side, block, group, module)
                highest[at] = max(highest[at], degrees[slot])
    begin, end = np.zeros(highest.shape, np.int64), 0
    for at in np.ndindex(highest.shape):
        begin[at] = end
        end += highest[at] + 1
    likely = np.zeros(end)  # ln of the probability of each degree up to the highest
    chance, number = np.zeros(2 * most), np.zeros(2 * most)
    for at in np.ndindex(highest.shape):
        side, block, group, own = at
        odd = odds.inside[block] != 0.0 or odds.outside[block] != 0.0
        if highest[at] < 0 or not odd:
            continue
        n_groups, variance = network.n_groups[1 - side, block], 0.0
        for d in range(n_groups):
            p = network.chance[block, d, group] if side else network.chance[block, group, d]
            members = network.members[1 - side, block, d]
            variance += members * p * (1.0 - p)
            inside = 0.0
            if own < n_modules:
                for c in range(n_modules):
                    share = feeds[c, own] if side else feeds[own, c]
                    inside += share * counts[1 - side, block, d, c]
            number[2 * d], number[2 * d + 1] = inside, members - inside
            for where in range(2):
                power = odds.outside[block] if where else odds.inside[block]
                factor = math.exp(power) if own < n_modules else 1.0
                chance[2 * d + where] = p * factor / (1.0 - p + p * factor)
        row = likely[begin[at] : begin[at] + highest[at] + 1]
        if variance > _NORMAL:
            _normal(chance, number, 2 * n_groups, row)
        else:
            _exact(chance, number, 2 * n_groups, row)
    gained = 0.0
    for unit in range(labels.size):
        for slot in range(network.first[unit], network.first[unit + 1]):
            side, block, group = network.side[slot], network.block[slot], network.group[slot]
            degree = degrees[slot]
            gained += likely[begin[side, block, group, labels[unit]] + degree]
            gained -= likely[begin[side, block, group, n_modules] + degree]
    return max(gained, 0.0)


@compiled
def _degrees(network: Any) -> Any:
    """Edges in each slot [S]."""
    degrees = np.zeros(network.block.size, np.int64)
    slots = np.zeros((2, network.n_edges.size), np.int64)  # of one unit
    for unit in range(network.layer.size):
        for slot in range(network.first[unit], network.first[unit + 1]):
            slots[network.side[slot], network.block[slot]] = slot
        for edge in range(network.first_out[unit], network.first_out[unit + 1]):
            degrees[slots[0, network.block_out[edge]]] += 1
        for edge in range(network.first_in[unit], network.first_in[unit + 1]):
            degrees[slots[1, network.block_in[edge]]] += 1
    return degrees


@compiled
def _normal(chance: Any, number: Any, n: int, row: Any) -> None:
    """Set the row to ln of the probabilities of degrees 0, 1, …, taken to be normal."""
    mean = variance = 0.0
    for i in range(n):
        mean += number[i] * chance[i]
        variance += number[i] * chance[i] * (1.0 - chance[i])
    variance = max(variance, 1.0)
    for k in range(row.size):
        row[k] = -0.5 * (math.log(2.0 * math.pi * variance) + (k - mean) ** 2 / variance)


@compiled
def _exact(chance: Any, number: Any, n: int, row: Any) -> None:
    """Set the row to ln of the probabilities of degrees 0, 1, …: of a sum of binomials."""
    one = np.zeros(row.size)
    for k in range(row.size):
        row[k] = 0.0
    row[0] = 1.0
    for i in range(n):
        size, p = int(number[i] + 0.5), chance[i]
        if size == 0 or p == 0.0:
            continue
        for k in range(row.size):
            one[k] = _binomial(size, p, k)
        for k in range(row.size - 1, -1, -1):
            total = 0.0
            for j in range(min(k, size) + 1):
                total += one[j] * row[k - j]
            row[k] = total
    for k in range(row.size):
        row[k] = math.log(max(row[k], _LEAST))


@compiled
def _binomial(n: int, p: float, k: int) -> float:
    """Probability of k of n, for p above 0."""
    if k > n:
        return 0.0
    if p >= 1.0:
        return 1.0 if k == n else 0.0
    ways = math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)
    return math.exp(ways + k * math.log(p) + (n - k) * math.log1p(-p))
