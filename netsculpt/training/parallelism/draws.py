"""Metaparameters to try: points of a Sobol sequence, the same for every batch size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole

__all__ = ["OPTIMIZERS", "Draws", "Optimizer", "draws"]

Optimizer = Literal["sgd", "momentum", "nesterov"]
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)

_EDGE = 0.05  # of the range, on its logarithmic scale


@dataclass(frozen=True, eq=False)
class Draws:
    """R learning rates and momenta, and the numbers of the draws, which serve as seeds."""

    optimizer: Optimizer
    learning_rates: NDArray[np.float64]  # [R]
    momenta: NDArray[np.float64]  # [R], 0 with "sgd"
    index: NDArray[np.int64]  # [R]
    bounds: tuple[float, float]  # of the learning rates

    @property
    def n_draws(self) -> int:
        """R."""
        return len(self.index)

    @property
    def at_edge(self) -> NDArray[np.bool_]:
        """Learning rates in the outer 5 % of their range on either side, boolean [R].

        If the best one is, a better one may be outside: widen the range.
        """
        low, high = np.log(self.bounds)
        place = (np.log(self.learning_rates) - low) / (high - low)
        near: NDArray[np.bool_] = np.minimum(place, 1 - place) < _EDGE
        return near

    def take(self, rows: NDArray[Any]) -> Draws:
        """Some of the draws: indices, or boolean [R]."""
        return replace(
            self,
            learning_rates=self.learning_rates[rows],
            momenta=self.momenta[rows],
            index=self.index[rows],
        )


def draws(
    optimizer: Optimizer,
    n: int,
    *,
    learning_rates: tuple[float, float] = (1e-4, 1.0),
    momenta: tuple[float, float] = (0.9, 0.9999),
) -> Draws:
    r"""The first `n` metaparameters to try.

    Points of the unscrambled Sobol sequence without its first, the origin. A coordinate u becomes
    the learning rate :math:`a (b/a)^u` between a and b, the next one the momentum μ whose
    distance from 1 is such a number: :math:`1 - \mu` is distributed evenly on a logarithmic scale.
    More draws extend fewer. Ranges as in the code of Lee et al., arXiv:2003.11316.

    Parameters
    ----------
    optimizer
        "sgd", without momentum; "momentum" or "nesterov", with a momentum that is drawn, too.
    n
        How many; powers of two cover the range evenly.
    learning_rates, momenta
        The ranges.

    Examples
    --------
    >>> draws("sgd", 3).learning_rates
    array([0.01 , 0.1  , 0.001])
    >>> draws("momentum", 2).momenta.round(4)
    array([0.9968, 0.9994])
    """
    if optimizer not in OPTIMIZERS:
        raise FormatError(f"optimizer {optimizer!r} is not one of {', '.join(OPTIMIZERS)}")
    checked_whole(n, "n", least=1)
    low, high = (checked_number(x, "a learning rate", above=0) for x in learning_rates)
    least, most = (checked_number(x, "a momentum", least=0, below=1) for x in momenta)
    if low >= high or least > most:
        raise FormatError(
            f"learning rates are {low} … {high} and momenta {least} … {most}: the lower bound first"
        )
    sequence = qmc.Sobol(1 if optimizer == "sgd" else 2, scramble=False)
    points = sequence.fast_forward(1).random(n)
    slack = np.zeros(n) if optimizer == "sgd" else _log_uniform(points[:, 1], 1 - most, 1 - least)
    return Draws(
        optimizer,
        _log_uniform(points[:, 0], low, high),
        np.zeros(n) if optimizer == "sgd" else 1 - slack,
        np.arange(n),
        (low, high),
    )


def _log_uniform(u: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    return low * (high / low) ** u
