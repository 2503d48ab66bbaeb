"""Rounds that each prune a fifth of what is left."""

from __future__ import annotations

from netsculpt.training.pruning.schedules._number import Number

__all__ = ["lottery"]

_LEFT = 0.8  # of the weights, after one round
_ROUNDS = 20  # from progress 0 to 1


def lottery(progress: Number) -> Number:
    r"""Fraction pruned :math:`1 - 0.8^{20 x}`: a twentieth of progress is one lottery-ticket round.

    It ends with 1.2 % left. Frankle and Carbin, "The lottery ticket hypothesis",
    arXiv:1803.03635, section 2; they also rewind the weights, which sculpting does by its rule.

    >>> round(lottery(0.05), 4), round(lottery(1.0), 4)
    (0.2, 0.9885)
    """
    left: Number = _LEFT ** (_ROUNDS * progress)
    return 1 - left
