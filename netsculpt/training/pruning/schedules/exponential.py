"""The density falls by the same factor at every step."""

from __future__ import annotations

from netsculpt.training.pruning.schedules._number import Number

__all__ = ["exponential"]


def exponential(progress: Number, *, left: float = 0.01) -> Number:
    r"""Fraction pruned :math:`(1 - \varepsilon^x) / (1 - \varepsilon)`, for ε = `left`.

    The density is ε to the progress, stretched so that nothing is left at 1. Who prunes down to a
    density d by this fraction of 1 − d, with ε = d, keeps d^x: so goes iterative pruning by
    SynFlow, Tanaka et al., arXiv:2006.05467, algorithm 1.

    >>> round(exponential(0.5), 4)
    0.9091
    """
    if left == 1:
        return progress
    kept: Number = left**progress
    return (1 - kept) / (1 - left)
