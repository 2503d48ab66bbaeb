"""Densities of layers: ``(shapes, density) -> {parameter: density}``, overall about `density`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from netsculpt.core.errors import FormatError

__all__ = ["er", "erk", "uniform"]
__dir__ = __all__.copy

_ROUNDING = 1e-9


def er(shapes: Mapping[str, Sequence[int]], density: float) -> dict[str, float]:
    r"""Give parameter l the density :math:`\epsilon (n_{out} + n_{in}) / (n_{out} n_{in})`.

    As `erk`, without the taps of kernels; the same for matrices. Mocanu et al., arXiv:1707.04780,
    equation 3; for convolutions Evci et al., arXiv:1911.11134, section 3(1).

    >>> shapes = {"conv1": (16, 3, 3, 3), "conv2": (16, 16, 3, 3)}
    >>> {name: round(x, 6) for name, x in er(shapes, 0.2).items()}
    {'conv1': 0.472585, 'conv2': 0.149237}
    """
    sizes = _sizes(shapes, density)
    raw = {
        name: (shape[0] + shape[1]) * math.prod(shape[2:]) if len(shape) > 1 else float(sizes[name])
        for name, shape in shapes.items()
    }
    return _in_proportion(raw, sizes, density)


def erk(shapes: Mapping[str, Sequence[int]], density: float) -> dict[str, float]:
    r"""Give parameter l the density :math:`\epsilon \sum_d n_{ld} / \prod_d n_{ld}`.

    d runs over its dimensions, in any order. ε is such that as many weights are kept in all as if
    every parameter had `density`, rounded up. A parameter whose density would be above 1 becomes
    dense, and ε is solved again for the others.

    Mocanu et al., arXiv:1707.04780, equation 3, for matrices; Evci et al., arXiv:1911.11134,
    section 3(1), for kernels, with the rounding of its published code.

    >>> widths = {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}
    >>> {name: round(x, 6) for name, x in erk(widths, 0.1).items()}
    {'fc1': 0.079568, 'fc2': 0.230189, 'fc3': 1.0}
    """
    raw = {name: float(sum(shape)) for name, shape in shapes.items()}
    return _in_proportion(raw, _sizes(shapes, density), density)


def uniform(shapes: Mapping[str, Sequence[int]], density: float) -> dict[str, float]:
    """Give every parameter the same density.

    >>> uniform({"fc1.weight": (300, 784), "fc2.weight": (10, 300)}, 0.1)
    {'fc1.weight': 0.1, 'fc2.weight': 0.1}
    """
    return dict.fromkeys(_sizes(shapes, density), density)


def _sizes(shapes: Mapping[str, Sequence[int]], density: float) -> dict[str, int]:
    """Number of weights of each parameter."""
    if not 0 <= density <= 1:
        raise FormatError(f"density is {density}: the kept fraction, 0 … 1, is needed")
    if not shapes:
        raise FormatError("the net has no weights to prune: one with weights is needed")
    return {name: math.prod(shape) for name, shape in shapes.items()}


def _in_proportion(
    raw: Mapping[str, float], sizes: Mapping[str, int], density: float
) -> dict[str, float]:
    """Densities for kept weights in proportion to `raw`, as far as no parameter has fewer."""
    wanted = sum(math.ceil(density * size - _ROUNDING) for size in sizes.values())
    dense: set[str] = set()
    while len(dense) < len(sizes):
        left = wanted - sum(sizes[name] for name in dense)
        epsilon = left / sum(n for name, n in raw.items() if name not in dense)
        above = {name for name in raw if name not in dense and epsilon * raw[name] > sizes[name]}
        if not above:
            break
        dense |= above
    return {name: 1.0 if name in dense else epsilon * raw[name] / sizes[name] for name in sizes}
