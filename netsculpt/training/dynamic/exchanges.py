"""Exchanges within a layer that are not a drop and a growth: ``(entries, fraction) -> indices``.

They return flat indices of what goes and of what comes; the fraction is not used.
"""

from __future__ import annotations

import torch
from torch import Tensor

from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.places import places, put
from netsculpt.training.dynamic.selection import drawn, highest

__all__ = ["largest", "note_signs", "revived", "sign_of"]


def largest(entries: Entries, fraction: float) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    """Keep as many as before, the largest of all, inside the mask and outside of it.

    >>> entries = Entries("w", torch.tensor([1.0, 0.0, -3.0]), torch.tensor([True, False, False]))
    >>> largest(entries, 0.0)
    (tensor([0]), tensor([2]))
    """
    values = entries.weight if entries.outside is None else entries.weight + entries.outside
    flat = values.reshape(-1).abs()
    chosen = torch.zeros(flat.shape, dtype=torch.bool, device=flat.device)
    put(chosen, highest(flat, entries.n_kept, generator=entries.generator), True)
    kept = entries.kept.reshape(-1)
    return places(kept & ~chosen), places(chosen & ~kept)


def revived(entries: Entries, fraction: float) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    """Weights that crossed 0 go; as many come at random, each with a random sign to keep.

    The signs are in ``entries.memory["sign"]``.
    """
    sign = sign_of(entries)
    crossed = places((entries.weight * sign < 0).reshape(-1) & entries.kept.reshape(-1))
    free = places(~entries.kept.reshape(-1))
    n = min(len(crossed), len(free))
    lot = drawn(len(free), n, generator=entries.generator)
    gone, come = crossed[:n], free[lot.to(free.device)]
    put(sign, come, _signs(n, entries))
    return gone, come


def note_signs(entries: Entries) -> None:
    """Note the sign that each weight has to keep; drawn where the weight is 0."""
    drawn_signs = _signs(entries.weight.numel(), entries).view(entries.weight.shape)
    zero = entries.weight == 0
    entries.memory["sign"] = torch.where(zero, drawn_signs, entries.weight.sign())


def sign_of(entries: Entries) -> Tensor:
    """The sign that each weight has to keep, ±1."""
    return entries.memory["sign"]


def _signs(n: int, entries: Entries) -> Tensor:
    bits = torch.randint(2, (n,), generator=entries.generator)
    return (2 * bits - 1).to(entries.weight)
