"""How long weights stay in the mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.training.dynamic.record.reading import Record
from netsculpt.training.dynamic.trajectory.flat import flat_changes, flat_kept

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Survival", "survival"]


@dataclass(frozen=True, eq=False)
class Survival:
    """Share of weights that outlive each age, in updates; [1 + n_updates].

    Stays that last to the end of the training are censored, not counted as ended.
    """

    first: NDArray[np.float64]  # of the first masks
    grown: NDArray[np.float64]  # of weights that came later; NaN at ages that none could reach
    n_first: int  # stays
    n_grown: int

    def table(self) -> pd.DataFrame:
        """One row per age."""
        import pandas as pd

        ages = np.arange(len(self.first))
        return pd.DataFrame({"age": ages, "first": self.first, "grown": self.grown})

    def summary(self) -> dict[str, Any]:
        """Shares that outlive one update and ten, JSON-able; None where none could."""
        known = {"first": self.first, "grown": self.grown}
        return {
            "n_first": self.n_first,
            "n_grown": self.n_grown,
            **{
                f"{name}_after_{age}": float(x[age]) if age < len(x) and x[age] == x[age] else None
                for name, x in known.items()
                for age in (1, 10)
            },
        }


def survival(record: Record) -> Survival:
    r"""Estimate how long weights stay.

    .. math:: S(a) = \prod_{j \le a} \left(1 - \frac{d_j}{n_j}\right)

    with :math:`d_j` stays that end at age j, and :math:`n_j` stays that reach it, ended or not. A
    weight that returns begins a new stay. Kaplan and Meier, J. Am. Stat. Assoc. 53, 457 (1958),
    doi:10.1080/01621459.1958.10501452. Cost O(weights + all changes).
    """
    n = record.n_updates
    born = np.zeros(record.n_weights, dtype=np.int64)
    ended = np.zeros((2, n + 1), dtype=np.int64)  # stays of the first masks, of grown weights
    for number, (dropped, grown) in enumerate(flat_changes(record), start=1):
        for row, own in enumerate((born[dropped] == 0, born[dropped] > 0)):
            np.add.at(ended[row], number - born[dropped][own], 1)
        born[grown] = number
    born_of_kept = born[flat_kept(record)]
    censored = np.zeros_like(ended)
    for row, own in enumerate((born_of_kept == 0, born_of_kept > 0)):
        np.add.at(censored[row], n - born_of_kept[own], 1)
    reach = np.cumsum((ended + censored)[:, ::-1], axis=1)[:, ::-1]
    shares = np.full(ended.shape, np.nan)
    np.divide(ended, reach, out=shares, where=reach > 0)
    first, grown_then = np.cumprod(1 - shares, axis=1)
    return Survival(first, grown_then, int(reach[0, 0]), int(reach[1, 0]))
