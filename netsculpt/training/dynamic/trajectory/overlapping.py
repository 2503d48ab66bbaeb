"""How much successive masks have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from netsculpt.training.dynamic.record.reading import Record
from netsculpt.training.dynamic.trajectory.flat import flat_changes, flat_kept

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Overlaps", "compressions", "overlaps"]


@dataclass(frozen=True)
class Overlaps:
    """Each chosen mask and the one chosen before it; [n − 1]."""

    numbers: tuple[int, ...]  # of the updates, the first one left out
    shared: tuple[float, ...]  # share of the smaller mask that is in both
    chance: tuple[float, ...]  # the same, expected of random masks: the density of the larger one
    corrected: tuple[float, ...]  # (shared − chance) / (1 − chance): 0 = chance, 1 = one in other

    def table(self) -> pd.DataFrame:
        """One row per pair."""
        import pandas as pd

        return pd.DataFrame(
            {
                "update": self.numbers,
                "shared": self.shared,
                "chance": self.chance,
                "corrected": self.corrected,
            }
        )


def compressions(record: Record) -> list[int]:
    """Updates after which less is kept than before: the sparse phases of AC/DC begin with them."""
    return [
        number
        for number, (dropped, grown) in enumerate(flat_changes(record), start=1)
        if len(dropped) > len(grown)
    ]


def overlaps(record: Record, numbers: Sequence[int]) -> Overlaps:
    """Compare masks after chosen updates, each with the one before.

    ``overlaps(record, compressions(record))`` are those of the sparse phases of AC/DC. Masks of a
    single weight, or all of them in one, are compared over the whole net: allocations that stay
    the same make them overlap, too.
    """
    rows = []
    masks = [flat_kept(record, number) for number in numbers]
    for one, other in pairwise(masks):
        smaller, larger = sorted((len(one), len(other)))
        shared = len(np.intersect1d(one, other, assume_unique=True)) / max(smaller, 1)
        chance = larger / max(record.n_weights, 1)
        corrected = (shared - chance) / (1 - chance) if chance < 1 else float("nan")
        rows.append((shared, chance, corrected))
    columns = [tuple(x) for x in zip(*rows, strict=True)] or [(), (), ()]
    return Overlaps(tuple(numbers[1:]), *columns)
