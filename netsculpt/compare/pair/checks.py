"""Checks of logits and labels, where they enter."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import FormatError

__all__ = ["checked_labels", "checked_logits"]


def checked_logits(sparse: ArrayLike, dense: ArrayLike) -> list[NDArray[np.float64]]:
    """Logits [n, classes] of both nets as float64; raises unless they are of the same samples."""
    both = [np.asarray(x, dtype=np.float64) for x in (sparse, dense)]
    shapes = [list(x.shape) for x in both]
    if shapes[0] != shapes[1] or len(shapes[0]) != 2 or shapes[0][0] < 1 or shapes[0][1] < 2:
        raise FormatError(
            f"logits are {shapes[0]} and {shapes[1]}: [n, classes] on the same samples are needed, "
            "of two classes or more"
        )
    if not all(np.isfinite(x).all() for x in both):
        raise FormatError("logits are not all finite: look for infinite weights or inputs")
    return both


def checked_labels(labels: ArrayLike, n: int, n_classes: int) -> NDArray[np.int64]:
    """Labels [n] as int64; raises unless there is one class for each sample."""
    checked = np.asarray(labels)
    if checked.shape != (n,) or not np.issubdtype(checked.dtype, np.integer):
        raise FormatError(
            f"labels are {checked.dtype} {list(checked.shape)}: whole numbers [{n}] are needed, "
            "one for each sample"
        )
    if checked.min() < 0 or checked.max() >= n_classes:
        raise FormatError(
            f"labels are {checked.min()} … {checked.max()}: classes are numbered 0 … "
            f"{n_classes - 1}"
        )
    return checked.astype(np.int64)
