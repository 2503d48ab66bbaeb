"""Which functions each unit serves: three measures of its paths, and when they are idle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netsculpt.modules.detectors._path_signature.path_shares import received, sent, share_through

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netsculpt.graph.graph import NetGraph

__all__ = ["PathShares"]

_MOST = 0.5 * float(np.log(2))  # balancing makes no function count twice as much as another
_ROUNDS = 30
_TIE = 1e-9  # relative; less is rounding


@dataclass(frozen=True, eq=False)
class PathShares:
    """Contribution of n units of one layer to each function, by three measures [n, K]."""

    strength: NDArray[np.float64]  # share of the function's squared path weight
    chance: NDArray[np.float64]  # that a walk from the unit, by squared weight, ends there
    routes: NDArray[np.float64]  # share of the function's paths

    @classmethod
    def of(cls, graph: NetGraph, functions: NDArray[np.intp]) -> PathShares:
        """Shares of all units; `functions` labels the outputs by function, −1 elsewhere [U]."""
        with np.errstate(divide="ignore"):
            squares = 2 * np.log(np.abs(graph.weights.data.astype(np.float64)))
        edges = received(graph, squares), sent(graph), received(graph, np.zeros(graph.n_edges))
        return cls(*(share_through(graph, each, functions) for each in edges))

    def __getitem__(self, units: slice | NDArray[np.intp]) -> PathShares:
        return PathShares(self.strength[units], self.chance[units], self.routes[units])

    def summed(self, members: NDArray[np.bool_]) -> PathShares:
        """Sums over groups of the units; members are [G, n]."""
        return PathShares(members @ self.strength, members @ self.chance, members @ self.routes)

    def served(self, idle: float) -> NDArray[np.bool_]:
        """Which functions each unit serves [n, K]: where the product of three ratios is above idle.

        The ratios: the unit's strength relative to units that matter to the function, at most 1;
        and the probability of walks and the number of paths to this function, both relative to its
        main function. A unit always serves its main function.
        """
        strength = np.minimum(_over_typical(np.sqrt(self.strength)), 1)
        product = strength * _over_main(np.sqrt(self.chance)) * _over_main(self.routes)
        main = product.max(axis=1, keepdims=True, initial=0)
        serves = (product > idle) | (product >= main * (1 - _TIE))
        return np.asarray(np.where(main > 0, serves, self.routes > 0))


def _over_typical(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares over the function's mean share, weighted by the shares themselves [n, K].

    Weighted, so that many units without a share do not make the others look strong.
    """
    squares, sums = (shares**2).sum(axis=0), shares.sum(axis=0)
    quotients = np.divide(shares * sums, squares, out=np.zeros_like(shares), where=squares > 0)
    return np.asarray(quotients)


def _over_main(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares over each unit's largest, after balancing the functions [n, K].

    Balanced by factors of at most 2, so that units divided by their shares contribute the same to
    every function, as far as possible (Sinkhorn and Knopp, doi:10.2140/pjm.1967.21.343).
    """
    typical = _over_typical(shares)
    log_factor = np.zeros(shares.shape[1])
    for _ in range(_ROUNDS):
        columns = _divided(typical * np.exp(log_factor), np.sum).sum(axis=0)
        log_factor -= np.log(np.where(columns > 0, columns, 1.0))
        log_factor = np.clip(log_factor - log_factor.mean(), -_MOST, _MOST)
    return _divided(typical * np.exp(log_factor), np.max)


def _divided(
    rows: NDArray[np.float64], by: Callable[..., NDArray[np.float64]]
) -> NDArray[np.float64]:
    whole = by(rows, axis=1, keepdims=True, initial=0)
    return np.divide(rows, whole, out=np.zeros_like(rows), where=whole > 0)
