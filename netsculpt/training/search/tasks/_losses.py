"""Losses of the outputs of many networks, in compiled loops over samples."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled
from netsculpt.training.search.engine.approximations import exponential

__all__ = ["bit_cross_entropy", "class_cross_entropy", "error"]


@compiled
def error(outputs: Any, targets: Any, power: int) -> Any:
    """Mean |difference| to a power [p, W] of outputs [p, W, O, S] and targets [O, S]."""
    n_nets, n_weights, n_outputs, n_samples = outputs.shape
    found = np.empty((n_nets, n_weights))
    for net in range(n_nets):
        for w in range(n_weights):
            total = 0.0
            for output in range(n_outputs):
                for k in range(n_samples):
                    difference = abs(np.float64(outputs[net, w, output, k]) - targets[output, k])
                    total += difference**power
            found[net, w] = total / (n_outputs * n_samples)
    return found


@compiled
def bit_cross_entropy(outputs: Any, targets: Any) -> Any:
    """Mean cross-entropy [p, W] of the sigmoids of outputs [p, W, O, S]; targets are ±1 [O, S]."""
    n_nets, n_weights, n_outputs, n_samples = outputs.shape
    found = np.empty((n_nets, n_weights))
    for net in range(n_nets):
        for w in range(n_weights):
            total = 0.0
            for output in range(n_outputs):
                for k in range(n_samples):
                    margin = outputs[net, w, output, k] * targets[output, k]
                    total += log(1.0 + exponential(-abs(margin))) + max(-margin, np.float32(0))
            found[net, w] = total / (n_outputs * n_samples)
    return found


@compiled
def class_cross_entropy(outputs: Any, labels: Any, sizes: Any) -> Any:
    """Mean cross-entropy [p, W] of the softmax of outputs [p, W, O, S].

    ``labels`` [k, S] are those of k classifications; each has the next ``sizes`` [k] outputs.
    """
    n_nets, n_weights, _, n_samples = outputs.shape
    found = np.empty((n_nets, n_weights))
    largest, sums = np.empty(n_samples, np.float32), np.empty(n_samples, np.float32)
    for net in range(n_nets):
        for w in range(n_weights):
            total, first = 0.0, 0
            for kind in range(sizes.size):
                stop = first + sizes[kind]
                largest[:] = outputs[net, w, first]
                for output in range(first + 1, stop):
                    row = outputs[net, w, output]
                    for k in range(n_samples):
                        largest[k] = row[k] if row[k] > largest[k] else largest[k]
                sums[:] = np.float32(0)
                for output in range(first, stop):
                    row = outputs[net, w, output]
                    for k in range(n_samples):
                        sums[k] += exponential(row[k] - largest[k])
                for k in range(n_samples):
                    right = outputs[net, w, first + labels[kind, k], k]
                    total += log(sums[k]) + np.float64(largest[k]) - right
                first = stop
            found[net, w] = total / (sizes.size * n_samples)
    return found
