"""Edge-weight products of input-output pairs, inside a function and outside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from patil2023.truth import Truth

__all__ = ["pair_tests"]


def pair_tests(pairs: NDArray[np.float64], truth: Truth) -> list[dict[str, float]]:
    """Welch's t-test of the pairs inside each output function against those from other inputs.

    There is no test for functions with fewer than two pairs on either side, such as those that read
    all inputs.
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


def _welch(a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, float]:
    """Two-sided test of equal means; t is infinite or NaN where both samples are constant."""
    error = np.array([a.var(ddof=1) / a.size, b.var(ddof=1) / b.size])
    freedom = np.array([a.size, b.size]) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (a.mean() - b.mean()) / np.sqrt(error.sum())
        pooled_freedom = error.sum() ** 2 / (error**2 / freedom).sum()
    p = 0.0 if np.isinf(t) else 2 * float(stdtr(pooled_freedom, -abs(t)))
    return {"t": float(t), "p": p}
