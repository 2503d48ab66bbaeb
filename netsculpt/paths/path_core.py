"""A small set of units that most paths run through, and the hourglass score."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_number
from netsculpt.graph.graph import NetGraph, unit_names
from netsculpt.paths._scaled import Scaled, scaled
from netsculpt.paths._sweep import backward, forward, non_negative, total
from netsculpt.paths.pair_weights import pairs_scaled

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PathCore", "path_core"]

_EXACT = 53  # float64 adds whole numbers below 2^53 without rounding
_ROUNDING = 1e-12  # relative; closer weights count as equal

_FEW = 0.01  # share of paths left below which differences would be rounding errors

_Through = Callable[[NDArray[np.bool_]], tuple[Scaled, Scaled]]


@dataclass(frozen=True, eq=False)
class PathCore:
    """A set of units that covers a share τ of all paths."""

    units: NDArray[np.intp]  # [C] in the order of choice
    names: tuple[str, ...]  # [C] "fc1[3]"
    covered: NDArray[np.float64]  # [C] share of all paths covered so far, 0 … 1
    tau: float
    flat_size: int  # core size of the flat network, with inputs connected to outputs directly

    @property
    def size(self) -> int:
        """C(τ), the number of units in the core."""
        return self.units.size

    @property
    def hourglass(self) -> float:
        """H(τ) = 1 − C(τ) / C_flat(τ): near 1 with a narrow waist, about 0 without.

        Both sizes are greedy, so H can be slightly negative. 0 for a network without a path.
        """
        return 1 - self.size / self.flat_size if self.flat_size else 0.0

    def table(self) -> pd.DataFrame:
        """One row per unit of the core: unit, name, share covered so far."""
        import pandas as pd

        return pd.DataFrame({"unit": self.units, "name": self.names, "covered": self.covered})

    def summary(self) -> dict[str, Any]:
        """Plain numbers and names, JSON-able."""
        return {
            "tau": self.tau,
            "size": self.size,
            "flat_size": self.flat_size,
            "hourglass": self.hourglass,
            "units": list(self.names),
        }


def path_core(graph: NetGraph, *, tau: float = 0.9) -> PathCore:
    """Choose the units that most paths run through until a share `tau` of all paths is covered.

    Greedy: choose the unit with the most remaining input→output paths (`path_centrality`), remove
    it and sweep again, until ``remaining ≤ (1 − τ) total``. Inputs and outputs may be chosen. In
    the flat network, an edge s→t from every input s to every output t has the number of s→t paths
    as weight; the hourglass score is ``H = 1 − C(τ) / C_flat(τ)``. Dense layers of widths w have
    ``H = 1 − ⌈τ min w⌉ / ⌈τ min(w_0, w_L)⌉``.

    Ties go to the lowest unit. Integer weights with a path total below 2^53 are compared exactly;
    otherwise numbers within a relative 1e-12 count as equal.

    Weights enter as given and must not be negative: pass ``graph.pattern`` to count paths, as in
    the source, ``graph.magnitude`` for Π|weight|. O(C (E + U)) and, for the flat network, at most
    O(C_flat I O); memory O(E + I O).

    Source: Sabrin & Dovrolis 2017, doi:10.1017/nws.2017.22.

    Parameters
    ----------
    graph
        The network.
    tau
        Share of all paths to cover, 0 < τ ≤ 1, read as a decimal: 0.9 is exactly nine tenths.

    Raises
    ------
    GraphError
        If a weight is negative or `tau` is out of range.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> widths = 20, 16, 5, 16, 10
    >>> pairs = zip(widths[1:], widths)
    >>> core = path_core(from_matrices([np.ones(shape) for shape in pairs]))
    >>> core.size, core.flat_size, core.names[0], round(core.hourglass, 4)
    (5, 9, 'hidden2[0]', 0.4444)
    """
    checked_number(tau, "tau")
    if not 0 < tau <= 1:
        raise GraphError(f"tau is {tau}: a share above 0 and at most 1 is needed")
    chosen = non_negative(graph, "path_core")
    slack = 0.0 if _is_exact(chosen) else _ROUNDING
    end = chosen.outputs

    def through_units(removed: NDArray[np.bool_]) -> tuple[Scaled, Scaled]:
        before = forward(chosen, removed=removed)
        return before * backward(chosen, removed=removed), before[end].sum()

    taken, covered = _greedy(through_units, chosen.n_units, tau, slack)
    flat = _Flat(chosen, slack)
    flat_taken, _ = _greedy(flat.through, flat.n_units, tau, slack)
    names = tuple(unit_names(graph, taken))
    return PathCore(np.array(taken, dtype=np.intp), names, np.array(covered), tau, len(flat_taken))


class _Flat:
    """The flat network, with inputs and outputs in the order of the graph.

    Paths through a unit only get fewer. So an old count is a bound, and only units that might have
    the most paths are counted again.
    """

    def __init__(self, graph: NetGraph, slack: float) -> None:
        begin, end = graph.inputs, graph.outputs
        self.pairs = pairs_scaled(graph, begin, end).relative()  # [I, O]
        self.n_units = begin.size + end.size
        self.number = np.argsort(np.argsort(np.concatenate([begin, end]), kind="stable"))  # [I + O]
        self.near = 1 - 2 * slack
        self.counts = np.concatenate([self.pairs.sum(axis=1), self.pairs.sum(axis=0)])  # bounds
        self.stale = np.zeros(self.n_units, dtype=bool)
        self.kept = np.ones(self.n_units, dtype=bool)
        self.whole = float(self.pairs.sum())
        self.covered: list[float] = []

    def through(self, removed: NDArray[np.bool_]) -> tuple[Scaled, Scaled]:
        """Number of paths through each unit, or a bound below the maximum; and all paths left."""
        n_inputs = len(self.pairs)
        for unit in np.flatnonzero(self.kept & removed[self.number]):
            self.covered.append(self.counts[unit])
            self.kept[unit], self.counts[unit] = False, 0.0
            self.stale[slice(n_inputs, None) if unit < n_inputs else slice(n_inputs)] = True
        sources, targets = np.split(self.kept.astype(np.float64), [n_inputs])
        while True:
            most = self.counts >= self.counts.max(initial=0.0) * self.near
            stale = np.flatnonzero(most & self.stale & self.kept)
            if not stale.size:
                break
            rows, columns = stale[stale < n_inputs], stale[stale >= n_inputs]
            self.counts[rows] = self.pairs[rows] @ targets
            self.counts[columns] = sources @ self.pairs[:, columns - n_inputs]
            self.stale[stale] = False
        left = math.fsum([self.whole, *(-count for count in self.covered)])
        if left < _FEW * self.whole:
            left = float(sources @ (self.pairs @ targets))
        counts = np.empty(self.n_units)
        counts[self.number] = self.counts
        return scaled(counts, 0), scaled(left, 0)


def _greedy(
    through: _Through, n_units: int, tau: float, slack: float
) -> tuple[list[int], list[float]]:
    """Units in the order of choice, and the share of all paths covered after each."""
    removed = np.zeros(n_units, dtype=bool)
    counts, left = through(removed)
    whole, allowed = left, (1 - Fraction(str(tau))) * (1 + Fraction(slack)) * _fraction(left)
    taken: list[int] = []
    covered: list[float] = []
    while _fraction(left) > allowed:
        sizes = counts.relative()
        unit = int(np.argmax(sizes >= sizes.max() * (1 - slack)))
        removed[unit] = True
        counts, left = through(removed)
        taken.append(unit)
        covered.append(1 - float(left.over(whole)))
    return taken, covered


def _fraction(number: Scaled) -> Fraction:
    if number.mantissa == 0:
        return Fraction(0)
    return Fraction(float(number.mantissa)) * Fraction(2) ** int(number.exponent)


def _is_exact(graph: NetGraph) -> bool:
    """Whether float64 holds every path weight of the graph without rounding."""
    weights = graph.weights.data
    return bool(np.all(weights == np.rint(weights)) and total(graph).exponent <= _EXACT)
