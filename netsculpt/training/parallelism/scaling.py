"""How steps to a result depend on the batch size: one part falls with it, one does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import FormatError

__all__ = ["LEAST_SIZES", "Scaling", "scaling"]

LEAST_SIZES = 3  # two would fit any two points
_STEEPEST = 20.0  # logit of the noise's share at the middle batch size, on the first grid
_N_GRID, _N_ZOOMS = 41, 8


@dataclass(frozen=True, eq=False)
class Scaling:
    r"""The law :math:`K^*(B) = c_1 / B + c_2`, for each of the fitted curves [...]."""

    c1: NDArray[np.float64]  # samples: steps of batch size 1 that noise costs
    c2: NDArray[np.float64]  # steps that are left however large the batch
    residual: NDArray[np.float64]  # root mean square of log K* minus the law's

    @property
    def critical_batch(self) -> NDArray[np.float64]:
        """c₁ / c₂: smaller batches scale almost perfectly, larger ones hardly; ∞ if c₂ = 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.divide(self.c1, self.c2)

    def steps(self, batch_sizes: ArrayLike) -> NDArray[np.float64]:
        """K* by the law [..., n] at batch sizes [n]."""
        law: NDArray[np.float64] = self.c1[..., None] / np.asarray(batch_sizes, dtype=float)
        return law + self.c2[..., None]


def scaling(batch_sizes: ArrayLike, steps: ArrayLike) -> Scaling:
    r"""Fit :math:`K^*(B) = c_1 / B + c_2` with :math:`c_1, c_2 \ge 0`.

    Least squares of log K*. Given the share of the first term at the middle batch size, the best
    scale is a mean of logarithms; the share is found on a grid that includes 0 and 1 and narrows.
    The law follows from a bound on SGD's convergence: Lee, Ajanthan, Torr and Jaggi,
    arXiv:2003.11316, section 3.

    Parameters
    ----------
    batch_sizes
        B [n].
    steps
        K* [..., n]; what is not finite is left out.

    Returns
    -------
    Scaling
        NaN where fewer than three batch sizes have steps.

    Examples
    --------
    >>> found = scaling([1, 8, 64, 512], [660, 100, 30, 21.25])
    >>> round(float(found.c1), 3), round(float(found.c2), 3), round(float(found.critical_batch), 3)
    (640.0, 20.0, 32.0)
    """
    sizes, values = np.asarray(batch_sizes, dtype=float), np.asarray(steps, dtype=float)
    if sizes.ndim != 1 or values.shape[-1:] != sizes.shape or not (sizes > 0).all():
        raise FormatError(
            f"batch sizes are {list(sizes.shape)}, steps {list(values.shape)}: positive sizes [n] "
            "and steps [..., n] are needed"
        )
    known = np.isfinite(values) & (values > 0)
    logs = np.log(np.where(known, values, 1.0))
    middle = np.exp(np.log(sizes).mean()) if sizes.size else 1.0
    low, high = np.full(values.shape[:-1], -_STEEPEST), np.full(values.shape[:-1], _STEEPEST)
    for _ in range(_N_ZOOMS):
        grid = np.linspace(low, high, _N_GRID)
        errors, _ = _profile(_share(grid), middle / sizes, logs, known)
        best = np.take_along_axis(grid, errors.argmin(0)[None], 0)[0]
        width = (high - low) / (_N_GRID - 1)
        low, high = best - width, best + width
    shares = np.stack([np.zeros(best.shape), _share(best), np.ones(best.shape)])
    errors, scales = _profile(shares, middle / sizes, logs, known)
    chosen = errors.argmin(0)[None]
    error, scale, share = (np.take_along_axis(x, chosen, 0)[0] for x in (errors, scales, shares))
    scale = np.where(known.sum(-1) >= LEAST_SIZES, scale, np.nan)
    return Scaling(scale * share * middle, scale * (1 - share), np.sqrt(error) + 0 * scale)


def _share(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-logit))


def _profile(
    shares: NDArray[np.float64],
    inverse_sizes: NDArray[np.float64],
    logs: NDArray[np.float64],
    known: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean squared residual [k, ...] for shares [k, ...] of the first term, and the best scale."""
    shape = np.log(shares[..., None] * inverse_sizes + 1 - shares[..., None])
    n_known = np.maximum(known.sum(-1), 1)
    apart = np.where(known, logs - shape, 0.0)
    level = apart.sum(-1) / n_known
    errors = np.where(known, apart - level[..., None], 0.0) ** 2
    return errors.sum(-1) / n_known, np.exp(level)
