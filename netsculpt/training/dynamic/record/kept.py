"""What is kept of one weight, and how an update changes it: flat indices, ascending, int64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.training.dynamic.record.ascending import packed, unpacked

__all__ = ["changed", "packed_change", "unpacked_change"]

Indices = NDArray[np.int64]


def changed(kept: Indices, dropped: Indices, grown: Indices) -> Indices:
    """Indices kept after a change; O(kept + changed).

    >>> changed(np.array([1, 4, 6]), dropped=np.array([4]), grown=np.array([0, 5])).tolist()
    [0, 1, 5, 6]
    """
    stay = np.delete(kept, np.searchsorted(kept, dropped))
    return np.insert(stay, np.searchsorted(stay, grown), grown)


def packed_change(kept: Indices, dropped: Indices, grown: Indices, n_weights: int) -> list[bytes]:
    """Write what goes by its rank among the kept, what comes by its rank among the others.

    So neither costs more than the choice it is: a tenth of a density of 5 % takes a tenth of the
    kept, not of all.
    """
    gone = np.searchsorted(kept, dropped).astype(np.int64)
    came = grown - np.searchsorted(kept, grown)
    return [packed(gone, len(kept)), packed(came, n_weights - len(kept))]


def unpacked_change(
    kept: Indices, gone: tuple[bytes, int], came: tuple[bytes, int], n_weights: int
) -> tuple[Indices, Indices]:
    """What goes and what comes, each from its bytes and its number.

    >>> kept = np.array([1, 4, 6])
    >>> gone, came = packed_change(kept, np.array([4]), np.array([0, 5]), n_weights=8)
    >>> [x.tolist() for x in unpacked_change(kept, (gone, 1), (came, 2), n_weights=8)]
    [[4], [0, 5]]
    """
    dropped = kept[unpacked(*gone, len(kept))]
    ranks = unpacked(*came, n_weights - len(kept))
    before = kept - np.arange(len(kept))  # others before each of the kept
    return dropped, ranks + np.searchsorted(before, ranks, side="right")
