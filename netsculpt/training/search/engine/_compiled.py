"""Outputs of networks for samples, in compiled loops over blocks of samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled
from netsculpt.training.search.engine.sweep import raw_sum, sweep, sweep_weighted

__all__ = ["shared_outputs", "weighted_outputs"]


@compiled
def _load(inputs: Any, start: int, rows: Any) -> int:
    """Write a block of samples into the rows of bias and inputs; returns how many it has."""
    n_inputs, n_samples = inputs.shape
    n: int = min(rows.shape[1], n_samples - start)
    rows[0] = np.float32(1)
    for row in range(n_inputs):
        rows[row + 1, :n] = inputs[row, start : start + n]
        rows[row + 1, n:] = np.float32(0)
    return n


@compiled
def shared_outputs(
    unit_starts: Any,
    edge_starts: Any,
    indptr: Any,
    sources: Any,
    activations: Any,
    inputs: Any,
    weights: Any,
    begin: int,
    width: int,
    most_units: int,
    outputs: Any,
) -> None:
    """Fill ``outputs`` [p, W, O, S] for the topologies from `begin` on; ``inputs`` are [n, S]."""
    n_inputs = inputs.shape[0] + 1
    n_topologies, n_weights, n_outputs, n_samples = outputs.shape
    rows = np.empty((most_units, width), np.float32)
    raw = np.empty((most_units, width), np.float32)
    scale = np.empty(width, np.float32)
    for start in range(0, n_samples, width):
        n = _load(inputs, start, rows)
        for index in range(n_topologies):
            p = begin + index
            first, stop = unit_starts[p], unit_starts[p + 1]
            n_units = stop - first
            its_indptr = indptr[first + p : stop + p + 1]
            its_sources = sources[edge_starts[p] : edge_starts[p + 1]]
            its_activations = activations[first:stop]
            ready = np.zeros(n_units, np.bool_)  # sums of inputs only are the same for all weights
            for unit in range(n_inputs, n_units):
                fed_by_inputs = True
                for edge in range(its_indptr[unit], its_indptr[unit + 1]):
                    if its_sources[edge] >= n_inputs:
                        fed_by_inputs = False
                        break
                if fed_by_inputs:
                    ready[unit] = True
                    raw_sum(its_sources, its_indptr[unit], its_indptr[unit + 1], rows, raw[unit])
            for w in range(n_weights):
                scale[:] = weights[w]
                sweep(its_indptr, its_sources, its_activations, n_inputs, scale, ready, raw, rows)
                for output in range(n_outputs):
                    found, into = rows[n_units - n_outputs + output], outputs[index, w, output]
                    for k in range(n):
                        into[start + k] = found[k]


@compiled
def weighted_outputs(
    indptr: Any,
    sources: Any,
    activations: Any,
    inputs: Any,
    weights: Any,
    width: int,
    outputs: Any,
) -> None:
    """Fill ``outputs`` [W, O, S] of one topology, with weights [W, E]; ``inputs`` are [n, S]."""
    n_inputs, n_units = inputs.shape[0] + 1, activations.size
    n_weights, n_outputs, n_samples = outputs.shape
    rows, ones = np.empty((n_units, width), np.float32), np.ones(width, np.float32)
    for start in range(0, n_samples, width):
        n = _load(inputs, start, rows)
        for w in range(n_weights):
            sweep_weighted(indptr, sources, activations, n_inputs, weights[w], ones, rows)
            for output in range(n_outputs):
                found = rows[n_units - n_outputs + output]
                outputs[w, output, start : start + n] = found[:n]
