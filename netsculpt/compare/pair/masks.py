"""How many kept weights two masks share, and how many they would by chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netsculpt.core.errors import FormatError
from netsculpt.core.plain import plain

__all__ = ["MaskOverlap", "mask_overlap", "overlap_of"]


@dataclass(frozen=True)
class MaskOverlap:
    """Kept weights that two masks share."""

    n_shared: int
    n_union: int
    iou: float  # shared / union, 0 … 1; NaN: nothing is kept
    chance: float  # the same of random masks with as many kept weights in each layer
    corrected: float  # (iou − chance) / (1 − chance): 1 = equal, 0 = chance; NaN if chance is 1

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        summary: dict[str, Any] = plain(asdict(self))
        return summary


def mask_overlap(first: Mapping[str, ArrayLike], second: Mapping[str, ArrayLike]) -> MaskOverlap:
    r"""Intersection over union of two nets' masks, and what is expected by chance.

    With k and k' of n weights kept in a layer, random masks share :math:`k k'/n` on average; the
    chance is :math:`E / (K + K' - E)` with E summed over layers, and so depends on how the layers
    share what is kept.

    Parameters
    ----------
    first, second
        Boolean masks of the same weights, True = kept.

    Examples
    --------
    >>> a, b = np.array([1, 1, 0, 0]) > 0, np.array([1, 0, 1, 0]) > 0
    >>> overlap = mask_overlap({"fc": a}, {"fc": b})
    >>> round(overlap.iou, 3), round(overlap.chance, 3)
    (0.333, 0.333)
    """
    masks = [{name: np.asarray(x, dtype=bool) for name, x in y.items()} for y in (first, second)]
    shapes = [{name: x.shape for name, x in each.items()} for each in masks]
    if shapes[0] != shapes[1]:
        raise FormatError(
            f"masks are of {dict(shapes[0])!r:.200} and {dict(shapes[1])!r:.200}: the same weights "
            "are needed"
        )
    n_shared, n_first, n_second, expected = 0, 0, 0, 0.0
    for name, a in masks[0].items():
        b = masks[1][name]
        kept = int(a.sum()), int(b.sum())
        n_first, n_second = n_first + kept[0], n_second + kept[1]
        n_shared += int((a & b).sum())
        expected += kept[0] * kept[1] / a.size if a.size else 0.0
    return overlap_of(n_shared, n_first, n_second, expected)


def overlap_of(n_shared: int, n_first: int, n_second: int, expected: float) -> MaskOverlap:
    """The overlap of two sets by their sizes, what they share, and what they would by chance.

    >>> overlap_of(1, 2, 2, expected=1.0).corrected
    0.0
    """
    n_union = n_first + n_second - n_shared
    if not n_union:
        return MaskOverlap(0, 0, math.nan, math.nan, math.nan)
    iou, chance = n_shared / n_union, expected / (n_first + n_second - expected)
    corrected = (iou - chance) / (1 - chance) if chance < 1 else math.nan
    return MaskOverlap(n_shared, n_union, iou, chance, corrected)
