"""What the parts of a sparse training see of one weight at one update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from netsculpt.training.dynamic.places import places

__all__ = ["Entries"]


@dataclass(frozen=True, eq=False)
class Entries:
    """One weight of a net at one update; each tensor has its shape, [out, in, …].

    >>> entries = Entries("fc1.weight", torch.zeros(2, 3), torch.eye(2, 3) > 0)
    >>> entries.n_kept, entries.indices.tolist()
    (2, [0, 4])
    """

    name: str  # in the net
    weight: Tensor  # 0 where not kept
    kept: Tensor  # bool: the mask
    gradient: Tensor | None = None  # dense, averaged over processes; None without a backward pass
    moments: Mapping[str, Tensor] = field(default_factory=dict)  # the optimizer's, by its names
    ever: Tensor | None = None  # bool: kept at some time
    generator: torch.Generator | None = None  # of this update and weight; on the CPU
    outside: Tensor | None = None  # values of weights that learn outside the mask
    memory: dict[str, Tensor] = field(default_factory=dict)  # a part's own, saved with the state

    @property
    def n_kept(self) -> int:
        """Entries that the mask keeps."""
        return int(self.kept.sum())

    @property
    def indices(self) -> Tensor:
        """Flat indices of the kept entries, ascending; int64."""
        return places(self.kept)
