"""Many copies of one small net as one stacked batch.

Sculpting trains thousands of tiny nets. Stacked, a step of all of them is a few batched matrix
products; alone, each step would be all overhead. A single net is a stack of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from netsculpt.core.random import stream
from netsculpt.nets.families import MLP

__all__ = ["Replicas", "initial"]


@dataclass(frozen=True, eq=False)
class Replicas:
    """R nets of the same shape: parameters and masks with a leading dimension R."""

    spec: MLP
    net: nn.Sequential  # the computation; its own parameters are not used
    parameters: dict[str, Tensor]  # name → [R, …], pruned entries are 0
    masks: dict[str, Tensor]  # name → bool [R, …], True = kept; biases of pruned units are not

    @property
    def n_replicas(self) -> int:
        """R."""
        return next(iter(self.parameters.values())).shape[0]

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(iter(self.parameters.values())).device

    @property
    def weights(self) -> list[str]:
        """Names of the weight matrices, in layer order."""
        return [name for name in self.parameters if name.endswith(".weight")]

    def take(self, rows: Tensor) -> Replicas:
        """Copies of some replicas, in the order of `rows` (which may repeat)."""
        return Replicas(
            self.spec,
            self.net,
            {name: values[rows] for name, values in self.parameters.items()},
            {name: mask[rows] for name, mask in self.masks.items()},
        )

    def put(self, rows: Tensor, other: Replicas) -> None:
        """Overwrite the replicas at `rows` by those of `other`."""
        for name in self.parameters:
            self.parameters[name][rows] = other.parameters[name]
            self.masks[name][rows] = other.masks[name]

    def masked(self, masks: dict[str, Tensor]) -> Replicas:
        """The same replicas with no more than `masks` kept."""
        kept = {name: mask & masks[name] for name, mask in self.masks.items()}
        pruned = {name: values * kept[name] for name, values in self.parameters.items()}
        return Replicas(self.spec, self.net, pruned, kept)

    def to(self, device: str | torch.device) -> Replicas:
        """The same replicas on a device; these stay where they are."""
        return Replicas(
            self.spec,
            deepcopy(self.net).to(device),  # a net would move in place
            {name: values.to(device) for name, values in self.parameters.items()},
            {name: mask.to(device) for name, mask in self.masks.items()},
        )

    def forward(self, inputs: Tensor) -> Callable[[dict[str, Tensor]], Tensor]:
        """A function from parameters [R, …] to logits [R, n, n_outputs] on inputs [n, n_inputs]."""
        return vmap(lambda parameters: functional_call(self.net, parameters, (inputs,)))

    def n_kept(self) -> Tensor:
        """Kept weights of each replica [R], biases not counted."""
        return torch.stack([self.masks[name].flatten(1).sum(1) for name in self.weights]).sum(0)

    def state(self, at: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """One replica's state dict, and the masks of its weights."""
        state = {name: values[at] for name, values in self.parameters.items()}
        return state, {name: self.masks[name][at] for name in self.weights}


def initial(spec: MLP, seeds: Sequence[int]) -> Replicas:
    """Dense replicas with Kaiming-normal weights and zero biases, one a seed.

    A replica's weights depend on its own seed alone.
    """
    net = spec.build()
    drawn: dict[str, list[Tensor]] = {name: [] for name, _ in net.named_parameters()}
    for seed in seeds:
        rng = stream(seed, "sculpt", "weights")
        for name, like in net.named_parameters():
            if like.ndim == 1:
                drawn[name].append(torch.zeros(like.shape))
                continue
            normal = torch.from_numpy(rng.standard_normal(like.shape, dtype="float32"))
            drawn[name].append(normal * math.sqrt(2 / like.shape[1]))
    parameters = {name: torch.stack(values) for name, values in drawn.items()}
    masks = {name: torch.ones_like(values, dtype=torch.bool) for name, values in parameters.items()}
    return Replicas(spec, net, parameters, masks)
