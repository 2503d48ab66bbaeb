"""Which functions a unit serves: three views of its paths, and when they are idle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netsculpt.modules.detectors._functions.path_shares import received, sent, share_through

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netsculpt.graph.graph import NetGraph

__all__ = ["PathShares"]

_MOST = 0.5 * float(np.log(2))  # balancing makes no function count twice as much as another
_ROUNDS = 30
_TIE = 1e-9  # relative; less is rounding


@dataclass(frozen=True, eq=False)
class PathShares:
    """What some units of one layer have to do with each function, in three ways [n, K]."""

    strength: NDArray[np.float64]  # share of the function's squared path weight
    chance: NDArray[np.float64]  # that a walk from the unit, by squared weight, ends there
    routes: NDArray[np.float64]  # share of the function's paths

    @classmethod
    def of(cls, graph: NetGraph, functions: NDArray[np.intp]) -> PathShares:
        """Those of all units; `functions` says which outputs are one function, −1 elsewhere [U]."""
        with np.errstate(divide="ignore"):
            squares = 2 * np.log(np.abs(graph.weights.data.astype(np.float64)))
        edges = received(graph, squares), sent(graph), received(graph, np.zeros(graph.n_edges))
        return cls(*(share_through(graph, each, functions) for each in edges))

    def __getitem__(self, units: slice | NDArray[np.intp]) -> PathShares:
        return PathShares(self.strength[units], self.chance[units], self.routes[units])

    def summed(self, members: NDArray[np.bool_]) -> PathShares:
        """Those of groups of the units; members are [G, n]."""
        return PathShares(members @ self.strength, members @ self.chance, members @ self.routes)

    def served(self, idle: float) -> NDArray[np.bool_]:
        """Which functions each unit serves [n, K]: where the product of three ratios is above idle.

        How strong the unit is beside those that matter to the function, at most 1; and how likely
        walks from it, and how many of the paths, go to this function rather than to its main one.
        Its main function a unit always serves.
        """
        strength = np.minimum(_beside_typical(np.sqrt(self.strength)), 1)
        used = strength * _beside_main(np.sqrt(self.chance)) * _beside_main(self.routes)
        main = used.max(axis=1, keepdims=True, initial=0)
        serves = (used > idle) | (used >= main * (1 - _TIE))
        return np.asarray(np.where(main > 0, serves, self.routes > 0))


def _beside_typical(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares over their mean for the function, in which each counts by its own size [n, K].

    So that many units without a part in it do not make the others look strong.
    """
    squares, sums = (shares**2).sum(axis=0), shares.sum(axis=0)
    quotients = np.divide(shares * sums, squares, out=np.zeros_like(shares), where=squares > 0)
    return np.asarray(quotients)


def _beside_main(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares over the largest of each unit, functions balanced before [n, K].

    Balanced: units that divide themselves by their shares give every function equally much
    (Sinkhorn and Knopp, doi:10.2140/pjm.1967.21.343), as far as factors up to 2 can do it.
    """
    typical = _beside_typical(shares)
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
