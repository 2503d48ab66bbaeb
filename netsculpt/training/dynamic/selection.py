"""Exactly n of the highest scores, without sorting; equals are chosen between by lot."""

from __future__ import annotations

import torch
from torch import Tensor

from netsculpt.core.errors import LimitError

__all__ = ["drawn", "highest", "lowest"]

_SAMPLED = 1 << 16  # scores that tell where the threshold is, about
_WORTH_SAMPLING = 1 << 20  # scores


def highest(scores: Tensor, n: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Positions of the n highest of the scores [m], ascending; among equals, random ones.

    Cost O(m), most of it one comparison a score where n is far below m.

    Raises
    ------
    LimitError
        If a score is NaN.

    >>> highest(torch.tensor([0.1, 3.0, -1.0, 2.0]), 2).tolist()
    [1, 3]
    """
    if not 0 <= n <= len(scores):
        raise ValueError(f"{n} of {len(scores)} scores")
    if torch.isnan(scores).any():
        raise LimitError(
            "scores of weights are NaN: look for infinite weights, gradients or losses"
        )
    if n == 0:
        return torch.zeros(0, dtype=torch.int64, device=scores.device)
    if n == len(scores):
        return torch.arange(n, device=scores.device)
    near = _promising(scores, n)
    among = scores if near is None else scores[near]
    threshold = among.kthvalue(len(among) - n + 1).values
    above = (among > threshold).nonzero().squeeze(1)
    equal = (among == threshold).nonzero().squeeze(1)
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
    """N of the numbers below m, ascending: each set of n is as likely as any other.

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


def _promising(scores: Tensor, n: int) -> Tensor | None:
    """Positions that surely hold the n highest; None if looking for them is not worth it."""
    m = len(scores)
    if m < _WORTH_SAMPLING or 8 * n > m:
        return None
    sample = scores[:: m // _SAMPLED]
    expected = n / m * len(sample)
    rank = int(expected + 4 * expected**0.5 + 4)
    if rank >= len(sample):
        return None
    least = sample.kthvalue(len(sample) - rank).values
    near = (scores >= least).nonzero().squeeze(1)
    return near if n <= len(near) <= m // 2 else None
