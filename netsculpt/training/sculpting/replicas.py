"""Many copies of a small net as one stacked batch.

Sculpting trains thousands of tiny nets. A step of all of them together is a few batched matrix
products; one by one, each step would be mostly overhead. A single net is a stack of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from netsculpt.core.errors import LimitError
from netsculpt.core.random import stream
from netsculpt.nets.families import MLP

__all__ = ["Replicas", "initial_replicas"]

_MOST_PARAMETERS = 2**31  # of four bytes: 8 GiB


@dataclass(frozen=True, eq=False)
class Replicas:
    """R nets of the same shape: parameters and masks with a leading dimension R."""

    spec: MLP
    net: nn.Sequential  # computes; its own parameters are not used
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
        """Names of the weight matrices, in layer order."""
        return [name for name in self.parameters if name.endswith(".weight")]

    def take(self, rows: Tensor) -> Replicas:
        """Copies of some replicas, in the order of `rows`, which may repeat."""
        return self._each(lambda values: values[rows])

    def put(self, rows: Tensor, other: Replicas) -> None:
        """Overwrite the replicas at `rows` with those of `other`."""
        for name in self.parameters:
            self.parameters[name][rows] = other.parameters[name]
            self.masks[name][rows] = other.masks[name]

    def masked(self, masks: dict[str, Tensor]) -> Replicas:
        """The same replicas, with everything outside of `masks` pruned."""
        kept = {name: mask & masks[name] for name, mask in self.masks.items()}
        pruned = {name: values * kept[name] for name, values in self.parameters.items()}
        return replace(self, parameters=pruned, masks=kept)

    def to(self, device: str | torch.device) -> Replicas:
        """Copies of the replicas on a device."""
        net = deepcopy(self.net).to(device)  # a net would move in place
        return replace(self._each(lambda values: values.to(device)), net=net)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Replicas:
        parameters = {name: change(values) for name, values in self.parameters.items()}
        masks = {name: change(mask) for name, mask in self.masks.items()}
        return replace(self, parameters=parameters, masks=masks)

    def forward(self, inputs: Tensor) -> Callable[[dict[str, Tensor]], Tensor]:
        """Function from parameters [R, …] to logits [R, n, n_outputs] on inputs [n, n_inputs]."""
        return vmap(lambda parameters: functional_call(self.net, parameters, (inputs,)))

    def n_kept(self) -> Tensor:
        """Kept weights of each replica [R], biases not counted."""
        return torch.stack([self.masks[name].flatten(1).sum(1) for name in self.weights]).sum(0)

    def state(self, row: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The state dict of one replica and the masks of its weights."""
        state = {name: values[row] for name, values in self.parameters.items()}
        return state, {name: self.masks[name][row] for name in self.weights}


def _require_room(spec: MLP, n_replicas: int) -> None:
    """Raise before the memory is taken."""
    n_parameters = n_replicas * (spec.n_weights + sum(spec.widths[1:]))
    if n_parameters > _MOST_PARAMETERS:
        raise LimitError(
            f"{n_replicas:,} nets of widths {spec.widths} have {n_parameters:,} parameters, "
            f"{_MOST_PARAMETERS:,} are the most at a time: give smaller widths or fewer seeds"
        )


def initial_replicas(spec: MLP, seeds: Sequence[int]) -> Replicas:
    """Dense replicas with Kaiming-normal weights and zero biases, one per seed.

    The weights of a replica depend only on its own seed.
    """
    _require_room(spec, len(seeds))
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
