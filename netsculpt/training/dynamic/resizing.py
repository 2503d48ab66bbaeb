"""What goes when fewer weights may be kept: ``(layers, n) -> {name: flat indices that stay}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from netsculpt.nets.choosing import apportioned
from netsculpt.training.dynamic.choosing import Score, ranked
from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.selection import highest

__all__ = ["ByLayer", "Globally", "Resize"]

Layers = Mapping[str, Entries]
Resize = Callable[[Layers, int], dict[str, Tensor]]


@dataclass(frozen=True)
class Globally:
    """Keep the n highest scores of all layers together, as AC/DC, GMP and GraNet do."""

    score: Score

    def __call__(self, layers: Layers, n: int) -> dict[str, Tensor]:
        """Flat indices of the weights that stay, by layer."""
        places = {name: x.indices for name, x in layers.items()}
        scores = [ranked(x, self.score(x), places[name]) for name, x in layers.items()]
        together = torch.cat([x.double() for x in scores])
        generator = next(iter(layers.values())).generator
        chosen = highest(together, n, generator=generator)
        bounds = torch.tensor([0, *(len(x) for x in places.values())]).cumsum(0)
        cuts = torch.searchsorted(chosen, bounds.to(chosen.device)).tolist()
        return {
            name: places[name][chosen[cuts[i] : cuts[i + 1]] - int(bounds[i])]
            for i, name in enumerate(layers)
        }


@dataclass(frozen=True)
class ByLayer:
    """Keep the highest scores of each layer, at the densities of an allocation."""

    score: Score
    allocation: Callable[[Mapping[str, tuple[int, ...]], float], Mapping[str, float]]

    def __call__(self, layers: Layers, n: int) -> dict[str, Tensor]:
        """Flat indices of the weights that stay, by layer."""
        shapes = {name: tuple(x.weight.shape) for name, x in layers.items()}
        sizes = {name: x.weight.numel() for name, x in layers.items()}
        kept = {name: x.n_kept for name, x in layers.items()}
        densities = self.allocation(shapes, n / sum(sizes.values()))
        counts = apportioned(densities, sizes, n, kept)
        stay = {}
        for name, entries in layers.items():
            places = entries.indices
            scores = ranked(entries, self.score(entries), places)
            stay[name] = places[highest(scores, counts[name], generator=entries.generator)]
        return stay
