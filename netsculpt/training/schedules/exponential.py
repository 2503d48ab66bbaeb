"""The density falls by the same factor at every step."""

from __future__ import annotations

from netsculpt.training.schedules._number import Number

__all__ = ["exponential"]

_LAST = 0.01  # density just before the end


def exponential(progress: Number) -> Number:
    r"""Fraction pruned :math:`(1 - \varepsilon^x) / (1 - \varepsilon)` with ε = 0.01.

    The density is ε to the progress, stretched so that nothing is left at 1. Iterative pruning by
    SynFlow goes this way: Tanaka et al., arXiv:2006.05467, algorithm 1.

    >>> round(exponential(0.5), 4)
    0.9091
    """
    left: Number = _LAST**progress
    return (1 - left) / (1 - _LAST)
