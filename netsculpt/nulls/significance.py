"""Monte Carlo tests of a network's statistic against a null model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.parallel import for_threads, in_parallel
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import NetGraph

__all__ = ["Null", "Significance", "significance"]

_TIE = 1e-9  # of the largest value: values that differ by rounding alone count as equal


class Null(Protocol):
    """A null model: every function in ``netsculpt.nulls.models``."""

    def __call__(self, graph: NetGraph, *, rng: RNG = None) -> NetGraph:
        """Return a randomised `graph`."""
        ...


@dataclass(frozen=True, eq=False)
class Significance:
    """A statistic and its distribution under a null model.

    Examples
    --------
    >>> test = Significance(0.5, 0.25, 0.05, 5.0, 0.2, 4, np.array([0.2, 0.2, 0.3, 0.3]))
    >>> test.delta, test.is_bound, test.is_degenerate
    (0.25, True, False)
    >>> test
    Significance(0.5 against 0.25 ± 0.05 in 4 draws: Δ = 0.25, z = 5, p ≤ 0.2)
    >>> test.notes
    ('All 4 null draws are less extreme: p = 0.2 is the least possible with 4 of them.',)
    """

    value: float
    mean: float
    sd: float  # population standard deviation of the null draws; 0 if they differ by rounding alone
    z: float  # (value − mean) / sd; NaN, which is not a number to print, if the null is degenerate
    p: float  # (number of draws as extreme + 1) / (n + 1), never 0
    n: int
    draws: NDArray[np.float64]  # [n] the statistic on each null
    tail: Literal["greater", "less"] = "greater"  # which draws are as extreme: ≥ value or ≤ value

    def __repr__(self) -> str:
        chance = f"{self.value:.4g} against {self.mean:.4g} ± {self.sd:.2g} in {self.n} draws"
        relation = "≤" if self.is_bound else "="
        effect = f"Δ = {self.delta:.3g}, z = {self.z:.3g}, p {relation} {self.p:.2g}"
        return f"Significance({chance}: {effect})"

    @property
    def delta(self) -> float:
        """Effect size: value − mean, in units of the statistic."""
        return self.value - self.mean

    @property
    def is_bound(self) -> bool:
        """Whether p is the least possible with n draws: more draws could lower it."""
        return self.p <= 1 / (self.n + 1)

    @property
    def is_degenerate(self) -> bool:
        """Whether all draws are equal, up to rounding: chance is one value, without a spread."""
        return self.sd == 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of z and p must know, in sentences."""
        notes = []
        if self.n == 1:
            notes.append("One null draw has no spread: z is undefined, and p is 1/2 or 1.")
        elif self.is_degenerate:
            notes.append(
                f"All {self.n} null draws are {self.mean:.4g}: the null model changes nothing that "
                "the statistic sees (as where a pattern is the only one with its degrees), so z is "
                "undefined and p compares the network with a single value."
            )
        elif self.is_bound:
            notes.append(
                f"All {self.n} null draws are less extreme: p = {self.p:.2g} is the least possible "
                f"with {self.n} of them."
            )
        elif self.p == 1:
            side = "above" if self.tail == "greater" else "below"
            notes.append(
                f"All {self.n} null draws are {side} the value, or equal to it: the network has "
                "less of what is tested than chance, or the null model does not fit it."
            )
        return tuple(notes)

    def summary(self) -> dict[str, Any]:
        """Plain values, JSON-able: all but the draws. An undefined z is None."""
        numbers = {x.name: getattr(self, x.name) for x in fields(self) if x.name != "draws"}
        numbers["z"] = None if np.isnan(self.z) else self.z
        extra = {"delta": self.delta, "is_bound": self.is_bound, "notes": list(self.notes)}
        return {**numbers, **extra}


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
        If the null is degenerate (all draws are equal, up to rounding), sd is 0, z is NaN, and
        `Significance.notes` says so. Numbers that differ by less than 1e-9 of the largest are
        equal.

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
    n = checked_whole(n, "n", least=1)
    if tail not in ("greater", "less"):
        raise GraphError(f"tail is {tail!r}: 'greater' or 'less' is needed")
    seed = root_seed(rng)
    value = _finite(statistic(graph), "the network")
    draw = partial(_draw, statistic, graph, null, seed)
    draws = np.fromiter(in_parallel(draw, n, jobs, progress), np.float64, n)
    draws.flags.writeable = False
    slack = _TIE * max(abs(value), float(np.abs(draws).max()))
    extreme = draws >= value - slack if tail == "greater" else draws <= value + slack
    p = (int(extreme.sum()) + 1) / (n + 1)
    if np.ptp(draws) > slack:
        mean, sd = float(draws.mean()), float(draws.std())
        z = (value - mean) / sd
    else:  # the middle of equal numbers is exact; their mean is not
        mean, sd, z = float(np.sort(draws)[n // 2]), 0.0, np.nan
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
