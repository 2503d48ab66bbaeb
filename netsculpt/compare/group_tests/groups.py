"""Whether two groups of networks differ, and in what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.compare.group_tests.permutations import Divisions, divisions
from netsculpt.compare.group_tests.statistics import (
    energy_distances,
    hedges_g,
    mean_differences,
    step_down,
)
from netsculpt.core.counting import counted
from netsculpt.core.errors import FormatError
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FeatureTest", "GroupComparison", "groups"]

_LEAST = 2  # networks in a group
_UNDEFINED: Final = MappingProxyType({"trophic_incoherence": "no module feeds another"})
_CONSTANT = 1e-12  # of the largest value: features that vary less are rounding


@dataclass(frozen=True)
class FeatureTest:
    """One feature in both groups."""

    feature: str
    mean_first: float
    mean_second: float
    sd_first: float  # over n − 1
    sd_second: float
    g: float  # Hedges' g: (second − first) in standard deviations; NaN without a spread in groups
    g_low: float  # 95 % interval
    g_high: float
    p: float  # of the difference of the means, by permutations
    adjusted_p: float  # for the number of features (step-down max-T)


@dataclass(frozen=True, eq=False)
class GroupComparison:
    """Two groups of networks: whether they differ at all, and in which features."""

    n: tuple[int, int]  # networks in each group
    energy: float  # distance of the groups in all features, standardised over both; 0 = equal
    p: float  # of the distance, by permutations
    features: tuple[FeatureTest, ...]
    left_out: Mapping[str, str]  # features that are not compared, and why
    n_divisions: int
    is_exact: bool  # whether these are all divisions of the networks into two such groups

    def __repr__(self) -> str:
        n = f"{self.n[0]} against {self.n[1]}"
        found = f"energy distance {self.energy:.3f}, p = {self.p:.2g}"
        return f"GroupComparison({n}: {found}, {len(self.features)} features)"

    @property
    def least_p(self) -> float:
        """The least p that there can be: groups of one size and their exchange are equally far."""
        ties = 2 if self.is_exact and self.n[0] == self.n[1] else 1
        return ties / self.n_divisions

    def significant(self, level: float = 0.05) -> tuple[FeatureTest, ...]:
        """Features with adjusted p ≤ level, the largest |g| first; undefined g come at the end."""
        chosen = [x for x in self.features if x.adjusted_p <= level]
        return tuple(sorted(chosen, key=lambda x: -abs(x.g) if x.g == x.g else 1.0))

    def table(self) -> pd.DataFrame:
        """One row per feature."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self.features])

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        summary: dict[str, Any] = plain(
            {
                "n": self.n,
                "energy_distance": self.energy,
                "p": self.p,
                "n_divisions": self.n_divisions,
                "least_p": self.least_p,
                "is_exact": self.is_exact,
                "features": [asdict(row) for row in self.features],
                "left_out": dict(self.left_out),
            }
        )
        return summary


def groups(
    first: Sequence[Mapping[str, float]],
    second: Sequence[Mapping[str, float]],
    *,
    n_permutations: int = 9999,
    rng: RNG = None,
) -> GroupComparison:
    """Test whether two groups of networks differ in their features.

    All features together, each divided by its standard deviation over both groups: the energy
    distance of the groups, and how often networks dealt out at random into two groups of these
    sizes are as far apart. Each feature alone: the difference of its means, likewise, adjusted for
    the number of features by the step-down max-T procedure, and its size as Hedges' g.

    Parameters
    ----------
    first, second
        Features of each network by name, as of `netsculpt.network_features`: two networks or more
        in each group. Networks must be independent runs: seeds, not checkpoints of one run. Those
        of one seed in both groups are not treated as a pair.
    n_permutations
        Random divisions, where there are more than 10⁵ of them; otherwise all are looked at.
    rng
        Seed or generator of these.

    Returns
    -------
    GroupComparison
        Features that a network lacks, or has as NaN or infinity, are left out, and those that are
        the same in all networks.

    Raises
    ------
    FormatError
        If a group has fewer than two networks, or no feature can be compared.

    Notes
    -----
    The p-values are valid if networks of both groups could be exchanged under the null hypothesis;
    a feature with equal means but another spread may be called different. O(P (N² + N F)).

    Examples
    --------
    >>> first = [{"density": 0.05, "Q": x} for x in (0.30, 0.31, 0.33, 0.29)]
    >>> second = [{"density": 0.05, "Q": x} for x in (0.50, 0.48, 0.52, 0.47)]
    >>> found = groups(first, second)
    >>> round(found.p, 4), found.features[0].feature, dict(found.left_out)
    (0.0286, 'Q', {'density': 'the same in all networks'})
    """
    sizes = len(first), len(second)
    if min(sizes) < _LEAST:
        raise FormatError(
            f"the groups have {sizes[0]} and {sizes[1]} networks: two or more in each are needed; "
            "compare two single networks unit by unit"
        )
    rows = [*first, *second]
    names, values, left_out = _usable(rows)
    if not names:
        reasons = ", ".join(dict.fromkeys(left_out.values())) or "there are none"
        raise FormatError(f"no feature can be compared ({reasons}): give features that vary")
    dealt = divisions(*sizes, n_random=n_permutations, rng=rng)
    standard = (values - values.mean(axis=0)) / values.std(axis=0)
    energies = energy_distances(standard, dealt.first)
    return GroupComparison(
        sizes,
        float(energies[0]),
        float(dealt.p(energies)),
        tuple(_tests(names, values, standard, dealt, sizes[0])),
        left_out,
        dealt.n,
        dealt.is_exact,
    )


def _usable(
    rows: Sequence[Mapping[str, float]],
) -> tuple[list[str], NDArray[np.float64], dict[str, str]]:
    """Names and values [N, F] of the features that can be compared, and why others cannot."""
    left_out: dict[str, str] = {}
    columns: dict[str, NDArray[np.float64]] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        if any(name not in row for row in rows):
            left_out[name] = "not in all networks"
            continue
        column = np.array([row[name] for row in rows], dtype=np.float64)
        if not np.isfinite(column).all():
            n_undefined = int(np.count_nonzero(~np.isfinite(column)))
            why = _UNDEFINED.get(name, "no finite number")
            left_out[name] = f"{why} in {n_undefined:,} of {counted(len(rows), 'network')}"
        elif np.ptp(column) <= _CONSTANT * np.abs(column).max():
            left_out[name] = "the same in all networks"
        else:
            columns[name] = column
    values = np.stack([*columns.values()], axis=1) if columns else np.zeros((len(rows), 0))
    return [*columns], values, left_out


def _tests(
    names: list[str],
    values: NDArray[np.float64],
    standard: NDArray[np.float64],
    dealt: Divisions,
    n_first: int,
) -> list[FeatureTest]:
    statistics = mean_differences(standard, dealt.first)
    p = dealt.p(statistics)
    successive = dealt.p(step_down(statistics))
    adjusted = np.empty_like(successive)
    order = np.argsort(-statistics[0], kind="stable")
    adjusted[order] = np.maximum.accumulate(successive[order])
    tests = []
    for index, name in enumerate(names):
        one, other = values[:n_first, index], values[n_first:, index]
        means = float(one.mean()), float(other.mean())
        spreads = float(one.std(ddof=1)), float(other.std(ddof=1))
        tests.append(
            FeatureTest(
                name,
                *means,
                *spreads,
                *hedges_g(one, other),
                float(p[index]),
                float(adjusted[index]),
            )
        )
    return tests
