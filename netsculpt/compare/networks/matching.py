"""Which unit of one network is which of another, and how much that costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.graph.graph import Layer

__all__ = ["NO_PARTNER", "UnitMatching", "assigned", "check_names", "costed"]

Floats = NDArray[np.float64]
Pairs = Sequence[tuple[Layer, Layer]]  # layers of the first network and of the second

NO_PARTNER: Final = -1
_N_RANDOM: Final = 100  # random matchings
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

    def __repr__(self) -> str:
        n = int((self.partner >= 0).sum())
        return f"UnitMatching({self.kind}: {n} of {self.partner.size} and {self.n_second} units)"

    @property
    def mean_cost(self) -> float:
        """Mean over the hidden units that have a partner; NaN if it was not measured."""
        measured = self.cost[~np.isnan(self.cost)]
        return float(measured.mean()) if measured.size else float("nan")

    @property
    def inverse(self) -> NDArray[np.int64]:
        """Unit of the first network that each unit of the second is taken for; −1: none."""
        inverse = np.full(self.n_second, NO_PARTNER, dtype=np.int64)
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


def check_names(first: Sequence[Layer], second: Sequence[Layer]) -> None:
    """Raise unless layers have the same names and roles."""
    names = [[(layer.name, layer.role) for layer in layers] for layers in (first, second)]
    if names[0] != names[1]:
        shown = [", ".join(name for name, _ in x)[:200] for x in names]
        raise GraphError(
            f"the layers are {shown[0]} and {shown[1]}: networks of one architecture are needed; "
            "compare others by their features (netsculpt.network_features)"
        )


def assigned(pairs: Pairs, costs: Sequence[Floats], n_first: int) -> NDArray[np.int64]:
    """Partners of least total cost in hidden layers, and in order in the others [n_first]."""
    from scipy.optimize import linear_sum_assignment

    partner = np.full(n_first, NO_PARTNER, dtype=np.int64)
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


def costed(
    kind: str,
    pairs: Pairs,
    costs: Sequence[Floats],
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
