"""Structural properties: edge-weight products of input-output pairs, and who carries them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from netsculpt.graph import NetGraph
from netsculpt.paths.per_unit.paths_out import paths_out
from patil2023.truth import Truth

__all__ = ["SHARE", "carrying_units", "pair_tests"]

SHARE = 0.9  # of the edge-weight product of a hidden layer
_ROUNDING = 1e-12  # relative; so that 9 of 10 equal units are 90 %


def pair_tests(pairs: NDArray[np.float64], truth: Truth) -> list[dict[str, float]]:
    """Welch's t-test of the pairs inside each output function against those from other inputs.

    Functions with fewer than two pairs on either side, such as those that read all inputs, give
    no test.
    """
    function_of = truth.output_functions(pairs.shape[1])
    tests = []
    for function in np.unique(function_of).tolist():
        reads, columns = truth.reads(function), pairs[:, function_of == function]
        inside, others = columns[reads].ravel(), columns[~reads].ravel()
        if min(inside.size, others.size) > 1:
            means = {"inside": inside.mean(), "others": others.mean()}
            tests.append({"function": function, **means, **_welch(inside, others)})
    return tests


def carrying_units(graph: NetGraph) -> list[int]:
    """How many units of each hidden layer make up `SHARE` of its edge-weight product to outputs.

    The paper counts by the paths from the units on, not by those through them.
    """
    to_outputs = paths_out(graph.magnitude)
    counts = []
    for layer in graph.layers[1:-1]:
        largest_first = np.sort(to_outputs[layer.units])[::-1]
        needed = SHARE * largest_first.sum() * (1 - _ROUNDING)
        counts.append(int(np.searchsorted(largest_first.cumsum(), needed)) + 1)
    return counts


def _welch(a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, float]:
    """Two-sided test of equal means; t is infinite or NaN where both samples are constant."""
    error = np.array([a.var(ddof=1) / a.size, b.var(ddof=1) / b.size])
    freedom = np.array([a.size, b.size]) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (a.mean() - b.mean()) / np.sqrt(error.sum())
        together = error.sum() ** 2 / (error**2 / freedom).sum()
    p = 0.0 if np.isinf(t) else 2 * float(stdtr(together, -abs(t)))
    return {"t": float(t), "p": p}
