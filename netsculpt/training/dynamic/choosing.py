"""From scores to the weights that go, and to those that come.

``(entries, fraction) -> indices`` and ``(entries, candidates, n) -> indices``: flat, ascending,
int64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.selection import drawn, highest, lowest

__all__ = [
    "Drop",
    "Grow",
    "Highest",
    "Lowest",
    "Sampled",
    "Score",
    "ranked",
    "signs",
    "truncated",
    "uniformly",
]

Score = Callable[[Entries], Tensor]
Drop = Callable[[Entries, float], Tensor]
Grow = Callable[[Entries, Tensor, int], Tensor]


def truncated(n: int, share: float) -> int:
    """How many a share of n is: rounded down, in single precision as RigL's code does.

    >>> truncated(10, 0.3), truncated(10, 0.2)
    (3, 2)
    """
    return int(np.float32(n) * np.float32(share))


def signs(entries: Entries) -> Tensor:
    """Group 1 for positive, 0 for other kept weights; [n_kept]."""
    return (entries.weight.reshape(-1)[entries.indices] > 0).to(torch.int64)


@dataclass(frozen=True)
class Lowest:
    """Drop the share with the lowest scores, of the weight or of each of its groups.

    >>> from netsculpt.training.dynamic.drops import magnitude
    >>> entries = Entries("w", torch.tensor([0.3, -0.1, 0.2, 0.9]), torch.ones(4) > 0)
    >>> Lowest(magnitude)(entries, 0.5).tolist()
    [1, 2]
    """

    score: Score
    within: Callable[[Entries], Tensor] | None = None  # (entries) -> group [n_kept]

    def __call__(self, entries: Entries, fraction: float) -> Tensor:
        """Flat indices of what goes."""
        indices = entries.indices
        scores = self._scores(entries, indices)
        if self.within is None:
            n = truncated(len(indices), fraction)
            return indices[lowest(scores, n, generator=entries.generator)]
        groups, gone = self.within(entries), []
        for group in torch.unique(groups):
            members = (groups == group).nonzero().squeeze(1)
            n = truncated(len(members), fraction)
            gone.append(members[lowest(scores[members], n, generator=entries.generator)])
        return indices[torch.cat(gone).sort().values] if gone else indices

    def _scores(self, entries: Entries, indices: Tensor) -> Tensor:
        return ranked(entries, self.score(entries), indices)


@dataclass(frozen=True)
class Sampled:
    """Drop a share at random: what stays is drawn with odds ∝ score^(1 / temperature).

    Drawn without replacement, by Gumbel noise on the logarithms. Towards temperature 0 it is
    `Lowest`. Zhang et al., "Brain network science modelling of sparse neural networks",
    arXiv:2501.19107, section 3.

    >>> from netsculpt.training.dynamic.drops import magnitude
    >>> entries = Entries("w", torch.tensor([0.3, 0.0, 0.2, 0.9]), torch.ones(4) > 0)
    >>> Sampled(magnitude)(entries, 0.25).tolist()
    [1]
    """

    score: Score
    temperature: float = 1.0

    def __call__(self, entries: Entries, fraction: float) -> Tensor:
        """Flat indices of what goes."""
        indices = entries.indices
        odds = ranked(entries, self.score(entries), indices).double().clamp(min=0).log()
        uniform = torch.rand(len(indices), dtype=torch.float64, generator=entries.generator)
        noise = -(-uniform.log()).log().to(odds.device)
        keys = torch.where(odds.isneginf(), odds, odds / self.temperature + noise)
        n = truncated(len(indices), fraction)
        return indices[lowest(keys, n, generator=entries.generator)]


@dataclass(frozen=True)
class Highest:
    """Grow the candidates with the highest scores.

    >>> from netsculpt.training.dynamic.grows import gradient
    >>> zero = torch.zeros(3)
    >>> entries = Entries("w", zero, zero > 0, gradient=torch.tensor([3.0, -9.0, 1.0]))
    >>> Highest(gradient)(entries, torch.tensor([True, False, True]), 1).tolist()
    [0]
    """

    score: Score

    def __call__(self, entries: Entries, candidates: Tensor, n: int) -> Tensor:
        """Flat indices of what comes."""
        scores = self.score(entries).reshape(-1)
        flat = candidates.reshape(-1)
        floor = torch.where(flat, scores, -torch.inf) if scores.is_floating_point() else scores
        return highest(floor, n, generator=entries.generator)


def uniformly(entries: Entries, candidates: Tensor, n: int) -> Tensor:
    """Grow candidates at random, each set of n as likely as any other."""
    places = candidates.reshape(-1).nonzero().squeeze(1)
    lot = drawn(len(places), n, generator=entries.generator)
    return places[lot.to(places.device)]


def ranked(entries: Entries, scores: Tensor, indices: Tensor) -> Tensor:
    """Scores of kept entries, [n_kept]; below all others where the weight is exactly 0."""
    values = scores.reshape(-1)[indices]
    dead = entries.weight.reshape(-1)[indices] == 0
    return values.masked_fill(dead, -torch.inf)
