"""How pruning advances: ``(progress) -> fraction pruned``, both 0 … 1, rising from 0.

Only arithmetic, so that numbers and tensors work alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["cubic", "exponential", "linear", "lottery"]
__dir__ = __all__.copy

Number = TypeVar("Number", float, "Tensor")

_LEFT = 0.8  # of the weights, after one round
_ROUNDS = 20  # from progress 0 to 1


def cubic(progress: Number) -> Number:
    r"""Fraction pruned :math:`1 - (1 - x)^3`.

    Zhu and Gupta, "To prune, or not to prune", arXiv:1710.01878, equation 1.

    >>> cubic(0.5)
    0.875
    """
    return 1 - (1 - progress) ** 3


def exponential(progress: Number, *, left: float = 0.01) -> Number:
    r"""Fraction pruned :math:`(1 - \varepsilon^x) / (1 - \varepsilon)`, for ε = `left`.

    The density is ε to the progress, stretched so that nothing is left at 1. With ε = d, pruning to
    a density d by this fraction of 1 − d keeps d^x, as iterative pruning by SynFlow does: Tanaka et
    al., arXiv:2006.05467, algorithm 1.

    >>> round(exponential(0.5), 4)
    0.9091
    """
    if left == 1:
        return progress
    kept: Number = left**progress
    return (1 - kept) / (1 - left)


def linear(progress: Number) -> Number:
    r"""Fraction pruned :math:`x`, as in Neural Sculpting.

    Patil, Michael and Dovrolis, arXiv:2305.18402, section 3.

    >>> linear(0.3)
    0.3
    """
    return progress


def lottery(progress: Number) -> Number:
    r"""Fraction pruned :math:`1 - 0.8^{20 x}`: a twentieth of progress is one lottery-ticket round.

    It ends with 1.2 % left. Frankle and Carbin, "The lottery ticket hypothesis",
    arXiv:1803.03635, section 2. They also rewind the weights; in sculpting its rule does that.

    >>> round(lottery(0.05), 4), round(lottery(1.0), 4)
    (0.2, 0.9885)
    """
    left: Number = _LEFT ** (_ROUNDS * progress)
    return 1 - left
