"""Values of weights outside the mask that go on learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from netsculpt.nets.masking import LayerParameter
from netsculpt.training.dynamic.places import put
from netsculpt.training.dynamic.selection import highest

__all__ = ["Storage"]


class Storage:
    """The weights next to a mask: stored ⊇ kept.

    The net computes with the kept weights only. During a step of the optimizer the others stand in
    the parameter as well, and those that are stored learn. Jayakumar et al., "Top-KAST",
    arXiv:2106.03517: forward set A, backward set B.
    """

    def __init__(self, density: float, entries: Mapping[str, LayerParameter]) -> None:
        self.density, self.entries = density, entries
        self.outside = {name: x.parameter.detach().clone() for name, x in entries.items()}
        self.stored: dict[str, Tensor] = {}  # bool: kept, or among those that go on learning

    @torch.no_grad()
    def put_in(self) -> None:
        """Put all values into the parameters."""
        for name, entry in self.entries.items():
            entry.parameter.add_(self.outside[name])

    @torch.no_grad()
    def take_out(self, masks: Mapping[str, Tensor]) -> None:
        """Take values outside the masks out; those that are not stored are as they were."""
        for name, entry in self.entries.items():
            outside = self.outside[name]
            learned = torch.where(self.stored[name], entry.parameter, outside)
            self.outside[name] = torch.where(masks[name], 0, learned)
            entry.parameter.copy_(torch.where(masks[name], learned, 0))

    @torch.no_grad()
    def keep(self, name: str, dropped: Tensor) -> None:
        """Take over the values of weights that have just left the mask."""
        put(self.outside[name], dropped, self.entries[name].parameter.take(dropped))

    @torch.no_grad()
    def renew(self, masks: Mapping[str, Tensor], generator: torch.Generator) -> None:
        """Choose what goes on learning: the largest values outside the masks."""
        for name, outside in self.outside.items():
            kept = masks[name].to(outside.device)
            more = min(round(self.density * kept.numel()), int((~kept).sum()))
            scores = torch.where(kept, -1.0, outside.abs()).reshape(-1)
            stored = kept.clone()
            put(stored, highest(scores, more, generator=generator), True)
            self.stored[name] = stored
            self.outside[name] = torch.where(kept, 0, outside)

    def state(self) -> dict[str, Any]:
        """All of it, for `restore`."""
        known = {"outside": self.outside, "stored": self.stored}
        return {key: {name: x.clone() for name, x in of.items()} for key, of in known.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up the result of `state`."""
        for name, entry in self.entries.items():
            device = entry.parameter.device
            self.outside[name] = state["outside"][name].to(device, copy=True)
            self.stored[name] = state["stored"][name].to(device, copy=True)
