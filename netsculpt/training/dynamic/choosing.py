"""From scores to the weights that go, and to those that come.

``(entries, fraction) -> indices`` and ``(entries, candidates, n) -> indices``: flat, ascending,
int64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netsculpt.nets.choosing import apportioned
from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.places import places
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
    return min(int(np.float32(n) * np.float32(share)), n)  # large numbers are rounded up, too


def signs(entries: Entries) -> Tensor:
    """Groups 1, -1 and 0: positive and negative kept weights, and those that are 0; [n_kept]."""
    return entries.weight.take(entries.indices).sign().to(torch.int64)


@dataclass(frozen=True)
class Lowest:
    """Drop the share with the lowest scores, of the weight or of each of its groups.

    Entries that are exactly 0 go first, of whatever group; the groups share the rest.

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
        scores = ranked(entries, self.score(entries), indices)
        if self.within is None:
            n = truncated(len(indices), fraction)
            return indices[lowest(scores, n, generator=entries.generator)]
        groups = self.within(entries)
        members = {str(int(x)): places(groups == x) for x in torch.unique(groups)}
        counts = {name: truncated(len(x), fraction) for name, x in members.items()}
        n, dead = sum(counts.values()), places(scores == -torch.inf)
        n_dead = min(n, len(dead))
        gone = [dead[drawn(len(dead), n_dead, generator=entries.generator).to(dead.device)]]
        alive = {name: x[scores[x] != -torch.inf] for name, x in members.items()}
        for name, n_gone in _shared(counts, n - n_dead, alive).items():
            chosen = lowest(scores[alive[name]], n_gone, generator=entries.generator)
            gone.append(alive[name][chosen])
        return indices[torch.cat(gone).sort().values]


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
        scores, allowed = self.score(entries).reshape(-1), candidates.reshape(-1)
        if not scores.is_floating_point():
            scores = scores.double()
        lifted = torch.where(allowed, scores, -torch.inf)
        chosen = highest(lifted, n, generator=entries.generator)
        if bool(allowed[chosen].all()):
            return chosen
        among = places(allowed)  # candidates score -inf themselves
        return among[highest(scores[among], n, generator=entries.generator)]


def uniformly(entries: Entries, candidates: Tensor, n: int) -> Tensor:
    """Grow candidates at random, each set of n as likely as any other."""
    among = places(candidates)
    lot = drawn(len(among), n, generator=entries.generator)
    return among[lot.to(among.device)]


def ranked(entries: Entries, scores: Tensor, indices: Tensor) -> Tensor:
    """Scores of kept entries, [n_kept]; below all others where the weight is exactly 0."""
    values = scores.take(indices)
    if not values.is_floating_point():
        values = values.double()
    return values.masked_fill(entries.weight.take(indices) == 0, -torch.inf)


def _shared(counts: Mapping[str, int], n: int, alive: Mapping[str, Tensor]) -> dict[str, int]:
    """How many of n go from each group, in proportion to the counts."""
    total, sizes = sum(counts.values()), {name: len(x) for name, x in alive.items()}
    if n == total:
        return dict(counts)
    shares = {name: counts[name] * n / total / max(sizes[name], 1) for name in counts}
    return apportioned(shares, sizes, n, sizes)
