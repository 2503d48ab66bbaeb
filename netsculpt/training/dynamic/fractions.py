"""Share of the kept weights that an update exchanges: ``(progress) -> share``, both 0 … 1."""

from __future__ import annotations

import math

__all__ = ["constant", "cosine", "power"]
__dir__ = __all__.copy


def constant(progress: float, *, share: float = 0.3) -> float:  # noqa: ARG001
    """The same share at every update.

    >>> constant(0.5)
    0.3
    """
    return share


def cosine(progress: float, *, share: float = 0.3, least: float = 0.0) -> float:
    r"""From the share down along half a cosine, :math:`\frac\alpha 2 (1 + \cos \pi x)`.

    Dettmers and Zettlemoyer, arXiv:1907.04840; Evci et al., arXiv:1911.11134, section 3(2). ITOP's
    code stops at a `least` share of .005.

    >>> [round(cosine(x / 10), 4) for x in range(0, 11, 2)]
    [0.3, 0.2714, 0.1964, 0.1036, 0.0286, 0.0]
    """
    return max(share / 2 * (1 + math.cos(math.pi * min(progress, 1.0))), least)


def power(progress: float, *, share: float = 0.3, exponent: float = 1.0) -> float:
    r"""From the share down to nothing, :math:`\alpha (1 - x)^k`.

    >>> power(0.5, exponent=3.0)
    0.0375
    """
    return share * float((1 - min(progress, 1.0)) ** exponent)
