"""The same number of inputs for every unit, but for units that are ablated as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.training.dynamic.choosing import ranked, truncated
from netsculpt.training.dynamic.constraints.rows import highest_of_rows
from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.gradients import gradient_of
from netsculpt.training.dynamic.selection import highest

__all__ = ["FanIn", "random_fan_in"]


@dataclass(frozen=True)
class FanIn:
    r"""Exchange of SRigL: constant fan-in, and ablation of units that are hardly used.

    A weight is salient if it is among the n − ⌊f n⌋ largest kept ones, or among the ⌊f n⌋ others
    with the largest gradients. Units with fewer than max(1, ⌊γ k⌋) salient weights, for a fan-in of
    k, are ablated; the others get ⌊n / units⌋ inputs each: their largest kept ones, then those with
    the largest gradients. An ablated unit comes back if enough of its gradients are salient. n is
    the number at the first update, so that rounding down does not add up. O(weights).

    Lasby et al., "Dynamic sparse training with structured sparsity", arXiv:2305.02299, section 3.
    In the published code a unit that has too many keeps the first ones, not the largest.
    """

    least_salient: float = 0.3  # γ
    whole: tuple[str, ...] = ()  # weights whose units are never ablated, such as the last one

    def __call__(self, entries: Entries, fraction: float) -> tuple[Tensor, Tensor]:
        """Flat indices of what goes and of what comes."""
        before = entries.kept.flatten(1)
        wanted = self._wanted(entries)
        n_gone = truncated(entries.n_kept, fraction)
        stays = self._largest(entries, n_gone)
        gradient = gradient_of(entries).flatten(1).abs()
        outside = torch.where(stays, -1.0, gradient).reshape(-1)
        called = torch.zeros_like(stays)
        n_called = min(n_gone, int((~stays).sum()))
        called.view(-1)[highest(outside, n_called, generator=entries.generator)] = True
        active = self._active(entries, (stays | called).sum(1), wanted)
        n_inputs = wanted // max(int(active.sum()), 1)
        counts = torch.where(active, n_inputs, 0)
        size = entries.weight.flatten(1).abs()
        # kept weights first, by size; then the others, by gradient
        scores = torch.where(stays, 1 + _halved(size), _halved(gradient))
        after = highest_of_rows(scores, counts, generator=entries.generator)
        return _places(before & ~after), _places(after & ~before)

    def _wanted(self, entries: Entries) -> int:
        if "n_wanted" not in entries.memory:
            entries.memory["n_wanted"] = torch.tensor(entries.n_kept)
        return int(entries.memory["n_wanted"])

    def _largest(self, entries: Entries, n_gone: int) -> Tensor:
        """Mask of the kept weights without the smallest ones, and without those that are 0."""
        places = entries.indices
        size = ranked(entries, entries.weight.abs(), places)
        n = min(len(places) - n_gone, int((size > 0).sum()))
        stays = torch.zeros_like(entries.kept.flatten(1))
        stays.view(-1)[places[highest(size, n, generator=entries.generator)]] = True
        return stays

    def _active(self, entries: Entries, salient: Tensor, wanted: int) -> Tensor:
        """Units that are not ablated."""
        n_units, width = entries.kept.flatten(1).shape
        if entries.name in self.whole:
            _check_whole(entries.name, n_units, wanted)
            return torch.ones_like(salient, dtype=torch.bool)
        n_inputs = int(entries.kept.flatten(1).sum(1).max())
        enough = salient >= max(1, int(self.least_salient * n_inputs))
        n_active = min(max(int(enough.sum()), -(-wanted // width)), wanted)
        active = torch.zeros_like(enough)
        active[highest(salient.float(), n_active, generator=entries.generator)] = True
        return active


def random_fan_in(
    name: str, shape: tuple[int, ...], n: int, generator: torch.Generator, *, whole: bool
) -> Tensor:
    """Mask with the same number of random inputs for every unit: ⌊n / units⌋.

    If n is less than the number of units, n random units get one input each, unless no unit of the
    layer may be without.

    >>> generator = torch.Generator().manual_seed(0)
    >>> random_fan_in("fc", (3, 8), 7, generator, whole=True).sum(1)
    tensor([2, 2, 2])
    """
    n_units = shape[0]
    if whole:
        _check_whole(name, n_units, n)
    counts = torch.full((n_units,), n // n_units)
    if n < n_units:
        counts[torch.randperm(n_units, generator=generator)[:n]] = 1
    keys = torch.rand(n_units, torch.Size(shape[1:]).numel(), generator=generator)
    return highest_of_rows(keys, counts, generator=generator).view(shape)


def _check_whole(name: str, n_units: int, n: int) -> None:
    if n < n_units:
        raise FormatError(
            f"{name!r} may keep {n} weights, fewer than its {n_units} units, none of which may be "
            "ablated: choose a higher density, or leave this layer dense"
        )


def _halved(values: Tensor) -> Tensor:
    """Values scaled to 0 … ½, in the same order."""
    wide = values.double()
    return wide / (wide.max() * 2).clamp(min=torch.finfo(torch.float64).tiny)


def _places(mask: Tensor) -> Tensor:
    return mask.reshape(-1).nonzero().squeeze(1)
