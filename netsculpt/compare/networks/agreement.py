"""Whether units at the same place look like the same units."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.compare.networks.same_units import same_units
from netsculpt.compare.networks.shared import matched_edges
from netsculpt.graph.graph import NetGraph, wiring_edges

__all__ = ["PlaceAgreement", "place_agreement"]

_LEAST: Final = 0.5  # correlation of one network that became the other
_SURE: Final = 6.0  # standard deviations from 0


@dataclass(frozen=True)
class PlaceAgreement:
    """How the weights of two networks agree that lead from and to units of the same places."""

    n_edges: int  # that both networks have there, wiring aside
    correlation: float  # of their weights, −1 … 1; NaN if it is of less than two edges

    @property
    def is_far_above_chance(self) -> bool:
        """Whether one network seems to have become the other, or both began alike.

        Hidden units of independent runs have no common order, so that their correlation is 0, with
        a standard deviation of 1/√n over n edges.
        """
        r = self.correlation
        return r >= _LEAST and r * sqrt(self.n_edges) >= _SURE


def place_agreement(first: NetGraph, second: NetGraph) -> PlaceAgreement:
    r"""Correlate the weights of the edges that two networks have between the same places.

    .. math:: r = \frac{1}{n} \sum_b \sum_{e \in b} z_e z'_e

    with z and z' the weights of the shared edges, made to have mean 0 and variance 1 in each pair
    of layers b: neither the means nor the scales of layers count.

    Parameters
    ----------
    first, second
        Networks whose layers have the same names; weights enter with their signs.

    Raises
    ------
    GraphError
        If their layers have different names.

    Notes
    -----
    O(E log E).

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> rng = np.random.default_rng(0)
    >>> one, other = ([rng.normal(size=(9, 9)) for _ in range(2)] for _ in range(2))
    >>> later = [w + 0.5 * rng.normal(size=w.shape) for w in one]
    >>> graphs = from_matrices(one), from_matrices(later), from_matrices(other)
    >>> [place_agreement(graphs[0], x).is_far_above_chance for x in graphs[1:]]
    [True, False]
    """
    edges = matched_edges(first, second, same_units(first, second))
    learned = ~(wiring_edges(first)[edges.in_first] | wiring_edges(second)[edges.in_second])
    edge, other = edges.in_first[learned], edges.in_second[learned]
    layers = first.layer_of.astype(np.int64)
    pair = layers[first.sources[edge]] * len(first.layers) + layers[first.weights.indices[edge]]
    _, pair, size = np.unique(pair, return_inverse=True, return_counts=True)
    a = _standard(first.weights.data[edge], pair, size)
    b = _standard(second.weights.data[other], pair, size)
    varies = (a != 0).any() and (b != 0).any()
    return PlaceAgreement(edge.size, float((a * b).mean()) if varies else float("nan"))


def _standard(
    values: NDArray[np.floating], group: NDArray[np.intp], size: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Values with mean 0 and variance 1 in each group; 0 where all of a group are equal."""
    exact = values.astype(np.float64)
    centred = exact - (np.bincount(group, exact, size.size) / size)[group]
    spread = np.sqrt(np.bincount(group, centred**2, size.size) / size)[group]
    tiny = spread <= 1e-12 * np.abs(exact)
    return np.where(tiny, 0.0, centred / np.where(tiny, 1.0, spread))
