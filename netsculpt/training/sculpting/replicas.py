"""Many copies of a small net as one stacked batch.

Sculpting trains thousands of tiny nets. A step of all of them together is a few batched matrix
products; one by one, each step would be mostly overhead. A single net is a stack of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from netsculpt.core.errors import LimitError
from netsculpt.core.random import stream
from netsculpt.nets.families import MLP
from netsculpt.training.sculpting.stack import Stack

__all__ = ["Replicas", "initial_replicas"]

_MOST_PARAMETERS = 2**31  # of four bytes: 8 GiB


@dataclass(frozen=True, eq=False)
class Replicas(Stack):
    """R multi-layer perceptrons of the same shape, which compute as one batch."""

    spec: MLP
    net: nn.Sequential  # computes; its own parameters are not used

    @property
    def weights(self) -> list[str]:
        """Names of the weight matrices, in layer order."""
        return [name for name in self.parameters if name.endswith(".weight")]

    def forward(self, inputs: Tensor) -> Callable[[dict[str, Tensor]], Tensor]:
        """Function from parameters [R, …] to logits [R, n, n_outputs] on inputs [n, n_inputs]."""
        return vmap(lambda parameters: functional_call(self.net, parameters, (inputs,)))


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
