"""Products of a sparse matrix with a batch; the batch is the last axis, so that loops are SIMD."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsculpt.core.compiled import compiled, compiled_sums

__all__ = ["forward", "of_inputs", "of_values"]


@compiled
def forward(starts: Any, columns: Any, values: Any, inputs: Any) -> Any:
    """Outputs [out, n] of inputs [in, n]."""
    n_rows, n = len(starts) - 1, inputs.shape[1]
    outputs = np.zeros((n_rows, n), dtype=inputs.dtype)
    for row in range(n_rows):
        total = outputs[row]
        for edge in range(starts[row], starts[row + 1]):
            value, source = values[edge], inputs[columns[edge]]
            for sample in range(n):
                total[sample] += value * source[sample]
    return outputs


@compiled_sums
def of_values(starts: Any, columns: Any, inputs: Any, gradient: Any) -> Any:
    """Gradient of the kept values only, [edges]."""
    n_rows, n = len(starts) - 1, inputs.shape[1]
    found = np.empty(len(columns), dtype=inputs.dtype)
    for row in range(n_rows):
        above = gradient[row]
        for edge in range(starts[row], starts[row + 1]):
            source = inputs[columns[edge]]
            total = source[0] * above[0]
            for sample in range(1, n):
                total += source[sample] * above[sample]
            found[edge] = total
    return found


@compiled
def of_inputs(starts: Any, columns: Any, values: Any, gradient: Any, n_inputs: int) -> Any:
    """Gradient of the inputs, [in, n]."""
    n_rows, n = len(starts) - 1, gradient.shape[1]
    found = np.zeros((n_inputs, n), dtype=gradient.dtype)
    for row in range(n_rows):
        above = gradient[row]
        for edge in range(starts[row], starts[row + 1]):
            value, target = values[edge], found[columns[edge]]
            for sample in range(n):
                target[sample] += value * above[sample]
    return found
