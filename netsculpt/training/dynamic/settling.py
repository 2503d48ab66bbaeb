"""A drop that comes to an end when what it removes only returns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from netsculpt.training.dynamic.choosing import Drop
from netsculpt.training.dynamic.entries import Entries

__all__ = ["Settling"]


@dataclass(frozen=True)
class Settling:
    """Stop rewiring a layer once more than a share of what an update dropped returned at once.

    The early stop of CHT: Zhang et al., "Epitopological learning and Cannistraci–Hebb network shape
    intelligence brain-inspired theory for ultra-sparse advantage in deep learning", ICLR 2024.
    """

    drop: Drop
    most_returning: float = 0.9

    def __call__(self, entries: Entries, fraction: float) -> Tensor:
        """Flat indices of what goes; none once the layer has settled."""
        memory = entries.memory
        last = memory.get("dropped")
        if last is not None and len(last):
            returned = float(entries.kept.reshape(-1)[last].double().mean())
            if returned > self.most_returning:
                memory["settled"] = torch.tensor(True)
        if "settled" in memory:
            return entries.indices[:0]
        memory["dropped"] = self.drop(entries, fraction)
        return memory["dropped"]
