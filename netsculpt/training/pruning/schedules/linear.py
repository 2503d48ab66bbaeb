"""The same amount at every step."""

from __future__ import annotations

from netsculpt.training.pruning.schedules._number import Number

__all__ = ["linear"]


def linear(progress: Number) -> Number:
    r"""Fraction pruned :math:`x`: what Neural Sculpting prunes by.

    Patil, Michael and Dovrolis, arXiv:2305.18402, section 3.

    >>> linear(0.3)
    0.3
    """
    return progress
