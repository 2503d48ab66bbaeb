"""How much more often sparse nets are wrong than dense ones, over several tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG, root_seed, stream

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ErrorIncrease", "relative_error_increase"]

Floats = NDArray[np.float64]
Interval = tuple[float, float]

_LEVEL = 0.95
_UNKNOWN = (math.nan, math.nan)


@dataclass(frozen=True, eq=False)
class ErrorIncrease:
    """Errors of sparse and dense nets by target [T]; intervals are of 95 %, NaN without draws."""

    targets: tuple[str, ...]
    sparse: Floats  # [T] mean error, 0 … 1
    dense: Floats  # [T]
    n: tuple[int, ...]  # pairs of values of each target
    intervals: tuple[Interval, ...]  # of each target's increase
    mean_interval: Interval
    median_interval: Interval

    @property
    def increases(self) -> Floats:
        """(e_s − e_d) / e_d [T]; negative where sparse nets are better; 0 / 0 is 0, x / 0 is ∞."""
        return _increase(self.sparse, self.dense)

    @property
    def mean(self) -> float:
        """Mean of the increases over the targets."""
        return float(self.increases.mean())

    @property
    def median(self) -> float:
        """Median of the increases over the targets, which no single one decides."""
        return float(np.median(self.increases))

    def table(self) -> pd.DataFrame:
        """One row per target."""
        import pandas as pd

        low, high = zip(*self.intervals, strict=True)
        columns = {"target": self.targets, "n": self.n, "error_dense": self.dense}
        columns |= {"error_sparse": self.sparse, "increase": self.increases}
        return pd.DataFrame({**columns, "low": low, "high": high})

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined or infinite is None."""
        rows = self.table().to_dict("records")
        return {
            "mean": _plain(self.mean),
            "mean_interval": [_plain(x) for x in self.mean_interval],
            "median": _plain(self.median),
            "median_interval": [_plain(x) for x in self.median_interval],
            "targets": [{key: _plain(x) for key, x in row.items()} for row in rows],
        }


def relative_error_increase(
    sparse: Mapping[str, ArrayLike],
    dense: Mapping[str, ArrayLike],
    *,
    n_draws: int = 10_000,
    rng: RNG = None,
) -> ErrorIncrease:
    r"""Relative error increase of sparse nets over dense ones, target by target.

    .. math:: (e_s - e_d) / e_d, \quad e = 1 - \text{mean accuracy}

    then the mean and the median over targets: not the ratio of the mean errors, and the two may
    differ much, as one easy target has a large weight in the mean. Intervals are percentiles of a
    paired bootstrap: what is drawn is pairs of values. Where all targets have as many pairs, pair i
    is the same seed for all of them, and drawn for all at once.

    Parameters
    ----------
    sparse, dense
        Accuracies [n] by target, 0 … 1, value i of both from the same seed; or whether an answer is
        right, sample by sample.
    n_draws
        Draws of the bootstrap; 0: no intervals, and numbers of values may differ.
    rng
        Seed or generator.

    Raises
    ------
    FormatError
        If the targets or the numbers of values differ, or accuracies are not within 0 … 1.

    Notes
    -----
    O(T n draws). Iofinova et al., arXiv:2111.13445, section 3: "average relative increase in error
    over the dense baseline".

    Examples
    --------
    >>> found = relative_error_increase({"a": [0.8, 0.6], "b": [0.9, 0.9]},
    ...                                 {"a": [0.8, 0.8], "b": [0.92, 0.88]}, rng=0)
    >>> found.increases.round(6).tolist(), round(found.mean, 6)
    ([0.5, 0.0], 0.25)
    """
    checked_whole(n_draws, "n_draws", least=0)
    if not sparse or sparse.keys() != dense.keys():
        raise FormatError(
            f"targets of the sparse nets are {', '.join(sparse) or 'none'}, of the dense ones "
            f"{', '.join(dense) or 'none'}: the same are needed"
        )
    errors = [(_errors(name, sparse[name]), _errors(name, dense[name])) for name in sparse]
    for name, pair in zip(sparse, errors, strict=True):
        if n_draws and pair[0].size != pair[1].size:
            raise FormatError(
                f"target {name!r} has {pair[0].size} values of sparse nets and {pair[1].size} of "
                "dense ones: a paired bootstrap needs one of each per seed; or give n_draws=0"
            )
    means = np.array([[one.mean(), other.mean()] for one, other in errors])
    counts = tuple(one.size for one, _ in errors)
    intervals = [_UNKNOWN] * len(errors)
    of_mean = of_median = _UNKNOWN
    if n_draws:
        drawn = _drawn(errors, n_draws, root_seed(rng))
        intervals = [_interval(row) for row in drawn]
        of_mean, of_median = _interval(drawn.mean(axis=0)), _interval(np.median(drawn, axis=0))
    return ErrorIncrease(
        tuple(sparse), means[:, 0], means[:, 1], counts, tuple(intervals), of_mean, of_median
    )


def _drawn(errors: list[tuple[Floats, Floats]], n_draws: int, seed: int) -> Floats:
    """Increases [T, draws] of resampled pairs."""
    together = len({one.size for one, _ in errors}) == 1
    rows = []
    for number, (one, other) in enumerate(errors):
        rng = stream(seed, "draws") if together else stream(seed, "draws", number)
        times = rng.multinomial(one.size, np.full(one.size, 1 / one.size), size=n_draws)
        rows.append(_increase(times @ one / one.size, times @ other / one.size))
    return np.array(rows)


def _increase(sparse: Floats, dense: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (sparse - dense) / dense
    return np.where((dense == 0) & (sparse == 0), 0.0, ratio)


def _interval(drawn: Floats) -> Interval:
    ends = np.quantile(drawn, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], method="inverted_cdf")
    return float(ends[0]), float(ends[1])


def _errors(name: str, accuracies: ArrayLike) -> Floats:
    values = np.asarray(accuracies, dtype=np.float64)
    if values.ndim != 1 or not values.size or not ((values >= 0) & (values <= 1)).all():
        raise FormatError(
            f"accuracies on {name!r} are {values.shape}, {values.min(initial=np.inf):g} … "
            f"{values.max(initial=-np.inf):g}: a list of numbers from 0 to 1 is needed"
        )
    return 1 - values


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
