"""The same density everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netsculpt.training.pruning.allocations._checked import checked_sizes

__all__ = ["uniform"]


def uniform(shapes: Mapping[str, Sequence[int]], density: float) -> dict[str, float]:
    """Give every parameter the same density.

    >>> uniform({"fc1.weight": (300, 784), "fc2.weight": (10, 300)}, 0.1)
    {'fc1.weight': 0.1, 'fc2.weight': 0.1}
    """
    return dict.fromkeys(checked_sizes(shapes, density), density)
