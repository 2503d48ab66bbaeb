"""Fast while there is much to prune, slow at the end."""

from __future__ import annotations

from netsculpt.training.pruning.schedules._number import Number

__all__ = ["cubic"]


def cubic(progress: Number) -> Number:
    r"""Fraction pruned :math:`1 - (1 - x)^3`.

    Zhu and Gupta, "To prune, or not to prune", arXiv:1710.01878, equation 1.

    >>> cubic(0.5)
    0.875
    """
    return 1 - (1 - progress) ** 3
