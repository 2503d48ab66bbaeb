"""Many copies of one net: what sculpting prunes, trains and saves."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from netsculpt.nets.families import NetSpec
from netsculpt.nets.prunable import prunable

__all__ = ["Stack"]


@dataclass(frozen=True, eq=False)
class Stack:
    """R nets of the same shape: parameters and masks with a leading dimension R."""

    spec: NetSpec
    net: nn.Module  # computes; its own parameters are not used
    parameters: dict[str, Tensor]  # name → [R, …], pruned entries are 0
    masks: dict[str, Tensor]  # name → bool [R, …], True = kept; False for biases of pruned units

    @property
    def n_replicas(self) -> int:
        """R."""
        return next(iter(self.parameters.values())).shape[0]

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return next(iter(self.parameters.values())).device

    @property
    def weights(self) -> list[str]:
        """Names of the weights, in layer order."""
        return list(prunable(self.net))

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Parameters and masks by name, which tell stacks apart."""
        return self.parameters | {f"{name} mask": mask for name, mask in self.masks.items()}

    def take(self, rows: Tensor) -> Self:
        """Copies of some replicas, in the order of `rows`, which may repeat."""
        return self._each(lambda values: values[rows])

    def put(self, rows: Tensor, other: Self) -> None:
        """Overwrite the replicas at `rows` with those of `other`."""
        for name in self.parameters:
            self.parameters[name][rows] = other.parameters[name]
            self.masks[name][rows] = other.masks[name]

    def masked(self, masks: dict[str, Tensor]) -> Self:
        """The same replicas, with everything outside of `masks` pruned."""
        kept = {name: mask & masks[name] for name, mask in self.masks.items()}
        pruned = {name: values * kept[name] for name, values in self.parameters.items()}
        return replace(self, parameters=pruned, masks=kept)

    def to(self, device: str | torch.device) -> Self:
        """Copies of the replicas on a device."""
        net = deepcopy(self.net).to(device)  # a net would move in place
        return replace(self._each(lambda values: values.to(device)), net=net)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Self:
        parameters = {name: change(values) for name, values in self.parameters.items()}
        masks = {name: change(mask) for name, mask in self.masks.items()}
        return replace(self, parameters=parameters, masks=masks)

    def n_kept(self) -> Tensor:
        """Kept weights of each replica [R], biases not counted."""
        return torch.stack([self.masks[name].flatten(1).sum(1) for name in self.weights]).sum(0)

    @property
    def n_weights(self) -> int:
        """Weights of a net before pruning, biases not counted."""
        return sum(self.masks[name][0].numel() for name in self.weights)

    def state(self, row: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The state dict of one replica and the masks of its weights."""
        state = {name: values[row] for name, values in self.parameters.items()}
        return state, {name: self.masks[name][row] for name in self.weights}
