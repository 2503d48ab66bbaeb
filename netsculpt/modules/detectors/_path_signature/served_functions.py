"""Which functions each unit serves: three measures of its paths, and when they are idle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netsculpt.modules.detectors._path_signature.path_shares import (
    log_path_weights,
    log_squares,
    received,
    sent,
    share_through,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netsculpt.graph.graph import NetGraph

__all__ = ["PathShares", "served_functions"]

_MOST = 0.5 * float(np.log(2))  # balancing makes no function count twice as much as another
_ROUNDS = 30
_TIE = 1e-9  # relative; less is rounding
# A path of an input that carries nothing is made of edges that other paths need, so it is kept; an
# edge between hidden units that carries nothing is pruned. So less is enough for a hidden unit:
# this part of `idle`. Chosen on the tuning tasks of analyses/detectors.py, where less is hardly
# better, and on planted networks with a few edges between modules, where less finds more of those.
_HIDDEN = 0.12


@dataclass(frozen=True, eq=False)
class PathShares:
    """Contribution of each unit to each function, by three measures [U, K]."""

    strength: NDArray[np.float64]  # share of the function's squared path weight
    chance: NDArray[np.float64]  # that a walk from the unit, by squared weight, ends there
    routes: NDArray[np.float64]  # share of the function's paths

    @classmethod
    def of(
        cls, graph: NetGraph, functions: NDArray[np.intp], even: NDArray[np.float64]
    ) -> PathShares:
        """Shares of all units; `functions` labels the outputs by function, −1 elsewhere [U].

        `even` are the edges' `log_even_squares` [E].
        """
        squares, ones = log_squares(graph), np.zeros(graph.n_edges)
        strength = received(graph, squares, log_path_weights(graph, squares))
        routes = received(graph, ones, log_path_weights(graph, ones))
        edges = np.stack([strength, sent(graph, even), routes])
        return cls(*share_through(graph, edges, functions))


def served_functions(
    graph: NetGraph, functions: NDArray[np.intp], even: NDArray[np.float64], idle: float
) -> NDArray[np.bool_]:
    """Which functions each unit serves [U, K]: where the product of three ratios is above a bound.

    The ratios: the unit's strength relative to units of its layer that matter to the function, at
    most 1; and the probability of walks and the number of paths to this function, both relative to
    its main function. The bound is `idle` for inputs and .12 of it for hidden units. A unit
    always serves its main function, an output its own alone.
    """
    shares = PathShares.of(graph, functions, even)
    layers = _Layers(graph)
    strength = np.minimum(layers.over_typical(np.sqrt(shares.strength)), 1)
    chance, routes = layers.over_main(np.stack([np.sqrt(shares.chance), shares.routes]))
    product = strength * chance * routes
    bound = np.full((graph.n_units, 1), _HIDDEN * idle)
    bound[graph.inputs] = idle
    main = product.max(axis=1, keepdims=True, initial=0)
    serves = (product > bound) | (product >= main * (1 - _TIE))
    serves = np.where(main > 0, serves, shares.routes > 0)
    outputs = graph.outputs
    serves[outputs] = functions[outputs, None] == np.arange(serves.shape[1])
    return np.asarray(serves)


class _Layers:
    """Comparisons of units [..., U, K] within their layers, of all layers at a time."""

    def __init__(self, graph: NetGraph) -> None:
        starts = [layer.start for layer in graph.layers if layer.n_units]
        self.starts = np.array(starts, dtype=np.intp)
        self.sizes = np.diff([*starts, graph.n_units])

    def over_typical(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares over the function's mean share in the layer, weighted by the shares themselves.

        Weighted, so that many units without a share do not make the others look strong.
        """
        sums, squares = self._sums(shares), self._sums(shares**2)
        factors = np.divide(sums, squares, out=np.zeros_like(sums), where=squares > 0)
        return shares * self._spread(factors)

    def over_main(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares over each unit's largest, after balancing the functions in the layer.

        Balanced by factors of at most 2, so that units divided by their shares contribute the same
        to every function, as far as possible (Sinkhorn and Knopp, doi:10.2140/pjm.1967.21.343).
        """
        typical = self.over_typical(shares)
        log_factor = np.zeros_like(self._sums(typical))
        for _ in range(_ROUNDS):
            before = log_factor
            columns = self._sums(_divided(typical * self._spread(np.exp(log_factor)), np.add))
            log_factor = log_factor - np.log(np.where(columns > 0, columns, 1.0))
            log_factor -= np.add.reduce(log_factor, axis=-1, keepdims=True) / shares.shape[-1]
            log_factor = np.minimum(np.maximum(log_factor, -_MOST), _MOST)
            if np.abs(log_factor - before).max(initial=0.0) < _TIE:
                break
        return _divided(typical * self._spread(np.exp(log_factor)), np.maximum)

    def _sums(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(shares, self.starts, axis=-2)

    def _spread(self, factors: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.repeat(factors, self.sizes, axis=-2)


def _divided(rows: NDArray[np.float64], by: np.ufunc) -> NDArray[np.float64]:
    whole = by.reduce(rows, axis=-1, keepdims=True, initial=0)
    return np.divide(rows, whole, out=np.zeros_like(rows), where=whole > 0)
