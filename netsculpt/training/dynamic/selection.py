"""Exactly n of the highest scores, without sorting; equals are chosen between by lot."""

from __future__ import annotations

import torch
from torch import Tensor

from netsculpt.core.errors import LimitError
from netsculpt.training.dynamic.places import places

__all__ = ["drawn", "highest", "lowest"]

_SAMPLED = 1 << 13  # scores that tell where the threshold is, about
_WORTH_SAMPLING = 1 << 14  # scores


def highest(
    scores: Tensor,
    n: int,
    *,
    among: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Positions of the n highest of the scores [m], ascending; among equals, random ones.

    Only those that are True in `among` [m] count, if it is given. Cost O(m), most of it one
    comparison a score where n is far below m.

    Raises
    ------
    LimitError
        If a score is NaN.

    >>> highest(torch.tensor([0.1, 3.0, -1.0, 2.0]), 2).tolist()
    [1, 3]
    """
    m = len(scores) if among is None else int(among.count_nonzero())
    if not 0 <= n <= m:
        raise ValueError(f"{n} of {m} scores")
    if _has_nan(scores, among):
        raise LimitError(
            "scores of weights are NaN: look for infinite weights, gradients or losses"
        )
    if n == 0:
        return torch.zeros(0, dtype=torch.int64, device=scores.device)
    near = _promising(scores, n, m, among)
    if near is None and among is not None:
        near = places(among)
    if n == m:
        return torch.arange(n, device=scores.device) if near is None else near
    candidates = scores if near is None else scores[near]
    threshold = candidates.kthvalue(len(candidates) - n + 1).values
    above, equal = places(candidates > threshold), places(candidates == threshold)
    lot = equal[drawn(len(equal), n - len(above), generator=generator).to(equal.device)]
    chosen = torch.cat([above, lot]).sort().values
    return chosen if near is None else near[chosen]


def lowest(scores: Tensor, n: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Positions of the n lowest of the scores [m], ascending; among equals, random ones.

    >>> lowest(torch.tensor([0.1, 3.0, -1.0, 2.0]), 2).tolist()
    [0, 2]
    """
    return highest(-scores, n, generator=generator)


def drawn(m: int, n: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Random n of the numbers below m, ascending: each set of n is as likely as any other.

    >>> drawn(3, 3).tolist()
    [0, 1, 2]
    """
    if n == m:
        return torch.arange(m)
    if 4 * n >= m:
        return torch.randperm(m, generator=generator)[:n].sort().values
    found = torch.zeros(0, dtype=torch.int64)
    while len(found) < n:  # each round leaves out few: numbers that came twice
        more = torch.randint(m, (n + n // 4 + 8,), generator=generator)
        found = torch.unique(torch.cat([found, more]))
    return found[torch.randperm(len(found), generator=generator)[:n]].sort().values


def _has_nan(scores: Tensor, among: Tensor | None) -> bool:
    if not len(scores) or not bool(torch.isnan(scores.amax())):  # NaN is the largest of all
        return False
    return bool(torch.isnan(scores if among is None else scores[among]).any())


def _promising(scores: Tensor, n: int, m: int, among: Tensor | None) -> Tensor | None:
    """Positions that surely hold the n highest of m; None if looking for them is not worth it."""
    if m < _WORTH_SAMPLING or 8 * n > m:
        return None
    stride = max(m // _SAMPLED, 1)
    sample = scores[::stride] if among is None else scores[::stride][among[::stride]]
    expected = n / m * len(sample)
    rank = int(expected + 4 * expected**0.5 + 4)
    if rank >= len(sample):
        return None
    likely = scores >= sample.kthvalue(len(sample) - rank).values
    near = places(likely if among is None else likely & among)
    return near if n <= len(near) <= m // 2 else None
