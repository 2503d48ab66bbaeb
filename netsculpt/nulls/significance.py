"""Monte Carlo tests of a network's statistic against a null model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.parallel import for_threads, in_parallel
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph

__all__ = ["Null", "Significance", "significance"]

_TIE = 1e-12  # relative: values that differ by rounding alone count as equal


class Null(Protocol):
    """A null model: every function in ``netsculpt.nulls.models``."""

    def __call__(self, graph: NetGraph, *, rng: RNG = None) -> NetGraph:
        """Return a randomised `graph`."""
        ...


@dataclass(frozen=True, eq=False)
class Significance:
    """A statistic and its distribution under a null model."""

    value: float
    mean: float
    sd: float  # population standard deviation of the null draws
    z: float  # (value − mean) / sd
    p: float  # (number of draws as extreme + 1) / (n + 1), never 0
    n: int
    draws: NDArray[np.float64]  # [n] the statistic on each null
    tail: Literal["greater", "less"] = "greater"  # which draws are as extreme: ≥ value or ≤ value

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able."""
        return {name: value for name, value in vars(self).items() if name != "draws"}


def significance(
    statistic: Callable[[NetGraph], float],
    graph: NetGraph,
    *,
    null: Null,
    n: int = 100,
    rng: RNG = None,
    tail: Literal["greater", "less"] = "greater",
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Significance:
    r"""Compare a statistic of a network with its values on randomised networks.

    .. math:: z = \frac{x - \mathrm{mean}}{\mathrm{sd}}, \qquad
              p = \frac{\#\{\text{null draws as extreme as } x\} + 1}{n + 1}

    Parameters
    ----------
    statistic
        Any number of a network. A random one must fix its seed, the same for every network:
        ``lambda g: quality(g, layered(g, rng=0))``. It is then a function of the network alone,
        which is all that the test requires.
    graph
        The network. Weights enter as the statistic uses them.
    null
        Null model, e.g. ``netsculpt.nulls.models.rewire``.
    n
        Number of null networks. The smallest p is 1/(n + 1).
    rng
        Seed or generator. Null network i depends on the seed and i alone: a larger n continues
        where a smaller one ended.
    tail
        "greater" for numbers that structure raises (Q), "less" for those it lowers (n-cut).
    jobs, progress
        As in `netsculpt.core.parallel.in_parallel`: workers that share the draws, threads if the
        statistic is marked by ``for_threads(lambda g: …)``, as netsculpt's null models are.

    Returns
    -------
    Significance
        If all draws are equal, sd is 0 and z is 0 or ±inf.

    Raises
    ------
    GraphError
        If `n` is below 1, `tail` is unknown, or the statistic is NaN or infinite.

    Notes
    -----
    Cost: n null networks and n + 1 statistics. The +1: Phipson and Smyth, Stat. Appl. Genet. Mol.
    Biol. 9, 39 (2010), doi:10.2202/1544-6115.1585.

    Examples
    --------
    >>> from netsculpt.modules import quality
    >>> from netsculpt.nulls import rewire
    >>> from netsculpt.graph.synthetic import planted
    >>> graph, truth = planted([16, 16, 16], 2, 0.6, 0.02, rng=0)
    >>> significance(lambda g: quality(g, truth), graph, null=rewire, n=19, rng=0).p
    0.05
    """
    if n < 1 or tail not in ("greater", "less"):
        raise GraphError(f"n is {n} and tail {tail!r}: n ≥ 1 and 'greater' or 'less' are needed")
    seed = root_seed(rng)
    value = _finite(statistic(graph), "the network")
    draw = partial(_draw, statistic, graph, null, seed)
    draws = np.fromiter(in_parallel(draw, n, jobs, progress), np.float64, n)
    draws.flags.writeable = False
    slack = _TIE * abs(value)
    extreme = draws >= value - slack if tail == "greater" else draws <= value + slack
    p = (int(extreme.sum()) + 1) / (n + 1)
    if np.ptp(draws) > 0:
        mean, sd = float(draws.mean()), float(draws.std())
    else:  # exact, without rounding
        mean, sd = float(draws[0]), 0.0
    if sd > 0:
        z = (value - mean) / sd
    else:
        z = 0.0 if value == mean else float(np.copysign(np.inf, value - mean))
    return Significance(value, mean, sd, z, p, n, draws, tail)


@for_threads
def _draw(
    statistic: Callable[[NetGraph], float], graph: NetGraph, null: Null, seed: int, index: int
) -> float:
    drawn = null(graph, rng=stream(seed, "null", index))
    return _finite(statistic(drawn), f"null network {index}")


def _finite(value: float, where: str) -> float:
    if not np.isfinite(value):
        raise GraphError(f"the statistic of {where} is {value}: a finite number is needed")
    return float(value)
