"""The noisy quadratic: a workload whose expected loss is known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.training.parallelism.draws import Draws

__all__ = ["NoisyQuadratic"]


@dataclass(frozen=True, eq=False)
class NoisyQuadratic:
    r"""Loss :math:`\frac12 \sum_i h_i x_i^2` with gradients :math:`h_i x_i + \xi_i`.

    The noise has the variance :math:`c_i / B` for batches of B samples. The error is the
    expectation of the loss, by recursion of the second moments of x and of the velocity: nothing
    is drawn. Zhang et al., arXiv:1907.04164, section 3.
    """

    curvatures: NDArray[np.float64]  # h [D]
    variances: NDArray[np.float64]  # c [D]
    start: NDArray[np.float64]  # E x² before training [D]
    worst_error: ClassVar[float] = np.inf

    def __post_init__(self) -> None:
        sizes = {np.shape(x) for x in (self.curvatures, self.variances, self.start)}
        if len(sizes) != 1 or np.ndim(self.curvatures) != 1:
            raise FormatError(f"curvatures, variances and start are of shapes {sizes}: [D] each")

    @classmethod
    def power_law(cls, n_dimensions: int, *, noise: float = 1.0) -> Self:
        r"""Curvatures :math:`h_i = 1/i`, variances `noise` times as large, E x² = 1.

        Section 3.2 of the paper, with its choice C = H.
        """
        checked_whole(n_dimensions, "n_dimensions", least=1)
        curvatures = 1 / np.arange(1, n_dimensions + 1)
        variances = checked_number(noise, "noise", least=0) * curvatures
        return cls(curvatures, variances, np.ones(n_dimensions))

    def started(self, draws: Draws, batch_size: int) -> _Moments:
        """Second moments before the first step."""
        return _Moments(self, draws, batch_size)


class _Moments:
    """E x², E xv and E v² [r, D], v being the velocity."""

    def __init__(self, workload: NoisyQuadratic, draws: Draws, batch_size: int) -> None:
        self.curvatures, self.noise = workload.curvatures, workload.variances / batch_size
        self.draws = draws
        self.xx = np.tile(workload.start, (draws.n_draws, 1))
        self.xv, self.vv = np.zeros_like(self.xx), np.zeros_like(self.xx)

    def advance(self) -> None:
        """One step of all: (x, v) ← A (x, v) + b ξ."""
        rate, decay = self.draws.learning_rates[:, None], self.draws.momenta[:, None]
        by_gradient, by_velocity = rate, rate * decay  # how far x goes against each
        if self.draws.optimizer == "nesterov":
            by_gradient, by_velocity = rate * (1 + decay), rate * decay**2
        h, noise, xx, xv, vv = self.curvatures, self.noise, self.xx, self.xv, self.vv
        stay = 1 - by_gradient * h
        with np.errstate(over="ignore", invalid="ignore"):
            self.xx = (
                stay**2 * xx
                - 2 * stay * by_velocity * xv
                + by_velocity**2 * vv
                + by_gradient**2 * noise
            )
            self.xv = (
                stay * h * xx
                + (stay * decay - by_velocity * h) * xv
                - by_velocity * decay * vv
                - by_gradient * noise
            )
            self.vv = h**2 * xx + 2 * h * decay * xv + decay**2 * vv + noise

    def errors(self) -> NDArray[np.float64]:
        """Expected losses [r]; NaN where they are infinite."""
        with np.errstate(over="ignore", invalid="ignore"):
            losses: NDArray[np.float64] = (self.curvatures * self.xx).sum(1) / 2
        return np.where(np.isfinite(losses), losses, np.nan)

    def keep(self, rows: NDArray[Any]) -> None:
        """Go on with some of the draws."""
        self.draws = self.draws.take(rows)
        self.xx, self.xv, self.vv = self.xx[rows], self.xv[rows], self.vv[rows]
