"""How what all layers dropped is shared among them: ``(layers, dropped) -> {name: how many}``."""

from __future__ import annotations

from collections.abc import Mapping

from netsculpt.nets.choosing import apportioned
from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.gradients import momentum_of

__all__ = ["by_momentum"]


def by_momentum(layers: Mapping[str, Entries], dropped: Mapping[str, int]) -> dict[str, int]:
    """In proportion to the mean absolute momentum of the weights that a layer keeps.

    A layer that has no room for its share leaves the rest to the others. Dettmers and Zettlemoyer,
    arXiv:1907.04840, section 3.2.
    """
    room = {name: x.weight.numel() - x.n_kept for name, x in layers.items()}
    means = {
        name: float(momentum_of(x)[x.kept].abs().mean()) if x.n_kept else 0.0
        for name, x in layers.items()
    }
    total, n = sum(means.values()), sum(dropped.values())
    if total == 0:
        return dict(dropped)
    sizes = {name: x.weight.numel() for name, x in layers.items()}
    shares = {name: n * mean / total / sizes[name] for name, mean in means.items()}
    return apportioned(shares, sizes, n, room)
