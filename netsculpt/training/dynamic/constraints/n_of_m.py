"""n of every m consecutive input channels, as sparse tensor cores want it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.training.dynamic.choosing import ranked, truncated
from netsculpt.training.dynamic.constraints.rows import highest_of_rows
from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.gradients import gradient_of
from netsculpt.training.dynamic.selection import highest

__all__ = ["NOfM", "highest_of_groups", "random_n_of_m"]


@dataclass(frozen=True)
class NOfM:
    """Exchange within groups: the smallest weights go, each group refills by gradient.

    Which weights go is chosen in the whole layer, so that groups with many small weights change
    most; a weight may return. O(weights).
    """

    n: int
    m: int

    def __call__(self, entries: Entries, fraction: float) -> tuple[Tensor, Tensor]:
        """Flat indices of what goes and of what comes."""
        places = entries.indices
        size = ranked(entries, entries.weight.abs(), places)
        n_stay = len(places) - truncated(len(places), fraction)
        stays = torch.zeros_like(entries.kept)
        stays.view(-1)[places[highest(size, n_stay, generator=entries.generator)]] = True
        gradient = gradient_of(entries).abs()
        scores = torch.where(stays, torch.inf, gradient)
        after = highest_of_groups(entries.name, scores, self.n, self.m, generator=entries.generator)
        before = entries.kept
        return _places(before & ~after), _places(after & ~before)


def highest_of_groups(
    name: str, scores: Tensor, n: int, m: int, *, generator: torch.Generator | None = None
) -> Tensor:
    """Mask of the n highest scores of every m consecutive input channels, for each tap.

    Parameters
    ----------
    name
        Of the weight, for errors.
    scores
        Of a weight [out, in, …].
    n, m
        How many of how many are kept.
    generator
        Chooses among equals.

    Raises
    ------
    FormatError
        If m does not divide the number of input channels.

    Examples
    --------
    >>> highest_of_groups("fc", torch.tensor([[3.0, 1.0, 2.0, 4.0]]), 1, 2)
    tensor([[ True, False, False,  True]])
    """
    checked_whole(n, "n", least=0, most=checked_whole(m, "m", least=1))
    if scores.ndim < 2 or scores.shape[1] % m:
        raise FormatError(
            f"{name!r} is {list(scores.shape)}: groups of {m} do not divide its input channels; "
            "leave this layer dense, or choose another m"
        )
    last = scores.movedim(1, -1)
    rows = last.reshape(-1, m)
    counts = torch.full((len(rows),), n, device=rows.device)
    mask = highest_of_rows(rows, counts, generator=generator)
    return mask.reshape(last.shape).movedim(-1, 1).contiguous()


def random_n_of_m(
    name: str, shape: tuple[int, ...], n: int, m: int, generator: torch.Generator
) -> Tensor:
    """Mask of n random ones of every m consecutive input channels.

    >>> generator = torch.Generator().manual_seed(0)
    >>> random_n_of_m("conv", (2, 4, 1, 1), 2, 4, generator).sum(1).flatten().tolist()
    [2, 2]
    """
    return highest_of_groups(name, torch.rand(shape, generator=generator), n, m)


def _places(mask: Tensor) -> Tensor:
    return mask.reshape(-1).nonzero().squeeze(1)
