"""Splitting modules in two where that gains, in compiled code.

Moves of single nodes cannot separate two modules that have merged. A random walk inside the module
forgets its start, and last of all on which of two sides it was: this slowest mode (the second
eigenvector of the walk) has opposite signs on the two sides. Each layer's mean is subtracted, or
else the slowest mode of a deep network would be its depth.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled
from netsculpt.modules.detectors._layered.moving import draw_below, strengths

__all__ = ["split"]

_WALKS = 10  # sweeps, forward or back: more for weaker sides
_SWEEPS = 2  # in which nodes move to the better side


@compiled
def split(level: Any, gamma: float, least: float, labels: Any, n_modules: int, state: Any) -> int:
    """Split the modules of `labels` [n] that gain by it; returns how many.

    By the signs that a walk leaves; and by depth, for two modules that swap places from one layer
    to the next: each layer then has only one of them, which no walk distinguishes.
    """
    depth = _depths(level)
    n, count = labels.size, n_modules
    for by_depth in (False, True):
        second = np.empty(n, np.bool_)
        if by_depth:
            cut = _cuts(level, gamma, labels, n_modules, depth)
            for node in range(n):
                second[node] = labels[node] < n_modules and depth[node] > cut[labels[node]]
        else:
            x = _slowest(level, labels, n_modules, depth, state)
            for node in range(n):
                second[node] = x[node] > 0
        sides = np.empty(n, np.int32)
        for node in range(n):
            sides[node] = 2 * labels[node] + second[node]
        gain = _gains(level, gamma, sides, count)
        new = np.full(count, -1, np.int32)
        for module in range(n_modules):
            if gain[module] > least:
                new[module] = count
                count += 1
        for node in range(n):
            if sides[node] % 2 and new[labels[node]] >= 0:
                labels[node] = new[labels[node]]
    return count - n_modules


@compiled
def _gains(level: Any, gamma: float, sides: Any, n_modules: int) -> Any:
    """Gain of each module by a split, after nodes have moved to the better of its sides [n].

    Sides are 2 × module and 2 × module + 1.
    """
    n, total = sides.size, strengths(level, sides, 2 * n_modules)
    for sweep in range(_SWEEPS):  # from the first layer to the last and back
        for node in range(n) if sweep % 2 == 0 else range(n - 1, -1, -1):
            own = sides[node]
            other, gain = own ^ 1, -gamma * level.alone[node]
            for index in range(level.indptr[node], level.indptr[node + 1]):
                side = sides[level.indices[index]]
                if side == other:
                    gain += level.weights[index]
                elif side == own:
                    gain -= level.weights[index]
            begin, end = level.first[node], level.first[node + 1]
            for index in range(begin, end):
                slot = level.slots[index]
                gain -= gamma * level.values[index] * (total[other, slot] - total[own, slot])
            if gain > 0.0:
                sides[node] = other
                for index in range(begin, end):
                    slot = level.partner[level.slots[index]]
                    total[own, slot] -= level.values[index]
                    total[other, slot] += level.values[index]
    gains = np.zeros(n_modules)
    for node in range(n):
        if sides[node] % 2:
            for index in range(level.indptr[node], level.indptr[node + 1]):
                if sides[level.indices[index]] == sides[node] - 1:
                    gains[sides[node] // 2] -= level.weights[index]
    for module in range(n_modules):
        for slot in range(total.shape[1]):
            there = level.partner[slot]
            gains[module] += gamma * total[2 * module, slot] * total[2 * module + 1, there]
    return gains


@compiled
def _depths(level: Any) -> Any:
    """Depth of each node [n]: its first slot, as slots are ordered by the layer that reads them."""
    depth = np.zeros(level.alone.size, np.int32)
    for node in range(depth.size):
        if level.first[node] < level.first[node + 1]:
            depth[node] = level.slots[level.first[node]]
    return depth


@compiled
def _cuts(level: Any, gamma: float, labels: Any, n_modules: int, depth: Any) -> Any:
    """The depth after which to cut each module for the largest gain."""
    total = strengths(level, labels, labels.max() + 1)
    n_slots = total.shape[1]
    over = np.zeros((total.shape[0], n_slots))  # gain of a cut after each depth, as differences
    owner = np.zeros(n_slots, np.int64)
    begin, end = np.full(total.shape[0], n_slots), np.zeros(total.shape[0], np.int64)
    for node in range(labels.size):
        module, here = labels[node], depth[node]
        begin[module], end[module] = min(begin[module], here), max(end[module], here)
        for index in range(level.first[node], level.first[node + 1]):
            owner[level.slots[index]] = here
        for index in range(level.indptr[node], level.indptr[node + 1]):
            other = level.indices[index]
            if labels[other] == module and depth[other] > here:
                over[module, here] -= level.weights[index]
                over[module, depth[other]] += level.weights[index]
    cut = np.full(n_modules, n_slots)
    for module in range(n_modules):
        for slot in range(n_slots):
            there = level.partner[slot]
            if owner[slot] < owner[there]:
                null = gamma * total[module, slot] * total[module, there]
                over[module, owner[slot]] += null
                over[module, owner[there]] -= null
        gain, most = 0.0, -np.inf
        for slot in range(end[module]):
            gain += over[module, slot]
            if slot >= begin[module] and gain > most:
                cut[module], most = slot, gain
    return cut


@compiled
def _slowest(level: Any, labels: Any, n_modules: int, depth: Any, state: Any) -> Any:
    """Slowest mode of a walk inside the modules [n], from random signs.

    A node's value becomes the mean over its neighbours, in order from the first layer to the last
    and back, so that values cross the whole depth in one sweep.
    """
    n, n_slots = labels.size, max(level.partner.size, 1)
    x, degree = np.empty(n, np.float32), np.zeros(n, np.float32)
    group, n_groups = np.empty(n, np.int64), n_modules * n_slots
    mean, weight = np.empty(n_groups), np.zeros(n_groups)
    start, inside, weights = _inside(level, labels)
    for node in range(n):
        x[node] = 2 * draw_below(2, state) - 1
        for edge in range(start[node], start[node + 1]):
            degree[node] += weights[edge]
        group[node] = labels[node] * n_slots + depth[node]
        weight[group[node]] += degree[node]
    for sweep in range(_WALKS):
        mean[:] = 0.0
        for index in range(n):
            node = index if sweep % 2 == 0 else n - 1 - index
            if degree[node] > 0.0:
                total = 0.0
                for edge in range(start[node], start[node + 1]):
                    total += weights[edge] * x[inside[edge]]
                x[node] = total / degree[node]
                mean[group[node]] += total
        for node in range(n):
            if degree[node] > 0.0:
                x[node] -= mean[group[node]] / weight[group[node]]
    mean[:] = 0.0
    begin = 0
    for node in range(n):  # layer by layer, signs are flipped to agree with the layers before
        for edge in range(start[node], start[node + 1]):
            other = inside[edge]
            if depth[other] < depth[node]:
                mean[group[node]] += weights[edge] * x[other] * x[node]
        if node == n - 1 or depth[node + 1] != depth[node]:
            for member in range(begin, node + 1):
                if mean[group[member]] < 0.0:
                    x[member] = -x[member]
            begin = node + 1
    return x


@compiled
def _inside(level: Any, labels: Any) -> tuple[Any, Any, Any]:
    """Neighbours of each node in its own module, as CSR, and the weights of the edges to them."""
    start = np.zeros(labels.size + 1, np.int64)
    for node in range(labels.size):
        start[node + 1] = start[node]
        for edge in range(level.indptr[node], level.indptr[node + 1]):
            start[node + 1] += labels[level.indices[edge]] == labels[node]
    inside, weights = np.empty(start[-1], np.int32), np.empty(start[-1])
    for node in range(labels.size):
        place = start[node]
        for edge in range(level.indptr[node], level.indptr[node + 1]):
            if labels[level.indices[edge]] == labels[node]:
                inside[place], weights[place] = level.indices[edge], level.weights[edge]
                place += 1
    return start, inside, weights
