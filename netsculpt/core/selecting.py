"""The worthiest of many items, fairly from every group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["worthiest"]


def worthiest(
    items: NDArray[np.intp], worth: NDArray[Any], group: NDArray[np.integer], most: int
) -> NDArray[np.intp]:
    """All items if there are at most `most`, else the same share of each group, its best.

    Of equal ones the first; a group keeps at least one. `items` are ascending places in `worth` and
    `group`, and so is what is returned. O(n log n).

    >>> worth, group = np.array([1.0, 5.0, 3.0, 2.0, 9.0, 8.0]), np.array([0, 0, 0, 0, 1, 1])
    >>> worthiest(np.arange(6), worth, group, 3)
    array([1, 2, 4])
    """
    if items.size <= most:
        return items
    order = items[np.lexsort((-np.nan_to_num(worth[items]), group[items]))]
    sizes = np.bincount(group[items])
    rank = np.arange(items.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = rank < np.repeat(np.ceil(sizes * (most / items.size)), sizes)
    return np.sort(order[kept])
