"""Ways to divide networks into two groups, and what a statistic is in each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG, root_seed, stream

__all__ = ["Divisions", "divisions"]

MOST_EXACT = 100_000  # divisions up to which all of them are looked at
_TIE = 1e-9  # of the largest value: statistics that differ by rounding alone count as equal


@dataclass(frozen=True, eq=False)
class Divisions:
    """Divisions of N networks into a first group and a second one; the given one comes first."""

    first: NDArray[np.float64]  # [P, N] 1 in the first group, 0 in the second
    is_exact: bool  # whether these are all divisions; else the given one and random ones

    @property
    def n(self) -> int:
        """P; the least p is 1/P."""
        return len(self.first)

    def p(self, statistics: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of the divisions with a statistic [P, …] as large as the given one has [1, …].

        Exact if these are all divisions; of random ones, an unbiased test: Phipson and Smyth, Stat.
        Appl. Genet. Mol. Biol. 9, 39 (2010), doi:10.2202/1544-6115.1585.
        """
        slack = _TIE * np.abs(statistics).max(axis=0)
        share: NDArray[np.float64] = (statistics >= statistics[0] - slack).mean(axis=0)
        return share


def divisions(n_first: int, n_second: int, *, n_random: int = 9999, rng: RNG = None) -> Divisions:
    """All divisions into groups of these sizes if there are at most 10⁵, else random ones.

    Examples
    --------
    >>> divisions(3, 3).n, divisions(3, 3).is_exact
    (20, True)
    >>> divisions(10, 10, n_random=99, rng=0).n
    100
    """
    n_first = checked_whole(n_first, "n_first", least=1)
    n_second = checked_whole(n_second, "n_second", least=1)
    n_random = checked_whole(n_random, "n_random", least=1)
    n = n_first + n_second
    if math.comb(n, n_first) <= MOST_EXACT:
        chosen = np.array(list(combinations(range(n), n_first)))  # the given one is the first
    else:
        generator = stream(root_seed(rng), "divisions")
        order = generator.permuted(np.tile(np.arange(n), (n_random, 1)), axis=1)
        chosen = np.vstack([np.arange(n_first), order[:, :n_first]])
    first = np.zeros((len(chosen), n))
    np.put_along_axis(first, chosen, 1.0, axis=1)
    return Divisions(first, math.comb(n, n_first) <= MOST_EXACT)
