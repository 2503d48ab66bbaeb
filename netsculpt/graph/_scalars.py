"""Scalar parameters behind edges, some of which share them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.slices import slices


def n_numbered(numbers: NDArray[np.int32], counts: NDArray[np.integer] | None) -> int:
    """How many scalars are numbered from 0 [E]; with counts, those of the first edge of each."""
    stop = int(numbers.max(initial=-1)) + 1
    if stop > 2 * numbers.size:  # numbers with gaps
        known = np.unique(numbers[numbers >= 0])
        numbers = np.where(numbers < 0, -1, np.searchsorted(known, numbers)).astype(np.int32)
        stop = known.size
    once = np.zeros(stop, np.bool_ if counts is None else counts.dtype)
    for part in reversed([*slices(numbers.size)]):  # the first edge is the last that is written
        here = np.flatnonzero(numbers[part] >= 0)[::-1]
        once[numbers[part][here]] = True if counts is None else counts[part][here]
    return int(np.count_nonzero(once) if counts is None else once.sum())
