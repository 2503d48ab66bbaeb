"""Which unit of one network is which of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from netsculpt.core.errors import FormatError, GraphError, LimitError
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import Layer, NetGraph

__all__ = ["Signatures", "UnitMatching", "match_by_correlation", "match_by_paths", "same_units"]

Floats = NDArray[np.float64]

_NONE: Final = -1  # a unit without a partner
_N_RANDOM: Final = 100  # random matchings
_WIDEST: Final = 5000  # units of a layer: beyond, the assignment takes minutes
_CONSTANT: Final = 1e-12  # of the largest activation: a unit that varies less is constant
_ENDS: Final = ("input", "output")


@dataclass(frozen=True, eq=False)
class UnitMatching:
    """The unit of the second network that each unit of the first is taken for."""

    kind: str  # "same units", "paths", "correlation"
    partner: NDArray[np.int64]  # [U of the first] unit of the second; −1: none
    n_second: int  # units of the second network
    cost: Floats  # [U of the first] difference of both units, 0 … 1; NaN: without partner, or at an
    # end, or not measured
    chance: float  # mean cost of random matchings within layers; NaN: not measured
    chance_sd: float  # standard deviation of theirs
    same_cost: float  # mean cost if units at the same place are taken for the same; NaN: unknown

    @property
    def mean_cost(self) -> float:
        """Mean over the hidden units that have a partner; NaN if it was not measured."""
        measured = self.cost[~np.isnan(self.cost)]
        return float(measured.mean()) if measured.size else float("nan")

    @property
    def inverse(self) -> NDArray[np.int64]:
        """Unit of the first network that each unit of the second is taken for; −1: none."""
        inverse = np.full(self.n_second, _NONE, dtype=np.int64)
        matched = np.flatnonzero(self.partner >= 0)
        inverse[self.partner[matched]] = matched
        return inverse

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        n = int((self.partner >= 0).sum())
        summary: dict[str, Any] = plain(
            {
                "kind": self.kind,
                "n_matched": n,
                "n_only_first": self.partner.size - n,
                "n_only_second": self.n_second - n,
                "cost": self.mean_cost,
                "cost_of_random_matchings": self.chance,
                "sd_of_random_matchings": self.chance_sd,
                "cost_of_same_units": self.same_cost,
            }
        )
        return summary


@dataclass(frozen=True, eq=False)
class Signatures:
    """What tells the units of a network apart, whatever their order and scale."""

    layers: tuple[Layer, ...]
    ends: Floats  # [U, I + O] shares of inputs and outputs: `netsculpt.paths.end_shares`
    arriving: csr_array  # [U, U] share of the paths into the target that come by each edge
    leaving: csr_array  # [U, U] share of the paths out of the source that go by each edge


def same_units(first: NetGraph, second: NetGraph) -> UnitMatching:
    """Take units of the same layer and position for the same.

    For a network that became the other by training or pruning. Units that only one of them has, as
    after sculpting, have no partner.

    Raises
    ------
    GraphError
        If their layers have different names.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([[1.0, 1.0]])])
    >>> same_units(graph, graph.live()).partner.tolist()
    [0, 1, 2, -1, 3]
    """
    _check_names(first.layers, second.layers)
    places = [
        {
            pair: unit
            for unit, pair in enumerate(
                zip(graph.layer_of.tolist(), _positions(graph).tolist(), strict=True)
            )
        }
        for graph in (first, second)
    ]
    partner = np.array([places[1].get(place, _NONE) for place in places[0]], dtype=np.int64)
    nan = float("nan")
    unmeasured = np.full(first.n_units, nan)
    return UnitMatching("same units", partner, second.n_units, unmeasured, nan, nan, nan)


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
    _check_names(first.layers, second.layers)
    if first.ends.shape[1] != second.ends.shape[1]:
        raise GraphError(
            f"the networks have {first.ends.shape[1]} and {second.ends.shape[1]} inputs and "
            "outputs: those of one architecture are needed"
        )
    pairs = list(zip(first.layers, second.layers, strict=True))
    costs = [_difference(first.ends[a.units], second.ends[b.units]) for a, b in pairs]
    partner = _assigned(pairs, costs, len(first.ends))
    mapped = _mapped(partner, len(first.ends), len(second.ends))
    costs = [
        0.5 * (ends + _neighbours(first, second, layers, mapped))
        for layers, ends in zip(pairs, costs, strict=True)
    ]
    partner = _assigned(pairs, costs, len(first.ends))
    return _matching("paths", pairs, costs, partner, len(second.ends), rng)


def match_by_correlation(
    first: ArrayLike,
    second: ArrayLike,
    layers: tuple[Sequence[Layer], Sequence[Layer]],
    *,
    rng: RNG = None,
) -> UnitMatching:
    """Match the units of each layer one to one by 1 − |correlation| of their activations.

    Parameters
    ----------
    first, second
        Activations [n, U] of both networks on the same samples. A constant unit correlates with
        none.
    layers
        Layers of the first network and of the second, of the same names.
    rng
        Seed or generator of the random matchings.

    Raises
    ------
    FormatError
        If activations and layers do not fit, or the samples are not the same number.
    GraphError, LimitError
        As `match_by_paths`.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> layers = (Layer("input", "input", (1,), 0, 1), Layer("fc1", "hidden", (3,), 1, 4))
    >>> y = x[:, [0, 3, 1, 2]] * [1, -2, 3, 1]
    >>> match_by_correlation(x, y, (layers, layers), rng=0).partner.tolist()
    [0, 2, 3, 1]
    """
    _check_names(*layers)
    values = [np.asarray(x, dtype=np.float64) for x in (first, second)]
    for x, own in zip(values, layers, strict=True):
        if x.ndim != 2 or x.shape[1] != own[-1].stop or not np.isfinite(x).all():
            raise FormatError(
                f"activations are {list(x.shape)}: finite ones [samples, {own[-1].stop}] are needed"
            )
    if len(values[0]) != len(values[1]):
        raise FormatError(
            f"activations are of {len(values[0])} and {len(values[1])} samples: the same samples "
            "are needed"
        )
    x, y = map(_standardised, values)
    pairs = list(zip(*layers, strict=True))
    costs = [1 - np.minimum(np.abs(x[:, a.units].T @ y[:, b.units]), 1.0) for a, b in pairs]
    partner = _assigned(pairs, costs, x.shape[1])
    return _matching("correlation", pairs, costs, partner, y.shape[1], rng)


def _check_names(first: Sequence[Layer], second: Sequence[Layer]) -> None:
    names = [[(layer.name, layer.role) for layer in layers] for layers in (first, second)]
    if names[0] != names[1]:
        shown = [", ".join(name for name, _ in x)[:200] for x in names]
        raise GraphError(
            f"the layers are {shown[0]} and {shown[1]}: networks of one architecture are needed; "
            "compare others by their features (netsculpt.network_features)"
        )


def _positions(graph: NetGraph) -> NDArray[np.int32]:
    assert graph.positions is not None  # filled in by the constructor
    return graph.positions


def _standardised(values: Floats) -> Floats:
    """Columns of mean 0 and length 1; 0 for those that do not vary."""
    varies = np.ptp(values, axis=0) > _CONSTANT * np.abs(values).max(axis=0, initial=0.0)
    centred = values - values.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    return np.where(varies, centred / np.where(length > 0, length, 1.0), 0.0)


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


def _assigned(
    pairs: list[tuple[Layer, Layer]], costs: list[Floats], n_first: int
) -> NDArray[np.int64]:
    """Partners of least total cost in hidden layers, and in order in the others [n_first]."""
    from scipy.optimize import linear_sum_assignment

    partner = np.full(n_first, _NONE, dtype=np.int64)
    for (a, b), cost in zip(pairs, costs, strict=True):
        if a.role in _ENDS:
            if a.n_units != b.n_units:
                raise GraphError(
                    f"layer {a.name!r} has {a.n_units} and {b.n_units} units: networks with the "
                    "same inputs and outputs are needed"
                )
            partner[a.units] = np.arange(b.start, b.stop)
            continue
        rows, columns = linear_sum_assignment(cost)
        partner[a.start + rows] = b.start + columns
    return partner


def _matching(
    kind: str,
    pairs: list[tuple[Layer, Layer]],
    costs: list[Floats],
    partner: NDArray[np.int64],
    n_second: int,
    rng: RNG,
) -> UnitMatching:
    """The matching with its cost, and that of others."""
    generator = stream(root_seed(rng), "random matchings")
    cost = np.full(partner.size, np.nan)
    random, same = [], []
    for (a, b), given in zip(pairs, costs, strict=True):
        if a.role in _ENDS or not given.size:
            continue
        matched = np.flatnonzero(partner[a.units] >= 0)
        cost[a.start + matched] = given[matched, partner[a.start + matched] - b.start]
        n = min(given.shape)
        draws = [
            given[generator.permutation(len(given))[:n], generator.permutation(given.shape[1])[:n]]
            for _ in range(_N_RANDOM)
        ]
        random.append(np.array(draws))
        same.append(np.diagonal(given) if given.shape[0] == given.shape[1] else np.full(n, np.nan))
    drawn = np.concatenate(random, axis=1).mean(axis=1) if random else np.array([np.nan])
    return UnitMatching(
        kind,
        partner,
        n_second,
        cost,
        float(drawn.mean()),
        float(drawn.std()),
        float(np.concatenate(same).mean()) if same else float("nan"),
    )
