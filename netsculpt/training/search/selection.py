"""Who survives, who passes unchanged, who has children.

Source: Gaier and Ha 2019 (arXiv:1906.04358); numbers as in its published code.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

import numpy as np
from numpy.typing import NDArray

__all__ = ["Selection"]


@dataclass(frozen=True)
class Selection:
    """Truncation, elites and tournaments in a population that is sorted by rank.

    >>> Selection().sizes(128)
    (103, 20, 108)
    """

    culled: float = 0.2  # fraction of the population without children, the worst
    elite: float = 0.2  # fraction of the rest that passes unchanged, the best
    tournament: int = 8  # draws for each of two parents; without crossover the better one counts

    def sizes(self, n: int) -> tuple[int, int, int]:
        """Survivors, elites among them, and children of a population of `n`."""
        n_survivors = n - floor(self.culled * n)
        n_elites = floor(n_survivors * self.elite)
        return n_survivors, n_elites, n - n_elites

    def parents(self, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
        """Rank of the parent of each child in a population of `n`."""
        n_survivors, _, n_children = self.sizes(n)
        drawn = rng.integers(n_survivors, size=(n_children, 2 * self.tournament))
        best: NDArray[np.intp] = drawn.min(axis=1)
        return best
