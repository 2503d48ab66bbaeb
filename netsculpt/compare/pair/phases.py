"""How much of a mask stays from one sparse phase to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from netsculpt.core.errors import FormatError
from netsculpt.core.plain import plain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PhaseOverlaps", "phase_overlaps"]


@dataclass(frozen=True)
class PhaseOverlaps:
    """Masks of P sparse phases, in their order; [P − 1] values compare one with the next."""

    n: int  # weights
    kept: tuple[int, ...]  # by phase [P]
    shared: tuple[float, ...]  # |m_t ∧ m_t+1| / the smaller of both
    chance: tuple[float, ...]  # the same of random masks: the larger of both / n
    corrected: tuple[float, ...]  # (shared − chance) / (1 − chance): 1 = equal, 0 = chance
    ever_kept: float  # share of the weights that a phase has kept
    regrown: float  # share of the last mask that an earlier phase had pruned; NaN: nothing is kept

    def table(self) -> pd.DataFrame:
        """One row per pair of phases, counted from 0."""
        import pandas as pd

        columns = {"shared": self.shared, "chance": self.chance, "corrected": self.corrected}
        return pd.DataFrame({"phase": range(1, len(self.kept)), **columns})

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        summary: dict[str, Any] = plain(asdict(self))
        return summary


def phase_overlaps(masks: Sequence[ArrayLike]) -> PhaseOverlaps:
    """Compare the masks of consecutive sparse phases, as of AC/DC.

    Parameters
    ----------
    masks
        One boolean mask per phase, all of one shape: all weights of the net in one array.

    Examples
    --------
    >>> first, second = np.array([1, 1, 0, 0]) > 0, np.array([0, 1, 1, 0]) > 0
    >>> overlaps = phase_overlaps([first, second])
    >>> overlaps.shared, overlaps.chance, overlaps.ever_kept, overlaps.regrown
    ((0.5,), (0.5,), 0.75, 0.5)
    """
    phases = [np.asarray(mask, dtype=bool).ravel() for mask in masks]
    sizes = {mask.size for mask in phases}
    if len(sizes) != 1 or 0 in sizes:
        raise FormatError(
            f"{len(phases)} masks have {sorted(sizes)} weights: at least one mask is needed, and "
            "all of the same weights"
        )
    (n,) = sizes
    kept = [int(mask.sum()) for mask in phases]
    shared, chance, corrected = [], [], []
    for index in range(len(phases) - 1):
        few, many = sorted(kept[index : index + 2])
        both = int((phases[index] & phases[index + 1]).sum())
        shared.append(both / few if few else math.nan)
        chance.append(many / n)
        over = shared[-1] - chance[-1]
        corrected.append(over / (1 - chance[-1]) if chance[-1] < 1 else math.nan)
    always = np.logical_and.reduce(phases)
    regrown = 1 - int(always.sum()) / kept[-1] if kept[-1] else math.nan
    ever = float(np.logical_or.reduce(phases).mean())
    return PhaseOverlaps(
        n, tuple(kept), tuple(shared), tuple(chance), tuple(corrected), ever, regrown
    )
