"""Beliefs about each unit's module, improved by coordinate ascent, in compiled code.

`shares` [n, B] is the probability of each module for each unit. Unit by unit it becomes

    q_c ∝ prior_c · exp(Σ edges' ln odds ratio − Σ other units' chance of an edge),

which raises a lower bound on the evidence, the likelihood summed over all labels (variational
Bayes). A unit's null term needs only how many units of each group of degrees are in each module:
`counts` [2, P, D, B].
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled

__all__ = ["counted", "edges_between", "edges_inside", "improve", "label_price", "module_mass"]

_FLAT = 1e-14  # below it a share is 0


@compiled
def counted(network: Any, shares: Any) -> Any:
    """Expected units of each block's side, group and module [2, P, D, B]."""
    n_blocks, most, n_modules = network.n_edges.size, network.members.shape[2], shares.shape[1]
    counts = np.zeros((2, n_blocks, most, n_modules))
    for unit in range(shares.shape[0]):
        for slot in range(network.first[unit], network.first[unit + 1]):
            side, block, group = network.side[slot], network.block[slot], network.group[slot]
            for c in range(n_modules):
                counts[side, block, group, c] += shares[unit, c]
    return counts


@compiled
def module_mass(network: Any, shares: Any) -> Any:
    """Expected units of each module in each layer [L, B]."""
    mass = np.zeros((network.n_layers, shares.shape[1]))
    for unit in range(shares.shape[0]):
        for c in range(shares.shape[1]):
            mass[network.layer[unit], c] += shares[unit, c]
    return mass


@compiled
def edges_inside(network: Any, shares: Any, feeds: Any, plain: bool) -> Any:
    """Expected edges of each block [P] from a module to one that it feeds."""
    n_modules = shares.shape[1]
    inside, there = np.zeros(network.n_edges.size), np.zeros(n_modules)
    for unit in range(shares.shape[0]):
        edge, last = network.first_out[unit], network.first_out[unit + 1]
        while edge < last:
            block = network.block_out[edge]
            there[:] = 0.0
            while edge < last and network.block_out[edge] == block:
                for c in range(n_modules):
                    there[c] += shares[network.ends_out[edge], c]
                edge += 1
            for c in range(n_modules):
                own = shares[unit, c]
                if own > 0.0 and plain:
                    inside[block] += own * there[c]
                elif own > 0.0:
                    for d in range(n_modules):
                        inside[block] += own * feeds[c, d] * there[d]
    return inside


@compiled
def edges_between(network: Any, shares: Any) -> Any:
    """Expected edges of each block from module to module [P, B, B]."""
    n_modules = shares.shape[1]
    edges = np.zeros((network.n_edges.size, n_modules, n_modules))
    for unit in range(shares.shape[0]):
        for edge in range(network.first_out[unit], network.first_out[unit + 1]):
            block, end = network.block_out[edge], network.ends_out[edge]
            for c in range(n_modules):
                own = shares[unit, c]
                if own > 0.0:
                    for d in range(n_modules):
                        edges[block, c, d] += own * shares[end, d]
    return edges


@compiled
def improve(
    network: Any,
    shares: Any,
    mass: Any,
    counts: Any,
    feeds: Any,
    plain: bool,
    odds: Any,
    by_layer: bool,
    allowed: Any,
    back: bool,
) -> float:
    """Improve every unit's belief once, in order of depth or back; returns the largest change."""
    n, n_modules = shares.shape
    onto, from_, score = np.zeros(n_modules), np.zeros(n_modules), np.zeros(n_modules)
    largest = 0.0
    for step in range(n):
        unit = n - 1 - step if back else step
        layer = network.layer[unit]
        onto[:] = 0.0
        from_[:] = 0.0
        for edge in range(network.first_out[unit], network.first_out[unit + 1]):
            end, block = network.ends_out[edge], network.block_out[edge]
            link = odds.inside[block] - odds.outside[block]
            for c in range(n_modules):
                onto[c] += link * shares[end, c]
        for edge in range(network.first_in[unit], network.first_in[unit + 1]):
            end, block = network.ends_in[edge], network.block_in[edge]
            link = odds.inside[block] - odds.outside[block]
            for c in range(n_modules):
                from_[c] += link * shares[end, c]
        for slot in range(network.first[unit], network.first[unit + 1]):
            side, block, group = network.side[slot], network.block[slot], network.group[slot]
            sums = from_ if side else onto
            for d in range(network.n_groups[1 - side, block]):
                gap = odds.gap[side, block, group, d]
                if gap != 0.0:
                    for c in range(n_modules):
                        sums[c] -= gap * counts[1 - side, block, d, c]
        top = -np.inf
        for c in range(n_modules):
            value = 0.0
            if plain:
                value = onto[c] + from_[c]
            else:
                for d in range(n_modules):
                    value += feeds[c, d] * onto[d] + feeds[d, c] * from_[d]
            if by_layer:
                value += math.log(1.0 + max(mass[layer, c] - shares[unit, c], 0.0))
            if not allowed[layer, c]:
                value = -np.inf
            score[c] = value
            top = max(top, value)
        total = 0.0
        for c in range(n_modules):
            score[c] = math.exp(score[c] - top)
            total += score[c]
        for c in range(n_modules):
            new = score[c] / total
            if new < _FLAT:
                new = 0.0
            change = new - shares[unit, c]
            if change != 0.0:
                largest = max(largest, abs(change))
                shares[unit, c] = new
                mass[layer, c] += change
                for slot in range(network.first[unit], network.first[unit + 1]):
                    side, block, group = (
                        network.side[slot],
                        network.block[slot],
                        network.group[slot],
                    )
                    counts[side, block, group, c] += change
    return largest


@compiled
def label_price(shares: Any, mass: Any, by_layer: bool, allowed: Any) -> Any:
    """Nats that the labels cost, less the entropy of the beliefs.

    With the shares of a layer free, their prior is flat: for labels without doubt, the cost is
    Σ_l ln(N_l! / Π_c n_lc!) + ln C(N_l + B_l − 1, B_l − 1) with B_l modules allowed in the layer.
    Otherwise all modules are equally likely. What is allowed [L, B] is not priced here.
    """
    n_modules, price = shares.shape[1], 0.0
    for unit in range(shares.shape[0]):
        for c in range(n_modules):
            if shares[unit, c] > 0.0:
                price += shares[unit, c] * math.log(shares[unit, c])
    if not by_layer:
        return price + shares.shape[0] * math.log(float(n_modules))
    for layer in range(mass.shape[0]):
        n = here = 0.0
        for c in range(n_modules):
            if allowed[layer, c]:
                here += 1.0
                n += mass[layer, c]
                price -= math.lgamma(1.0 + max(mass[layer, c], 0.0))
        if here > 0.0:
            price += math.lgamma(n + here) - math.lgamma(here)
    return price
