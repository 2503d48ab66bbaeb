"""What random growth explores."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["expected_ever_active"]


def expected_ever_active(density: float, fractions: Iterable[float]) -> NDArray[np.float64]:
    r"""Expected share of weights kept at some time, where growth is random; [1 + n_updates].

    .. math:: 1 - R_{t+1} = (1 - R_t) \left(1 - \frac{d f_t}{1 - d (1 - f_t)}\right), \quad R_0 = d

    An update that drops the fraction f of the density d and grows as many among all that are not
    kept, the dropped ones included, reaches each weight that was never kept with the same chance,
    whatever the drop goes by. R is the :math:`R_s` of Liu et al., "Do we actually need dense
    over-parameterization?", arXiv:2102.02887.

    >>> from netsculpt.training.dynamic.fractions import cosine
    >>> for n in (100, 750):
    ...     shares = expected_ever_active(0.05, (cosine(t / n, share=0.3) for t in range(n)))
    ...     print(round(float(shares[-1]), 3))
    0.57
    0.997
    """
    never = [1 - density]
    for fraction in fractions:
        reached = density * fraction / (1 - density * (1 - fraction))
        never.append(never[-1] * (1 - reached))
    return 1 - np.array(never)
