"""What an update does to the masks of the layers of one net, in place."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from netsculpt.nets.choosing import apportioned
from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.places import put
from netsculpt.training.dynamic.rewiring import Rewiring

__all__ = ["exchange", "resize"]

Layers = Mapping[str, Entries]


def resize(rewiring: Rewiring, layers: Layers, progress: float) -> None:
    """Bring the number of kept weights to the budget."""
    if rewiring.budget is None:
        return
    sizes = {name: x.weight.numel() for name, x in layers.items()}
    present = sum(x.n_kept for x in layers.values())
    wanted = round(rewiring.budget(progress) * sum(sizes.values()))
    if wanted < present:
        if rewiring.resize is None:
            raise ValueError("a budget that falls needs `resize`")
        for name, stay in rewiring.resize(layers, wanted).items():
            layers[name].kept.zero_()
            put(layers[name].kept, stay, True)
    elif wanted > present:
        more = wanted - present
        room = {name: sizes[name] - x.n_kept for name, x in layers.items()}
        share = {
            name: more * x.n_kept / max(present, 1) / sizes[name] for name, x in layers.items()
        }
        for name, n in apportioned(share, sizes, more, room).items():
            _grow(rewiring, layers[name], layers[name].kept, n)


def exchange(rewiring: Rewiring, layers: Layers, fraction: float) -> None:
    """Drop a fraction of each layer, and grow as many."""
    if rewiring.exchange is not None:
        for x in layers.values():
            gone, come = rewiring.exchange(x, fraction)
            put(x.kept, gone, False)
            put(x.kept, come, True)
        return
    if fraction <= 0:
        return
    before = {name: x.kept.clone() for name, x in layers.items()}
    counts = {name: x.n_kept for name, x in layers.items()}
    for x in layers.values():
        put(x.kept, rewiring.drop(x, fraction), False)
    if rewiring.constraint is not None:
        kept = rewiring.constraint(layers, {name: x.kept for name, x in layers.items()})
        for name, x in layers.items():
            x.kept.copy_(kept[name])
    left: Mapping[str, int] = {name: counts[name] - x.n_kept for name, x in layers.items()}
    if rewiring.share is not None:
        left = rewiring.share(layers, left)
    for name, n in left.items():
        _grow(rewiring, layers[name], before[name], n)


def _grow(rewiring: Rewiring, entries: Entries, before: Tensor, n: int) -> None:
    """Grow n weights of one layer."""
    allowed = rewiring.candidates(before, entries.kept) & ~entries.kept
    if int(allowed.count_nonzero()) < n:  # so much is kept that some have to return
        allowed = ~entries.kept
    put(entries.kept, rewiring.grow(entries, allowed, n), True)
