"""Units whose paths begin and end alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from netsculpt.compare.networks.matching import UnitMatching, assigned, check_names, costed
from netsculpt.core.errors import GraphError, LimitError
from netsculpt.core.random import RNG
from netsculpt.graph.graph import Layer

__all__ = ["Signatures", "match_by_paths"]

Floats = NDArray[np.float64]

_WIDEST: Final = 5000  # units of a layer: beyond, the assignment takes minutes


@dataclass(frozen=True, eq=False)
class Signatures:
    """What tells the units of a network apart, whatever their order and scale."""

    layers: tuple[Layer, ...]
    ends: Floats  # [U, I + O] shares of inputs and outputs: `netsculpt.paths.end_shares`
    arriving: csr_array  # [U, U] share of the paths into the target that come by each edge
    leaving: csr_array  # [U, U] share of the paths out of the source that go by each edge


def match_by_paths(first: Signatures, second: Signatures, *, rng: RNG = None) -> UnitMatching:
    r"""Match the units of each layer one to one by where their paths begin and end.

    Inputs and outputs are the same in both networks. The difference of two units of a layer is

    .. math:: d = \tfrac14 \sum_i |S_i - S'_i| + \tfrac14 \sum_o |T_o - T'_o|

    with S and T the shares of their paths that come from each input and lead to each output: 0 for
    equal units, 1 for units without a common end. The assignment of least total difference gives
    neighbours a partner. Then the units are matched once more, by the mean of d and of the same
    difference of the shares by which their paths arrive from and leave to each neighbour, with
    partners taken for the same.

    The least cost is always below that of random matchings; that alone does not say that a true
    matching exists. `netsculpt.compare_networks` compares with randomised networks, matched too.

    Parameters
    ----------
    first, second
        Of two networks with layers of the same names. Hidden layers may differ in width: then units
        are left over.
    rng
        Seed or generator of the random matchings.

    Raises
    ------
    GraphError
        If the layers have different names, or there are other numbers of inputs or outputs.
    LimitError
        If a hidden layer has more than 5,000 units.

    Notes
    -----
    O(n² (I + O + neighbours) + n³) for a layer of n units. Permuting the units of a layer permutes
    the result; scaling a unit's incoming weights and dividing its outgoing ones changes nothing.
    """
    check_names(first.layers, second.layers)
    if first.ends.shape[1] != second.ends.shape[1]:
        raise GraphError(
            f"the networks have {first.ends.shape[1]} and {second.ends.shape[1]} inputs and "
            "outputs: those of one architecture are needed"
        )
    pairs = list(zip(first.layers, second.layers, strict=True))
    costs = [_difference(first.ends[a.units], second.ends[b.units]) for a, b in pairs]
    partner = assigned(pairs, costs, len(first.ends))
    mapped = _mapped(partner, len(first.ends), len(second.ends))
    costs = [
        0.5 * (ends + _neighbours(first, second, layers, mapped))
        for layers, ends in zip(pairs, costs, strict=True)
    ]
    partner = assigned(pairs, costs, len(first.ends))
    return costed("paths", pairs, costs, partner, len(second.ends), rng)


def _difference(x: Floats, y: Floats) -> Floats:
    """A quarter of the summed differences of two shares each, of every pair of rows."""
    from scipy.spatial.distance import cdist

    if max(len(x), len(y)) > _WIDEST:
        raise LimitError(
            f"a layer has {max(len(x), len(y)):,} units, {_WIDEST:,} are the most that are "
            "matched: take units at the same place for the same, if one network became the other"
        )
    if not x.size or not y.size:
        return np.zeros((len(x), len(y)))
    return np.asarray(cdist(x, y, "cityblock")) / 4


def _neighbours(
    first: Signatures, second: Signatures, layers: tuple[Layer, Layer], mapped: csr_array
) -> Floats:
    """Differences of the shares by which paths arrive and leave, with partners as one."""
    a, b = layers
    width = mapped.shape[1]
    total = np.zeros((a.n_units, b.n_units))
    of_first = first.arriving[:, a.units].T, first.leaving[a.units]
    of_second = second.arriving[:, b.units].T @ mapped, second.leaving[b.units] @ mapped
    for one, other in zip(map(csr_array, of_first), map(csr_array, of_second), strict=True):
        wide = csr_array((one.data, one.indices, one.indptr), (a.n_units, width))
        used = np.union1d(wide.indices, other.indices)
        total += _difference(wide[:, used].toarray(), other[:, used].toarray())
    return total


def _mapped(partner: NDArray[np.int64], n_first: int, n_second: int) -> csr_array:
    """Matrix [second, first + second] that puts units of the second at their partners' places."""
    place = np.arange(n_second) + n_first  # without a partner: a place of its own
    matched = np.flatnonzero(partner >= 0)
    place[partner[matched]] = matched
    shape = (n_second, n_first + n_second)
    return csr_array((np.ones(n_second), (np.arange(n_second), place)), shape)
